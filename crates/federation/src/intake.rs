//! How far one subscription of a link has got: what arrived, what is durable, where to go on.

use std::collections::BTreeMap;

use sekisho_proto::{Filter, Position, frame::Start};

use crate::asking::Asking;

/// One filter's records on their way from the peer's log to ours.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) filter: Filter,
    pub(crate) asking: Asking,
    /// Where to ask the peer to go on; none = where it starts.
    pub(crate) resume: Option<Position>,
    /// Where to begin before anything has come.
    start: Start,
    /// What arrived on this connection and is not behind `resume`; true = done with. Of what is done in
    /// a row only the last is here: a peer may send very much behind one that is not.
    arrived: BTreeMap<Position, bool>,
    /// The last position that arrived on this connection.
    last: Option<Position>,
    /// Records the peer may still send.
    credit: u32,
    /// Records that arrived and are not done with.
    undone: u32,
    /// Records it may have under way or undone at most.
    window: u32,
    /// The `resume` that the peer was told, and the one that was saved.
    acknowledged: Option<Position>,
    saved: Option<Position>,
}

/// What a peer must not do with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntakeFault {
    /// Positions do not grow.
    Order { wanted: Position, found: Position },
    /// More records than were granted.
    Credit,
}

impl Intake {
    pub(crate) const fn new(
        filter: Filter,
        resume: Option<Position>,
        start: Start,
        window: u32,
        asking: Asking,
    ) -> Self {
        Self {
            filter,
            asking,
            resume,
            start,
            arrived: BTreeMap::new(),
            last: None,
            credit: 0,
            undone: 0,
            window,
            acknowledged: resume,
            saved: resume,
        }
    }

    /// It is asked for: what came before and is not durable will come again. Returns the credit to
    /// grant, none where the peer has used up what it may send.
    pub(crate) fn connect(&mut self, may_ask: bool) -> u32 {
        self.arrived.clear();
        self.last = None;
        self.credit = if may_ask { self.window } else { 0 };
        self.undone = 0;
        self.acknowledged = self.resume;
        self.credit
    }

    pub(crate) fn arrive(&mut self, position: Position) -> Result<(), IntakeFault> {
        self.check_order(position)?;
        self.credit = self.credit.checked_sub(1).ok_or(IntakeFault::Credit)?;
        self.last = Some(position);
        self.undone = self.undone.saturating_add(1);
        self.arrived.insert(position, false);
        Ok(())
    }

    /// The peer passes over everything before `to`.
    pub(crate) fn skip(&mut self, from: Position, to: Position) -> Result<(), IntakeFault> {
        let Some(last) = to.value().checked_sub(1).map(Position::new) else { return Ok(()) };
        self.check_order(from)?;
        if self.last < Some(last) {
            self.last = Some(last);
            self.arrived.insert(last, true);
            self.join_done(last);
            self.advance();
        }
        Ok(())
    }

    /// A record is durable here, or never will be: it need not come again.
    pub(crate) fn done(&mut self, position: Position) {
        if let Some(done) = self.arrived.get_mut(&position)
            && !*done
        {
            *done = true;
            self.undone = self.undone.saturating_sub(1);
            self.join_done(position);
            self.advance();
        }
    }

    /// Records to grant, where there are enough of them to be worth a frame.
    pub(crate) fn take_credit(&mut self) -> Option<u32> {
        let room = self.window.saturating_sub(self.credit.saturating_add(self.undone));
        let worth_it = room >= self.window.div_ceil(4) || self.arrived.is_empty();
        if room == 0 || !worth_it {
            return None;
        }
        self.credit = self.credit.saturating_add(room);
        Some(room)
    }

    /// From now on so many may be under way; what was granted stays granted.
    pub(crate) const fn set_window(&mut self, window: u32) {
        self.window = window;
    }

    /// Records that the peer may still send.
    pub(crate) const fn credit(&self) -> u32 {
        self.credit
    }

    /// Where to begin, or to go on.
    pub(crate) const fn start(&self) -> Start {
        match self.resume {
            Some(position) => Start::Position(position),
            None => self.start,
        }
    }

    /// The peer begins there: what is not wanted from before then does not begin later the next time.
    pub(crate) fn begins(&mut self, position: Position) {
        if self.resume.is_none() && matches!(self.start, Start::Latest | Start::Time(_)) {
            self.resume = Some(position);
            self.acknowledged = self.resume;
        }
    }

    /// The last position that is done with, where the peer was not told.
    pub(crate) fn take_acknowledgement(&mut self) -> Option<Position> {
        if self.acknowledged == self.resume {
            return None;
        }
        self.acknowledged = self.resume;
        self.resume?.value().checked_sub(1).map(Position::new)
    }

    /// Where to go on after a restart, where that was not saved.
    pub(crate) fn take_unsaved(&mut self) -> Option<Position> {
        if self.saved == self.resume {
            return None;
        }
        self.saved = self.resume;
        self.resume
    }

    pub(crate) fn is_unsaved(&self) -> bool {
        self.saved != self.resume
    }

    /// The peer's log is not the one that the place was in.
    pub(crate) fn forget_place(&mut self) {
        self.arrived.clear();
        self.undone = 0;
        self.start = Start::Earliest;
        self.resume = None;
        self.saved = None;
    }

    /// Records that arrived and are not done with.
    pub(crate) fn undone(&self) -> usize {
        usize::try_from(self.undone).unwrap_or(usize::MAX)
    }

    fn check_order(&self, position: Position) -> Result<(), IntakeFault> {
        let wanted = self.last.map(Position::next).max(self.resume).unwrap_or(Position::ZERO);
        if position < wanted {
            return Err(IntakeFault::Order { wanted, found: position });
        }
        Ok(())
    }

    /// One that is done stands for those right before it that are.
    fn join_done(&mut self, position: Position) {
        let before = self.arrived.range(..position).next_back();
        if let Some(before) = before.and_then(|(before, done)| done.then_some(*before)) {
            self.arrived.remove(&before);
        }
        let after = self.arrived.range(position.next()..).next();
        if after.is_some_and(|(_after, done)| *done) {
            self.arrived.remove(&position);
        }
    }

    fn advance(&mut self) {
        while let Some(first) = self.arrived.first_entry() {
            if !first.get() {
                break;
            }
            let (position, _) = first.remove_entry();
            self.resume = Some(position.next());
        }
    }
}

#[cfg(test)]
mod tests;
