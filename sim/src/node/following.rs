//! The node's links: what it pulls from its peers.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use sekisho_federation::{HangupReason, Link, LinkCommand, LinkLimits, LogFault, Resume};
use sekisho_policy::PeeringView;
use sekisho_proto::{
    Filter, Frame, LogName, OrgName, Position, Statement, Timestamp, frame,
    limits::PROTOCOL_VERSION,
};
use sekisho_seal::StrictVerifier;
use sekisho_store::{Keyed as _, KeyedChange, Leaf};
use sekisho_tlog::Frontier;

use super::{Context, Halt, running::Running};
use crate::{
    failure::{Broken, broken},
    network::{Client, ConnectionId, Stream},
};

/// A link and its connection.
pub(super) struct Peer {
    pub(super) link: Link,
    connection: Option<ConnectionId>,
}

impl Running {
    /// Begins the links that peerings ask for, and drops those whose peering is over.
    pub(super) fn follow_peers(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let now = context.now;
        for peer in self.peers.values_mut() {
            peer.link.handle_policy(&self.policy, now);
        }
        for peering in self.policy.peers() {
            let organisation = peering.organisation.clone();
            if !peering.is_in_force(now) || self.peers.contains_key(&organisation) {
                continue;
            }
            let resume = self.resume(&peering)?;
            let limits = LinkLimits { window_records: 12, ..LinkLimits::default() };
            let seed = context.random.draw();
            let link = Link::new(self.own_node, peering, resume, limits, seed, now);
            self.peers.insert(organisation, Peer { link, connection: None });
        }
        Ok(())
    }

    fn resume(&self, peering: &PeeringView) -> Result<Resume, Halt> {
        let mut positions = BTreeMap::new();
        for filter in &peering.ours.imports {
            if let Some(place) = self.place(&place_name(filter))? {
                positions.insert(filter.clone(), Position::new(place));
            }
        }
        let name = LogName::Control(peering.organisation.clone());
        let leaves = self.store.keyed.leaves(&name, 0, usize::MAX).map_err(|_error| Halt::Crash)?;
        let mut log = Frontier::new();
        leaves.iter().for_each(|leaf| log.append(leaf.hash));
        let newest = self.place(&newest_name(&peering.organisation))?;
        let newest = newest.and_then(|micros| i64::try_from(micros).ok());
        let newest = newest.map(Timestamp::from_micros);
        Ok(Resume { positions, log, heard: None, newest, access: None })
    }

    fn place(&self, name: &str) -> Result<Option<u64>, Halt> {
        let blob = self.store.keyed.blob(name).map_err(|_error| Halt::Crash)?;
        let bytes = blob.as_deref().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        Ok(bytes.map(u64::from_be_bytes))
    }

    fn keep_place(&self, name: &str, place: u64) -> Result<(), Halt> {
        let bytes = Bytes::copy_from_slice(&place.to_be_bytes());
        self.store.keyed.put_blob(name, bytes).map_err(|_error| Halt::Crash)
    }

    /// Drops the links whose peering is over; what they wanted done is done.
    pub(super) fn forget_ended_links(&mut self) {
        self.peers.retain(|_, peer| !peer.link.is_ended());
    }

    pub(super) fn poll_link(&mut self, organisation: &OrgName) -> Option<LinkCommand> {
        self.peers.get_mut(organisation).and_then(|peer| peer.link.poll_command())
    }

    pub(super) fn tell_link(&mut self, organisation: &OrgName, tell: impl FnOnce(&mut Link)) {
        if let Some(peer) = self.peers.get_mut(organisation) {
            tell(&mut peer.link);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for the disk")]
    pub(super) fn carry_out_for_link(
        &mut self,
        organisation: &OrgName,
        command: LinkCommand,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        match command {
            LinkCommand::Dial { .. } => self.dial(organisation, context),
            // A checkpoint that was under way while nothing moved for a quarter of an hour is old.
            LinkCommand::Hangup {
                reason: HangupReason::Log(LogFault::Frozen { .. } | LogFault::Missing { .. }),
            } => self.hang_up(organisation, context),
            LinkCommand::Hangup { reason: HangupReason::Log(fault) } => {
                let own = &self.own;
                let what = format!("{own} distrusts the honest log of {organisation}: {fault}");
                return Err(Broken(what).into());
            }
            LinkCommand::Hangup { .. } => self.hang_up(organisation, context),
            LinkCommand::Follow { subscription, organisation: whose, from } => {
                let follow = frame::Follow { subscription, organisation: whose, from };
                self.send_up(organisation, follow, context);
            }
            LinkCommand::Subscribe { subscription, filter, start, credit } => {
                let subscribe =
                    frame::Subscribe { subscription, filter, start, cursor: None, credit };
                self.send_up(organisation, subscribe, context);
            }
            LinkCommand::Credit { subscription, records } => {
                self.send_up(organisation, frame::Credit { subscription, records }, context);
            }
            LinkCommand::Acknowledge { subscription, position } => {
                self.send_up(organisation, frame::Acknowledge { subscription, position }, context);
            }
            LinkCommand::Ping { token } => {
                self.send_up(organisation, frame::Ping { token }, context);
            }
            LinkCommand::Admit { record } => self.admit_from_link(organisation, record, context),
            LinkCommand::Apply { index, entry } => {
                let statement = Statement::decode(&entry.statement)
                    .map_err(|error| broken("a statement of a peer")(&error))?;
                self.apply(&statement, entry.received, context)?;
                let id = statement.id();
                self.tell_link(organisation, |link| link.handle_applied(index, id, context.now));
            }
            LinkCommand::Know { subscription, log, size } => {
                let known = frame::Cosigned { subscription, log, size, signature: None };
                self.send_up(organisation, known, context);
            }
            LinkCommand::Cosign { subscription, signed } => {
                let (log, size) = (signed.log.clone(), signed.checkpoint.size);
                let micros = u64::try_from(signed.time.as_micros()).unwrap_or(0);
                self.keep_place(&newest_name(organisation), micros)?;
                let signature = Some(self.cosign(&signed, context)?);
                let cosigned = frame::Cosigned { subscription, log, size, signature };
                self.send_up(organisation, cosigned, context);
            }
            LinkCommand::NotPermitted { .. } => context.ledger.counts.not_permitted += 1,
            other => self.keep(organisation, other, context)?,
        }
        Ok(())
    }

    /// The commands that touch nothing but the node's own disk and policy.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest must not happen")]
    fn keep(
        &mut self,
        organisation: &OrgName,
        command: LinkCommand,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        match command {
            LinkCommand::SavePosition { filter, position: Some(position) } => {
                self.keep_place(&place_name(&filter), position.value())?;
            }
            LinkCommand::SaveEntries { first, entries } => {
                let leaves = entries
                    .iter()
                    .map(|entry| Leaf { hash: entry.leaf, entry: Bytes::new() })
                    .collect();
                let log = LogName::Control(organisation.clone());
                let change = KeyedChange::AppendLeaves { log, first: first.value(), leaves };
                self.store.keyed.apply(&[change]).map_err(|_error| Halt::Crash)?;
            }
            LinkCommand::Heard { at } => {
                let mut policy = (*self.policy).clone();
                policy.note_heard(organisation, at);
                self.heard.insert(organisation.clone(), at);
                self.policy = Arc::new(policy);
                self.router.handle_policy(Arc::clone(&self.policy), context.now);
            }
            other => return Err(Broken(format!("a link must not come to {other:?}")).into()),
        }
        Ok(())
    }

    fn dial(&mut self, organisation: &OrgName, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(organisation) else { return };
        let Some(server) = context.world.city_of(organisation) else { return };
        let client = Client::Link { node: self.index, peer: organisation.clone() };
        let connection = context.network.open(client, server, self.own_node);
        peer.connection = Some(connection);
        let hello = frame::Hello {
            version: PROTOCOL_VERSION,
            software: "a simulation".to_owned(),
            organisation: organisation.clone(),
        };
        context.network.send_up(connection, hello, context.now, context.random);
    }

    fn hang_up(&mut self, organisation: &OrgName, context: &mut Context<'_>) {
        let connection = self.peers.get_mut(organisation).and_then(|peer| peer.connection.take());
        if let Some(connection) = connection {
            context.network.abandon(connection);
        }
    }

    fn send_up(&self, organisation: &OrgName, frame: impl Into<Frame>, context: &mut Context<'_>) {
        if let Some(connection) = self.peers.get(organisation).and_then(|peer| peer.connection) {
            context.network.send_up(connection, frame, context.now, context.random);
        }
    }

    pub(super) fn handle_link_frame(
        &mut self,
        organisation: &OrgName,
        stream: Stream,
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let now = context.now;
        if let (Frame::Refused(refused), Some(subscription)) = (&frame, stream.subscription()) {
            let code = refused.code;
            self.tell_link(organisation, |link| {
                link.handle_subscription_refused(subscription, code, now);
            });
            return Ok(());
        }
        if matches!(frame, Frame::Goodbye(_) | Frame::Refused(_)) {
            self.hang_up(organisation, context);
            self.tell_link(organisation, |link| link.handle_disconnected(now));
            return Ok(());
        }
        let Some(peer) = self.peers.get_mut(organisation) else { return Ok(()) };
        let link = &mut peer.link;
        if let Frame::Welcome(_) = frame {
            link.handle_connected(now);
        } else if let Frame::Record(record) = frame {
            link.handle_record(record, now);
        } else if let Frame::Gap(gap) = frame {
            link.handle_gap(&gap, now);
        } else if let Frame::Statements(statements) = frame {
            link.handle_statements(statements, now);
        } else if let Frame::Checkpoint(told) = frame {
            link.handle_checkpoint(&told, &StrictVerifier, now);
        } else if let Frame::Subscribed(subscribed) = frame {
            link.handle_subscribed(subscribed.subscription, now);
        } else {
            link.handle_heard(now);
        }
        Ok(())
    }

    pub(super) fn handle_link_closed(
        &mut self,
        organisation: &OrgName,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        if let Some(peer) = self.peers.get_mut(organisation)
            && peer.connection == Some(connection)
        {
            peer.connection = None;
            peer.link.handle_disconnected(context.now);
        }
        Ok(())
    }
}

fn place_name(filter: &Filter) -> String {
    format!("place of {filter}")
}

fn newest_name(organisation: &OrgName) -> String {
    format!("newest checkpoint of {organisation}")
}
