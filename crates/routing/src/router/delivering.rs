//! From a durable record to its subscribers, live or from the log, through one gate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sekisho_policy::{DeliveryPermit, Missing, Policy, Recipient};
use sekisho_proto::{GapReason, Position, RefusalCode, Timestamp};

use super::{Queued, Router, SubscriptionKey, count};
use crate::{
    Command, Record, ReplayFrom, ReplayId, SessionId, SubscriptionId,
    session::Subscriber,
    subscription::{Mode, Pause},
};

/// A page of the log, read for one subscription.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The command it answers.
    pub replay: ReplayId,
    /// Where the page begins: what [`ReplayFrom`] turned out to mean.
    pub from: Position,
    /// The records of the filter in the page, by ascending position.
    pub records: Vec<Arc<Record>>,
    /// Where the page ends, exclusive: every record of the filter in between is in it or lost. At
    /// most `head`; after `from` unless that is the head.
    pub next: Position,
    /// The end of what is durable.
    pub head: Position,
    /// What is missing in the page.
    pub lost: Vec<Lost>,
}

/// Why a record is given other than by following the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the last that was to be retained of its topic.
    Retained,
    /// It was given before and not acknowledged.
    Unacknowledged,
}

/// Positions whose records the log has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first one.
    pub from: Position,
    /// Exclusive.
    pub to: Position,
    /// Why.
    pub reason: GapReason,
}

/// What became of a record that a subscription was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    /// It is not for this subscription, which is past it.
    Passed,
    /// It is queued.
    Delivered,
    /// It is for this subscription, which stays before it.
    NotNow,
    /// The subscription has ended before it.
    Ended,
}

/// Why the gate stays shut.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Withheld {
    /// It is not the subscriber's to have, or to learn of.
    NotTheirs,
    /// It is theirs as far as is known, and that is too old to go by.
    Stale(String),
}

impl Router {
    /// A page was read. Leads to deliveries, gaps and the next page.
    pub fn handle_replayed(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        mut page: Replayed,
        now: Timestamp,
    ) {
        let key = (session, subscription);
        let Some(state) = self.subscription_mut(key) else { return };
        if state.outstanding != Some(page.replay) {
            return;
        }
        state.outstanding = None;
        if let Mode::Starting(from) = state.mode {
            state.mode = Mode::CatchingUp;
            state.next = page.from;
            match from {
                ReplayFrom::LastValues { .. } => state.values_until = Some(page.head),
                ReplayFrom::Earliest => {
                    // What retention dropped before the first that is left was not asked for.
                    let first = page.records.first().map_or(page.next, |record| record.position());
                    let is_before = |lost: &Lost| lost.from < first;
                    page.lost
                        .retain(|lost| lost.reason != GapReason::Retention || !is_before(lost));
                }
                ReplayFrom::Position(_) | ReplayFrom::Offset(_) | ReplayFrom::Time(_) => {}
            }
            let (position, head) = (page.from, page.head);
            self.push(Command::Subscribed { session, subscription, position, head });
        }
        let before = self.subscription_mut(key).map(|state| state.next);
        self.take_page(key, &page, now);
        self.go_on(key, before, &page);
    }

    /// A page could not be read: the subscription ends, the subscriber may come again.
    pub fn handle_replay_failed(
        &mut self,
        key: (SessionId, SubscriptionId),
        replay: ReplayId,
        code: RefusalCode,
        why: &str,
    ) {
        let Some(state) = self.subscription_mut(key) else { return };
        if state.outstanding == Some(replay) {
            self.end(key, code, format!("reading the log: {why}"));
        }
    }

    /// Which of these records a session may be given, other than by a subscription of the router's:
    /// the gate is asked for each, with the policy of now.
    #[must_use]
    pub fn permit_kept(
        &self,
        session: SessionId,
        kept: Vec<(Arc<Record>, Kept)>,
        now: Timestamp,
    ) -> Vec<(Arc<Record>, DeliveryPermit)> {
        let Some(state) = self.sessions.get(&session) else { return Vec::new() };
        let hops_max = self.limits.hops_max;
        let permitted = kept.into_iter().filter_map(|(record, kept)| {
            let header = record.header();
            // What a publisher left behind speaks for it no longer than it may speak.
            if kept == Kept::Retained {
                self.policy.permit_publish(header.publisher, &header.topic, now).ok()?;
            }
            let subscriber = &state.subscriber;
            let permit = authorize_delivery(&self.policy, hops_max, subscriber, &record, now);
            permit.ok().map(|permit| (record, permit))
        });
        permitted.collect()
    }

    /// Offers a record that became durable to everybody who subscribed to its topic.
    pub(super) fn offer_live(&mut self, record: &Arc<Record>, now: Timestamp) {
        let topics_max = self.limits.cached_topics_max;
        let recipients = self.recipients.of(record.topic(), &self.tree, topics_max);
        for key in recipients.iter().copied() {
            if self.subscription_mut(key).is_none_or(|state| !state.is_live()) {
                continue;
            }
            match self.offer(key, record, now) {
                Offered::Passed | Offered::Ended => {}
                Offered::Delivered => count(&mut self.counters.delivered_live),
                Offered::NotNow => {
                    count(&mut self.counters.fallen_back);
                    if let Some(state) = self.subscription_mut(key) {
                        state.fall_back();
                    }
                }
            }
        }
    }

    /// Delivers a page in the order of positions, gaps and records together.
    fn take_page(&mut self, key: SubscriptionKey, page: &Replayed, now: Timestamp) {
        let mut lost = page.lost.iter().peekable();
        for record in &page.records {
            while let Some(gap) = lost.next_if(|gap| gap.from < record.position()) {
                self.tell_gap(key, *gap);
            }
            // The tree was not asked: whoever read the page says that it is of the filter.
            let state = self.subscription_mut(key);
            if state.is_none_or(|state| !state.filter.matches(record.topic())) {
                continue;
            }
            match self.offer(key, record, now) {
                Offered::Passed => {}
                Offered::Delivered => count(&mut self.counters.delivered_replayed),
                Offered::NotNow | Offered::Ended => return,
            }
        }
        for gap in lost {
            self.tell_gap(key, *gap);
        }
        let Some(state) = self.subscription_mut(key) else { return };
        state.next = state.next.max(page.next);
    }

    /// Queues a record of a subscription's filter where it is not past it, may have it and has credit
    /// for it.
    fn offer(&mut self, key: SubscriptionKey, record: &Arc<Record>, now: Timestamp) -> Offered {
        let Some(session) = self.sessions.get_mut(&key.0) else { return Offered::Passed };
        let Some(state) = session.subscriptions.get_mut(&key.1) else { return Offered::Passed };
        let position = record.position();
        if position < state.next {
            return Offered::Passed;
        }
        let hops_max = self.limits.hops_max;
        let permit = authorize_delivery(&self.policy, hops_max, &session.subscriber, record, now);
        let permit = match permit {
            Ok(permit) => permit,
            Err(Withheld::NotTheirs) => {
                state.next = position.next();
                count(&mut self.counters.withheld);
                return Offered::Passed;
            }
            Err(Withheld::Stale(why)) => return self.hold_back(key, position, why),
        };
        if state.credit == 0 {
            state.next = position;
            return Offered::NotNow;
        }
        state.delivered(position);
        let (generation, record) = (state.generation, Arc::clone(record));
        self.queue.push_back(Queued::Deliver { key, generation, record, permit });
        Offered::Delivered
    }

    /// What is withheld only because another organisation was not heard lately is not passed over
    /// in silence: a peer's node comes again for it, a cursor waits, anybody else is told.
    fn hold_back(&mut self, key: SubscriptionKey, position: Position, why: String) -> Offered {
        count(&mut self.counters.withheld);
        let recipient = self.sessions.get(&key.0).map(|session| &session.subscriber.recipient);
        if let Some(Recipient::Peer(_)) = recipient {
            self.end(key, RefusalCode::NotPermitted, why);
            return Offered::Ended;
        }
        if let Some(state) = self.subscription_mut(key)
            && state.cursor.is_some()
        {
            state.next = position;
            state.pause = Some(Pause::Stale);
            return Offered::NotNow;
        }
        self.tell_gap(key, Lost { from: position, to: position.next(), reason: GapReason::Rights });
        Offered::Passed
    }

    fn tell_gap(&mut self, key: SubscriptionKey, gap: Lost) {
        let Some(state) = self.subscription_mut(key) else { return };
        let from = gap.from.max(state.next);
        if gap.to <= from {
            return;
        }
        state.next = gap.to;
        let generation = state.generation;
        let lost = Lost { from, ..gap };
        count(&mut self.counters.gaps);
        self.queue.push_back(Queued::Gap { key, generation, lost });
    }

    /// After a page: live where it ended at the head, else the next page.
    fn go_on(&mut self, key: SubscriptionKey, before: Option<Position>, page: &Replayed) {
        let head = self.head;
        let Some(state) = self.subscription_mut(key) else { return };
        let values_left = state.values_until.is_some_and(|until| state.next < until);
        if state.next > page.head {
            self.restart_at(key, page.head);
        } else if !values_left && state.next >= head {
            if state.mode == Mode::FallenBack {
                state.mode = Mode::Live;
                return;
            }
            state.mode = Mode::Arriving;
            let (generation, position) = (state.generation, state.next);
            self.queue.push_back(Queued::CaughtUp { key, generation, position });
            return;
        } else if state.pause.is_none()
            && state.credit > 0
            && before == Some(state.next)
            // One that reached the log's end as it was then was followed by an append.
            && state.next < page.head
        {
            let why = format!("reading the log: wanted a page after {}, found none", state.next);
            self.end(key, RefusalCode::Internal, why);
            return;
        }
        self.read_on(key);
    }

    /// The log ends before the place the subscriber was at: it was lost or put back. The
    /// subscriber is told, and goes on at the end.
    fn restart_at(&mut self, key: SubscriptionKey, head: Position) {
        let Some(state) = self.subscription_mut(key) else { return };
        state.next = head;
        let generation = state.generation;
        let lost = Lost { from: head, to: head, reason: GapReason::Restart };
        count(&mut self.counters.gaps);
        self.queue.push_back(Queued::Gap { key, generation, lost });
    }

    /// Asks again about what is queued and was permitted by an older policy.
    pub(super) fn withhold_queued(&mut self, now: Timestamp) {
        let Self { queue, sessions, policy, limits, counters, .. } = self;
        let mut first: BTreeMap<SubscriptionKey, Position> = BTreeMap::new();
        let mut stale = BTreeSet::new();
        queue.retain_mut(|queued| {
            if let Queued::Gap { key, lost, generation } = queued {
                let session = sessions.get(&key.0);
                let state = session.and_then(|session| session.subscriptions.get(&key.1));
                if state.is_some_and(|state| state.generation == *generation) {
                    first.entry(*key).or_insert(lost.from);
                }
            }
            let Queued::Deliver { key, record, permit, generation } = queued else { return true };
            let Some(session) = sessions.get_mut(&key.0) else { return false };
            let renewed =
                authorize_delivery(policy, limits.hops_max, &session.subscriber, record, now);
            let Some(state) = session.subscriptions.get_mut(&key.1) else { return false };
            if state.generation != *generation {
                return false;
            }
            match renewed {
                Ok(renewed) => *permit = renewed,
                Err(Withheld::NotTheirs) => {
                    state.queued = state.queued.saturating_sub(1);
                    state.grant(1, limits);
                    count(&mut counters.withheld);
                    return false;
                }
                Err(Withheld::Stale(_)) => drop(stale.insert(*key)),
            }
            first.entry(*key).or_insert(record.position());
            true
        });
        for key in stale {
            if let Some(position) = first.get(&key) {
                self.read_again(key, *position);
            }
        }
    }

    /// Voids what is queued for a subscription from `position` on: it is offered anew.
    fn read_again(&mut self, key: SubscriptionKey, position: Position) {
        let generation = self.next_generation();
        let limits = self.limits;
        let Some(state) = self.subscription_mut(key) else { return };
        // What was polled last was taken.
        state.polled_records = 0;
        state.rewind(position, generation, &limits);
        state.pause = None;
        self.read_on(key);
    }

    /// Whoever waits for news of another organisation is tried again.
    pub(super) fn resume_stale(&mut self) {
        let mut waiting = Vec::new();
        for (session, state) in &mut self.sessions {
            for (subscription, state) in &mut state.subscriptions {
                if state.pause.take_if(|pause| *pause == Pause::Stale).is_some() {
                    waiting.push((*session, *subscription));
                }
            }
        }
        for key in waiting {
            self.read_on(key);
        }
    }

    /// Everything that was queued for a subscription before it was live has been polled.
    pub(super) fn poll_caught_up(
        &mut self,
        key: SubscriptionKey,
        generation: u64,
        position: Position,
    ) -> Option<Command> {
        let head = self.head;
        let state = self.subscription_mut(key)?;
        if state.generation != generation || state.mode != Mode::Arriving {
            return None;
        }
        state.mode = Mode::Live;
        let (session, subscription) = key;
        Some(Command::Subscribed { session, subscription, position, head })
    }

    /// Something of a subscription leaves the queue; false where it is void.
    pub(super) fn polled(&mut self, key: SubscriptionKey, generation: u64, records: u32) -> bool {
        let Some(state) = self.subscription_mut(key) else { return false };
        if state.generation != generation {
            return false;
        }
        state.queued = state.queued.saturating_sub(records);
        state.polled_records = records;
        true
    }
}

/// The gate: nothing is delivered without the permit that it returns, whatever path asks.
fn authorize_delivery(
    policy: &Policy,
    hops_max: usize,
    subscriber: &Subscriber,
    record: &Record,
    now: Timestamp,
) -> Result<DeliveryPermit, Withheld> {
    if comes_back(subscriber, hops_max, record) {
        return Err(Withheld::NotTheirs);
    }
    let header = record.header();
    policy
        .permit_delivery(&subscriber.recipient, &header.topic, header.scope, record.received(), now)
        .map_err(|denial| {
            let is_stale = matches!(denial.missing(), Missing::Stale { .. });
            if is_stale { Withheld::Stale(denial.to_string()) } else { Withheld::NotTheirs }
        })
}

/// Whether a record would go to a peer that it has passed, that is its home, or is too far away.
pub(super) fn comes_back(subscriber: &Subscriber, hops_max: usize, record: &Record) -> bool {
    let Recipient::Peer(organisation) = &subscriber.recipient else { return false };
    let passed = record.hops().contains(&subscriber.principal);
    let home = record.topic().organisation() == organisation;
    passed || home || record.hops().len() >= hops_max
}
