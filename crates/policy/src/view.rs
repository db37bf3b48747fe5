//! From when a question is asked: what was known, and what time it is. Time travel is a view that
//! has not heard of later statements.

use std::cell::Cell;

use sekisho_proto::Timestamp;

/// The times between which an answer stays what it is, as far as it went by a time: everything
/// that the time was compared with lies outside.
#[derive(Debug)]
pub(crate) struct Window {
    since: Cell<Timestamp>,
    /// Exclusive.
    until: Cell<Timestamp>,
}

impl Default for Window {
    fn default() -> Self {
        Self { since: Cell::new(Timestamp::MIN), until: Cell::new(Timestamp::MAX) }
    }
}

impl Window {
    /// From when, and until when, exclusive.
    pub(crate) fn bounds(&self) -> (Timestamp, Timestamp) {
        (self.since.get(), self.until.get())
    }

    fn note(&self, boundary: Timestamp, is_reached: bool) {
        if is_reached {
            self.since.set(self.since.get().max(boundary));
        } else {
            self.until.set(self.until.get().min(boundary));
        }
    }
}

/// A time that others are compared with, and perhaps who watches which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'w> {
    time: Timestamp,
    window: Option<&'w Window>,
}

impl<'w> Moment<'w> {
    pub(crate) fn watched(time: Timestamp, window: &'w Window) -> Self {
        Self { time, window: Some(window) }
    }

    pub(crate) fn time(self) -> Timestamp {
        self.time
    }

    /// Whether a boundary has been reached.
    pub(crate) fn has_reached(self, boundary: Timestamp) -> bool {
        let is_reached = boundary <= self.time;
        if let Some(window) = self.window {
            window.note(boundary, is_reached);
        }
        is_reached
    }
}

impl From<Timestamp> for Moment<'_> {
    fn from(time: Timestamp) -> Self {
        Self { time, window: None }
    }
}

/// What a decision may go by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'w> {
    /// Only statements received by then; `None`: every statement.
    known: Option<Timestamp>,
    /// Only revocations received by then; `None`: every revocation.
    revocations: Option<Timestamp>,
    /// The time that periods are compared with.
    now: Moment<'w>,
}

impl<'w> View<'w> {
    /// Everything that is known, at a time: what live decisions go by.
    pub(crate) fn live(now: impl Into<Moment<'w>>) -> Self {
        Self { known: None, revocations: None, now: now.into() }
    }

    /// As it was at a time.
    pub(crate) fn at(time: Timestamp) -> Self {
        Self { known: Some(time), revocations: Some(time), now: time.into() }
    }

    /// For judging a statement of another log that was received then: what was revoked since does
    /// not undo it, in whatever order the two logs are read.
    pub(crate) fn across_logs(received: Timestamp) -> Self {
        Self { known: None, revocations: Some(received), now: received.into() }
    }

    /// Whether a time has come.
    pub(crate) fn has_reached(self, boundary: Timestamp) -> bool {
        self.now.has_reached(boundary)
    }

    /// Whether a period is over; one without an end never is.
    pub(crate) fn has_passed(self, until: Option<Timestamp>) -> bool {
        until.is_some_and(|until| self.has_reached(until))
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
