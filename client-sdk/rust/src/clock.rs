//! The SDK's only look at a clock. Everything else is handed the time.

use std::time::{SystemTime, UNIX_EPOCH};

use sekisho_proto::Timestamp;

/// Now, by the system's clock. A clock set before 1970 reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
#[must_use]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Now, by a clock that is never set and that tests may hold.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the other clock")]
pub(crate) fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
