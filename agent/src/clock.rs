//! The one place of the agent that reads a clock.

use std::time::{Duration, Instant, SystemTime};

use sekisho_proto::Timestamp;

/// The time, UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the agent's clock")]
pub fn now() -> Timestamp {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Timestamp::EPOCH.saturating_add(since),
        Err(before) => Timestamp::EPOCH.saturating_sub(before.duration()),
    }
}

/// Measures how long something has run, undisturbed by changes of the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    start: Instant,
}

impl Stopwatch {
    /// Starts one.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the agent's clock")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// How long it has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
