//! The gate asked again about records that were let out and wait to be sent: about much at once, with
//! one question for each topic and not one for each record, or about one whose turn it is.

use std::collections::HashMap;

use sekisho_policy::{Denial, Missing, Policy, Recipient, Verdict};
use sekisho_proto::{PrincipalId, Scope, Timestamp, Topic};

use super::{Router, delivering::comes_back};
use crate::{Record, SessionId, session::Subscriber};

/// What a session may still be sent, by the policy and the time at which this was made.
#[derive(Debug)]
pub struct Recheck<'r> {
    policy: &'r Policy,
    subscriber: Option<&'r Subscriber>,
    now: Timestamp,
    hops_max: usize,
    topics_max: usize,
    known: HashMap<Topic, Vec<(Scope, Verdict)>>,
    questions: u64,
}

impl Router {
    /// Asks again about what a session was let have and waits to be sent.
    #[must_use]
    pub fn recheck(&self, session: SessionId, now: Timestamp) -> Recheck<'_> {
        Recheck {
            policy: &self.policy,
            subscriber: self.sessions.get(&session).map(|session| &session.subscriber),
            now,
            hops_max: self.limits.hops_max,
            topics_max: self.limits.cached_topics_max,
            known: HashMap::new(),
            questions: 0,
        }
    }
}

/// Whether one record that was let out to somebody who is connected here, and waits outside of the
/// router, may still go: as [`Recheck::may_go`] says.
#[must_use]
pub fn may_still_go(
    policy: &Policy,
    principal: PrincipalId,
    record: &Record,
    now: Timestamp,
) -> bool {
    let (recipient, header) = (Recipient::Principal(principal), record.header());
    let (scope, received) = (header.scope, record.received());
    // The policy itself remembers what it permitted.
    let permit = policy.permit_delivery(&recipient, &header.topic, scope, received, now);
    lets_go(permit.as_ref().err())
}

impl Recheck<'_> {
    /// Whether a record may go. What was let out before a peer fell silent may.
    #[must_use]
    pub fn may_go(&mut self, record: &Record) -> bool {
        let Some(subscriber) = self.subscriber else { return false };
        if comes_back(subscriber, self.hops_max, record) {
            return false;
        }
        let (topic, scope, received) = (record.topic(), record.header().scope, record.received());
        let known = self.known.get(topic).into_iter().flatten();
        let same = |(of, verdict): &&(Scope, Verdict)| {
            *of == scope && verdict.since <= received && received < verdict.until
        };
        if let Some((_scope, verdict)) = known.clone().find(same) {
            return lets_go(verdict.given.as_ref().err());
        }
        self.questions = self.questions.saturating_add(1);
        let recipient = &subscriber.recipient;
        let verdict = self.policy.judge_delivery(recipient, topic, scope, received, self.now);
        let may_go = lets_go(verdict.given.as_ref().err());
        if self.known.len() >= self.topics_max {
            self.known.clear();
        }
        self.known.entry(topic.clone()).or_default().push((scope, verdict));
        may_go
    }

    /// How often the policy was asked.
    #[must_use]
    pub const fn questions(&self) -> u64 {
        self.questions
    }
}

fn lets_go(denial: Option<&Denial>) -> bool {
    denial.is_none_or(|denial| matches!(denial.missing(), Missing::Stale { .. }))
}
