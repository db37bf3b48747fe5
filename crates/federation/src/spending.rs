//! What a peer has sent, against what it may: records by the contract, everything else by what a
//! node has to say at most.
//!
//! Records stop for want of credit. The rest needs no credit, so that the peer is not listened to
//! until it is within its budget again: its frames wait on its own side.

use sekisho_policy::PeeringView;
use sekisho_proto::Timestamp;

use crate::{Budget, LinkLimits};

/// One thing that a peer may send so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetKind {
    /// Bytes of envelopes and key headers.
    Bytes,
    /// Envelopes.
    Envelopes,
    /// Frames that carry no record.
    Frames,
    /// Bytes of statements.
    Log,
    /// Statements.
    Statements,
}

impl BudgetKind {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Bytes, Self::Envelopes, Self::Frames, Self::Log, Self::Statements];

    /// In one word, for counting.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Envelopes => "envelopes",
            Self::Frames => "frames",
            Self::Log => "log",
            Self::Statements => "statements",
        }
    }
}

/// How often a peer had to wait, by what it had used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetWaits([u64; BudgetKind::ALL.len()]);

impl BudgetWaits {
    /// For one budget.
    #[must_use]
    pub fn of(&self, kind: BudgetKind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or(0)
    }

    fn count(&mut self, kind: BudgetKind) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// All budgets of one peer.
#[derive(Debug)]
pub(crate) struct Spending {
    bytes: Budget,
    envelopes: Budget,
    frames: Budget,
    log: Budget,
    statements: Budget,
    waits: BudgetWaits,
    /// Records were to be asked for when that was too early.
    is_credit_owed: bool,
}

impl Spending {
    pub(crate) fn new(peering: &PeeringView, limits: &LinkLimits, now: Timestamp) -> Self {
        let (bytes, envelopes) = rates(peering, limits);
        let (frames, log) = (limits.frames_per_s.into(), limits.log_bytes_per_s);
        let statements = (limits.statements_per_s.into(), limits.statements_burst.into());
        Self {
            bytes: Budget::new(bytes, now),
            envelopes: Budget::new(envelopes, now),
            frames: Budget::with_burst(frames, limits.frames_burst.into(), now),
            log: Budget::with_burst(log, limits.log_bytes_burst, now),
            statements: Budget::with_burst(statements.0, statements.1, now),
            waits: BudgetWaits::default(),
            is_credit_owed: false,
        }
    }

    /// The contract says something else now.
    pub(crate) fn follow(&mut self, peering: &PeeringView, limits: &LinkLimits, now: Timestamp) {
        let (bytes, envelopes) = rates(peering, limits);
        self.bytes.set_rate(bytes, now);
        self.envelopes.set_rate(envelopes, now);
    }

    pub(crate) fn record(&mut self, bytes: usize, now: Timestamp) {
        if self.bytes.spend(bytes, now) {
            self.waits.count(BudgetKind::Bytes);
        }
        if self.envelopes.spend(1, now) {
            self.waits.count(BudgetKind::Envelopes);
        }
    }

    /// A frame that costs as much as so many.
    pub(crate) fn frame(&mut self, cost: usize, now: Timestamp) {
        if self.frames.spend(cost, now) {
            self.waits.count(BudgetKind::Frames);
        }
    }

    pub(crate) fn statements(&mut self, count: usize, bytes: usize, now: Timestamp) {
        if self.log.spend(bytes, now) {
            self.waits.count(BudgetKind::Log);
        }
        if self.statements.spend(count, now) {
            self.waits.count(BudgetKind::Statements);
        }
    }

    /// Whether records of one filter may be asked for now; where not, that is to be made up for.
    pub(crate) fn may_ask(&mut self, now: Timestamp) -> bool {
        let is_exhausted = self.no_credit_until(now).is_some();
        self.is_credit_owed |= is_exhausted;
        !is_exhausted
    }

    /// Whether records of all filters may be asked for now; where not, that is to be made up for.
    pub(crate) fn may_grant(&mut self, now: Timestamp) -> bool {
        self.is_credit_owed = false;
        self.may_ask(now)
    }

    /// When records may be asked for again that may not be, or could not be when they were to.
    pub(crate) fn credit_due(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.no_credit_until(now).or(self.is_credit_owed.then_some(now))
    }

    fn no_credit_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.bytes.exhausted_until(now).max(self.envelopes.exhausted_until(now))
    }

    /// Until when the peer is not to be listened to.
    pub(crate) fn deaf_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        let log = self.log.exhausted_until(now).max(self.statements.exhausted_until(now));
        self.frames.exhausted_until(now).max(log)
    }

    pub(crate) const fn waits(&self) -> BudgetWaits {
        self.waits
    }
}

/// Bytes and envelopes per second.
fn rates(peering: &PeeringView, limits: &LinkLimits) -> (u64, u64) {
    let budget = &peering.theirs.budget;
    let bytes = budget.bytes_per_s.unwrap_or(limits.bytes_per_s);
    (bytes, budget.envelopes_per_s.unwrap_or(limits.envelopes_per_s).into())
}
