//! One subscription's place between the log and its subscriber.
//!
//! `next` is the promise everything rests on: every record before it was delivered, told as a gap,
//! or not permitted; none at or after it was. A live subscription is offered records as they
//! become durable; any other is fed pages of the log until a page ends at the head.

use sekisho_proto::{CursorName, Filter, Position};

use crate::{Limits, ReplayFrom, ReplayId};

/// Where its records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// From the log; where the first page begins is not known yet.
    Starting(ReplayFrom),
    /// From the log, from `next` on, for the first time.
    CatchingUp,
    /// From the appends; that it has caught up is still to be told.
    Arriving,
    /// From the appends.
    Live,
    /// From the log again: it was live, and too slow for it.
    FallenBack,
}

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Room in its outbox.
    OutboxFull,
    /// News of another organisation, without which its next record may not be delivered.
    Stale,
}

/// A subscriber's subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) filter: Filter,
    pub(crate) cursor: Option<CursorName>,
    pub(crate) mode: Mode,
    pub(crate) next: Position,
    /// Before this position only the last record of each topic is wanted.
    pub(crate) values_until: Option<Position>,
    /// Records that may be delivered before the subscriber grants more.
    pub(crate) credit: u32,
    /// The page that is being read.
    pub(crate) outstanding: Option<ReplayId>,
    /// Why nothing is read for it now.
    pub(crate) pause: Option<Pause>,
    pub(crate) acknowledged: Option<Position>,
    /// Changes whenever what is queued for it becomes void.
    pub(crate) generation: u64,
    /// Deliveries of this generation that the shell has not polled.
    pub(crate) queued: u32,
    /// Records in the last thing polled for it: 1, or 0 where that was a gap.
    pub(crate) polled_records: u32,
}

impl Subscription {
    pub(crate) const fn new(filter: Filter, cursor: Option<CursorName>, generation: u64) -> Self {
        Self {
            filter,
            cursor,
            mode: Mode::CatchingUp,
            next: Position::ZERO,
            values_until: None,
            credit: 0,
            outstanding: None,
            pause: None,
            acknowledged: None,
            generation,
            queued: 0,
            polled_records: 0,
        }
    }

    /// Where the page to read next begins; none where no page is to be read now.
    pub(crate) fn next_page(&self) -> Option<ReplayFrom> {
        if self.outstanding.is_some() || self.pause.is_some() || self.credit == 0 {
            return None;
        }
        match self.mode {
            Mode::Arriving | Mode::Live => None,
            Mode::Starting(from) => Some(from),
            Mode::CatchingUp | Mode::FallenBack => Some(match self.values_until {
                Some(until) if self.next < until => {
                    ReplayFrom::LastValues { from: self.next, until: Some(until) }
                }
                Some(_) | None => ReplayFrom::Position(self.next),
            }),
        }
    }

    /// Records in its next page.
    pub(crate) fn page_records(&self, limits: &Limits) -> u32 {
        self.credit.min(limits.replay_records_max)
    }

    pub(crate) fn grant(&mut self, credit: u32, limits: &Limits) {
        self.credit = self.credit.saturating_add(credit).min(limits.credit_max);
    }

    /// A record was queued for it.
    pub(crate) fn delivered(&mut self, position: Position) {
        self.next = position.next();
        self.credit = self.credit.saturating_sub(1);
        self.queued = self.queued.saturating_add(1);
    }

    /// Whether it is offered records as they become durable.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Arriving | Mode::Live)
    }

    /// From now on it is fed from the log.
    pub(crate) const fn fall_back(&mut self) {
        self.mode = match self.mode {
            Mode::Live | Mode::FallenBack => Mode::FallenBack,
            Mode::Starting(_) | Mode::CatchingUp | Mode::Arriving => Mode::CatchingUp,
        };
    }

    /// Everything from `position` on was not taken: it is read again from there.
    pub(crate) fn rewind(&mut self, position: Position, generation: u64, limits: &Limits) {
        let untaken = self.queued.saturating_add(self.polled_records);
        self.grant(untaken, limits);
        self.next = self.next.min(position);
        self.fall_back();
        self.outstanding = None;
        self.pause = Some(Pause::OutboxFull);
        self.generation = generation;
        self.queued = 0;
        self.polled_records = 0;
    }
}
