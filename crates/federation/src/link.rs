//! The state machine of one link: dial, follow, subscribe, take in, acknowledge, and begin again.

use std::collections::{BTreeMap, VecDeque};

use sekisho_policy::{PeeringView, Policy};
use sekisho_proto::{Filter, OrgName, Position, PrincipalId, PublicKey, StatementIndex, Timestamp};
use sekisho_tlog::{Frontier, Known};

use crate::{
    Backoff, BudgetWaits, LinkLimits, holding::Holding, intake::Intake, interest::Interests,
    spending::Spending,
};

mod asking;
mod choosing;
mod command;
mod taking;
mod witnessing;

pub use command::{DropReason, HangupReason, LinkCommand, Taken};
pub use witnessing::FollowedEntry;
use witnessing::Witness;

/// The subscription number of the peer's control log; records have those from 1 on.
const CONTROL_LOG: u32 = 0;

/// Pulls what a peering allows from one peer's node: what that peer owns, or what it passes on of a
/// third organisation, the *owner*. Of the owner are the control log, the topics and what is judged
/// by them; of the peer the address, the key and the last hop.
///
/// **Inputs** are the `handle_*` methods, **outputs** the [`LinkCommand`]s of
/// [`poll_command`](Self::poll_command), to be carried out in order after every input. **Time** is
/// the argument `now`; call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) has come. It grows steadily, whatever is done to the clock
/// on the wall; [`handle_wall_clock`](Self::handle_wall_clock) tells how far that is ahead of it.
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
/// Every [`LinkCommand::Admit`] has one answer of the node's door:
/// [`handle_admitted`](Self::handle_admitted), [`handle_refused`](Self::handle_refused),
/// [`handle_denied`](Self::handle_denied) or [`handle_failed`](Self::handle_failed); what is to be
/// stored then has one outcome, [`handle_stored`](Self::handle_stored), `handle_refused` or
/// `handle_failed`, also where the connection that brought it is gone. A position is acknowledged
/// and saved only when everything up to it is done with.
#[derive(Debug)]
pub struct Link {
    own_node: PrincipalId,
    peering: PeeringView,
    peer_node: PrincipalId,
    /// Of the owner's nodes, where they are not the peer's.
    node_keys: Vec<PublicKey>,
    limits: LinkLimits,
    phase: Phase,
    /// By subscription number.
    intakes: BTreeMap<u32, Intake>,
    last_number: u32,
    /// The peer was asked for something since the link was made.
    has_asked: bool,
    /// Subscriptions of this connection that were left, and the records that may still come of them.
    left: BTreeMap<u32, u32>,
    interests: Interests,
    places: BTreeMap<Filter, Position>,
    elsewhere: Vec<Filter>,
    witness: Witness,
    /// What of the peer's control log was passed on to be applied here.
    passed_on: StatementIndex,
    reading: Reading,
    heard: Option<Timestamp>,
    heard_told: Option<Timestamp>,
    backoff: Backoff,
    seed: u64,
    spending: Spending,
    holding: Holding,
    saved_at: Option<Timestamp>,
    ping: u64,
    /// The clock on the wall shows so many microseconds more than the time that inputs come with.
    wall_ahead: i64,
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
    /// Filters that were asked for along another route to the same topics: what came there is here,
    /// and where that ended in this peer's log nobody knows.
    pub elsewhere: Vec<Filter>,
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

/// What a link is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It dials again then.
    Waiting {
        /// As inputs tell the time.
        until: Timestamp,
    },
    /// It dials.
    Dialling,
    /// The peer has welcomed it.
    Up {
        /// As inputs tell the time.
        since: Timestamp,
    },
    /// Its peering is over.
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
    /// A link along a route, which dials at once. `peering` is the route's: its organisation is the
    /// owner, the other party's node whom to dial. `own_node` is this node's key id;
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
            node_keys: Vec::new(),
            limits,
            phase: Phase::Waiting { until: now },
            intakes: BTreeMap::new(),
            last_number: 0,
            has_asked: false,
            left: BTreeMap::new(),
            interests: Interests::new(limits.interest_linger),
            places: resume.positions,
            elsewhere: resume.elsewhere,
            passed_on: StatementIndex::new(resume.log.size()),
            witness: Witness::new(resume.log, resume.newest, resume.access, now),
            reading: Reading::Behind,
            heard: resume.heard,
            heard_told: None,
            seed,
            backoff: Backoff::new(limits.backoff_min, limits.backoff_max, seed),
            spending: Spending::new(&peering, &limits, now),
            holding: Holding::new(limits.held_bytes_max, limits.hopeless_max),
            saved_at: None,
            ping: 0,
            wall_ahead: 0,
            queue: VecDeque::new(),
            counters: LinkCounters::default(),
            peering,
        };
        link.follow_terms();
        link.settle_interests(now);
        link.dial();
        link
    }

    /// Whose topics it brings.
    #[must_use]
    pub const fn organisation(&self) -> &OrgName {
        &self.peering.organisation
    }

    /// Whose node it dials.
    #[must_use]
    pub const fn via(&self) -> &OrgName {
        &self.peering.theirs.organisation
    }

    /// Whether the topics are of another organisation than the peer.
    #[must_use]
    pub fn is_transit(&self) -> bool {
        self.via() != self.organisation()
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
        let now = self.wall(now);
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
        self.intakes.values().map(Intake::undone).sum()
    }

    /// Subscriptions that the peer does not permit for now.
    #[must_use]
    pub fn not_permitted(&self) -> usize {
        self.intakes.values().filter(|intake| !intake.asking.is_open()).count()
    }

    /// What it asks of the peer, or would if it could, and whether the peer permits it as far as is
    /// known.
    pub fn interests(&self) -> impl Iterator<Item = (&Filter, bool)> {
        self.intakes.values().map(|intake| (&intake.filter, intake.asking.is_open()))
    }

    /// What it is at.
    #[must_use]
    pub const fn state(&self) -> LinkState {
        match self.phase {
            Phase::Waiting { until } => LinkState::Waiting { until },
            Phase::Dialling => LinkState::Dialling,
            Phase::Connected { since, .. } => LinkState::Up { since },
            Phase::Ended => LinkState::Ended,
        }
    }

    /// How often the peer had to wait for its budgets.
    #[must_use]
    pub const fn waits(&self) -> BudgetWaits {
        self.spending.waits()
    }

    /// Until when the peer is not to be listened to: it has said more than it may. What it says
    /// waits on its own side; nothing of it is lost.
    pub fn deaf_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.is_connected().then(|| self.spending.deaf_until(now)).flatten()
    }

    /// What it has done.
    #[must_use]
    pub const fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// The clock on the wall, by which contracts and checkpoints are judged, shows so many
    /// microseconds more than the time that inputs come with. May jump.
    pub const fn handle_wall_clock(&mut self, ahead_us: i64) {
        self.wall_ahead = ahead_us;
    }

    /// The peer welcomed this node.
    pub fn handle_connected(&mut self, now: Timestamp) {
        if self.phase != Phase::Dialling {
            return;
        }
        self.phase = Phase::Connected { since: now, last_frame: now, last_ping: now };
        self.heard_told = None;
        self.counters.connected = self.counters.connected.saturating_add(1);
        self.witness.forget_arriving();
        self.begin_log_anew(now);
        self.passed_on = self.witness.applied();
        self.number_anew();
        self.queue.push_back(LinkCommand::Follow {
            subscription: CONTROL_LOG,
            organisation: self.peering.organisation.clone(),
            from: self.passed_on,
        });
        if !self.is_transit() {
            self.queue.push_back(self.known_of_access());
        }
    }

    /// The connection is gone, or could not be made.
    pub fn handle_disconnected(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Dialling | Phase::Connected { .. } => self.wait(now),
            Phase::Waiting { .. } => {}
            Phase::Ended => return,
        }
        // It may have been the last one: the node may be stopping.
        self.save(now);
    }

    /// The peer answered a ping, or sent a frame that has no method here.
    pub fn handle_heard(&mut self, now: Timestamp) {
        if self.is_connected() {
            self.spending.frame(1, now);
        }
        self.hear(now);
    }

    /// A sign of life.
    fn hear(&mut self, now: Timestamp) {
        if let Phase::Connected { last_frame, .. } = &mut self.phase {
            *last_frame = now;
        }
    }

    /// The policy changed, and with it perhaps the route. Where there is none any more, or another
    /// one, the link ends.
    pub fn handle_policy(&mut self, policy: &Policy, now: Timestamp) {
        if self.phase == Phase::Ended {
            return;
        }
        let Some(peering) = self.view_of(policy, self.wall(now)) else {
            self.end(now);
            return;
        };
        if peering == self.peering {
            return;
        }
        if peering.theirs.root != self.peering.theirs.root {
            // Another organisation under the same name: nothing that was known of its logs holds.
            self.end(now);
            return;
        }
        let whom = |view: &PeeringView| {
            let theirs = &view.theirs;
            (view.ours.node_key, theirs.node_key, theirs.address.clone())
        };
        let is_elsewhere = whom(&peering) != whom(&self.peering);
        self.peer_node = PrincipalId::of(&peering.theirs.node_key);
        self.spending.follow(&peering, &self.limits, now);
        self.peering = peering;
        self.save(now);
        self.follow_terms();
        self.settle_interests(now);
        if is_elsewhere && matches!(self.phase, Phase::Dialling | Phase::Connected { .. }) {
            self.hang_up(HangupReason::PeeringChanged, now);
        }
    }

    /// The route as the policy has it at a time on the wall, where it is in force.
    fn view_of(&self, policy: &Policy, wall: Timestamp) -> Option<PeeringView> {
        let route = policy.route(&self.peering.organisation, wall)?;
        (route.via == *self.via()).then_some(route.view)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, and why.
    pub fn poll_timeout(&mut self, now: Timestamp) -> Option<(Timestamp, &'static str)> {
        let ends = self.ends_at().map(|at| (at, "end"));
        let save = self.save_due().map(|due| (due, "save"));
        let (last_frame, last_ping) = match self.phase {
            Phase::Ended => return save,
            Phase::Dialling => return save.into_iter().chain(ends).min(),
            Phase::Waiting { until } => {
                return Some((until, "dial")).into_iter().chain(save).chain(ends).min();
            }
            Phase::Connected { last_frame, last_ping, .. } => (last_frame, last_ping),
        };
        let silence = last_frame.saturating_add(self.limits.silence_max);
        let ping = last_ping.saturating_add(self.limits.ping_interval);
        let budget = self.spending.credit_due(now).map(|due| (due, "budget"));
        let deaf = self.spending.deaf_until(now).map(|until| (until, "listen"));
        let interest = self.interests.due().map(|due| (due, "interest"));
        let held = self.holding.due().map(|due| (due, "held"));
        let again = self.ask_again_due().map(|due| (due, "ask again"));
        let checkpoint = self.checkpoint_due().map(|due| (due, "checkpoint"));
        [(silence, "silence"), (ping, "ping")]
            .into_iter()
            .chain(checkpoint)
            .chain(budget)
            .chain(deaf)
            .chain(interest)
            .chain(ends)
            .chain(held)
            .chain(again)
            .chain(save)
            .min()
    }

    /// A time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.save_where_due(now);
        if self.phase != Phase::Ended && self.ends_at().is_some_and(|at| at <= now) {
            self.end(now);
            return;
        }
        if self.interests.due().is_some_and(|due| due <= now) {
            self.settle_interests(now);
        }
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
        // It comes again, and must not be overtaken by what came after it.
        self.queue.retain(|command| !matches!(command, LinkCommand::Admit { .. }));
        self.reading = Reading::Behind;
        self.begin_log_anew(now);
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
        self.witness.forget_arriving();
        self.wait(now);
    }

    /// What is known by then is kept: the statement that ends a contract is the last one to hear of.
    fn end(&mut self, now: Timestamp) {
        self.save(now);
        if matches!(self.phase, Phase::Dialling | Phase::Connected { .. }) {
            self.queue.push_back(LinkCommand::Hangup { reason: HangupReason::PeeringEnded });
        }
        self.holding.clear();
        self.phase = Phase::Ended;
    }

    /// When the contract ends by the clock.
    fn ends_at(&self) -> Option<Timestamp> {
        self.peering.until.map(|until| self.steady(until))
    }

    /// What the clock on the wall shows then.
    fn wall(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(now.as_micros().saturating_add(self.wall_ahead))
    }

    /// When the clock on the wall shows that, unless it jumps.
    fn steady(&self, wall: Timestamp) -> Timestamp {
        Timestamp::from_micros(wall.as_micros().saturating_sub(self.wall_ahead))
    }

    /// Whether entries of the log are to be kept that no checkpoint has shown to be in order. Who
    /// passes on the log of another could spoil it for ever, giving an entry a time that its owner
    /// never gave it: so of that log nothing is kept before its owner has signed it.
    fn keeps_entries(&self) -> bool {
        self.witness.has_unsaved() && !self.is_transit()
    }

    /// A connection begins or has ended.
    fn begin_log_anew(&mut self, now: Timestamp) {
        self.witness.begin_anew(now);
        if self.is_transit() {
            self.witness.forget_unkept();
        }
    }

    fn save_due(&self) -> Option<Timestamp> {
        let unsaved = self.keeps_entries() || self.intakes.values().any(Intake::is_unsaved);
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
        if self.keeps_entries() {
            self.queue.extend(self.witness.take_unsaved());
        }
        let unsaved = self.intakes.values_mut().filter_map(|intake| {
            let position = intake.take_unsaved()?;
            Some((intake.filter.clone(), position))
        });
        for (filter, position) in unsaved.collect::<Vec<_>>() {
            self.keep_place(filter, position);
        }
        self.saved_at = Some(now);
    }
}

#[cfg(test)]
mod tests;
