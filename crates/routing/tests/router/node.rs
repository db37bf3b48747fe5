//! A router with a log in memory, outboxes that fill, and commands that wait until a test lets
//! them happen.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
};

use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{
    Envelope, Filter, GapReason, Offset, Position, RefusalCode, Sequence, Timestamp, Topic,
    frame::Start,
};
use sekisho_routing::{
    AppendFailure, Appended, Carriage, Command, Limits, Lost, NewRecord, Record, ReplayFrom,
    ReplayId, Replayed, Router, SessionId, Subscribe, SubscriptionId, Ticket,
};
use sekisho_seal::SigningKey;

use crate::world::admit;

pub(crate) type Key = (SessionId, SubscriptionId);

pub(crate) fn key_of(session: u64, subscription: u32) -> Key {
    (SessionId::new(session), SubscriptionId::new(subscription))
}

/// What a subscriber got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Record(u64),
    Gap(u64, u64, GapReason),
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) key: Key,
    pub(crate) replay: ReplayId,
    pub(crate) filter: Filter,
    pub(crate) from: ReplayFrom,
    pub(crate) records_max: u32,
}

pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) policy: Arc<Policy>,
    pub(crate) now: Timestamp,
    /// Durable records; their index is their position.
    pub(crate) log: Vec<Arc<Record>>,
    /// Positions before it were dropped.
    pub(crate) first: usize,
    /// Positions behind it that were dropped as well.
    pub(crate) hole: Option<Range<usize>>,
    /// Appends that the disk has not taken.
    pub(crate) appends: VecDeque<(Ticket, Option<Ticket>, NewRecord)>,
    /// Durable records that the router was not told of.
    pub(crate) unreported: VecDeque<(Ticket, Appended)>,
    pub(crate) replays: VecDeque<Asked>,
    /// Room left in each outbox; none = any.
    pub(crate) room: BTreeMap<Key, usize>,
    /// Subscriptions whose outbox refuses the next thing and has room for what comes after.
    pub(crate) hiccups: BTreeSet<Key>,
    pub(crate) got: BTreeMap<Key, Vec<Got>>,
    /// Every other command.
    pub(crate) told: Vec<Command>,
    offsets: BTreeMap<Topic, u64>,
}

impl Node {
    pub(crate) fn new(policy: Arc<Policy>, now: Timestamp) -> Self {
        Self::with_limits(policy, now, Limits::default())
    }

    pub(crate) fn with_limits(policy: Arc<Policy>, now: Timestamp, limits: Limits) -> Self {
        Self {
            router: Router::new(limits, Arc::clone(&policy), Position::ZERO),
            policy,
            now,
            log: Vec::new(),
            first: 0,
            hole: None,
            appends: VecDeque::new(),
            unreported: VecDeque::new(),
            replays: VecDeque::new(),
            room: BTreeMap::new(),
            hiccups: BTreeSet::new(),
            got: BTreeMap::new(),
            told: Vec::new(),
            offsets: BTreeMap::new(),
        }
    }

    pub(crate) fn connect(&mut self, session: u64, key: &SigningKey) {
        let recipient = Recipient::Principal(key.id());
        self.router.handle_connect(SessionId::new(session), key.id(), recipient, self.now);
        self.drain();
    }

    pub(crate) fn subscribe(&mut self, key: Key, filter: &str, start: Start, credit: u32) {
        self.subscribe_as(key, filter, start, credit, None);
    }

    pub(crate) fn subscribe_as(
        &mut self,
        key: Key,
        filter: &str,
        start: Start,
        credit: u32,
        cursor: Option<(&str, Option<Position>)>,
    ) {
        let filter = filter.parse().expect("a filter");
        let (cursor, position) = match cursor {
            Some((name, position)) => (Some(name.parse().expect("a name")), position),
            None => (None, None),
        };
        let subscribe = Subscribe { filter, start, cursor, credit };
        self.router.handle_subscribe(key.0, key.1, subscribe, position, self.now);
        self.drain();
    }

    /// Sends an envelope; what becomes of it is told later.
    pub(crate) fn publish(
        &mut self,
        session: u64,
        request: u64,
        envelope: Envelope,
        key: &SigningKey,
    ) {
        let carriage = Carriage::Session { session: SessionId::new(session), request };
        self.take(envelope, key, carriage);
    }

    /// Sends an envelope of which nobody waits to hear.
    pub(crate) fn publish_unanswered(
        &mut self,
        session: u64,
        envelope: Envelope,
        key: &SigningKey,
    ) {
        let carriage = Carriage::Unanswered { session: SessionId::new(session) };
        self.take(envelope, key, carriage);
    }

    fn take(&mut self, envelope: Envelope, key: &SigningKey, carriage: Carriage) {
        let admitted = admit(&self.policy, envelope, key, carriage, self.now);
        self.router.handle_publish(admitted, self.now);
        self.drain();
    }

    pub(crate) fn change_policy(&mut self, policy: Arc<Policy>) {
        self.policy = Arc::clone(&policy);
        self.router.handle_policy(policy, self.now);
        self.drain();
    }

    /// Makes one append durable, without telling the router.
    pub(crate) fn write_one(&mut self) -> bool {
        let Some((ticket, _, new)) = self.appends.pop_front() else { return false };
        let topic = new.envelope.header().topic.clone();
        let next = self.offsets.entry(topic).or_insert(0);
        let offset = new.offset.map_or(*next, Offset::value);
        *next = offset + 1;
        let position = Position::new(self.log.len() as u64);
        let offset = Offset::new(offset);
        let encoded = new.envelope.encoded().clone();
        let record = Record::restore(position, offset, new.received, encoded, new.hops)
            .expect("an envelope");
        self.log.push(Arc::new(record));
        self.unreported.push_back((ticket, Appended { position, offset }));
        true
    }

    pub(crate) fn report_one(&mut self) -> bool {
        let Some((ticket, appended)) = self.unreported.pop_front() else { return false };
        self.router.handle_appended(ticket, appended, self.now).expect("a pending append");
        self.drain();
        true
    }

    /// Fails the next append, and whatever must fail with it.
    pub(crate) fn fail_one(&mut self, failure: AppendFailure) -> bool {
        let Some((ticket, _, _)) = self.appends.pop_front() else { return false };
        self.fail(ticket, failure);
        true
    }

    /// Fails the append that was asked for last.
    pub(crate) fn fail_newest(&mut self, failure: AppendFailure) -> bool {
        let Some((ticket, _, _)) = self.appends.pop_back() else { return false };
        self.fail(ticket, failure);
        true
    }

    fn fail(&mut self, ticket: Ticket, failure: AppendFailure) {
        self.router.handle_append_failed(ticket, failure, "a test").expect("a pending append");
        let (doomed, left) =
            self.appends.drain(..).partition(|(_, after, _)| *after == Some(ticket));
        let doomed: VecDeque<(Ticket, Option<Ticket>, NewRecord)> = doomed;
        self.appends = left;
        for (ticket, _, _) in doomed {
            self.fail(ticket, failure.behind());
        }
        self.drain();
    }

    /// Answers the page asked for at `index`.
    pub(crate) fn answer(&mut self, index: usize) -> bool {
        if index >= self.replays.len() {
            return false;
        }
        let read = self.read(index);
        self.answer_with(read);
        true
    }

    /// Reads the page asked for at `index`.
    pub(crate) fn read(&mut self, index: usize) -> (Key, Replayed) {
        let asked = self.replays.remove(index).expect("a page that was asked for");
        (asked.key, self.page(&asked))
    }

    /// Answers a page that was read, perhaps a while ago.
    pub(crate) fn answer_with(&mut self, (key, page): (Key, Replayed)) {
        self.router.handle_replayed(key.0, key.1, page, self.now);
        self.drain();
    }

    /// Lets everything happen that is under way.
    pub(crate) fn settle(&mut self) {
        while self.write_one() || self.report_one() || self.answer(0) {}
    }

    fn page(&self, asked: &Asked) -> Replayed {
        let head = self.log.len();
        let index = |position: Position| usize::try_from(position.value()).expect("small");
        let (from, until, values) = match asked.from {
            ReplayFrom::Position(position) => (index(position), head, false),
            ReplayFrom::Earliest => (self.first, head, false),
            ReplayFrom::Offset(offset) => {
                let topic = asked.filter.is_topic().expect("a topic");
                let found = self
                    .log
                    .iter()
                    .position(|record| *record.topic() == topic && record.offset() >= offset);
                (found.unwrap_or(head), head, false)
            }
            ReplayFrom::Time(time) => {
                let found = self.log.iter().position(|record| {
                    asked.filter.matches(record.topic()) && record.received() >= time
                });
                (found.unwrap_or(head).max(self.first), head, false)
            }
            ReplayFrom::LastValues { from, until } => {
                (index(from), until.map_or(head, index), true)
            }
        };
        let is_last = |at: usize, record: &Record| {
            !values || !self.log.iter().skip(at + 1).any(|later| later.topic() == record.topic())
        };
        let mut records = Vec::new();
        let mut next = from.max(self.first).min(until);
        while next < until && records.len() < asked.records_max as usize {
            let record = &self.log[next];
            if asked.filter.matches(record.topic()) && is_last(next, record) {
                records.push(Arc::clone(record));
            }
            next += 1;
        }
        let passed = |from: usize, to: usize| Lost {
            from: Position::new(from as u64),
            to: Position::new(to as u64),
            reason: GapReason::Retention,
        };
        let before = (from < self.first).then(|| passed(from, self.first));
        let hole = self.hole.clone().filter(|hole| from <= hole.start && hole.end <= next);
        records.retain(|record| {
            let at = usize::try_from(record.position().value()).unwrap();
            self.hole.as_ref().is_none_or(|hole| !hole.contains(&at))
        });
        let lost = before.into_iter().chain(hole.map(|hole| passed(hole.start, hole.end)));
        Replayed {
            replay: asked.replay,
            from: Position::new(from.min(head) as u64),
            records,
            next: Position::new(next as u64),
            head: Position::new(head as u64),
            lost: lost.collect(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other command is kept")]
    pub(crate) fn drain(&mut self) {
        while let Some(command) = self.router.poll_command() {
            match command {
                Command::Append { ticket, after, record } => {
                    self.appends.push_back((ticket, after, record));
                }
                Command::Replay {
                    session,
                    subscription,
                    replay,
                    filter,
                    from,
                    records_max,
                    ..
                } => {
                    let key = (session, subscription);
                    self.replays.push_back(Asked { key, replay, filter, from, records_max });
                }
                Command::Deliver { session, subscription, record, permit } => {
                    assert_eq!(permit.topic(), record.topic());
                    let position = record.position();
                    self.offer((session, subscription), Got::Record(position.value()), position);
                }
                Command::Gap { session, subscription, from, to, reason } => {
                    let gap = Got::Gap(from.value(), to.value(), reason);
                    self.offer((session, subscription), gap, from);
                }
                other => self.told.push(other),
            }
        }
    }

    fn offer(&mut self, key: Key, got: Got, position: Position) {
        if self.hiccups.remove(&key) {
            self.router.handle_outbox_full(key.0, key.1, position);
            return;
        }
        match self.room.get_mut(&key) {
            Some(0) => self.router.handle_outbox_full(key.0, key.1, position),
            Some(room) => {
                *room -= 1;
                self.got.entry(key).or_default().push(got);
            }
            None => self.got.entry(key).or_default().push(got),
        }
    }

    pub(crate) fn got(&self, key: Key) -> Vec<Got> {
        self.got.get(&key).cloned().unwrap_or_default()
    }

    /// Positions of the records a subscriber got.
    pub(crate) fn records(&self, key: Key) -> Vec<u64> {
        let got = self.got.get(&key).into_iter().flatten();
        got.filter_map(|got| match got {
            Got::Record(position) => Some(*position),
            Got::Gap(..) => None,
        })
        .collect()
    }

    pub(crate) fn published(&self) -> Vec<(u64, u64)> {
        let told = self.told.iter();
        told.filter_map(|command| {
            let Command::Published { request, offset, .. } = command else { return None };
            Some((*request, offset.value()))
        })
        .collect()
    }

    pub(crate) fn refused(&self) -> Vec<(u64, RefusalCode, Option<Sequence>)> {
        let told = self.told.iter();
        told.filter_map(|command| {
            let Command::Refused { request, code, expected_sequence, .. } = command else {
                return None;
            };
            Some((*request, *code, *expected_sequence))
        })
        .collect()
    }

    pub(crate) fn ended(&self) -> Vec<(Key, RefusalCode)> {
        let told = self.told.iter();
        told.filter_map(|command| {
            let Command::EndSubscription { session, subscription, code, .. } = command else {
                return None;
            };
            Some(((*session, *subscription), *code))
        })
        .collect()
    }

    pub(crate) fn cut(&self) -> Vec<(SessionId, RefusalCode)> {
        let told = self.told.iter();
        told.filter_map(|command| {
            let Command::CutSession { session, code, .. } = command else { return None };
            Some((*session, *code))
        })
        .collect()
    }
}
