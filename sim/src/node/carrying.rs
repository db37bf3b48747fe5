//! Publishers that roam: this node takes what those of a peer write and carries it home, and takes
//! what a peer's node brings of its own. Nothing is kept on the way: the home alone answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use sekisho_policy::Recipient;
use sekisho_proto::{Envelope, Frame, OrgName, RefusalCode, frame, limits::PROTOCOL_VERSION};
use sekisho_routing::SessionId;

use super::{Context, Halt, admitting::Refusal, running::Running};
use crate::{
    failure::{Broken, ensure},
    network::{CONTROL, Client, ConnectionId},
};

/// Envelopes on one way without an answer: few, so that publishers are refused.
const TRAVELLERS_MAX: usize = 8;

/// How often a node carries what it may not, of a thousand times: its home must see to that.
const CARELESS_PER_MILLE: u64 = 60;

/// The way to one home: whose answers are waited for, by the number under which each was sent.
#[derive(Debug, Default)]
pub(super) struct Way {
    connection: Option<ConnectionId>,
    last_request: u64,
    travellers: BTreeMap<u64, (SessionId, u64)>,
}

impl Running {
    /// Sends an envelope of a session home, where its home is a peer to which this node carries it.
    pub(super) fn carry(
        &mut self,
        session: SessionId,
        publish: &frame::Publish,
        context: &mut Context<'_>,
    ) -> Result<bool, Broken> {
        let Ok(envelope) = Envelope::decode(publish.envelope.clone()) else { return Ok(false) };
        let (publisher, topic) = (envelope.header().publisher, envelope.header().topic.clone());
        let sender = self.sessions.get(&session).map(|state| &state.recipient);
        let is_senders = sender == Some(&Recipient::Principal(publisher));
        if !is_senders || *topic.organisation() == self.own {
            return Ok(false);
        }
        let is_careless = context.random.per_mille(CARELESS_PER_MILLE);
        if !is_careless && self.policy.carried_home(&topic, context.now).is_none() {
            return Ok(false);
        }
        let refusal = match self.judge_traveller(envelope, is_careless, context) {
            Ok(()) => {
                let judge = self.judge(context.now);
                let may_carry = context.world.rights.may_carry(judge, publisher, &topic);
                ensure(is_careless || may_carry, || {
                    format!("node {} carries {topic} home, which it may not", self.index)
                })?;
                let home = topic.organisation().clone();
                match self.send_home(session, &home, publish, context) {
                    Ok(()) => return Ok(true),
                    Err(refusal) => refusal,
                }
            }
            Err(refusal) => refusal,
        };
        context.ledger.counts.not_carried += 1;
        self.refuse(session, publish.request, refusal, context);
        Ok(true)
    }

    fn judge_traveller(
        &self,
        envelope: Envelope,
        is_careless: bool,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let (publisher, topic) = (envelope.header().publisher, envelope.header().topic.clone());
        let permitted = self.policy.permit_carrying(publisher, &topic, context.now);
        if !is_careless {
            permitted.map_err(|denial| Refusal::new(denial.code(), denial))?;
        }
        self.verify(envelope).map(drop)
    }

    fn send_home(
        &mut self,
        session: SessionId,
        home: &OrgName,
        publish: &frame::Publish,
        context: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let Some(server) = context.world.city_of(home) else {
            return Err(Refusal::new(RefusalCode::Draining, "nobody knows the home"));
        };
        let way = self.ways.entry(home.clone()).or_default();
        if way.travellers.len() >= TRAVELLERS_MAX {
            return Err(Refusal::new(RefusalCode::TooMany, "too many on their way"));
        }
        let connection = match way.connection {
            Some(connection) => connection,
            None => {
                let client = Client::Way { node: self.index, home: home.clone() };
                let (network, random) = (&mut *context.network, &mut *context.random);
                let connection = network.open(client, server, self.own_node, random);
                let hello = frame::Hello {
                    version: PROTOCOL_VERSION,
                    software: "a simulation".to_owned(),
                    organisation: home.clone(),
                };
                network.send_up(connection, hello, random);
                way.connection = Some(connection);
                connection
            }
        };
        way.last_request += 1;
        way.travellers.insert(way.last_request, (session, publish.request));
        context.ledger.counts.carried += 1;
        let envelope: Bytes = publish.envelope.clone();
        let publish = frame::Publish { request: way.last_request, envelope, key_header: None };
        context.network.send_up(connection, publish, context.random);
        Ok(())
    }

    /// What a home says to this node as one that carries.
    pub(super) fn handle_way_frame(
        &mut self,
        home: &OrgName,
        connection: ConnectionId,
        frame: Frame,
        context: &mut Context<'_>,
    ) {
        let Some(way) = self.ways.get_mut(home).filter(|way| way.connection == Some(connection))
        else {
            return;
        };
        if let Frame::Published(published) = frame {
            if let Some((session, request)) = way.travellers.remove(&published.request) {
                self.send(session, CONTROL, frame::Published { request, ..published }, context);
            }
        } else if let Frame::Refused(refused) = frame {
            if let Some((session, request)) = way.travellers.remove(&refused.request) {
                self.send(session, CONTROL, frame::Refused { request, ..refused }, context);
            }
        } else if let Frame::Goodbye(_) = frame {
            context.network.abandon(connection);
            self.lose_way(home, context);
        }
    }

    pub(super) fn handle_way_closed(
        &mut self,
        home: &OrgName,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) {
        if self.ways.get(home).is_some_and(|way| way.connection == Some(connection)) {
            self.lose_way(home, context);
        }
    }

    /// Ways that no contract asks for any more are closed.
    pub(super) fn close_ways(&mut self, context: &mut Context<'_>) {
        let carries = |home: &OrgName| {
            let contract = self.policy.peer(home);
            contract.is_some_and(|contract| {
                contract.is_in_force(context.now) && !contract.ours.carries_home.is_empty()
            })
        };
        let over: Vec<OrgName> = self.ways.keys().filter(|home| !carries(home)).cloned().collect();
        for home in over {
            if let Some(connection) = self.ways.get(&home).and_then(|way| way.connection) {
                context.network.abandon(connection);
            }
            self.lose_way(&home, context);
        }
    }

    /// Tells everybody who waits that no answer comes: what they sent may be stored.
    fn lose_way(&mut self, home: &OrgName, context: &mut Context<'_>) {
        let Some(way) = self.ways.remove(home) else { return };
        for (session, request) in way.travellers.into_values() {
            let refusal = Refusal::new(RefusalCode::Draining, "the home is gone");
            self.refuse(session, request, refusal, context);
        }
    }

    /// Whether a session may bring an envelope of another's: it is a peer's node, by whose contract
    /// it carries the envelopes of this organisation's own publishers home.
    pub(super) fn brings(
        &self,
        session: SessionId,
        envelope: &Envelope,
        context: &Context<'_>,
    ) -> bool {
        let header = envelope.header();
        let Some(state) = self.sessions.get(&session) else { return false };
        let is_peer = matches!(state.recipient, Recipient::Peer(_)) && state.parting.is_none();
        let node = context.network.get(state.connection).map(|connection| connection.key);
        let publisher = self.policy.principal(&header.publisher);
        is_peer
            && node.is_some_and(|node| {
                self.policy.carrier(&node, &header.topic, context.now).is_some()
            })
            && publisher.is_some_and(|known| *known.name.organisation() == self.own)
    }

    /// The model's word on what a peer's node brings home.
    pub(super) fn check_brought(
        &self,
        session: SessionId,
        envelope: &Envelope,
        context: &Context<'_>,
    ) -> Result<(), Broken> {
        let recipient = self.sessions.get(&session).map(|state| &state.recipient);
        let Some(Recipient::Peer(peer)) = recipient else { return Ok(()) };
        let topic = &envelope.header().topic;
        ensure(context.world.rights.may_bring(self.judge(context.now), peer, topic), || {
            format!("node {} takes {topic} of {peer}, which may not carry it", self.index)
        })
    }
}

impl super::Node {
    /// A frame on a way home.
    pub(crate) fn handle_way_frame(
        &mut self,
        home: &OrgName,
        connection: ConnectionId,
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        self.act(context, |running, context| {
            running.handle_way_frame(home, connection, frame, context);
            Ok::<(), Halt>(())
        })
    }

    /// The connection of a way home is gone.
    pub(crate) fn handle_way_closed(
        &mut self,
        home: &OrgName,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        self.act(context, |running, context| {
            running.handle_way_closed(home, connection, context);
            Ok::<(), Halt>(())
        })
    }
}
