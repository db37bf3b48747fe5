//! Lets newcomers in: asks the node who waits, has the desk judge each, and states what makes them
//! principals.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sekisho::{Client, Fingerprint, clock};
use sekisho_policy::Policy;
use sekisho_proto::{
    PrincipalId, PrincipalKind, PrincipalName, Timestamp, TokenId,
    frame::{AnswerBody, Question},
    limits::TEXT_BYTES_MAX,
    statement::{Revoke, RevokeTarget},
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    enrolment::{
        desk::{Admission, Desk, Unfinished, Verdict},
        request::{ClaimTag, Request},
    },
    keeper::Keeper,
    mailbox::{Mailbox, Outcome},
    openid::{self, OpenIdError, OpenIdSubject, Told, Way},
};

/// Newcomers of one look of whom it is logged that they are not let in: anybody may come, and as
/// often as they like.
const TOLD_MAX: u32 = 10;

/// Newcomers that sign in at a time: each asks its provider every few seconds.
const SIGNING_IN_MAX: usize = 64;

/// Between two looks for invitations that have been over for long.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Reception {
    client: Client,
    desk: Desk,
    told: u32,
    swept: Option<Timestamp>,
    /// Whether what an earlier process left half done was looked for.
    has_finished: bool,
    /// Newcomers that sign in at a provider.
    signing_in: BTreeMap<(TokenId, ClaimTag), SignIn>,
}

/// Somebody signs in.
#[derive(Debug)]
struct SignIn {
    way: Way,
    /// What they have to do.
    told: watch::Receiver<Told>,
    /// What they are told of it.
    said: Option<String>,
    outcome: AbortOnDropHandle<Result<(), OpenIdError>>,
}

impl Reception {
    pub(crate) fn new(client: Client, desk: Desk) -> Self {
        let signing_in = BTreeMap::new();
        Self { client, desk, told: 0, swept: None, has_finished: false, signing_in }
    }

    /// Asks once who waits, and decides. What goes wrong with one newcomer concerns no other.
    pub(crate) async fn let_in(&mut self, policy: &Policy, keeper: &Keeper, mailbox: &mut Mailbox) {
        if !self.has_finished {
            self.has_finished = self.finish(policy, keeper, mailbox).await;
        }
        self.sweep(clock::now());
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
                    self.decide(&request, policy, keeper, mailbox).await;
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
        self.signing_in.retain(|(token, _proof), _sign_in| waiting.contains(token));
        if let Err(cause) = self.desk.keep(&waiting) {
            tracing::warn!(%cause, "notes of newcomers that left are still there");
        }
    }

    /// Not before what an earlier process left half done is finished: it is found by its invitation.
    fn sweep(&mut self, now: Timestamp) {
        let is_due = |swept: Timestamp| now.saturating_since(swept) >= SWEEP_EVERY;
        if !self.has_finished || !self.swept.is_none_or(is_due) {
            return;
        }
        self.swept = Some(now);
        if let Err(cause) = self.desk.sweep(now) {
            tracing::warn!(%cause, "invitations that are over are still there");
        }
    }

    async fn decide(
        &mut self,
        request: &Request,
        policy: &Policy,
        keeper: &Keeper,
        mailbox: &mut Mailbox,
    ) {
        let token = request.token;
        match self.desk.judge(request, clock::now()) {
            Ok(Verdict::Wait) => {}
            Ok(Verdict::Refuse(why)) => self.refuse(token, why).await,
            Ok(Verdict::Identify(wanted, way)) => self.identify(request, wanted, way).await,
            Ok(Verdict::Admit(admission)) => self.admit(admission, policy, keeper, mailbox).await,
            Err(cause) => tracing::error!(%token, %cause, "invitation cannot be read"),
        }
    }

    /// Has a newcomer sign in, which takes as long as a person does; tells it how, and takes what
    /// the provider says.
    async fn identify(&mut self, request: &Request, wanted: OpenIdSubject, way: Way) {
        let token = request.token;
        let claim = (token, request.proof);
        let begun = self.signing_in.remove(&claim).filter(|begun| begun.way == way);
        // A page that was told where to go costs nothing until it is back.
        let asks = |one: &&SignIn| one.way != Way::Page || one.said.is_none();
        let asking = self.signing_in.values().filter(asks).count();
        match begun {
            Some(SignIn { outcome, .. }) if outcome.is_finished() => match outcome.await {
                Ok(Ok(())) => self.desk.identified(request),
                Ok(Err(cause)) => self.refuse(token, words(&cause)).await,
                Err(cause) => tracing::error!(%token, %cause, "a sign-in ended"),
            },
            Some(mut sign_in) => {
                if sign_in.said.is_none() {
                    let told = sign_in.told.borrow().clone();
                    match self.wording(request, told) {
                        Ok(said) => sign_in.said = said,
                        Err(why) => return self.refuse(token, why).await,
                    }
                }
                if let Some(why) = sign_in.said.clone() {
                    let question = Question::TellEnrolment { token_id: token, why };
                    if let Err(cause) = self.client.query(question).await {
                        tracing::debug!(%token, %cause, "newcomer not told to sign in");
                    }
                }
                self.signing_in.insert(claim, sign_in);
            }
            None if asking < SIGNING_IN_MAX => {
                let (sender, told) = watch::channel(Told::Nothing);
                let outcome = tokio::spawn(openid::sign_in(wanted, way.clone(), sender));
                let outcome = AbortOnDropHandle::new(outcome);
                self.signing_in.insert(claim, SignIn { way, told, said: None, outcome });
            }
            None => {}
        }
    }

    /// How a newcomer is told to sign in, once that is known; or why it cannot.
    fn wording(&self, request: &Request, told: Told) -> Result<Option<String>, String> {
        match told {
            Told::Nothing => Ok(None),
            Told::Words(words) => Ok(Some(words)),
            Told::Offer(offer) => {
                let sealed = self.desk.seal_offer(request, &offer);
                let sealed = sealed.map_err(|cause| cause.to_string())?;
                let (most, found) = (TEXT_BYTES_MAX, sealed.as_ref().map_or(0, String::len));
                let wanted = || format!("sign-in: wanted an offer of {most} bytes, found {found}");
                if found <= most { Ok(sealed) } else { Err(wanted()) }
            }
        }
    }

    async fn admit(
        &mut self,
        admission: Admission,
        policy: &Policy,
        keeper: &Keeper,
        mailbox: &mut Mailbox,
    ) {
        let Admission { token, name, id, statements, replaces, issued } = admission;
        for body in statements {
            match mailbox.try_state(&keeper.sign(body), clock::now()).await {
                Outcome::Stated => {}
                Outcome::Later => return,
                Outcome::Refused(why) => return self.refuse(token, why).await,
            }
        }
        tracing::info!(%name, fingerprint = %Fingerprint::of(&id), "newcomer admitted");
        let admitted = Unfinished { token, name, id, replaces, issued };
        if !self.conclude(admitted, policy, keeper, mailbox).await {
            // The newcomer has what it came for and does not come again.
            self.has_finished = false;
        }
    }

    /// Looks for newcomers that are principals while their invitations do not say so, and does what
    /// is left; whether nothing is.
    async fn finish(&mut self, policy: &Policy, keeper: &Keeper, mailbox: &mut Mailbox) -> bool {
        let now = clock::now();
        let unfinished = match self.desk.unfinished(now) {
            Ok(unfinished) => unfinished,
            Err(cause) => {
                tracing::error!(%cause, "invitations cannot be read");
                return true;
            }
        };
        let mut is_done = true;
        for one in unfinished {
            if policy.standing(&one.id, now).is_ok_and(|record| record.name == one.name) {
                is_done &= self.conclude(one, policy, keeper, mailbox).await;
            }
        }
        is_done
    }

    /// What follows an admission that stands: the name's other keys end where that was asked for,
    /// and the invitation is put away. Whether nothing is left to do.
    async fn conclude(
        &mut self,
        admitted: Unfinished,
        policy: &Policy,
        keeper: &Keeper,
        mailbox: &mut Mailbox,
    ) -> bool {
        let Unfinished { token, name, id, replaces, issued } = admitted;
        let others = if replaces { other_keys(policy, &name, &id, issued) } else { Vec::new() };
        for other in others {
            let revoke = Revoke {
                organisation: name.organisation().clone(),
                target: RevokeTarget::Principal(other),
                reason: "replaced by a new key".to_owned(),
                issued,
            };
            match mailbox.try_state(&keeper.sign(revoke), clock::now()).await {
                Outcome::Stated => {
                    let fingerprint = Fingerprint::of(&other);
                    tracing::info!(%name, %fingerprint, "replaced key revoked");
                }
                Outcome::Later => return false,
                Outcome::Refused(why) => {
                    tracing::error!(%name, %why, "replaced key not revoked");
                }
            }
        }
        if let Err(cause) = self.desk.done(token) {
            tracing::error!(%name, %cause, "used invitation not put away");
        }
        true
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

/// An error with its causes, for the newcomer.
fn words(error: &OpenIdError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        words = format!("{words}: {found}");
        cause = found.source();
    }
    // Some of it is what the newcomer brought.
    words.chars().filter(|one| !one.is_control()).take(TEXT_BYTES_MAX).collect()
}

/// The keys that a name had before it was given this one, and has still.
fn other_keys(
    policy: &Policy,
    name: &PrincipalName,
    id: &PrincipalId,
    before: Timestamp,
) -> Vec<PrincipalId> {
    let records = policy.principals(name.organisation()).into_iter();
    // What the organisation acts by is replaced in its folder, never by whoever comes.
    let acts = |kind| matches!(kind, PrincipalKind::Steward | PrincipalKind::Node);
    let others = records.filter(|record| {
        record.name == *name
            && !acts(record.kind)
            && record.id != *id
            && record.revoked.is_none()
            && record.issued <= before
    });
    others.map(|record| record.id).collect()
}
