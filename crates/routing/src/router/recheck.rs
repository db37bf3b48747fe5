//! The gate asked again about much at once: records that were let out and wait to be sent. One
//! question is asked of each topic, and not one of each record.

use std::collections::HashMap;

use sekisho_policy::{Missing, Policy, Verdict};
use sekisho_proto::{Scope, Timestamp, Topic};

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
            return lets_go(verdict);
        }
        self.questions = self.questions.saturating_add(1);
        let recipient = &subscriber.recipient;
        let verdict = self.policy.judge_delivery(recipient, topic, scope, received, self.now);
        let may_go = lets_go(&verdict);
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

fn lets_go(verdict: &Verdict) -> bool {
    match &verdict.given {
        Ok(()) => true,
        Err(denial) => matches!(denial.missing(), Missing::Stale { .. }),
    }
}
