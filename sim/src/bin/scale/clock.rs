//! The one place of this program that reads a clock.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

static BEGIN: LazyLock<Instant> = LazyLock::new(now);

/// Time since the first call.
pub(crate) fn elapsed() -> Duration {
    let begin = *BEGIN;
    now().saturating_duration_since(begin)
}

#[expect(clippy::disallowed_methods, reason = "what a part costs is measured here")]
fn now() -> Instant {
    Instant::now()
}
