//! Where each envelope of the window stands, and what the outbox waits for.

use super::Entry;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Sent { request: u64 },
    Settled,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) entry: Entry,
    pub(super) state: State,
}

/// Why nothing new is sent at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Answers to what is in flight come first.
    Draining(Retry),
    BackingOff,
}

/// How to go on after a refusal, the more patient the later in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Retry {
    /// At once.
    AtOnce,
    /// After the back-off, and not for ever: the node gave no reason that passes with time.
    InVain,
    /// After the back-off, as often as it takes.
    Later,
}

/// What is known of the node's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// No connection.
    Down,
    /// A connection on which the node is being asked for its head.
    Asking,
    /// A connection.
    Up,
}
