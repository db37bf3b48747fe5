//! What one subscriber got of one stream: which are missing, which came twice, which came late.

use std::collections::BTreeMap;

/// Sequences of one stream as they come.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The one that comes next.
    next: u64,
    /// Passed over so far: first of each row, and the one behind its last.
    missing: BTreeMap<u64, u64>,
    pub(super) delivered: u64,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
}

impl Ledger {
    /// A stream of which nothing before `next` is wanted.
    pub(super) fn from(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// One came; whether it had not come before.
    pub(super) fn take(&mut self, sequence: u64) -> bool {
        if sequence < self.next {
            return self.take_late(sequence);
        }
        if sequence > self.next {
            self.missing.insert(self.next, sequence);
        }
        self.next = sequence + 1;
        self.delivered += 1;
        true
    }

    fn take_late(&mut self, sequence: u64) -> bool {
        let row = self.missing.range(..=sequence).next_back().map(|(from, to)| (*from, *to));
        let Some((from, to)) = row.filter(|(_, to)| sequence < *to) else {
            self.doubled += 1;
            return false;
        };
        self.missing.remove(&from);
        if from < sequence {
            self.missing.insert(from, sequence);
        }
        if sequence + 1 < to {
            self.missing.insert(sequence + 1, to);
        }
        self.out_of_order += 1;
        self.delivered += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(sequences: &[u64]) -> (u64, u64, u64) {
        let mut ledger = Ledger::from(10);
        for sequence in sequences {
            ledger.take(*sequence);
        }
        (ledger.delivered, ledger.doubled, ledger.out_of_order)
    }

    #[test]
    fn what_comes_in_order_is_delivered() {
        assert_eq!(taken(&[10, 11, 12]), (3, 0, 0));
    }

    #[test]
    fn what_comes_twice_is_counted_once() {
        assert_eq!(taken(&[10, 10, 11, 10, 9]), (2, 3, 0));
    }

    #[test]
    fn what_comes_behind_its_time_is_delivered_and_out_of_order() {
        assert_eq!(taken(&[14, 12, 12, 10, 13, 11, 15, 11]), (6, 2, 4));
    }
}
