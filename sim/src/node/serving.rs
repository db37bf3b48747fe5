//! The serving side of sessions: frames in, and what the router has for them.

use std::collections::{BTreeMap, BTreeSet};
use std::{sync::Arc, time::Duration};

use sekisho_policy::Recipient;
use sekisho_proto::{
    CursorName, Frame, Position, PrincipalId, RefusalCode, StatementIndex, Timestamp, frame,
    limits::{ENVELOPE_BYTES_MAX, PROTOCOL_VERSION},
};
use sekisho_routing::{Command, Record, SessionId, Subscribe, SubscriptionId};
use sekisho_store::{Keyed as _, RecordReader as _};

use super::{
    Context, Halt,
    queues::Outbox,
    running::{Follower, OUTBOX_FRAMES, Running, Session},
};
use crate::{
    failure::{Broken, ensure},
    network::{CONTROL, ConnectionId, Stream},
    rights::{Judge, Subject},
};

/// How long another organisation's statements may be relied upon, as the design has it.
const STALE_AFTER: Duration = Duration::from_mins(15);

impl Running {
    pub(super) fn handle_frame(
        &mut self,
        connection: ConnectionId,
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        if matches!(frame, Frame::Hello(_)) {
            return self.welcome(connection, context);
        }
        let Some(session) = self.of_connection.get(&connection).copied() else { return Ok(()) };
        if let Frame::Publish(publish) = frame {
            self.admit(session, publish, context)?;
        } else if let Frame::Subscribe(subscribe) = frame {
            self.subscribe(session, subscribe, context)?;
        } else if let Frame::Unsubscribe(left) = frame {
            let subscription = SubscriptionId::new(left.subscription);
            self.router.handle_unsubscribe(session, subscription);
            if let Some(state) = self.sessions.get_mut(&session) {
                state.begun.remove(&subscription);
                state.blocked.remove(&subscription);
                state.outboxes.remove(&subscription);
            }
        } else if let Frame::Credit(credit) = frame {
            let subscription = SubscriptionId::new(credit.subscription);
            self.router.handle_credit(session, subscription, credit.records);
        } else if let Frame::Acknowledge(done) = frame {
            let subscription = SubscriptionId::new(done.subscription);
            self.router.handle_acknowledge(session, subscription, done.position);
        } else if let Frame::Follow(follow) = frame {
            self.follow(session, follow, context)?;
        } else if let Frame::Cosigned(cosigned) = frame {
            self.check_cosignature(session, cosigned, context)?;
        } else if let Frame::Ping(ping) = frame {
            let pong = frame::Pong { token: ping.token };
            context.network.send_down(connection, CONTROL, pong, context.random);
        }
        Ok(())
    }

    fn welcome(&mut self, connection: ConnectionId, context: &mut Context<'_>) -> Result<(), Halt> {
        let Some(opened) = context.network.get(connection) else { return Ok(()) };
        let key = opened.key;
        let Some((recipient, parting)) = self.recognise(key, context) else {
            let why = "wanted a contract in force, found none".to_owned();
            let goodbye = frame::Goodbye { code: Some(RefusalCode::NotPermitted), why };
            context.network.send_down(connection, CONTROL, goodbye, context.random);
            return Ok(());
        };
        self.last_session += 1;
        let session = SessionId::new(self.last_session);
        let state = Session {
            connection,
            recipient: recipient.clone(),
            begun: BTreeMap::new(),
            blocked: BTreeSet::new(),
            outboxes: BTreeMap::new(),
            asked_at: BTreeMap::new(),
            follows: None,
            parting,
        };
        self.sessions.insert(session, state);
        self.of_connection.insert(connection, session);
        if parting.is_none() {
            self.router.handle_connect(session, key, recipient, context.now);
        }
        self.drain(context)?;
        if self.sessions.contains_key(&session) {
            let welcome = frame::Welcome {
                version: PROTOCOL_VERSION,
                organisation: self.own.clone(),
                principal: None,
                policy_version: self.policy.version(),
                time: context.now,
                envelope_bytes_max: u32::try_from(ENVELOPE_BYTES_MAX).unwrap_or(u32::MAX),
                inflight_max: 16,
            };
            context.network.send_down(connection, CONTROL, welcome, context.random);
        }
        Ok(())
    }

    /// Who comes with a key. A former peer is told how its contract ended, and nothing else.
    fn recognise(
        &self,
        key: PrincipalId,
        context: &Context<'_>,
    ) -> Option<(Recipient, Option<StatementIndex>)> {
        let city = context.world.city_of_node(key).and_then(|city| context.world.cities.get(city));
        let Some(city) = city else { return Some((Recipient::Principal(key), None)) };
        let node = city.node.public_key();
        if let Some(peer) = self.policy.peer_of_key(&node, context.now) {
            return Some((Recipient::Peer(peer.clone()), None));
        }
        let (peer, end) = self.policy.former_peer_of_key(&node)?;
        Some((Recipient::Peer(peer.clone()), Some(end)))
    }

    /// A peer reads the log of this organisation, and those that its contract says are passed on.
    fn follow(
        &mut self,
        session: SessionId,
        follow: frame::Follow,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let Some(state) = self.sessions.get_mut(&session) else { return Ok(()) };
        let frame::Follow { subscription, organisation, from } = follow;
        let passed_on = match &state.recipient {
            Recipient::Peer(peer) => self.policy.passes_on(peer, &organisation, context.now),
            Recipient::Principal(_) => false,
        };
        if organisation != self.own && !passed_on {
            let (code, what) = (RefusalCode::NotPermitted, "control log".to_owned());
            let why = format!("wanted one that is passed on, found {organisation}");
            let refused = frame::Refused { request: 0, code, what, why, expected_sequence: None };
            self.send(session, Stream::of(subscription), refused, context);
            return Ok(());
        }
        state.follows = Some(Follower {
            subscription,
            organisation,
            next: from,
            told: false,
            shown: None,
            passed_on: None,
        });
        self.tell_followers(context)
    }

    fn subscribe(
        &mut self,
        session: SessionId,
        subscribe: frame::Subscribe,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let frame::Subscribe { subscription, filter, start, cursor, credit } = subscribe;
        let Some(state) = self.sessions.get(&session) else { return Ok(()) };
        let position = match (&state.recipient, &cursor) {
            (Recipient::Principal(id), Some(name)) => {
                self.store.keyed.cursor(id, name).map_err(|_error| Halt::Crash)?
            }
            (Recipient::Principal(_) | Recipient::Peer(_), _) => None,
        };
        let subscription = SubscriptionId::new(subscription);
        if let Some(state) = self.sessions.get_mut(&session) {
            state.begun.insert(subscription, position.unwrap_or(Position::ZERO));
            state.asked_at.insert(subscription, self.reader.head());
        }
        let subscribe = Subscribe { filter, start, cursor, credit };
        self.router.handle_subscribe(session, subscription, subscribe, position, context.now);
        Ok(())
    }

    /// A connection is gone.
    pub(super) fn handle_closed(
        &mut self,
        connection: ConnectionId,
        _context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        if let Some(session) = self.of_connection.remove(&connection) {
            self.sessions.remove(&session);
            self.router.handle_disconnect(session);
        }
        Ok(())
    }

    pub(super) fn serve(
        &mut self,
        command: Command,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        match command {
            Command::Published { session, request, offset } => {
                self.send(session, CONTROL, frame::Published { request, offset }, context);
            }
            Command::Refused { session, request, code, what, why, expected_sequence } => {
                let refused = frame::Refused { request, code, what, why, expected_sequence };
                self.send(session, CONTROL, refused, context);
            }
            Command::Deliver { session, subscription, record, permit: _ } => {
                self.deliver(session, subscription, record, context)?;
            }
            Command::Gap { session, subscription, from, to, reason } => {
                if self.is_full(session, subscription, from, context) {
                    return Ok(());
                }
                let number = subscription.value();
                let gap = frame::Gap {
                    subscription: number,
                    from_position: from,
                    to_position: to,
                    reason,
                    topic: None,
                };
                self.tell(session, subscription, gap, context);
            }
            Command::Subscribed { session, subscription, position, head } => {
                let number = subscription.value();
                let subscribed = frame::Subscribed { subscription: number, position, head };
                self.tell(session, subscription, subscribed, context);
            }
            Command::EndSubscription { session, subscription, code, why } => {
                let what = subscription.to_string();
                let refused =
                    frame::Refused { request: 0, code, what, why, expected_sequence: None };
                self.withhold_where_over(session, subscription, code, context);
                self.tell(session, subscription, refused, context);
            }
            Command::CutSession { session, code, why } => {
                let goodbye = frame::Goodbye { code: Some(code), why };
                self.send(session, CONTROL, goodbye, context);
                if let Some(state) = self.sessions.remove(&session) {
                    self.of_connection.remove(&state.connection);
                }
            }
            Command::Append { .. }
            | Command::Replay { .. }
            | Command::Dropped { .. }
            | Command::LinkStored { .. }
            | Command::LinkRefused { .. }
            | Command::LinkFailed { .. }
            | Command::StoreCursor { .. } => {}
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        record: Arc<Record>,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        if self.is_full(session, subscription, record.position(), context) {
            return Ok(());
        }
        if self.gathering.is_some() {
            let let_out = self.since(context);
            self.check_delivery(session, subscription, (&record, let_out), context)?;
            self.put_away(session, subscription, record, let_out);
            return Ok(());
        }
        self.write(session, subscription, (&record, context.now), context)
    }

    /// A record goes to a client or peer, by a right that the gate found since then.
    pub(super) fn write(
        &self,
        session: SessionId,
        subscription: SubscriptionId,
        (record, let_out): (&Record, Timestamp),
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        self.check_delivery(session, subscription, (record, let_out), context)?;
        context.ledger.counts.delivered += 1;
        let mut hops = record.hops().to_vec();
        hops.push(self.own_node);
        let number = subscription.value();
        let frame = frame::Record {
            subscription: number,
            position: record.position(),
            offset: record.offset(),
            received: record.received(),
            envelope: record.envelope().encoded().clone(),
            key_header: None,
            hops,
        };
        self.send(session, Stream::of(number), frame, context);
        Ok(())
    }

    /// The models' word on a delivery: by what is known now, and by the clock since it was let out.
    fn check_delivery(
        &self,
        session: SessionId,
        subscription: SubscriptionId,
        (record, let_out): (&Record, Timestamp),
        context: &Context<'_>,
    ) -> Result<(), Broken> {
        let Some(state) = self.sessions.get(&session) else { return Ok(()) };
        let header = record.header();
        let (topic, scope) = (&header.topic, header.scope);
        let subject = Subject { topic, scope, received: record.received() };
        let rights = &context.world.rights;
        let may = |judge: Judge<'_>| match &state.recipient {
            Recipient::Principal(id) => rights.may_have(judge, *id, subject),
            Recipient::Peer(organisation) => rights.may_cross(judge, organisation, subject),
        };
        let permitted = may(self.judge(context.now)) || may(self.judge(let_out));
        ensure(context.ledger.is_genuine(record.envelope()), || {
            format!("node {} serves on {topic} what nobody signed", self.index)
        })?;
        let (index, recipient) = (self.index, &state.recipient);
        ensure(permitted, || {
            format!("node {index} gives {topic} to {recipient:?}, who has no right to it")
        })?;
        let taker = match &state.recipient {
            Recipient::Principal(_) => &self.own,
            Recipient::Peer(organisation) => organisation,
        };
        for concerned in [topic.organisation(), taker] {
            let silent = self.heard.get(concerned).map(|at| let_out.saturating_since(*at));
            ensure(silent.is_none_or(|silent| silent <= STALE_AFTER), || {
                format!("node {index} gives {topic} to {recipient:?}: {concerned} is silent")
            })?;
        }
        let begun = state.begun.get(&subscription).copied().unwrap_or(Position::ZERO);
        let position = record.position();
        ensure(position >= begun, || {
            format!("node {index} gives position {position} to a cursor that was at {begun}")
        })
    }

    /// Whether a subscription's outbox takes no more; the router is told.
    fn is_full(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        position: Position,
        context: &Context<'_>,
    ) -> bool {
        let Some(state) = self.sessions.get_mut(&session) else { return false };
        let stream = Stream::of(subscription.value());
        let waiting = context.network.waiting_down(state.connection, stream);
        if waiting.saturating_add(state.waiting(subscription)) < OUTBOX_FRAMES {
            return false;
        }
        state.blocked.insert(subscription);
        self.router.handle_outbox_full(session, subscription, position);
        true
    }

    pub(super) fn free_outboxes(&mut self, context: &Context<'_>) {
        for (session, state) in &mut self.sessions {
            let (network, connection) = (&context.network, state.connection);
            let outboxes = &state.outboxes;
            let free = |subscription: &SubscriptionId| {
                let stream = Stream::of(subscription.value());
                let waiting = outboxes.get(subscription).map_or(0, Outbox::len);
                network.waiting_down(connection, stream).saturating_add(waiting) < OUTBOX_FRAMES / 2
            };
            let freed: Vec<_> = state.blocked.iter().copied().filter(free).collect();
            for subscription in freed {
                state.blocked.remove(&subscription);
                self.router.handle_outbox_free(*session, subscription);
            }
        }
    }

    pub(super) fn store_cursor(
        &self,
        principal: PrincipalId,
        name: CursorName,
        position: Position,
    ) -> Result<(), Halt> {
        self.store.keyed.set_cursor(principal, name, position).map_err(|_error| Halt::Crash)
    }

    pub(super) fn send(
        &self,
        session: SessionId,
        stream: Stream,
        frame: impl Into<Frame>,
        context: &mut Context<'_>,
    ) {
        if let Some(state) = self.sessions.get(&session) {
            let random = &mut *context.random;
            context.network.send_down(state.connection, stream, frame, random);
        }
    }
}
