//! Where a subscription stands in the node's log, and so where it goes on after a connection was
//! lost. Pure: frames in, decisions out.

use sekisho_proto::{GapReason, Position, frame::Start};

use crate::message::Gap;

/// When a subscription is over by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Where the log ended when it began.
    AtHead,
    /// Never.
    Never,
}

/// What the program is done with. Positions are those of the log as it was after so many restarts that
/// the program was told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Done {
    restarts: u64,
    position: Option<Position>,
}

impl Done {
    /// The program is done with this position and all before; whether that is news.
    pub(super) fn advance(&mut self, position: Position) -> bool {
        let grows = self.position.is_none_or(|done| done < position);
        if grows {
            self.position = Some(position);
        }
        grows
    }

    /// The program was told that the log goes on from an earlier place.
    pub(super) fn restart(&mut self) {
        *self = Self { restarts: self.restarts.saturating_add(1), position: None };
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    from: Start,
    /// The first position not yet delivered, passed over or told as a gap.
    next: Option<Position>,
    /// Records before this were delivered on an earlier connection.
    resumed_at: Position,
    /// The first position that the node has not told on this connection.
    told: Position,
    /// Where to end, exclusive.
    until: Option<Position>,
    ends: Ends,
    /// How often the log went on from an earlier place.
    restarts: u64,
    /// The node has answered on this connection.
    is_subscribed: bool,
}

impl Place {
    pub(super) fn new(from: Start, ends: Ends) -> Self {
        Self {
            from,
            next: None,
            resumed_at: Position::ZERO,
            told: Position::ZERO,
            until: None,
            ends,
            restarts: 0,
            is_subscribed: false,
        }
    }

    /// Where to subscribe from now.
    pub(super) fn start(&mut self) -> Start {
        self.is_subscribed = false;
        self.told = Position::ZERO;
        match (self.next, self.from) {
            // Not all of them have come: what lies between is not asked for.
            (Some(next), Start::LastValue) => {
                self.resumed_at = next;
                Start::LastValue
            }
            (Some(next), _) => {
                self.resumed_at = next;
                Start::Position(next)
            }
            (None, from) => from,
        }
    }

    /// The node told where it begins and where its log ends; or, when it says so again, that
    /// everything before has been delivered.
    pub(super) fn handle_subscribed(&mut self, position: Position, head: Position) {
        if self.ends == Ends::AtHead && self.until.is_none() {
            self.until = Some(head);
        }
        self.told = self.told.max(position);
        let again = std::mem::replace(&mut self.is_subscribed, true);
        if again && self.from == Start::LastValue {
            self.from = Start::Latest;
        }
        // From the latest on nothing before was asked for: what is published while the connection
        // is lost is not missed.
        if again || self.next.is_some() || self.from == Start::Latest {
            self.advance(position);
        }
    }

    /// Whether what begins here is behind everything that the node has told on this connection.
    pub(super) fn follows(&self, from: Position) -> bool {
        from >= self.told
    }

    /// Whether the record at this position is to be delivered.
    pub(super) fn wants(&self, position: Position) -> bool {
        position >= self.resumed_at && self.until.is_none_or(|until| position < until)
    }

    /// The node told a gap: what of it neither was delivered nor told on an earlier connection. A
    /// cursor may stand further back than this side has come, and retention have passed it by.
    pub(super) fn handle_gap(&mut self, gap: Gap) -> Option<Gap> {
        if gap.reason == GapReason::Restart {
            // The log ends before this place: what comes from now on is new.
            self.resumed_at = gap.to;
            self.told = gap.to;
            self.next = Some(gap.to);
            self.restarts = self.restarts.saturating_add(1);
            self.until = self.until.map(|until| until.min(gap.to));
            return Some(gap);
        }
        self.advance(gap.to);
        let from = gap.from.max(self.resumed_at);
        (from < gap.to || gap.from == gap.to).then_some(Gap { from, ..gap })
    }

    /// Everything before this position is delivered or told.
    pub(super) fn advance(&mut self, next: Position) {
        self.told = self.told.max(next);
        self.next = Some(self.next.map_or(next, |known| known.max(next)));
    }

    /// How much of what is done may be acknowledged now. A node that crashed may have a cursor that
    /// stands further back than this side has come, and takes no acknowledgement of what it has not
    /// told again; and what was done before a restart is not what has its position since.
    pub(super) fn acknowledgeable(&self, done: Done) -> Option<Position> {
        let done = done.position.filter(|_position| done.restarts == self.restarts)?;
        let last_told = self.told.value().checked_sub(1).map(Position::new)?;
        Some(done.min(last_told))
    }

    /// Whether the node has told on this connection all that is done.
    pub(super) fn was_told(&self, done: Done) -> bool {
        done.restarts == self.restarts && done.position.is_some_and(|done| done < self.told)
    }

    /// Whether everything that was asked for has come.
    pub(super) fn is_finished(&self) -> bool {
        match (self.until, self.next) {
            (Some(until), Some(next)) => next >= until,
            (Some(until), None) => until == Position::ZERO,
            (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests;
