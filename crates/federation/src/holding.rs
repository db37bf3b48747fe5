//! Records that arrived before the statement that permits them, and for how long they are held.
//!
//! A record is held once: where the wait was in vain, others of its publisher on its topic are not
//! held again before another statement has been applied. So a publisher that is not permitted
//! delays a link once, and not with each of its records.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{Position, PrincipalId, Timestamp, Topic};

use crate::Taken;

/// Whose right was missing, and where.
pub(crate) type Denied = (PrincipalId, Topic);

/// The records of one link that wait for a statement.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    held: BTreeMap<Position, Held>,
    hopeless: BTreeSet<Denied>,
}

#[derive(Debug)]
struct Held {
    record: Taken,
    denied: Denied,
    until: Timestamp,
}

impl Holding {
    /// Holds a record until then at most; false where that would be in vain.
    pub(crate) fn hold(&mut self, record: Taken, denied: Denied, until: Timestamp) -> bool {
        if self.hopeless.contains(&denied) {
            return false;
        }
        let waiting = self.held.values().find(|held| held.denied == denied);
        let until = waiting.map_or(until, |held| held.until);
        self.held.insert(record.position, Held { record, denied, until });
        true
    }

    /// A statement was applied: everything may be tried again, by ascending position.
    pub(crate) fn release(&mut self) -> Vec<Taken> {
        self.hopeless.clear();
        std::mem::take(&mut self.held).into_values().map(|held| held.record).collect()
    }

    /// The connection is gone: what was held will come again.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.held.values().map(|held| held.until).min()
    }

    /// Gives up what was held long enough; returns the positions.
    pub(crate) fn give_up(&mut self, now: Timestamp, hopeless_max: usize) -> Vec<Position> {
        let mut given_up = Vec::new();
        self.held.retain(|position, held| {
            if held.until > now {
                return true;
            }
            given_up.push(*position);
            if self.hopeless.len() < hopeless_max {
                self.hopeless.insert(held.denied.clone());
            }
            false
        });
        given_up
    }
}
