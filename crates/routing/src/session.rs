//! What the router knows of one connected client or peer: who it is and what it subscribed to.

use std::{collections::BTreeMap, fmt};

use sekisho_policy::Recipient;
use sekisho_proto::PrincipalId;

use crate::subscription::Subscription;

/// Names one session for as long as the router runs; the shell never uses a number twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// A session by its number.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Its number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// Names one subscription within its session; the client chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u32);

impl SubscriptionId {
    /// A subscription by its number.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// Its number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subscription {}", self.0)
    }
}

/// Who gets what a session subscribes to.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// The key that was proved; a cursor belongs to it.
    pub(crate) principal: PrincipalId,
    /// The one whose rights decide.
    pub(crate) recipient: Recipient,
}

/// One session's state.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) subscriber: Subscriber,
    /// Boxed: a map makes room for eleven when there is one, and most sessions have one.
    pub(crate) subscriptions: BTreeMap<SubscriptionId, Box<Subscription>>,
}

impl Session {
    pub(crate) const fn new(subscriber: Subscriber) -> Self {
        Self { subscriber, subscriptions: BTreeMap::new() }
    }
}
