//! The live state of a node, and the loop that carries out what router and links want.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{OrgName, PrincipalId, StatementIndex, Timestamp};
use sekisho_routing::{
    Command, NewRecord, ReplayFrom, ReplayId, Router, SessionId, SubscriptionId, Ticket,
};
use sekisho_store::{LogReader, Store, fault::FaultDisk};
use sekisho_tlog::Tree;

use super::{
    Context, Halt, Task,
    budgets::Histories,
    carrying::Way,
    following::Peer,
    queues::{Gathering, Outbox},
};
use crate::{
    failure::ensure,
    network::ConnectionId,
    rights::{Judge, Known},
};

/// Frames of one subscription that may be under way to a client.
pub(super) const OUTBOX_FRAMES: usize = 6;

pub(crate) struct Running {
    pub(super) index: usize,
    pub(super) own: OrgName,
    pub(super) own_node: PrincipalId,
    pub(super) router: Router,
    pub(super) policy: Arc<Policy>,
    /// The own control log as it is shown to peers.
    pub(super) log: Tree,
    /// The ids of the statements in the policy.
    pub(super) known: Known,
    /// When the log of each peer was last known to be complete, since this node was started.
    pub(super) heard: BTreeMap<OrgName, Timestamp>,
    pub(super) disk: Arc<FaultDisk>,
    pub(super) store: Store,
    pub(super) reader: LogReader,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) of_connection: BTreeMap<ConnectionId, SessionId>,
    pub(super) peers: BTreeMap<OrgName, Peer>,
    pub(super) appends: VecDeque<Append>,
    pub(super) failed: BTreeSet<Ticket>,
    pub(super) unreported: VecDeque<(Ticket, sekisho_routing::Appended)>,
    pub(super) replays: Vec<Asked>,
    /// To the homes of publishers that are here.
    pub(super) ways: BTreeMap<OrgName, Way>,
    /// How fast peers are given what is older than their questions.
    pub(super) histories: Histories,
    pub(super) last_session: u64,
    /// Where it hears several things before it does what follows from them.
    pub(super) gathering: Option<Gathering>,
    /// When is looked whether a contract has begun.
    pub(super) look_again: Timestamp,
}

/// A client or peer that was welcomed.
pub(super) struct Session {
    pub(super) connection: ConnectionId,
    pub(super) recipient: Recipient,
    /// Where delivery of each subscription began: nothing before it may come.
    pub(super) begun: BTreeMap<SubscriptionId, sekisho_proto::Position>,
    pub(super) blocked: BTreeSet<SubscriptionId>,
    /// What waits to be written, where this node does not write at once.
    pub(super) outboxes: BTreeMap<SubscriptionId, Outbox>,
    /// Where the log ended when each subscription began.
    pub(super) asked_at: BTreeMap<SubscriptionId, sekisho_proto::Position>,
    pub(super) follows: Option<Follower>,
    /// With a former peer: the end of what it may follow. It may do nothing else.
    pub(super) parting: Option<StatementIndex>,
}

/// Somebody who reads the control log.
pub(super) struct Follower {
    pub(super) subscription: u32,
    pub(super) organisation: OrgName,
    pub(super) next: StatementIndex,
    /// Whether it knows that it has reached the end once.
    pub(super) told: bool,
    /// Size and time of the last checkpoint that it was shown.
    pub(super) shown: Option<(u64, Timestamp)>,
    /// The last checkpoint that was passed on to it.
    pub(super) passed_on: Option<String>,
}

pub(super) struct Append {
    pub(super) ticket: Ticket,
    pub(super) after: Option<Ticket>,
    pub(super) record: NewRecord,
}

pub(super) struct Asked {
    /// Whose history it is.
    pub(super) paced: Option<OrgName>,
    pub(super) session: SessionId,
    pub(super) subscription: SubscriptionId,
    pub(super) replay: ReplayId,
    pub(super) filter: sekisho_proto::Filter,
    pub(super) from: ReplayFrom,
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
}

impl Running {
    /// Carries out everything that router and links want.
    pub(super) fn drain(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        loop {
            let mut idle = true;
            while let Some(command) = self.router.poll_command() {
                idle = false;
                self.carry_out(command, context)?;
            }
            idle &= self.drain_links(context)?;
            if idle {
                return Ok(());
            }
        }
    }

    /// Carries out what links want; whether there was nothing.
    pub(super) fn drain_links(&mut self, context: &mut Context<'_>) -> Result<bool, Halt> {
        let mut idle = true;
        let organisations: Vec<OrgName> = self.peers.keys().cloned().collect();
        for organisation in organisations {
            while let Some(command) = self.poll_link(&organisation) {
                idle = false;
                self.carry_out_for_link(&organisation, command, context)?;
            }
        }
        let links = self.peers.len();
        self.forget_ended_links(context)?;
        Ok(idle && self.peers.len() == links)
    }

    fn carry_out(&mut self, command: Command, context: &mut Context<'_>) -> Result<(), Halt> {
        match command {
            Command::Append { ticket, after, record } => {
                self.appends.push_back(Append { ticket, after, record });
                Ok(())
            }
            Command::Replay {
                session,
                subscription,
                replay,
                filter,
                from,
                records_max,
                bytes_max,
            } => {
                let records_max = usize::try_from(records_max).unwrap_or(usize::MAX);
                let paced = self.paced(session, subscription, from);
                let asked = Asked {
                    paced,
                    session,
                    subscription,
                    replay,
                    filter,
                    from,
                    records_max,
                    bytes_max,
                };
                self.replays.push(asked);
                Ok(())
            }
            Command::LinkStored { organisation, position } => {
                let steady = context.network.now;
                self.settle(&organisation, |link| link.handle_stored(position, steady));
                Ok(())
            }
            Command::LinkRefused { organisation, position, what, why, .. } => {
                self.link_refused(&organisation, position, &format!("{what}: {why}"), context)
            }
            Command::LinkFailed { organisation, position, .. } => {
                let steady = context.network.now;
                self.settle(&organisation, |link| link.handle_failed(position, steady));
                Ok(())
            }
            Command::StoreCursor { principal, name, position } => {
                self.store_cursor(principal, name, position)
            }
            Command::Published { .. }
            | Command::Refused { .. }
            | Command::Dropped { .. }
            | Command::Deliver { .. }
            | Command::Gap { .. }
            | Command::Subscribed { .. }
            | Command::EndSubscription { .. }
            | Command::CutSession { .. } => self.serve(command, context),
        }
    }

    /// Timers that are due, and outboxes that have room again.
    pub(super) fn tick(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let (now, steady) = (context.now, context.network.now);
        for peer in self.peers.values_mut() {
            if peer.link.poll_timeout(steady).is_some_and(|(due, _)| due <= steady) {
                peer.link.handle_timeout(steady);
            }
        }
        for (organisation, peer) in &mut self.peers {
            let due = peer.link.poll_timeout(steady).filter(|(due, _)| *due <= steady);
            ensure(due.is_none(), || {
                format!("the link of node {} to {organisation} spins: {due:?}", self.index)
            })?;
        }
        self.write_outboxes(context)?;
        self.close_ways(context);
        self.free_outboxes(context);
        if self.look_again <= now {
            self.follow_peers(context)?;
        }
        self.tell_followers(context)
    }

    /// When a link has something to do by itself, by the true time.
    pub(super) fn next_timeout(&mut self, steady: Timestamp) -> Option<Timestamp> {
        let due = self.peers.values_mut().filter_map(|peer| peer.link.poll_timeout(steady));
        due.map(|(due, _)| due).min()
    }

    pub(super) fn has(&self, task: Task, steady: Timestamp) -> bool {
        match task {
            Task::Flush => !self.appends.is_empty(),
            Task::Report => !self.unreported.is_empty(),
            Task::Replay => !self.readable(steady).is_empty(),
            Task::Tick => true,
        }
    }

    /// Whether nothing waits inside.
    pub(super) fn is_idle(&self) -> bool {
        self.appends.is_empty()
            && self.unreported.is_empty()
            && self.replays.is_empty()
            && self.router.queued_count() == 0
            && self.gathering.as_ref().is_none_or(Gathering::is_empty)
            && self.sessions.values().all(|session| {
                session.blocked.is_empty() && session.outboxes.values().all(Outbox::is_empty)
            })
    }

    /// Whether everything that an organisation's topics have here has come.
    pub(crate) fn has_caught_up(&self, organisation: &OrgName) -> bool {
        self.peers.get(organisation).is_some_and(|peer| {
            let link = &peer.link;
            link.is_connected() && link.undone() == 0 && link.not_permitted() == 0
        })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// Itself, as one who decides.
    pub(crate) const fn judge(&self, now: Timestamp) -> Judge<'_> {
        Judge { own: &self.own, known: &self.known, now }
    }
}
