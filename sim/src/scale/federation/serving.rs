//! The exporters' side: a peer is a subscriber like any other.

use sekisho_policy::Recipient;
use sekisho_proto::{
    Frame, frame,
    limits::{ENVELOPE_BYTES_MAX, PROTOCOL_VERSION},
};
use sekisho_routing::{Command, Record, SessionId, Subscribe, SubscriptionId};

use super::Federation;
use crate::{failure::Broken, scale::network::Follower};

impl Federation {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for clients")]
    pub(super) fn serve_frame(&mut self, wire: usize, frame: Frame) -> Result<(), Broken> {
        let now = self.agenda.now;
        let known = self.wire(wire)?;
        let (exporter, session) = (known.exporter, known.session);
        let session = match (&frame, session) {
            (Frame::Hello(_), _) => return self.welcome(wire),
            (_, Some(session)) => session,
            (_, None) => return Ok(()),
        };
        match frame {
            Frame::Follow(follow) => {
                let (subscription, next) = (follow.subscription, follow.from);
                let follower = Follower { subscription, next, told: false, shown: None };
                self.wire_mut(wire)?.follower = Some(follower);
                self.tell_follower(wire)
            }
            Frame::Subscribe(wish) => {
                let frame::Subscribe { subscription, filter, start, cursor, credit } = wish;
                let wish = Subscribe { filter, start, cursor, credit };
                let subscription = SubscriptionId::new(subscription);
                let router = &mut self.node_mut(exporter)?.router;
                router.handle_subscribe(session, subscription, wish, None, now);
                Ok(())
            }
            Frame::Credit(credit) => {
                let subscription = SubscriptionId::new(credit.subscription);
                let router = &mut self.node_mut(exporter)?.router;
                router.handle_credit(session, subscription, credit.records);
                Ok(())
            }
            Frame::Acknowledge(done) => {
                let subscription = SubscriptionId::new(done.subscription);
                let router = &mut self.node_mut(exporter)?.router;
                router.handle_acknowledge(session, subscription, done.position);
                Ok(())
            }
            Frame::Unsubscribe(done) => {
                let subscription = SubscriptionId::new(done.subscription);
                self.node_mut(exporter)?.router.handle_unsubscribe(session, subscription);
                Ok(())
            }
            Frame::Ping(ping) => self.send_down(wire, frame::Pong { token: ping.token }),
            _ => Ok(()),
        }
    }

    fn welcome(&mut self, wire: usize) -> Result<(), Broken> {
        let now = self.agenda.now;
        let known = self.wire_mut(wire)?;
        let (importer, exporter) = (known.importer, known.exporter);
        if let Some(before) = known.session {
            self.forget_session(wire, before)?;
        }
        let (key, organisation) = {
            let importer = self.node(importer)?;
            (importer.id, importer.name.clone())
        };
        let node = self.node_mut(exporter)?;
        let session = node.next_session();
        node.peers.insert(session, wire);
        node.router.handle_connect(session, key, Recipient::Peer(organisation), now);
        self.wire_mut(wire)?.session = Some(session);
        self.drain(exporter)?;
        if self.wire(wire)?.session != Some(session) {
            return Ok(());
        }
        let node = self.node(exporter)?;
        let welcome = frame::Welcome {
            version: PROTOCOL_VERSION,
            organisation: node.name.clone(),
            principal: None,
            policy_version: node.policy.version(),
            time: now,
            envelope_bytes_max: u32::try_from(ENVELOPE_BYTES_MAX).unwrap_or(u32::MAX),
            inflight_max: 256,
        };
        self.send_down(wire, welcome)
    }

    pub(super) fn forget_session(&mut self, wire: usize, session: SessionId) -> Result<(), Broken> {
        let known = self.wire_mut(wire)?;
        if known.session == Some(session) {
            known.session = None;
            known.follower = None;
        }
        let exporter = known.exporter;
        let node = self.node_mut(exporter)?;
        if node.peers.remove(&session).is_some() {
            node.router.handle_disconnect(session);
        }
        Ok(())
    }

    pub(super) fn serve(&mut self, node: usize, command: Command) -> Result<(), Broken> {
        match command {
            Command::Deliver { session, subscription, record, .. } => {
                self.deliver(node, session, subscription, &record)
            }
            Command::Gap { session, subscription, from, to, reason } => {
                let Some(wire) = self.node(node)?.peers.get(&session).copied() else {
                    return Err(Broken(format!("a client misses {from} to {to}: {reason:?}")));
                };
                let subscription = subscription.value();
                let (from_position, to_position) = (from, to);
                self.send_down(
                    wire,
                    frame::Gap { subscription, from_position, to_position, reason, topic: None },
                )
            }
            Command::Subscribed { session, subscription, position, head } => {
                let Some(wire) = self.node(node)?.peers.get(&session).copied() else {
                    return Ok(());
                };
                let subscription = subscription.value();
                self.send_down(wire, frame::Subscribed { subscription, position, head })
            }
            Command::EndSubscription { session, code, why, .. } => {
                Err(Broken(format!("{session} lost a subscription: {code}: {why}")))
            }
            Command::CutSession { session, why, .. } => {
                let node = self.node_mut(node)?;
                let Some(wire) = node.peers.remove(&session) else { return Ok(()) };
                self.wire_mut(wire)?.session = None;
                self.send_down(wire, frame::Goodbye { code: None, why })
            }
            Command::Append { .. }
            | Command::Replay { .. }
            | Command::Published { .. }
            | Command::Refused { .. }
            | Command::Dropped { .. }
            | Command::LinkStored { .. }
            | Command::LinkRefused { .. }
            | Command::LinkFailed { .. }
            | Command::StoreCursor { .. } => Ok(()),
        }
    }

    fn deliver(
        &mut self,
        node: usize,
        session: SessionId,
        subscription: SubscriptionId,
        record: &Record,
    ) -> Result<(), Broken> {
        let state = self.node_mut(node)?;
        let Some(wire) = state.peers.get(&session).copied() else {
            state.give(record.position(), record.hops().len());
            state.router.handle_credit(session, subscription, 1);
            return Ok(());
        };
        let mut hops = record.hops().to_vec();
        hops.push(state.id);
        let frame = frame::Record {
            subscription: subscription.value(),
            position: record.position(),
            offset: record.offset(),
            received: record.received(),
            envelope: record.envelope().encoded().clone(),
            key_header: None,
            hops,
        };
        self.send_down(wire, frame)
    }
}
