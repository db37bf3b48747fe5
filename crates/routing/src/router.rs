//! The state machine itself: sessions, streams and the log's head, and what they make of an input.
//!
//! Publishing, subscribing and delivering each have their module; here is what they share.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use sekisho_policy::{DeliveryPermit, Policy, Recipient};
use sekisho_proto::{
    BootId, CursorName, Hash, Offset, OrgName, Position, PrincipalId, RefusalCode, Sequence,
    Timestamp, Topic,
};

use crate::{
    Command, Limits, NewRecord, Record, ReplayFrom, ReplayId, SessionId, SubscriptionId,
    SubscriptionTree, Ticket,
    session::{Session, Subscriber},
    streams::Streams,
};

mod delivering;
mod holding;
mod publishing;
mod recheck;
mod standing;
mod subscribing;

pub use delivering::{Kept, Lost, Replayed};
pub use publishing::{Appended, AppendedError, RestoredStream};
pub use recheck::{Recheck, may_still_go};
pub use subscribing::Subscribe;

use holding::Held;
use publishing::Pending;

/// A subscription of a session.
type SubscriptionKey = (SessionId, SubscriptionId);

/// Routes the records of one log.
///
/// **Inputs** are the `handle_*` methods. **Outputs** are the [`Command`]s of
/// [`poll_command`](Self::poll_command): call it until it returns none after every input, and
/// carry the commands out in order. **Time** is the argument `now`; it decides about rights only,
/// and may jump. `restore_*` are called before the first input.
///
/// **The log.** Records become durable in the order of their positions, and
/// [`handle_appended`](Self::handle_appended) is called once for each in that order and never
/// before it is durable. A page of a replay may hold records that are durable but not handled
/// here yet.
///
/// **A subscriber that cannot take** a [`Command::Deliver`] or [`Command::Gap`]: call
/// [`handle_outbox_full`](Self::handle_outbox_full) before the next `poll_command`, and
/// [`handle_outbox_free`](Self::handle_outbox_free) when there is room. Nothing is lost: it is read
/// from the log again.
#[derive(Debug)]
pub struct Router {
    limits: Limits,
    policy: Arc<Policy>,
    head: Position,
    streams: Streams,
    pending: HashMap<Ticket, Pending>,
    held: Held,
    pending_of_sessions: usize,
    sessions: BTreeMap<SessionId, Session>,
    tree: SubscriptionTree<SubscriptionKey>,
    recipients: Recipients,
    cursors: HashMap<(PrincipalId, CursorName), SubscriptionKey>,
    queue: VecDeque<Queued>,
    unstored: Vec<(PrincipalId, Topic)>,
    /// By organisation: the newest connection of its link on which something could not be stored, and
    /// why.
    failed_on: BTreeMap<OrgName, (u64, RefusalCode)>,
    last_ticket: u64,
    last_replay: u64,
    last_generation: u64,
    counters: Counters,
}

/// What a router has done since it was made; each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Envelopes handed to the log.
    pub appended: u64,
    /// Envelopes that were in the log or on their way there already.
    pub repeated: u64,
    /// Envelopes refused for another reason.
    pub refused: u64,
    /// Records handed to subscribers as they became durable.
    pub delivered_live: u64,
    /// Records handed to subscribers from pages of the log.
    pub delivered_replayed: u64,
    /// Records that matched a subscription whose subscriber has no right to them.
    pub withheld: u64,
    /// Times a live subscription fell back to the log.
    pub fallen_back: u64,
    /// Gaps told.
    pub gaps: u64,
}

/// The subscriptions of the topics that had records lately.
#[derive(Debug, Default)]
struct Recipients {
    of_topic: HashMap<Topic, Arc<[SubscriptionKey]>>,
}

/// A command, or what becomes one if it still holds when it is polled.
#[derive(Debug)]
enum Queued {
    Ready(Command),
    Append { ticket: Ticket, after: Option<Ticket>, record: NewRecord },
    Deliver { key: SubscriptionKey, generation: u64, record: Arc<Record>, permit: DeliveryPermit },
    Gap { key: SubscriptionKey, generation: u64, lost: Lost },
    CaughtUp { key: SubscriptionKey, generation: u64, position: Position },
    Replay { key: SubscriptionKey, replay: ReplayId, from: ReplayFrom },
}

impl Router {
    /// A router whose log ends at `head`: the position the next record will have.
    #[must_use]
    pub fn new(limits: Limits, policy: Arc<Policy>, head: Position) -> Self {
        Self {
            limits,
            streams: Streams::new(limits, policy.own().clone()),
            policy,
            head,
            pending: HashMap::new(),
            held: Held::default(),
            pending_of_sessions: 0,
            sessions: BTreeMap::new(),
            tree: SubscriptionTree::new(),
            recipients: Recipients::default(),
            cursors: HashMap::new(),
            queue: VecDeque::new(),
            unstored: Vec::new(),
            failed_on: BTreeMap::new(),
            last_ticket: 0,
            last_replay: 0,
            last_generation: 0,
            counters: Counters::default(),
        }
    }

    /// Takes up what the log knows of a boot, so that its repetitions are told from its news.
    pub fn restore_stream(&mut self, stream: &RestoredStream) {
        let entry = (stream.sequence, stream.hash, stream.time);
        let key = (stream.topic.clone(), stream.publisher);
        self.streams.restore(key, stream.boot, entry, stream.forgotten);
    }

    /// Takes up the last offset of a topic whose home is another node.
    pub fn restore_offset(&mut self, topic: &Topic, last: Offset) {
        self.streams.restore_offset(topic, last);
    }

    /// The position after the last record handled.
    #[must_use]
    pub const fn head(&self) -> Position {
        self.head
    }

    /// Sessions connected.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Subscriptions that stand.
    #[must_use]
    pub const fn subscription_count(&self) -> usize {
        self.tree.len()
    }

    /// Appends without an outcome.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// What waits to be polled.
    #[must_use]
    pub fn queued_count(&self) -> usize {
        self.queue.len()
    }

    /// What it has done.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What the node expects next of a publisher: the sequence after the last durable one.
    #[must_use]
    pub fn expected_sequence(
        &self,
        topic: &Topic,
        publisher: PrincipalId,
        boot: BootId,
    ) -> Sequence {
        self.streams.expected_durable(topic, publisher, boot)
    }

    /// Where a publisher's chain on a topic ends, what is not durable or not judged yet included: the next
    /// sequence, and the hash of the envelope before it. `None` where nothing of the boot is known.
    #[must_use]
    pub fn chain_end(
        &self,
        topic: &Topic,
        publisher: PrincipalId,
        boot: BootId,
    ) -> Option<(Sequence, Hash)> {
        let held = self.held.chain_end(topic, publisher, boot);
        held.or_else(|| self.streams.chain_end(topic, publisher, boot))
    }

    /// Publishers and topics of which an attested envelope was not stored, since this was asked last.
    #[must_use]
    pub fn take_unstored(&mut self) -> Vec<(PrincipalId, Topic)> {
        std::mem::take(&mut self.unstored)
    }

    /// A client or peer was welcomed. `principal` is the key it proved to hold; a peer's node is a
    /// principal too, and `recipient` then names its organisation.
    pub fn handle_connect(
        &mut self,
        session: SessionId,
        principal: PrincipalId,
        recipient: Recipient,
        now: Timestamp,
    ) {
        self.forget_session(session);
        let sessions_max = self.limits.sessions_max;
        if self.sessions.len() >= sessions_max {
            let why = format!("wanted at most {sessions_max} sessions");
            self.push(Command::CutSession { session, code: RefusalCode::TooMany, why });
            return;
        }
        let subscriber = Subscriber { principal, recipient };
        if let Err((code, why)) = standing::check(&self.policy, &subscriber, now) {
            self.push(Command::CutSession { session, code, why });
            return;
        }
        self.sessions.insert(session, Session::new(subscriber));
    }

    /// A session is over. What it published and is not durable yet will still be stored.
    pub fn handle_disconnect(&mut self, session: SessionId) {
        self.forget_session(session);
    }

    /// The policy changed: cuts the sessions whose principal or peering is no more, ends the
    /// subscriptions that no right is left for, and withholds what is queued and not permitted
    /// any longer.
    pub fn handle_policy(&mut self, policy: Arc<Policy>, now: Timestamp) {
        self.policy = policy;
        let mut cut = Vec::new();
        let mut ended = Vec::new();
        for (id, session) in &self.sessions {
            if let Err((code, why)) = standing::check(&self.policy, &session.subscriber, now) {
                cut.push((*id, code, why));
                continue;
            }
            for (subscription, state) in &session.subscriptions {
                if let Err(denial) =
                    self.policy.may_subscribe(&session.subscriber.recipient, &state.filter, now)
                {
                    ended.push(((*id, *subscription), denial));
                }
            }
        }
        for (session, code, why) in cut {
            self.cut(session, code, why);
        }
        for (key, denial) in ended {
            self.end(key, denial.code(), denial.to_string());
        }
        self.withhold_queued(now);
        self.resume_stale();
    }

    /// Another organisation was heard, and nothing else has changed: whoever waits for that is
    /// tried again. Rights are not looked at, as there may be very many of them and of peers.
    pub fn handle_heard(&mut self, policy: Arc<Policy>, now: Timestamp) {
        if policy.version() != self.policy.version() {
            self.handle_policy(policy, now);
            return;
        }
        self.policy = policy;
        self.resume_stale();
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        loop {
            let Some(queued) = self.queue.pop_front() else {
                if self.take_up_held() {
                    continue;
                }
                return None;
            };
            let command = match queued {
                Queued::Ready(command) => Some(command),
                Queued::Append { ticket, after, record } => self.poll_append(ticket, after, record),
                Queued::Deliver { key, generation, record, permit } => {
                    self.polled(key, generation, 1).then_some(Command::Deliver {
                        session: key.0,
                        subscription: key.1,
                        record,
                        permit,
                    })
                }
                Queued::Gap { key, generation, lost } => {
                    self.polled(key, generation, 0).then_some(Command::Gap {
                        session: key.0,
                        subscription: key.1,
                        from: lost.from,
                        to: lost.to,
                        reason: lost.reason,
                    })
                }
                Queued::CaughtUp { key, generation, position } => {
                    self.poll_caught_up(key, generation, position)
                }
                Queued::Replay { key, replay, from } => self.poll_replay(key, replay, from),
            };
            if command.is_some() {
                return command;
            }
        }
    }

    fn push(&mut self, command: Command) {
        self.queue.push_back(Queued::Ready(command));
    }

    /// Closes a session from this side.
    fn cut(&mut self, session: SessionId, code: RefusalCode, why: String) {
        self.forget_session(session);
        self.push(Command::CutSession { session, code, why });
    }

    /// Ends a subscription from this side.
    fn end(&mut self, key: SubscriptionKey, code: RefusalCode, why: String) {
        self.forget_subscription(key);
        let (session, subscription) = key;
        self.push(Command::EndSubscription { session, subscription, code, why });
    }

    fn forget_session(&mut self, session: SessionId) {
        let Some(state) = self.sessions.get(&session) else { return };
        let subscriptions: Vec<_> = state.subscriptions.keys().copied().collect();
        for subscription in subscriptions {
            self.forget_subscription((session, subscription));
        }
        self.sessions.remove(&session);
    }

    fn forget_subscription(&mut self, key: SubscriptionKey) {
        let Some(session) = self.sessions.get_mut(&key.0) else { return };
        let Some(state) = session.subscriptions.remove(&key.1) else { return };
        self.tree.remove(&state.filter, key);
        self.recipients.clear();
        if let Some(name) = state.cursor {
            self.cursors.remove(&(session.subscriber.principal, name));
        }
    }
}

impl Recipients {
    fn clear(&mut self) {
        self.of_topic.clear();
    }

    fn of(
        &mut self,
        topic: &Topic,
        tree: &SubscriptionTree<SubscriptionKey>,
        topics_max: usize,
    ) -> Arc<[SubscriptionKey]> {
        if let Some(known) = self.of_topic.get(topic) {
            return Arc::clone(known);
        }
        if self.of_topic.len() >= topics_max {
            self.clear();
        }
        let found: Arc<[SubscriptionKey]> = tree.matches(topic).into();
        self.of_topic.insert(topic.clone(), Arc::clone(&found));
        found
    }
}

const fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests;
