//! Judges an errand and does it: everything about errands but fetching them from the node.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use sekisho::{Fingerprint, JoinSecret, OsEntropy};
use sekisho_policy::{Policy, PrincipalRecord};
use sekisho_proto::{
    AdmissionBy, Errand, ErrandAnswer, ErrandOutcome, ErrandTask, InviteTask, Office, RefusalCode,
    Timestamp, TokenId, limits::CLOCK_AHEAD_MAX,
};
use sekisho_seal::{KemPublicKey, VerifiedErrand, seal_errand_answer, verify_errand};

use super::{No, countersigning, records::Records};
use crate::{
    enrolment::{Approval, Drawn, EnrolmentError, Enrolments, Offer, Standing},
    keeper::Keeper,
    mailbox::{Mailbox, Outcome, Takes},
    openid::{OpenIdProvider, OpenIdSubject},
};

/// Errands of one look of which it is logged that they were passed over: a node may bring anything.
const TOLD_MAX: u32 = 10;
/// Bytes of the invitations in one answer. One with the longest filters fits beside it.
const LIST_BYTES_MAX: usize = 128 * 1024;
const MINUTE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct ErrandDesk {
    enrolments: Enrolments,
    records: Records,
    told: u32,
}

/// What errands are judged and done with.
pub(crate) struct Means<'a, T> {
    pub(crate) policy: &'a Policy,
    pub(crate) keeper: &'a Keeper,
    pub(crate) mailbox: &'a mut Mailbox<T>,
}

/// An errand that its asker has signed, and who that is.
struct Asked<'a> {
    errand: VerifiedErrand<'a>,
    asker: &'a PrincipalRecord,
    issued: Timestamp,
}

/// How far an errand came.
enum Done {
    /// This is its outcome.
    Outcome(ErrandOutcome),
    /// The node is away or busy: it is begun again.
    Later,
}

impl ErrandDesk {
    /// That of a steward, with what it keeps in its folder.
    pub(super) fn open(enrolments: Enrolments, folder: &Path) -> Result<Self, EnrolmentError> {
        Ok(Self { enrolments, records: Records::open(folder)?, told: 0 })
    }

    /// Begins a look at what waits.
    pub(super) fn begin_look(&mut self, now: Timestamp) {
        self.told = 0;
        if let Err(cause) = self.records.sweep(now) {
            tracing::warn!(%cause, "records of old errands are still there");
        }
    }

    /// Ends it.
    pub(super) fn end_look(&self) {
        if self.told > TOLD_MAX {
            let count = self.told - TOLD_MAX;
            tracing::warn!(count, "further errands passed over: somebody may be forging them");
        }
    }

    /// The answer to an errand; none where it is passed over, or begun again later.
    pub(super) async fn answer<T: Takes>(
        &mut self,
        errand: &Errand,
        means: &mut Means<'_, T>,
        now: Timestamp,
    ) -> Option<Bytes> {
        let asked = match self.judge(errand, means, now) {
            Ok(asked) => asked,
            Err(why) => {
                self.pass_over(&why);
                return None;
            }
        };
        match self.records.answer_to(errand) {
            Ok(None) => {}
            Ok(Some(answer)) => return Some(answer),
            Err(cause) => {
                tracing::error!(errand = %errand.content().id, %cause, "record cannot be read");
                return None;
            }
        }
        if !self.records.has_room(&errand.content().asker) {
            self.pass_over("wanted fewer errands of one asker in a day, found more");
            return None;
        }
        let (outcome, is_read_only) = match self.begin(&asked, means, now).await {
            Ok((Done::Outcome(outcome), is_read_only)) => (outcome, is_read_only),
            Ok((Done::Later, _)) => return None,
            Err(No { code, what, why }) => (ErrandOutcome::Refused { code, what, why }, false),
        };
        let how = (means.keeper, is_read_only, now);
        self.conclude(errand, &asked, &outcome, how)
    }

    /// Whether an errand is for this steward and by a principal of its organisation. Beside that
    /// nothing of it was looked at.
    fn judge<'a, T>(
        &self,
        errand: &'a Errand,
        means: &Means<'a, T>,
        now: Timestamp,
    ) -> Result<Asked<'a>, String> {
        let (content, own) = (errand.content(), self.enrolments.organisation());
        if content.organisation != *own || content.steward != means.keeper.id() {
            return Err(format!("wanted one for this steward of {own}, found another's"));
        }
        if content.until <= now {
            return Err(format!(
                "wanted one that may be begun, found it ended at {}",
                content.until
            ));
        }
        if content.issued > now.saturating_add(CLOCK_AHEAD_MAX) {
            return Err(format!("wanted one made by now, found {}", content.issued));
        }
        let standing = means.policy.standing(&content.asker, now);
        let asker = standing.map_err(|missing| missing.to_string())?;
        if asker.name.organisation() != own {
            return Err(format!("wanted a principal of {own}, found {}", asker.name));
        }
        let errand = verify_errand(errand, &asker.public_key).map_err(|fault| fault.to_string())?;
        Ok(Asked { errand, asker, issued: content.issued })
    }

    /// Does an errand, where its asker may have it done; and tells whether nothing was to be done.
    async fn begin<T: Takes>(
        &self,
        asked: &Asked<'_>,
        means: &mut Means<'_, T>,
        now: Timestamp,
    ) -> Result<(Done, bool), No> {
        let (asker, own) = (&asked.asker.name, self.enrolments.organisation());
        if !means.policy.administers(asker, own, now) {
            let why = format!("wanted the right to administer {own}/#, found none of {asker}");
            return Err(No::new(RefusalCode::NotPermitted, "errand", why));
        }
        if key_of(asked.asker).is_none() {
            let why = format!("wanted an asker with a key to seal to, found {asker} without");
            return Err(No::new(RefusalCode::NotPermitted, "errand", why));
        }
        let task = asked.errand.open(means.keeper.identity());
        let task =
            task.map_err(|fault| No::new(RefusalCode::Malformed, "errand", fault.to_string()))?;
        let done = |outcome| Ok((Done::Outcome(outcome), false));
        match task {
            ErrandTask::Invite(task) => done(self.invite(*task, asked, means.policy, now)?),
            ErrandTask::Invitations { after, max, pending } => {
                let outcome = self.list(after, max, pending, now)?;
                Ok((Done::Outcome(outcome), true))
            }
            ErrandTask::Approve { token_id, key } => {
                let name = self.enrolments.approve_token(token_id, key, now)?;
                done(ErrandOutcome::Approved { name, key })
            }
            ErrandTask::Withdraw { token_id, reason } => {
                let name = self.enrolments.withdraw(token_id, &reason, now)?;
                done(ErrandOutcome::Withdrawn { name })
            }
            ErrandTask::Countersign(statements) => {
                let outcome = countersign(&statements, asked.asker, means, now).await?;
                Ok((outcome, false))
            }
        }
    }

    fn invite(
        &self,
        task: InviteTask,
        asked: &Asked<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<ErrandOutcome, No> {
        let no = |why| No::new(RefusalCode::NotPermitted, "invitation", why);
        countersigning::check_name(&task.name, policy).map_err(no)?;
        let gives =
            !task.publish.is_empty() || !task.read.is_empty() || task.office != Office::None;
        if gives && task.name == asked.asker.name {
            let why = format!("wanted another than {}: nobody grants themselves", task.name);
            return Err(no(why));
        }
        let joined_before = policy.principal_by_name(&task.name).is_some();
        let by = asked.asker.name.clone();
        let drawn =
            Drawn { token: task.token_id, secret: JoinSecret::new(*task.secret.expose()), by };
        let offer = offer_of(task)?;
        let ends = asked.issued.saturating_add(offer.ttl);
        if ends <= now {
            let why = format!("wanted one in force, found that it ended at {ends}");
            return Err(No::new(RefusalCode::BadEnrolment, "invitation", why));
        }
        let invited = self.enrolments.invite_for(offer, drawn, asked.issued)?;
        Ok(ErrandOutcome::Invited { expires: invited.expires, joined_before })
    }

    fn list(
        &self,
        after: Option<TokenId>,
        max: u32,
        pending: bool,
        now: Timestamp,
    ) -> Result<ErrandOutcome, No> {
        let mut listed = self.enrolments.list(now)?;
        if let Some(after) = after {
            let place = listed.iter().position(|one| one.invitation.token == after);
            let Some(place) = place else {
                let why = "wanted one that was told, found none".to_owned();
                return Err(No::new(RefusalCode::NotFound, format!("invitation {after}"), why));
            };
            listed.drain(..=place);
        }
        if pending {
            listed.retain(|one| is_pending(&one.standing));
        }
        let mut invitations = Vec::new();
        let mut room = LIST_BYTES_MAX;
        let count = listed.len();
        for one in listed.into_iter().take(usize::try_from(max).unwrap_or(usize::MAX)) {
            let told = one.told();
            let filters = told.publish.iter().chain(&told.read);
            let bytes: usize = filters.map(|filter| filter.as_str().len() + 8).sum();
            let bytes = bytes.saturating_add(512);
            if bytes > room && !invitations.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes);
            invitations.push(told);
        }
        let is_last = invitations.len() == count;
        Ok(ErrandOutcome::Invitations { invitations, is_last })
    }

    /// Seals and signs the answer, and keeps it before anybody is told.
    fn conclude(
        &mut self,
        errand: &Errand,
        asked: &Asked<'_>,
        outcome: &ErrandOutcome,
        (keeper, is_read_only, now): (&Keeper, bool, Timestamp),
    ) -> Option<Bytes> {
        let id = errand.content().id;
        let key = key_of(asked.asker);
        let (identity, said) = (keeper.identity(), (outcome, now));
        let sealed =
            seal_errand_answer(identity, key.as_ref(), errand, said, &mut OsEntropy::new());
        let answer: ErrandAnswer = match sealed {
            Ok(answer) => answer,
            Err(cause) => {
                tracing::error!(errand = %id, %cause, "errand not answered");
                return None;
            }
        };
        if !is_read_only && let Err(cause) = self.records.keep(errand, &answer) {
            tracing::error!(errand = %id, %cause, "what was done is not kept: it is begun again");
            return None;
        }
        let asker = &asked.asker.name;
        match outcome {
            ErrandOutcome::Refused { what, why, .. } => {
                tracing::info!(errand = %id, %asker, what, why, "errand refused");
            }
            ErrandOutcome::Invitations { .. } => {
                tracing::debug!(errand = %id, %asker, "invitations listed");
            }
            ErrandOutcome::Invited { .. }
            | ErrandOutcome::Approved { .. }
            | ErrandOutcome::Withdrawn { .. }
            | ErrandOutcome::Countersigned(_) => {
                tracing::info!(errand = %id, %asker, done = word(outcome), "errand done");
            }
        }
        Some(answer.encoded().clone())
    }

    pub(super) fn pass_over(&mut self, why: &str) {
        self.told = self.told.saturating_add(1);
        if self.told <= TOLD_MAX {
            tracing::warn!(why, "errand passed over");
        }
    }
}

/// Signs statements beside their asker, and has all of them stand or none.
async fn countersign<T: Takes>(
    encoded: &[Bytes],
    asker: &PrincipalRecord,
    means: &mut Means<'_, T>,
    now: Timestamp,
) -> Result<Done, No> {
    let mut statements = Vec::with_capacity(encoded.len());
    for one in encoded {
        let statement = countersigning::checked(one, asker, means.policy, now)?;
        statements.push(means.keeper.countersign(statement));
    }
    match means.mailbox.try_state_all(&statements, now).await {
        Outcome::Stated => {
            let stood = statements.iter().map(|statement| statement.encode().into()).collect();
            Ok(Done::Outcome(ErrandOutcome::Countersigned(stood)))
        }
        Outcome::Later => Ok(Done::Later),
        Outcome::Refused(why) => Err(No::new(RefusalCode::BadStatement, "statement", why)),
    }
}

/// What an administrator's answer is sealed to.
fn key_of(asker: &PrincipalRecord) -> Option<KemPublicKey> {
    let key = asker.kem_public_key.as_ref()?;
    KemPublicKey::parse(asker.kem_suite, key).ok()
}

fn offer_of(task: InviteTask) -> Result<Offer, No> {
    let approval = match task.approval {
        AdmissionBy::Hand => Approval::ByHand,
        AdmissionBy::Token => Approval::Matching,
        AdmissionBy::Fingerprint(digits) => {
            let parsed = digits.parse::<Fingerprint>();
            Approval::Key(parsed.map_err(|fault| {
                No::new(RefusalCode::BadEnrolment, "fingerprint", fault.to_string())
            })?)
        }
        AdmissionBy::OpenId { issuer, client, subject } => {
            let provider = OpenIdProvider { issuer, client_id: client };
            Approval::OpenId(OpenIdSubject { provider, subject })
        }
    };
    Ok(Offer {
        name: task.name,
        kind: task.kind,
        publish: task.publish,
        read: task.read,
        ttl: MINUTE.saturating_mul(task.minutes),
        approval,
        replace: task.replace,
        office: task.office,
    })
}

const fn is_pending(standing: &Standing) -> bool {
    matches!(standing, Standing::Open | Standing::Waiting(_) | Standing::Approved(_))
}

/// What was done, for the log; never for whom, which an administrator may want to have erased.
const fn word(outcome: &ErrandOutcome) -> &'static str {
    match outcome {
        ErrandOutcome::Refused { .. } => "nothing",
        ErrandOutcome::Invited { .. } => "invited",
        ErrandOutcome::Invitations { .. } => "listed",
        ErrandOutcome::Approved { .. } => "approved",
        ErrandOutcome::Withdrawn { .. } => "withdrawn",
        ErrandOutcome::Countersigned(_) => "countersigned",
    }
}
