//! Counters that must not be mistaken for one another.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(u64);

        impl $name {
            /// The first one.
            pub const ZERO: Self = Self(0);

            /// The last one.
            pub const MAX: Self = Self(u64::MAX);

            /// Any value is a valid one.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number itself.
            #[must_use]
            pub const fn value(self) -> u64 {
                self.0
            }

            /// The one after it; the last one is its own successor.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Number of an envelope within (publisher, boot, topic), from 0, without gaps.
    Sequence
}

number! {
    /// Position of a record in its topic's log at the home node, from 0.
    Offset
}

number! {
    /// Position of a record in one node's log of all topics, from 0: what a cursor holds.
    Position
}

number! {
    /// Number of a period in which a topic tree is sealed to one public key; 0 where nothing is
    /// sealed, the first real one is 1.
    Epoch
}

number! {
    /// Position of a statement in its organisation's control log, from 0.
    StatementIndex
}
