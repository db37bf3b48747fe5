//! How far a subscription has come: what was made of each of its deliveries, and whether the broker
//! has all of that. Pure.

use std::collections::VecDeque;

use sekisho::Position;

/// Deliveries of one subscription, in their order.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Position and how many messages of it are on their way, from the oldest on.
    open: VecDeque<(Position, usize)>,
    /// The number of the first of these since the beginning.
    first: u64,
    settled: Option<Position>,
}

impl Progress {
    /// A delivery came, of which so many messages are made; its number.
    pub(crate) fn begin(&mut self, position: Position, messages: usize) -> u64 {
        let number = self.first.saturating_add(u64::try_from(self.open.len()).unwrap_or(u64::MAX));
        self.open.push_back((position, messages));
        self.settle();
        number
    }

    /// One of its messages is done.
    pub(crate) fn done(&mut self, number: u64) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some((_, messages)) = place.and_then(|place| self.open.get_mut(place)) {
            *messages = messages.saturating_sub(1);
        }
        self.settle();
    }

    /// The last position up to which everything is done, where that has grown since it was asked.
    pub(crate) fn take_settled(&mut self) -> Option<Position> {
        self.settled.take()
    }

    fn settle(&mut self) {
        while let Some((position, 0)) = self.open.front().copied() {
            self.open.pop_front();
            self.first = self.first.saturating_add(1);
            self.settled = Some(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho::Position;

    use super::Progress;

    #[test]
    fn a_cursor_moves_behind_what_is_done_and_no_further() {
        let mut progress = Progress::default();
        let at = Position::new;
        let one = progress.begin(at(1), 2);
        assert_eq!(progress.begin(at(2), 0), 1);
        let three = progress.begin(at(3), 1);
        progress.done(three);
        assert_eq!(progress.take_settled(), None);
        progress.done(one);
        assert_eq!(progress.take_settled(), None);
        progress.done(one);
        assert_eq!(progress.take_settled(), Some(at(3)));
        assert_eq!(progress.take_settled(), None);
        progress.begin(at(9), 0);
        progress.done(77);
        assert_eq!(progress.take_settled(), Some(at(9)));
    }
}
