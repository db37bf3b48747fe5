//! How a statement came to be known, and so which of several about one thing is the newest.

use sekisho_proto::{Hash, Timestamp};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// At its place in a log: the newest is the last.
    Logged,
    /// By itself, shown by somebody who may have kept it back: the newest is the one that says so.
    Learned,
}

impl Arrival {
    /// Enters a fact among others about the same thing, oldest first.
    pub(crate) fn enter<F, A: Ord>(self, all: &mut Vec<F>, fact: F, age: impl Fn(&F) -> A) {
        match self {
            Self::Logged => all.push(fact),
            Self::Learned => {
                let place = all.partition_point(|other| age(other) <= age(&fact));
                all.insert(place, fact);
            }
        }
    }
}

/// When a statement was made and which it is, so that of two made at once it is the same one for
/// everybody.
pub(crate) type Age = (Timestamp, Hash);
