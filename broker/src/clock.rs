//! The only place in the node that reads a clock, so that everything else can be given any time.
//!
//! A wall clock that is set back must not give back what has run out. While a node runs, its time
//! never goes back: it goes on from where it was until the wall clock has caught up. `mark` keeps
//! it from beginning earlier than it ended.

pub(crate) mod mark;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho_proto::Timestamp;

pub use mark::ClockError;

static COURSE: LazyLock<Course> = LazyLock::new(Course::begin);

/// The node's time, µs UTC: that of the wall clock, and never earlier than it was. A clock before
/// 1970 reads as the epoch.
#[must_use]
pub fn now() -> Timestamp {
    let (wall, monotonic) = COURSE.read();
    Timestamp::from_micros(COURSE.at(wall, monotonic))
}

/// By how much the wall clock is behind the node's time; zero unless it was set back.
#[must_use]
pub fn behind() -> Duration {
    let (wall, monotonic) = COURSE.read();
    let behind = COURSE.at(wall, monotonic).saturating_sub(wall);
    Duration::from_micros(u64::try_from(behind).unwrap_or(0))
}

/// A time that passes evenly, whatever is done to the wall clock: as [`now`] when it was first asked
/// for, and since then as the monotonic clock says. It is for pauses and patience.
#[must_use]
pub fn steady() -> Timestamp {
    let (wall, monotonic) = COURSE.read();
    let first = *COURSE.first.get_or_init(|| COURSE.at(wall, monotonic).saturating_sub(monotonic));
    Timestamp::from_micros(monotonic.saturating_add(first))
}

/// By how much [`now`] is ahead of [`steady`], µs.
#[must_use]
pub fn ahead_of_steady() -> i64 {
    now().as_micros().saturating_sub(steady().as_micros())
}

/// The monotonic clock, for measuring how long something took.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the module that may read the clock")]
pub fn instant() -> Instant {
    Instant::now()
}

/// How the wall clock stands to the monotonic one.
#[derive(Debug)]
struct Course {
    began: Instant,
    /// The most that the wall clock was ahead of the monotonic one, µs.
    lead: AtomicI64,
    /// How much the time was ahead of the monotonic clock at first, µs.
    first: OnceLock<i64>,
}

impl Course {
    fn begin() -> Self {
        Self { began: instant(), lead: AtomicI64::new(i64::MIN), first: OnceLock::new() }
    }

    /// Both clocks, µs. The wall comes first: what passes between the two must not be mistaken for
    /// a wall clock that was set ahead.
    #[expect(clippy::disallowed_methods, reason = "this is the module that may read the clock")]
    fn read(&self) -> (i64, i64) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (micros(wall), micros(self.began.elapsed()))
    }

    fn at(&self, wall: i64, monotonic: i64) -> i64 {
        let lead = wall.saturating_sub(monotonic);
        let most = self.lead.fetch_max(lead, Ordering::Relaxed).max(lead);
        monotonic.saturating_add(most)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
