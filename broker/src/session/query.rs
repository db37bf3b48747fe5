//! Answers questions from what the node knows, to those who may ask them.

mod access;
mod administration;
mod diff;
mod discovering;
mod errands;
mod logs;

use bytes::Bytes;
use sekisho_policy::{HeldDeny, HeldGrant, HeldRole, Policy, WhoEntry};
use sekisho_proto::frame::{Answer, AnswerBody, Query, Question};
use sekisho_proto::{
    Frame, OrgName, PrincipalKind, PrincipalName, RefusalCode, Statement, Timestamp, limits,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Session, Who};
use crate::clock;
use crate::hub::{Refusal, Request, Word};

/// Bytes of one answer: what is longer fits into no frame, and would end the asker's session.
const ANSWER_BYTES_MAX: usize = limits::ENVELOPE_BYTES_MAX;

impl Session {
    /// The answer, or why there is none.
    pub(super) async fn answer(&self, query: Query) -> Frame {
        let Query { request, question } = query;
        let found = match self.hub.arrive(&self.who.id, clock::now()) {
            Ok(()) => self.find(question).await,
            Err(refusal) => Err(refusal),
        };
        match found.and_then(that_fits) {
            Ok(answer) => Frame::Answer(Answer { request, answer }),
            Err(refusal) => self.refuse(request, refusal),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is explained")]
    async fn find(&self, question: Question) -> Result<AnswerBody, Refusal> {
        let policy = self.hub.authority().snapshot();
        let now = clock::now();
        match question {
            Question::Principal(id) => {
                let mut proof = policy.proof_of_principal(&id);
                if id == self.hub.node() {
                    proof.extend(policy.proof_of_carriers(now));
                }
                statements("principal", proof)
            }
            Question::EpochOf(topic) => statements("epoch", policy.proof_of_epoch(&topic, now)),
            Question::KeyGrants { tree, epoch } => {
                let proof = policy.proof_of_key_grants(&self.who.id, &tree, epoch);
                statements("key grants", proof)
            }
            Question::KeyHeader(id) => match self.hub.key_headers().encoded(&id)? {
                Some(encoded) => Ok(AnswerBody::KeyHeader(encoded)),
                None => Err(not_found(&format!("key header {id}"))),
            },
            Question::StreamHead { topic, boot } => {
                let (answer, expected) = oneshot::channel();
                let publisher = self.who.id;
                self.hub.ask(Request::StreamHead { publisher, boot, topic, answer }).await?;
                let expected = expected.await.map_err(|_gone| Refusal::stopping())?;
                Ok(AnswerBody::ExpectedSequence(expected))
            }
            Question::Enrolments
            | Question::TellEnrolment { .. }
            | Question::RefuseEnrolment { .. } => self.enrolments(question),
            Question::Errand(errand) => self.errand(&policy, errand, now).await,
            Question::Errands => self.errands(now),
            Question::AnswerErrand(answer) => self.answer_errand(answer),
            Question::Checkpoint { log, old_size } => {
                self.checkpoint(&policy, log, old_size, now).await
            }
            Question::Inclusion { log, which, size } => {
                self.inclusion(&policy, (log, which, size), now).await
            }
            Question::Diff(statement) => self.diff(&policy, &statement, now).await,
            Question::Erase { principal, id } => self.erase(&policy, (principal, id), now).await,
            Question::Epochs { after, max } => self.epochs(&policy, (after, max), now).await,
            Question::Discover { filter, after, max } => {
                self.discover(&policy, filter, (after, max), now).await
            }
            Question::Storage { filter, levels, after, max } => {
                self.storage(&policy, (filter, levels), (after, max), now).await
            }
            other => {
                self.note_question(&policy, &other, now).await?;
                match other {
                    Question::Sessions { principal, from, max } => {
                        let listed = self.hub.roster().list(principal.as_ref(), (from, max), now);
                        Ok(document(&listed))
                    }
                    Question::Refusals { before, max } => {
                        Ok(document(&self.hub.refusals().list(before, max)))
                    }
                    Question::Accesses { subject, from, max } => {
                        self.accesses(&policy, subject.as_ref(), (from, max)).await
                    }
                    other => self.explain(&policy, other, now),
                }
            }
        }
    }

    /// Whether this is a steward of the node's organisation.
    fn check_steward(&self, what: &str) -> Result<(), Refusal> {
        let own = self.who.name.organisation() == self.hub.organisation();
        if self.who.kind == PrincipalKind::Steward && own {
            return Ok(());
        }
        let why = format!("wanted a steward, found {}", self.who.name);
        Err(Refusal::new(RefusalCode::NotPermitted, what, why))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest asks who waits")]
    fn enrolments(&self, question: Question) -> Result<AnswerBody, Refusal> {
        self.check_steward("enrolments")?;
        let told = match question {
            Question::RefuseEnrolment { token_id, why } => Some((token_id, Word::Refused(why))),
            Question::TellEnrolment { token_id, why } => Some((token_id, Word::Waits(why))),
            _ => None,
        };
        if let Some((token, word)) = told {
            return Ok(document(&json!({ "told": self.hub.enrolments().tell(token, word) })));
        }
        // Whoever came first is told first: strangers that crowd in are refused and leave, and those
        // who were told wait in the same place the next time.
        Ok(AnswerBody::Json(list_that_fits(&self.hub.enrolments().list())))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are answered above")]
    fn explain(
        &self,
        policy: &Policy,
        question: Question,
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        let own = self.hub.organisation();
        match question {
            Question::Who { topic, action, at } => {
                self.check_administers(policy, own, now)?;
                let who = policy.who(&topic, action, at.unwrap_or(now));
                Ok(document(&who.iter().map(who_entry).collect()))
            }
            Question::Why { principal, action, topic, at } => {
                if principal != self.who.name {
                    self.check_administers(policy, own, now)?;
                }
                let why = match at {
                    Some(at) => policy.why(&principal, action, &topic, at),
                    None => policy.why_now(&principal, action, &topic, now),
                };
                let (permitted, words) = (why.is_allowed(), why.to_string());
                Ok(document(&json!({ "permitted": permitted, "explanation": words })))
            }
            Question::What { principal, at } => {
                if principal != self.who.name {
                    self.check_administers(policy, own, now)?;
                }
                let what = policy.what(&principal, at.unwrap_or(now));
                let id = policy.principal_by_name(&principal).map(|found| found.id.to_string());
                Ok(document(&json!({
                    "id": id,
                    "keys": keys(policy, &principal),
                    "principal": what.principal.to_string(),
                    "attested": what.attested,
                    "barred": what.barred.map(|missing| missing.to_string()),
                    "roles": what.roles.iter().map(role).collect::<Value>(),
                    "grants": what.grants.iter().map(grant).collect::<Value>(),
                    "denies": what.denies.iter().map(deny).collect::<Value>(),
                })))
            }
            Question::Peers => {
                self.check_administers(policy, own, now)?;
                Ok(document(&self.hub.peers(now)))
            }
            Question::Status => {
                self.check_administers(policy, own, now)?;
                Ok(document(&self.hub.status(now)))
            }
            _ => Err(not_found("question")),
        }
    }

    /// Questions about others are for those who administer the topics.
    fn check_administers(
        &self,
        policy: &Policy,
        organisation: &OrgName,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        check_administers(&self.who, policy, organisation, now)
    }
}

/// Whether somebody administers everything of an organisation.
pub(super) fn check_administers(
    who: &Who,
    policy: &Policy,
    organisation: &OrgName,
    now: Timestamp,
) -> Result<(), Refusal> {
    if policy.administers(&who.name, organisation, now) {
        return Ok(());
    }
    let who = &who.name;
    let why = format!("wanted the right to administer {organisation}/#, found none of {who}");
    Err(Refusal::new(RefusalCode::NotPermitted, "question", why))
}

/// Refuses what is too long to be sent.
fn that_fits(answer: AnswerBody) -> Result<AnswerBody, Refusal> {
    let bytes = match &answer {
        AnswerBody::Json(json) => json.len(),
        AnswerBody::Statements(list) | AnswerBody::Errands(list) => {
            list.iter().map(Bytes::len).sum()
        }
        AnswerBody::KeyHeader(_)
        | AnswerBody::ExpectedSequence(_)
        | AnswerBody::Checkpoint { .. }
        | AnswerBody::Inclusion { .. }
        | AnswerBody::Errand(_) => 0,
    };
    if bytes <= ANSWER_BYTES_MAX {
        return Ok(answer);
    }
    let why = format!("wanted at most {ANSWER_BYTES_MAX} bytes, found {bytes}: ask for less");
    Err(Refusal::new(RefusalCode::TooMany, "answer", why))
}

/// A JSON list of as many entries, from the first on, as one answer holds.
fn list_that_fits(entries: &[impl Serialize]) -> String {
    list_within(ANSWER_BYTES_MAX, entries).0
}

/// A JSON list of as many entries, from the first on, as so many bytes hold; and how many these are.
fn list_within(bytes_max: usize, entries: &[impl Serialize]) -> (String, usize) {
    let mut list = "[".to_owned();
    let mut listed = 0;
    for entry in entries {
        let entry = json!(entry).to_string();
        // With the comma before it and the bracket behind.
        if list.len() + entry.len() + 2 > bytes_max {
            break;
        }
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&entry);
        listed += 1;
    }
    list.push(']');
    (list, listed)
}

fn statements(what: &str, found: Vec<&Statement>) -> Result<AnswerBody, Refusal> {
    if found.is_empty() {
        return Err(not_found(what));
    }
    let encoded = found.into_iter().map(|statement| statement.encode().into()).collect();
    Ok(AnswerBody::Statements(encoded))
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(RefusalCode::NotFound, what, "wanted one that this node knows, found none")
}

fn document(value: &Value) -> AnswerBody {
    AnswerBody::Json(value.to_string())
}

/// Every key of a name that is not revoked, oldest first.
fn keys(policy: &Policy, name: &PrincipalName) -> Vec<String> {
    let all = policy.principals(name.organisation()).into_iter();
    let own = all.filter(|record| record.name == *name && record.revoked.is_none());
    own.map(|record| record.id.to_string()).collect()
}

fn who_entry(entry: &WhoEntry) -> Value {
    json!({
        "principal": entry.principal.to_string(),
        "id": entry.id.to_string(),
        "attested": entry.attested,
        "grantee": entry.grantee.to_string(),
        "grant": entry.grant.to_string(),
        "role": entry.role.map(|statement| statement.to_string()),
        "purpose": entry.purpose,
        "from": entry.from.to_string(),
        "until": entry.until.map(|until| until.to_string()),
    })
}

fn role(held: &HeldRole) -> Value {
    json!({
        "role": held.role.to_string(),
        "statement": held.statement.to_string(),
        "member": held.member.to_string(),
        "since": held.since.to_string(),
        "until": held.until.map(|until| until.to_string()),
    })
}

fn grant(grant: &HeldGrant) -> Value {
    json!({
        "statement": grant.statement.to_string(),
        "organisation": grant.organisation.to_string(),
        "grantee": grant.grantee.to_string(),
        "role": grant.role.map(|statement| statement.to_string()),
        "actions": grant.actions.to_string(),
        "filter": grant.filter.to_string(),
        "purpose": grant.purpose,
        "from": grant.from.to_string(),
        "until": grant.until.map(|until| until.to_string()),
    })
}

fn deny(deny: &HeldDeny) -> Value {
    json!({
        "statement": deny.statement.to_string(),
        "organisation": deny.organisation.to_string(),
        "grantee": deny.grantee.to_string(),
        "role": deny.role.map(|statement| statement.to_string()),
        "actions": deny.actions.to_string(),
        "filter": deny.filter.to_string(),
        "reason": deny.reason,
    })
}

#[cfg(test)]
mod tests;
