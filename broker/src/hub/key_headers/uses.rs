//! Which key headers new envelopes have named lately: those are in use, whatever the log has of
//! them yet.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sekisho_proto::KeyHeaderId;

/// Most that are told apart in one turn, 40 bytes each; beyond it all are taken to be in use.
const NAMED_MAX: usize = 1 << 20;

/// The turn that goes on and the one before: what was named at the end of a turn may be on its way
/// to the log for all of the next one.
#[derive(Debug)]
pub(super) struct Uses {
    turn: AtomicU64,
    named: Mutex<Named>,
    max: usize,
}

#[derive(Debug, Default)]
struct Named {
    now: Turn,
    before: Turn,
}

#[derive(Debug)]
enum Turn {
    Few(HashSet<KeyHeaderId>),
    TooMany,
}

impl Default for Uses {
    fn default() -> Self {
        Self::with_max(NAMED_MAX)
    }
}

impl Uses {
    pub(super) fn with_max(max: usize) -> Self {
        Self { turn: AtomicU64::new(1), named: Mutex::default(), max }
    }

    /// The number of the turn that goes on, from 1.
    pub(super) fn turn(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    /// Notes that one is named; the turn in which that is.
    pub(super) fn note(&self, id: &KeyHeaderId) -> u64 {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Turn::Few(few) = &mut named.now {
            if few.len() < self.max {
                few.insert(*id);
            } else {
                named.now = Turn::TooMany;
            }
        }
        self.turn()
    }

    /// The next turn begins.
    pub(super) fn begin_turn(&self) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.before = mem::take(&mut named.now);
        self.turn.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether one has been named in this turn or the one before.
    pub(super) fn has(&self, id: &KeyHeaderId) -> bool {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.now.has(id) || named.before.has(id)
    }
}

impl Turn {
    fn has(&self, id: &KeyHeaderId) -> bool {
        match self {
            Self::Few(few) => few.contains(id),
            Self::TooMany => true,
        }
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::Few(HashSet::new())
    }
}
