//! From when a question is asked: what was known, and what time it is. Time travel is a view that
//! has not heard of later statements.

use sekisho_proto::Timestamp;

/// What a decision may go by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Only statements received by then; `None`: every statement.
    known: Option<Timestamp>,
    /// Only revocations received by then; `None`: every revocation.
    revocations: Option<Timestamp>,
    /// The time that periods are compared with.
    now: Timestamp,
}

impl View {
    /// Everything that is known, at a time: what live decisions go by.
    pub(crate) fn live(now: Timestamp) -> Self {
        Self { known: None, revocations: None, now }
    }

    /// As it was at a time.
    pub(crate) fn at(time: Timestamp) -> Self {
        Self { known: Some(time), revocations: Some(time), now: time }
    }

    /// For judging a statement of another log that was received then: what was revoked since does
    /// not undo it, in whatever order the two logs are read.
    pub(crate) fn across_logs(received: Timestamp) -> Self {
        Self { known: None, revocations: Some(received), now: received }
    }

    pub(crate) fn now(self) -> Timestamp {
        self.now
    }

    pub(crate) fn is_live(self) -> bool {
        self.known.is_none()
    }

    /// Whether something that was logged then is known.
    pub(crate) fn knows(self, received: Timestamp) -> bool {
        self.known.is_none_or(|known| received <= known)
    }

    /// Whether a revocation that was logged then is known.
    pub(crate) fn knows_revocation(self, received: Timestamp) -> bool {
        self.revocations.is_none_or(|known| received <= known)
    }
}
