//! From a subscriber's wish to a place in the log: subscriptions begin, go on and end here.

use sekisho_proto::{
    CursorName, Filter, Position, PrincipalId, RefusalCode, Timestamp, frame::Start,
};

use super::{Queued, Router, SubscriptionKey, count};
use crate::{
    Command, ReplayFrom, ReplayId, SessionId, SubscriptionId,
    subscription::{Mode, Pause, Subscription},
};

/// A wish to be sent records.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Of which topics.
    pub filter: Filter,
    /// From where, unless the cursor says it.
    pub start: Start,
    /// Keeps its place under this name.
    pub cursor: Option<CursorName>,
    /// Records that may be sent before more is granted.
    pub credit: u32,
}

impl Router {
    /// A client subscribes. `cursor_position` is what the shell finds stored under the cursor's
    /// name, the position to go on from; it goes before `start`, and what was acknowledged since and
    /// is not stored goes before it. Leads to
    /// [`Command::Subscribed`] or [`Command::EndSubscription`].
    ///
    /// A cursor is followed by one subscription at a time: the newest ends the one before.
    pub fn handle_subscribe(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        subscribe: Subscribe,
        cursor_position: Option<Position>,
        now: Timestamp,
    ) {
        let key = (session, subscription);
        let Some(state) = self.sessions.get(&session) else { return };
        if state.subscriptions.contains_key(&subscription) {
            let why = format!("{subscription}: wanted a number that is free, found it in use");
            self.cut(session, RefusalCode::AlreadyExists, why);
            return;
        }
        let Subscribe { filter, start, cursor, credit } = subscribe;
        let subscriptions_max = self.limits.subscriptions_per_session_max;
        if state.subscriptions.len() >= subscriptions_max {
            let why = format!("wanted at most {subscriptions_max} subscriptions in a session");
            self.end(key, RefusalCode::TooMany, why);
            return;
        }
        if let Err(denial) = self.policy.may_subscribe(&state.subscriber.recipient, &filter, now) {
            self.end(key, denial.code(), denial.to_string());
            return;
        }
        let unstored =
            cursor.as_ref().and_then(|name| self.unstored(state.subscriber.principal, name));
        let start = unstored.or(cursor_position).map_or(start, Start::Position);
        if matches!(start, Start::Offset(_)) && filter.is_topic().is_none() {
            let why = format!("start at an offset: wanted a topic, found the filter {filter}");
            self.end(key, RefusalCode::Malformed, why);
            return;
        }
        if let Some(name) = &cursor {
            let owner = (state.subscriber.principal, name.clone());
            if let Some(before) = self.cursors.insert(owner.clone(), key) {
                let why = format!("cursor {name}: another subscription has taken it over");
                self.end(before, RefusalCode::AlreadyExists, why);
                self.cursors.insert(owner, key);
            }
        }
        let mut state = Subscription::new(filter, cursor, self.next_generation());
        state.grant(credit, &self.limits);
        self.start(key, state, start);
    }

    /// Where a cursor is to be stored that has not been taken to the shell.
    fn unstored(&self, owner: PrincipalId, cursor: &CursorName) -> Option<Position> {
        self.queue.iter().rev().find_map(|queued| {
            let Queued::Ready(Command::StoreCursor { principal, name, position }) = queued else {
                return None;
            };
            (*principal == owner && name == cursor).then_some(*position)
        })
    }

    /// A subscriber grants more records.
    pub fn handle_credit(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        records: u32,
    ) {
        let key = (session, subscription);
        let limits = self.limits;
        let Some(state) = self.subscription_mut(key) else { return };
        state.grant(records, &limits);
        self.read_on(key);
    }

    /// Records that were let out were taken back before they were sent: they cost no credit.
    pub fn handle_withheld(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        records: u32,
    ) {
        self.counters.withheld = self.counters.withheld.saturating_add(u64::from(records));
        self.handle_credit(session, subscription, records);
    }

    /// A subscriber has done everything up to and with `position`.
    pub fn handle_acknowledge(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        position: Position,
    ) {
        let key = (session, subscription);
        let Some(principal) = self.sessions.get(&session).map(|state| state.subscriber.principal)
        else {
            return;
        };
        let Some(state) = self.subscription_mut(key) else { return };
        if position >= state.next {
            let why = format!(
                "acknowledged position: wanted one delivered, before {}, found {position}",
                state.next
            );
            self.end(key, RefusalCode::Malformed, why);
            return;
        }
        if state.acknowledged.is_some_and(|before| before >= position) {
            return;
        }
        state.acknowledged = Some(position);
        if let Some(name) = state.cursor.clone() {
            self.push(Command::StoreCursor { principal, name, position: position.next() });
        }
    }

    /// The record or gap that was polled last did not fit into the subscriber's outbox:
    /// `position` is the record's, or where the gap begins. Everything from there on is read from
    /// the log when [`handle_outbox_free`](Self::handle_outbox_free) is called.
    pub fn handle_outbox_full(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        position: Position,
    ) {
        let generation = self.next_generation();
        let limits = self.limits;
        let Some(state) = self.subscription_mut((session, subscription)) else { return };
        if matches!(state.mode, Mode::Starting(_)) {
            return;
        }
        let was_live = state.is_live();
        state.rewind(position, generation, &limits);
        if was_live {
            count(&mut self.counters.fallen_back);
        }
    }

    /// The subscriber's outbox has room again.
    pub fn handle_outbox_free(&mut self, session: SessionId, subscription: SubscriptionId) {
        let key = (session, subscription);
        let Some(state) = self.subscription_mut(key) else { return };
        if state.pause == Some(Pause::OutboxFull) {
            state.pause = None;
        }
        self.read_on(key);
    }

    /// Where a live subscription stands, when [`poll_command`](Self::poll_command) has nothing more:
    /// each record before was delivered, told as a gap, or not permitted. `None` while it is fed from
    /// the log.
    #[must_use]
    pub fn place(&self, session: SessionId, subscription: SubscriptionId) -> Option<Position> {
        let state = self.sessions.get(&session)?.subscriptions.get(&subscription)?;
        (state.mode == Mode::Live && state.queued == 0).then(|| state.next.max(self.head))
    }

    /// A subscriber wants no more.
    pub fn handle_unsubscribe(&mut self, session: SessionId, subscription: SubscriptionId) {
        self.forget_subscription((session, subscription));
    }

    fn start(&mut self, key: SubscriptionKey, mut state: Subscription, start: Start) {
        let head = self.head;
        let known = match start {
            Start::Latest => {
                state.mode = Mode::Live;
                Some(head)
            }
            Start::Position(position) if position == head => {
                state.mode = Mode::Live;
                Some(head)
            }
            Start::Position(position) => Some(position),
            Start::LastValue => {
                let from = ReplayFrom::LastValues { from: Position::ZERO, until: None };
                state.mode = Mode::Starting(from);
                None
            }
            Start::Offset(offset) => {
                state.mode = Mode::Starting(ReplayFrom::Offset(offset));
                None
            }
            Start::Time(time) => {
                state.mode = Mode::Starting(ReplayFrom::Time(time));
                None
            }
            Start::Earliest => {
                state.mode = Mode::Starting(ReplayFrom::Earliest);
                None
            }
        };
        self.tree.insert(&state.filter, key);
        self.recipients.clear();
        if let Some(position) = known {
            state.next = position;
            let (session, subscription) = key;
            self.push(Command::Subscribed { session, subscription, position, head });
        }
        if let Some(session) = self.sessions.get_mut(&key.0) {
            session.subscriptions.insert(key.1, Box::new(state));
        }
        self.read_on(key);
    }

    /// Asks for the next page of a subscription that needs one.
    pub(super) fn read_on(&mut self, key: SubscriptionKey) {
        let replay = ReplayId(self.last_replay.saturating_add(1));
        let Some(state) = self.subscription_mut(key) else { return };
        let Some(from) = state.next_page() else { return };
        state.outstanding = Some(replay);
        self.last_replay = replay.0;
        self.queue.push_back(Queued::Replay { key, replay, from });
    }

    pub(super) fn poll_replay(
        &mut self,
        key: SubscriptionKey,
        replay: ReplayId,
        from: ReplayFrom,
    ) -> Option<Command> {
        let limits = self.limits;
        let state = self.subscription_mut(key)?;
        if state.outstanding != Some(replay) {
            return None;
        }
        Some(Command::Replay {
            session: key.0,
            subscription: key.1,
            replay,
            filter: state.filter.clone(),
            from,
            records_max: state.page_records(&limits).max(1),
            bytes_max: limits.replay_bytes_max,
        })
    }

    pub(super) fn subscription_mut(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        let session = self.sessions.get_mut(&key.0)?;
        session.subscriptions.get_mut(&key.1).map(|state| &mut **state)
    }

    pub(super) const fn next_generation(&mut self) -> u64 {
        self.last_generation = self.last_generation.saturating_add(1);
        self.last_generation
    }
}
