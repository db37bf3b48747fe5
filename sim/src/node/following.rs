//! The node's links: what it pulls from its peers, one for each organisation whose topics come here.

use std::{sync::Arc, time::Duration};

use sekisho_federation::{
    DropReason, HangupReason, Link, LinkCommand, LinkLimits, LogFault, Resume, SignedCheckpoint,
};
use sekisho_policy::Route;
use sekisho_proto::{
    Frame, GapReason, LogEntry, LogName, OrgName, Position, Statement, StatementIndex, Timestamp,
    frame, limits::PROTOCOL_VERSION,
};
use sekisho_seal::StrictVerifier;
use sekisho_store::{Keyed as _, KeyedChange, Leaf};
use sekisho_tlog::Frontier;

use super::{Context, Halt, bounds::LINK_WINDOW, budgets::Spent, running::Running};
use crate::{
    failure::{Broken, broken, ensure},
    network::{Client, ConnectionId, Stream},
};

/// How often is looked whether a contract has begun.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A link and its connection.
pub(super) struct Peer {
    pub(super) link: Link,
    /// Records that were handed to the router and have no outcome yet.
    pub(super) under_way: u64,
    pub(super) spent: Spent,
    connection: Option<ConnectionId>,
}

impl Running {
    /// Begins the links that contracts ask for. An organisation has one at a time.
    pub(super) fn follow_peers(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        self.look_again = context.now.saturating_add(LOOK_AGAIN);
        for route in self.policy.routes(context.now) {
            if self.peers.contains_key(&route.organisation) {
                continue;
            }
            let resume = self.resume(&route)?;
            let limits = LinkLimits { window_records: LINK_WINDOW, ..LinkLimits::default() };
            let (seed, steady) = (context.random.draw(), context.network.now);
            let Route { organisation, view, .. } = route;
            let link = Link::new(self.own_node, view, resume, limits, seed, steady);
            let peer = Peer { link, under_way: 0, spent: Spent::new(), connection: None };
            self.peers.insert(organisation.clone(), peer);
            self.router.handle_link(&organisation);
            self.follow_budgets(context);
            self.tell_wall_clock(context);
            self.tell_node_keys(&organisation, context);
            self.router.handle_policy(Arc::clone(&self.policy), context.now);
        }
        Ok(())
    }

    /// The policy has changed, and with it perhaps what the links are for.
    pub(super) fn tell_links(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let steady = context.network.now;
        for peer in self.peers.values_mut() {
            peer.link.handle_policy(&self.policy, steady);
        }
        self.follow_budgets(context);
        self.follow_peers(context)
    }

    pub(super) fn tell_wall_clock(&mut self, context: &Context<'_>) {
        let ahead = context.now.as_micros().saturating_sub(context.network.now.as_micros());
        for peer in self.peers.values_mut() {
            peer.link.handle_wall_clock(ahead);
        }
    }

    /// Who signs for a log that comes through a peer is in that log.
    fn tell_node_keys(&mut self, owner: &OrgName, context: &Context<'_>) {
        let steady = context.network.now;
        let all = self.policy.principals(owner).into_iter();
        let nodes = all.filter(|known| known.kind == sekisho_proto::PrincipalKind::Node);
        let keys =
            nodes.filter(|node| node.revoked.is_none()).map(|node| node.public_key).collect();
        if let Some(peer) = self.peers.get_mut(owner)
            && peer.link.is_transit()
        {
            peer.link.handle_node_keys(keys, &StrictVerifier, steady);
        }
    }

    fn resume(&mut self, route: &Route) -> Result<Resume, Halt> {
        let owner = &route.organisation;
        let places = self.places(owner)?;
        let name = LogName::Control(owner.clone());
        let leaves = self.store.keyed.leaves(&name, 0, usize::MAX).map_err(|_error| Halt::Crash)?;
        let mut log = Frontier::new();
        leaves.iter().for_each(|leaf| log.append(leaf.hash));
        if !self.heard.contains_key(owner) {
            self.note_heard(owner, places.heard.unwrap_or(route.view.from));
        }
        Ok(Resume {
            positions: places.at(&route.via),
            log,
            heard: places.heard,
            newest: places.newest,
            access: None,
            elsewhere: places.elsewhere(&route.via),
        })
    }

    /// Drops the links whose contract is over; what they wanted done is done.
    pub(super) fn forget_ended_links(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let before = self.peers.len();
        self.peers.retain(|_, peer| !peer.link.is_ended() || peer.under_way > 0);
        if self.peers.len() < before {
            // There may be another way.
            self.follow_peers(context)?;
        }
        Ok(())
    }

    pub(super) fn poll_link(&mut self, organisation: &OrgName) -> Option<LinkCommand> {
        self.peers.get_mut(organisation).and_then(|peer| peer.link.poll_command())
    }

    pub(super) fn tell_link(&mut self, organisation: &OrgName, tell: impl FnOnce(&mut Link)) {
        if let Some(peer) = self.peers.get_mut(organisation) {
            tell(&mut peer.link);
        }
    }

    fn spend(&mut self, organisation: &OrgName, spend: impl FnOnce(&mut Spent)) {
        if let Some(peer) = self.peers.get_mut(organisation) {
            spend(&mut peer.spent);
        }
    }

    /// What was handed to the router has an outcome.
    pub(super) fn settle(&mut self, organisation: &OrgName, tell: impl FnOnce(&mut Link)) {
        if let Some(peer) = self.peers.get_mut(organisation) {
            peer.under_way = peer.under_way.saturating_sub(1);
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
            LinkCommand::Dial { .. } => {
                self.spend(organisation, Spent::forget_asked);
                self.dial(organisation, context);
            }
            LinkCommand::Hangup { reason } => {
                self.judge_hangup(organisation, &reason, context)?;
                self.hang_up(organisation, context);
            }
            LinkCommand::Follow { subscription, organisation: whose, from } => {
                let follow = frame::Follow { subscription, organisation: whose, from };
                self.send_up(organisation, follow, context);
            }
            LinkCommand::Subscribe { subscription, filter, start, credit } => {
                self.check_credit(organisation, credit, context)?;
                self.spend(organisation, |spent| spent.ask(subscription, true));
                let subscribe =
                    frame::Subscribe { subscription, filter, start, cursor: None, credit };
                self.send_up(organisation, subscribe, context);
            }
            LinkCommand::Unsubscribe { subscription } => {
                self.spend(organisation, |spent| spent.ask(subscription, false));
                self.send_up(organisation, frame::Unsubscribe { subscription }, context);
            }
            LinkCommand::Credit { subscription, records } => {
                self.check_credit(organisation, records, context)?;
                self.send_up(organisation, frame::Credit { subscription, records }, context);
            }
            LinkCommand::Acknowledge { subscription, position } => {
                self.send_up(organisation, frame::Acknowledge { subscription, position }, context);
            }
            LinkCommand::Ping { token } => {
                self.send_up(organisation, frame::Ping { token }, context);
            }
            LinkCommand::Admit { record } => {
                self.admit_from_link(organisation, record, context)?;
            }
            LinkCommand::Apply { index, entry } => {
                self.apply_foreign(organisation, index, &entry, context)?;
            }
            LinkCommand::Know { subscription, log, size } => {
                let known = frame::Cosigned { subscription, log, size, signature: None };
                self.send_up(organisation, known, context);
            }
            LinkCommand::Cosign { subscription, signed } => {
                self.keep_checkpoint(organisation, &signed)?;
                let (log, size) = (signed.log.clone(), signed.checkpoint.size);
                let signature = Some(self.cosign(&signed, context)?);
                let cosigned = frame::Cosigned { subscription, log, size, signature };
                self.send_up(organisation, cosigned, context);
            }
            LinkCommand::KeepCheckpoint { signed } => {
                self.keep_checkpoint(organisation, &signed)?;
            }
            LinkCommand::NotPermitted { .. } => context.ledger.counts.not_permitted += 1,
            other => self.keep(organisation, other, context)?,
        }
        Ok(())
    }

    /// Every node is honest: whoever distrusts one is wrong, unless a disk has lost what it said it
    /// kept, or a checkpoint was under way while nothing moved for a quarter of an hour.
    fn judge_hangup(
        &self,
        organisation: &OrgName,
        reason: &HangupReason,
        context: &Context<'_>,
    ) -> Result<(), Broken> {
        let old =
            matches!(reason, HangupReason::Log(LogFault::Frozen { .. } | LogFault::Missing { .. }));
        let fault = reason.is_fault() && !old && !self.is_excused(organisation, context);
        ensure(!fault, || {
            format!("{} distrusts the honest node of {organisation}: {reason}", self.own)
        })
    }

    fn apply_foreign(
        &mut self,
        organisation: &OrgName,
        index: StatementIndex,
        entry: &LogEntry,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let statement = Statement::decode(&entry.statement)
            .map_err(|error| broken("a statement of a peer")(&error))?;
        let (id, steady) = (statement.id(), context.network.now);
        match self.apply(&statement, entry.received, context) {
            Err(Halt::Broken(_)) if self.is_excused(organisation, context) => {
                self.tell_link(organisation, |link| link.handle_bad_statement(index, steady));
            }
            applied => {
                applied?;
                self.tell_link(organisation, |link| link.handle_applied(index, id, steady));
                self.tell_node_keys(organisation, context);
            }
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
            LinkCommand::SavePosition { filter, position } => {
                let peer = self.peers.get(organisation);
                let Some(via) = peer.map(|peer| peer.link.via().clone()) else { return Ok(()) };
                context.ledger.counts.restarts_told += u64::from(position.is_none());
                self.change_places(organisation, |places| places.keep(&via, filter, position))?;
            }
            LinkCommand::SaveEntries { first, entries } => {
                let leaves = entries
                    .into_iter()
                    .map(|entry| {
                        let whole = LogEntry { received: entry.received, statement: entry.encoded };
                        Leaf { hash: entry.leaf, entry: whole.encode().into() }
                    })
                    .collect();
                let log = LogName::Control(organisation.clone());
                let change = KeyedChange::AppendLeaves { log, first: first.value(), leaves };
                self.store.keyed.apply(&[change]).map_err(|_error| Halt::Crash)?;
            }
            LinkCommand::Heard { at } => {
                self.change_places(organisation, |places| places.heard = Some(at))?;
                self.note_heard(organisation, at);
                self.router.handle_policy(Arc::clone(&self.policy), context.now);
            }
            LinkCommand::Missing { reason: GapReason::Corrupt, .. }
                if self.is_doubtful(organisation, context) =>
            {
                context.ledger.counts.told_damaged += 1;
            }
            LinkCommand::Dropped { reason, position } => {
                let what = format!("{} drops {position} of {organisation}: {reason:?}", self.own);
                ensure(reason == DropReason::Loop, || what)?;
            }
            LinkCommand::Distrust { fault: LogFault::Frozen { .. } } => {}
            other => return Err(Broken(format!("a link must not come to {other:?}")).into()),
        }
        Ok(())
    }

    /// Keeps that a log was found in order so far: that much of it may be passed on.
    fn keep_checkpoint(&self, owner: &OrgName, signed: &SignedCheckpoint) -> Result<(), Halt> {
        self.change_places(owner, |places| places.newest = Some(signed.time))?;
        let note = format!("{} {}", signed.checkpoint.size, signed.note);
        self.keep_text(&note_name(owner), note)
    }

    /// The newest checkpoint of another organisation that was found in order here, and its size.
    pub(super) fn newest_note(&self, owner: &OrgName) -> Result<Option<(u64, String)>, Halt> {
        let text = self.text(&note_name(owner))?;
        let parts = text.as_deref().and_then(|text| text.split_once(' '));
        Ok(parts.and_then(|(size, note)| Some((size.parse().ok()?, note.to_owned()))))
    }

    /// A peer that is not heard fails closed after a while, also where this node was down meanwhile.
    pub(super) fn watch_peers(&mut self, context: &Context<'_>) -> Result<(), Halt> {
        for route in self.policy.routes(context.now) {
            let heard = self.places(&route.organisation)?.heard;
            self.note_heard(&route.organisation, heard.unwrap_or(route.view.from));
        }
        Ok(())
    }

    fn note_heard(&mut self, organisation: &OrgName, at: Timestamp) {
        let mut policy = (*self.policy).clone();
        policy.note_heard(organisation, at);
        let heard = self.heard.entry(organisation.clone()).or_insert(at);
        *heard = at.max(*heard);
        self.policy = Arc::new(policy);
    }

    /// Whether a disk, this node's or another on the way, has lost what it said it kept: then they
    /// need not agree any more.
    pub(super) fn is_excused(&self, organisation: &OrgName, context: &Context<'_>) -> bool {
        let via =
            self.peers.get(organisation).and_then(|peer| context.world.city_of(peer.link.via()));
        let owner = context.world.city_of(organisation);
        [Some(self.index), via, owner]
            .into_iter()
            .flatten()
            .any(|node| context.ledger.doubt(node).lied)
    }

    fn is_doubtful(&self, organisation: &OrgName, context: &Context<'_>) -> bool {
        let via =
            self.peers.get(organisation).and_then(|peer| context.world.city_of(peer.link.via()));
        let doubt = via.map(|node| context.ledger.doubt(node));
        doubt.is_some_and(|doubt| doubt.rotten || doubt.lied)
    }

    /// A record that a peer gave is refused for good. That must not be, unless disks have lost
    /// something or the contract was another one in between.
    pub(super) fn link_refused(
        &mut self,
        organisation: &OrgName,
        position: Position,
        what: &str,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let changed = context.ledger.is_disturbed(self.index, organisation);
        ensure(changed || self.is_excused(organisation, context), || {
            format!("{} refuses {what}, which {organisation} stored", self.own)
        })?;
        let steady = context.network.now;
        self.settle(organisation, |link| link.handle_refused(position, steady));
        Ok(())
    }

    fn dial(&mut self, organisation: &OrgName, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(organisation) else { return };
        let via = peer.link.via().clone();
        let Some(server) = context.world.city_of(&via) else { return };
        let client = Client::Link { node: self.index, peer: organisation.clone() };
        let connection = context.network.open(client, server, self.own_node, context.random);
        peer.connection = Some(connection);
        let hello = frame::Hello {
            version: PROTOCOL_VERSION,
            software: "a simulation".to_owned(),
            organisation: via,
        };
        context.network.send_up(connection, hello, context.random);
    }

    fn hang_up(&mut self, organisation: &OrgName, context: &mut Context<'_>) {
        let connection = self.peers.get_mut(organisation).and_then(|peer| peer.connection.take());
        if let Some(connection) = connection {
            context.network.abandon(connection);
        }
    }

    fn send_up(&self, organisation: &OrgName, frame: impl Into<Frame>, context: &mut Context<'_>) {
        if let Some(connection) = self.peers.get(organisation).and_then(|peer| peer.connection) {
            context.network.send_up(connection, frame, context.random);
        }
    }

    pub(super) fn handle_link_frame(
        &mut self,
        organisation: &OrgName,
        (connection, stream): (ConnectionId, Stream),
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let now = context.network.now;
        let current = self.peers.get(organisation).and_then(|peer| peer.connection);
        if current != Some(connection) {
            return Ok(());
        }
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
            if link.is_connected() {
                peer.spent.record(record.envelope.len(), now);
            }
            link.handle_record(record, now);
        } else if let Frame::Gap(gap) = frame {
            link.handle_gap(&gap, now);
        } else if let Frame::Statements(statements) = frame {
            link.handle_statements(statements, now);
        } else if let Frame::Checkpoint(told) = frame {
            link.handle_checkpoint(&told, &StrictVerifier, now);
        } else if let Frame::Subscribed(subscribed) = frame {
            link.handle_subscribed(subscribed.subscription, subscribed.position, now);
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
            peer.link.handle_disconnected(context.network.now);
        }
        Ok(())
    }
}

fn note_name(owner: &OrgName) -> String {
    format!("checkpoint of {owner}")
}
