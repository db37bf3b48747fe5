//! The state machine of one link: dial, follow, subscribe, take in, acknowledge, and begin again.

use std::collections::{BTreeMap, VecDeque};

use sekisho_policy::{PeeringView, Policy};
use sekisho_proto::{Filter, OrgName, Position, PrincipalId, StatementIndex, Timestamp};
use sekisho_tlog::{Frontier, Known};

use crate::{Backoff, Budget, LinkLimits, asking::Asking, holding::Holding, intake::Intake};

mod asking;
mod command;
mod taking;
mod witnessing;

pub use command::{DropReason, HangupReason, LinkCommand, Taken};
pub use witnessing::FollowedEntry;
use witnessing::Witness;

/// The subscription number of the peer's control log; records have those from 1 on.
const CONTROL_LOG: u32 = 0;

/// Pulls what a peering allows from one peer's node.
///
/// **Inputs** are the `handle_*` methods, **outputs** the [`LinkCommand`]s of
/// [`poll_command`](Self::poll_command), to be carried out in order after every input. **Time** is
/// the argument `now`; call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) has come.
///
/// After [`LinkCommand::Dial`] the shell reports [`handle_connected`](Self::handle_connected) when
/// the peer has welcomed it, or [`handle_disconnected`](Self::handle_disconnected). After
/// [`LinkCommand::Hangup`] it drops the connection and reports nothing more of it.
///
/// The peer's control log comes first: nothing is subscribed to before all of it is applied and a
/// checkpoint has shown that it is all of it, so that records are judged by what their owner says
/// now. What the peer does not permit is asked
/// for again: see [`handle_subscription_refused`](Self::handle_subscription_refused).
///
/// Every [`LinkCommand::Admit`] has one outcome: [`handle_stored`](Self::handle_stored),
/// [`handle_refused`](Self::handle_refused), [`handle_denied`](Self::handle_denied) or
/// [`handle_failed`](Self::handle_failed), also where the connection that brought it is gone. A
/// position is acknowledged and saved only when everything up to it is done with.
#[derive(Debug)]
pub struct Link {
    own_node: PrincipalId,
    peering: PeeringView,
    peer_node: PrincipalId,
    limits: LinkLimits,
    phase: Phase,
    intakes: Vec<Intake>,
    places: BTreeMap<Filter, Position>,
    witness: Witness,
    /// What of the peer's control log was passed on to be applied here.
    passed_on: StatementIndex,
    reading: Reading,
    heard: Option<Timestamp>,
    heard_told: Option<Timestamp>,
    backoff: Backoff,
    seed: u64,
    budget: Budget,
    holding: Holding,
    saved_at: Option<Timestamp>,
    ping: u64,
    queue: VecDeque<LinkCommand>,
    counters: LinkCounters,
}

/// Where a link was when it was last at work.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// For each filter, where to go on in the peer's log.
    pub positions: BTreeMap<Filter, Position>,
    /// The peer's control log as far as it is applied here, by the peer's own count.
    pub log: Frontier,
    /// When the peer's control log was last known to be complete here.
    pub heard: Option<Timestamp>,
    /// The time of the newest checkpoint of it.
    pub newest: Option<Timestamp>,
    /// The peer's access log as it was last cosigned here.
    pub access: Option<Known>,
}

/// What a link has done since it was made; each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Records passed on to be admitted.
    pub taken: u64,
    /// Records dropped for the nodes they passed.
    pub dropped: u64,
    /// Records that this node refused for good.
    pub refused: u64,
    /// Gaps the peer told.
    pub gaps: u64,
    /// Bytes of envelopes.
    pub bytes: u64,
    /// Connections that were welcomed.
    pub connected: u64,
    /// Times the link hung up on the peer.
    pub hung_up: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting { until: Timestamp },
    Dialling,
    Connected { since: Timestamp, last_frame: Timestamp, last_ping: Timestamp },
    Ended,
}

/// How much of the peer's control log is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// There may be more than has come.
    Behind,
    /// Everything has come; some of it may not be applied yet.
    Told,
    /// Everything is applied, and what is added comes as it is made.
    Complete,
}

impl Link {
    /// A link to the peer of `peering`, which dials at once. `own_node` is this node's key id;
    /// `seed` spreads the back-off.
    #[must_use]
    pub fn new(
        own_node: PrincipalId,
        peering: PeeringView,
        resume: Resume,
        limits: LinkLimits,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let mut link = Self {
            own_node,
            peer_node: PrincipalId::of(&peering.theirs.node_key),
            limits,
            phase: Phase::Waiting { until: now },
            intakes: Vec::new(),
            places: resume.positions,
            passed_on: StatementIndex::new(resume.log.size()),
            witness: Witness::new(resume.log, resume.newest, resume.access, now),
            reading: Reading::Behind,
            heard: resume.heard,
            heard_told: None,
            seed,
            backoff: Backoff::new(limits.backoff_min, limits.backoff_max, seed),
            budget: Budget::new(peering.theirs.bytes_per_s.unwrap_or(limits.bytes_per_s), now),
            holding: Holding::default(),
            saved_at: None,
            ping: 0,
            queue: VecDeque::new(),
            counters: LinkCounters::default(),
            peering,
        };
        link.take_up_filters();
        link.dial();
        link
    }

    /// The peer.
    #[must_use]
    pub const fn organisation(&self) -> &OrgName {
        &self.peering.organisation
    }

    /// Whether the peer has welcomed this node.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }

    /// Whether the peering is over: the link does nothing more and can be dropped.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// When the peer's control log was last known to be complete here; none = never.
    #[must_use]
    pub const fn heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// Whether the peer's log has not been heard for so long that it cannot be relied upon.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.heard.is_none_or(|heard| now.saturating_since(heard) > self.limits.stale_after)
    }

    /// Where the link would go on after a restart, for each filter.
    #[must_use]
    pub const fn places(&self) -> &BTreeMap<Filter, Position> {
        &self.places
    }

    /// Records passed on without an outcome.
    #[must_use]
    pub fn undone(&self) -> usize {
        self.intakes.iter().map(Intake::undone).sum()
    }

    /// Subscriptions that the peer does not permit for now.
    #[must_use]
    pub fn not_permitted(&self) -> usize {
        self.intakes.iter().filter(|intake| !intake.asking.is_open()).count()
    }

    /// What it has done.
    #[must_use]
    pub const fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// The peer welcomed this node.
    pub fn handle_connected(&mut self, now: Timestamp) {
        if self.phase != Phase::Dialling {
            return;
        }
        self.phase = Phase::Connected { since: now, last_frame: now, last_ping: now };
        self.heard_told = None;
        self.counters.connected = self.counters.connected.saturating_add(1);
        self.witness.begin_anew(now);
        self.passed_on = self.witness.applied();
        self.queue.push_back(LinkCommand::Follow {
            subscription: CONTROL_LOG,
            organisation: self.peering.organisation.clone(),
            from: self.passed_on,
        });
        self.queue.push_back(self.known_of_access());
    }

    /// The connection is gone, or could not be made.
    pub fn handle_disconnected(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Dialling | Phase::Connected { .. } => self.wait(now),
            Phase::Waiting { .. } | Phase::Ended => {}
        }
    }

    /// The peer answered a ping, or sent a frame that has no method here.
    pub fn handle_heard(&mut self, now: Timestamp) {
        if let Phase::Connected { last_frame, .. } = &mut self.phase {
            *last_frame = now;
        }
    }

    /// The policy changed, and with it perhaps the peering.
    pub fn handle_policy(&mut self, policy: &Policy, now: Timestamp) {
        if self.phase == Phase::Ended {
            return;
        }
        let peering = policy.peer(&self.peering.organisation);
        let Some(peering) = peering.filter(|peering| peering.is_in_force(now)) else {
            self.end();
            return;
        };
        if peering == self.peering {
            return;
        }
        if peering.theirs.root != self.peering.theirs.root {
            // Another organisation under the same name: nothing that was known of its logs holds.
            self.end();
            return;
        }
        self.peer_node = PrincipalId::of(&peering.theirs.node_key);
        self.budget =
            Budget::new(peering.theirs.bytes_per_s.unwrap_or(self.limits.bytes_per_s), now);
        self.peering = peering;
        self.save(now);
        self.take_up_filters();
        match self.phase {
            Phase::Dialling | Phase::Connected { .. } => {
                self.hang_up(HangupReason::PeeringChanged, now);
            }
            Phase::Waiting { .. } | Phase::Ended => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, and why.
    pub fn poll_timeout(&mut self, now: Timestamp) -> Option<(Timestamp, &'static str)> {
        let (last_frame, last_ping) = match self.phase {
            Phase::Ended | Phase::Dialling => return self.save_due().map(|due| (due, "save")),
            Phase::Waiting { until } => {
                let save = self.save_due().map(|due| (due, "save"));
                return Some((until, "dial")).into_iter().chain(save).min();
            }
            Phase::Connected { last_frame, last_ping, .. } => (last_frame, last_ping),
        };
        let silence = last_frame.saturating_add(self.limits.silence_max);
        let ping = last_ping.saturating_add(self.limits.ping_interval);
        let budget = self.budget.exhausted_until(now).map(|until| (until, "budget"));
        let held = self.holding.due().map(|due| (due, "held"));
        let again = self.ask_again_due().map(|due| (due, "ask again"));
        let save = self.save_due().map(|due| (due, "save"));
        let checkpoint = self.checkpoint_due().map(|due| (due, "checkpoint"));
        [(silence, "silence"), (ping, "ping")]
            .into_iter()
            .chain(checkpoint)
            .chain(budget)
            .chain(held)
            .chain(again)
            .chain(save)
            .min()
    }

    /// A time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.save_where_due(now);
        match self.phase {
            Phase::Waiting { until } if until <= now => self.dial(),
            Phase::Connected { last_frame, .. }
                if now.saturating_since(last_frame) >= self.limits.silence_max =>
            {
                self.hang_up(HangupReason::Silent { since: last_frame }, now);
            }
            Phase::Connected { last_ping, .. } => {
                if self.give_up_without_checkpoint(now) {
                    return;
                }
                if now.saturating_since(last_ping) >= self.limits.ping_interval {
                    self.ping(now);
                }
                self.give_up_held(now);
                self.ask_again(now);
                self.grant(now);
            }
            Phase::Waiting { .. } | Phase::Dialling | Phase::Ended => {}
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<LinkCommand> {
        self.queue.pop_front()
    }

    fn dial(&mut self) {
        self.phase = Phase::Dialling;
        self.queue.push_back(LinkCommand::Dial {
            address: self.peering.theirs.address.clone(),
            node_key: self.peering.theirs.node_key,
        });
    }

    fn ping(&mut self, now: Timestamp) {
        self.ping = self.ping.wrapping_add(1);
        if let Phase::Connected { last_ping, .. } = &mut self.phase {
            *last_ping = now;
        }
        self.queue.push_back(LinkCommand::Ping { token: self.ping });
    }

    fn wait(&mut self, now: Timestamp) {
        self.holding.clear();
        self.reading = Reading::Behind;
        self.witness.begin_anew(now);
        if let Phase::Connected { since, .. } = self.phase
            && now.saturating_since(since) >= self.limits.stable_after
        {
            self.backoff.reset();
        }
        self.phase = Phase::Waiting { until: now.saturating_add(self.backoff.next_pause()) };
    }

    fn hang_up(&mut self, reason: HangupReason, now: Timestamp) {
        self.counters.hung_up = self.counters.hung_up.saturating_add(1);
        self.queue.push_back(LinkCommand::Hangup { reason });
        self.wait(now);
    }

    fn end(&mut self) {
        if matches!(self.phase, Phase::Dialling | Phase::Connected { .. }) {
            self.queue.push_back(LinkCommand::Hangup { reason: HangupReason::PeeringEnded });
        }
        self.holding.clear();
        self.phase = Phase::Ended;
    }

    /// One intake for each filter this organisation imports, but none for a filter that another
    /// one contains: a record comes once.
    fn take_up_filters(&mut self) {
        let mut filters: Vec<&Filter> = self.peering.ours.imports.iter().collect();
        filters.sort();
        filters.dedup();
        let contained = |filter: &Filter| {
            filters.iter().any(|other| *other != filter && other.contains(filter))
        };
        let wanted: Vec<Filter> = filters
            .iter()
            .filter(|filter| !contained(filter))
            .map(|filter| (*filter).clone())
            .collect();
        let share = u32::try_from(wanted.len()).unwrap_or(u32::MAX).max(1);
        let window = (self.limits.window_records / share).max(1);
        self.intakes = wanted
            .into_iter()
            .zip(1_u64..)
            .map(|(filter, number)| {
                let place = self.places.get(&filter).copied();
                let asking = Asking::new(&self.limits, self.seed.wrapping_add(number));
                Intake::new(filter, place, window, asking)
            })
            .collect();
    }

    fn save_due(&self) -> Option<Timestamp> {
        let unsaved = self.witness.has_unsaved() || self.intakes.iter().any(Intake::is_unsaved);
        unsaved.then(|| {
            self.saved_at.map_or(Timestamp::MIN, |at| at.saturating_add(self.limits.save_interval))
        })
    }

    fn save_where_due(&mut self, now: Timestamp) {
        if self.save_due().is_some_and(|due| due <= now) {
            self.save(now);
        }
    }

    fn save(&mut self, now: Timestamp) {
        self.queue.extend(self.witness.take_unsaved());
        for intake in &mut self.intakes {
            if let Some(position) = intake.take_unsaved() {
                self.places.insert(intake.filter.clone(), position);
                let filter = intake.filter.clone();
                self.queue
                    .push_back(LinkCommand::SavePosition { filter, position: Some(position) });
            }
        }
        self.saved_at = Some(now);
    }
}

#[cfg(test)]
mod tests;
