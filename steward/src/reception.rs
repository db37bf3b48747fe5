//! Lets newcomers in: asks the node who waits, has the desk judge each, and states what makes them
//! principals.

use std::collections::BTreeSet;

use sekisho::{Client, clock};
use sekisho_proto::{
    TokenId,
    frame::{AnswerBody, Question},
};

use crate::{
    enrolment::{
        desk::{Admission, Desk, Verdict},
        request::Request,
    },
    keeper::Keeper,
    mailbox::{Mailbox, Outcome},
};

/// Newcomers of one look of whom it is logged that they are not let in: anybody may come, and as
/// often as they like.
const TOLD_MAX: u32 = 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Reception {
    client: Client,
    desk: Desk,
    told: u32,
}

impl Reception {
    pub(crate) fn new(client: Client, desk: Desk) -> Self {
        Self { client, desk, told: 0 }
    }

    /// Asks once who waits, and decides. What goes wrong with one newcomer concerns no other.
    pub(crate) async fn let_in(&mut self, keeper: &Keeper, mailbox: &mut Mailbox) {
        let json = match self.client.query(Question::Enrolments).await {
            Ok(AnswerBody::Json(json)) => json,
            Ok(_) => return tracing::warn!("waiting newcomers: the node answered something else"),
            Err(cause) => return tracing::debug!(%cause, "waiting newcomers not told"),
        };
        let requests = match Request::parse_list(&json) {
            Ok(requests) => requests,
            Err(cause) => return tracing::warn!(%cause, "waiting newcomers not understood"),
        };
        let mut waiting = BTreeSet::new();
        self.told = 0;
        for request in requests {
            match request {
                Ok(request) => {
                    waiting.insert(request.token);
                    self.decide(&request, keeper, mailbox).await;
                }
                Err(cause) if self.may_tell() => {
                    tracing::warn!(%cause, "waiting newcomer not understood");
                }
                Err(_untold) => {}
            }
        }
        if self.told > TOLD_MAX {
            let count = self.told - TOLD_MAX;
            tracing::warn!(count, "further newcomers not let in: somebody may be guessing");
        }
        if let Err(cause) = self.desk.keep(&waiting) {
            tracing::warn!(%cause, "notes of newcomers that left are still there");
        }
    }

    async fn decide(&mut self, request: &Request, keeper: &Keeper, mailbox: &mut Mailbox) {
        let token = request.token;
        match self.desk.judge(request, clock::now()) {
            Ok(Verdict::Wait) => {}
            Ok(Verdict::Refuse(why)) => self.refuse(token, why).await,
            Ok(Verdict::Admit(admission)) => self.admit(admission, keeper, mailbox).await,
            Err(cause) => tracing::error!(%token, %cause, "invitation cannot be read"),
        }
    }

    async fn admit(&mut self, admission: Admission, keeper: &Keeper, mailbox: &mut Mailbox) {
        let Admission { token, name, id, statements } = admission;
        for body in statements {
            match mailbox.try_state(&keeper.sign(body), clock::now()).await {
                Outcome::Stated => {}
                Outcome::Later => return,
                Outcome::Refused(why) => return self.refuse(token, why).await,
            }
        }
        tracing::info!(%name, fingerprint = id.short(), "newcomer admitted");
        if let Err(cause) = self.desk.done(token) {
            tracing::error!(%name, %cause, "used invitation not put away");
        }
    }

    /// Whether one more newcomer that is not let in is logged.
    fn may_tell(&mut self) -> bool {
        self.told = self.told.saturating_add(1);
        self.told <= TOLD_MAX
    }

    async fn refuse(&mut self, token: TokenId, why: String) {
        if self.may_tell() {
            tracing::info!(%token, %why, "newcomer refused");
        }
        let question = Question::RefuseEnrolment { token_id: token, why };
        if let Err(cause) = self.client.query(question).await {
            tracing::debug!(%token, %cause, "newcomer not told that it is refused");
        }
    }
}
