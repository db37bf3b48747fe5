//! The only place in the node that reads a clock, so that everything else can be given any time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sekisho_proto::Timestamp;

/// The wall clock, µs UTC. A clock before 1970 reads as the epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the module that may read the clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The monotonic clock, for measuring how long something took.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the module that may read the clock")]
pub fn instant() -> Instant {
    Instant::now()
}
