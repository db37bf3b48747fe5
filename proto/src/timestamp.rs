//! Time as the protocol knows it: microseconds, UTC, always handed in by somebody with a clock.

use std::{fmt, str::FromStr, time::Duration};

use crate::ParseError;

mod civil;

use civil::Finer;

/// A time in microseconds since 1970-01-01T00:00:00Z, without leap seconds; the whole range of
/// `i64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp {
    micros: i64,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self { micros: 0 };

    /// The earliest.
    pub const MIN: Self = Self { micros: i64::MIN };

    /// The latest.
    pub const MAX: Self = Self { micros: i64::MAX };

    /// A time in microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.micros
    }

    /// The time later by a duration (cut to microseconds); `None` where that is out of range.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        self.micros.checked_add(micros).map(Self::from_micros)
    }

    /// The time earlier by a duration (cut to microseconds); `None` where that is out of range.
    #[must_use]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        self.micros.checked_sub(micros).map(Self::from_micros)
    }

    /// The time later by a duration, at most [`MAX`](Self::MAX).
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }

    /// The time earlier by a duration, at least [`MIN`](Self::MIN).
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        self.checked_sub(duration).unwrap_or(Self::MIN)
    }

    /// How much later this is than the other; zero where it is not.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        Duration::from_micros(self.micros.abs_diff(earlier.micros))
    }

    /// Parses a time as RFC 3339 writes it, with any offset, at most microseconds, and years 0000
    /// to 9999.
    ///
    /// # Errors
    ///
    /// It is not such a time, or names a day, hour or second that does not exist.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        civil::parse(text, Finer::Refused).map(Self::from_micros).ok_or_else(|| {
            let wanted = "RFC 3339 such as 2026-11-20T08:30:00.000000Z, at most microseconds";
            ParseError::text("time", wanted, text)
        })
    }

    /// As [`parse`](Self::parse), for what devices and people write: many runtimes print seven or
    /// nine digits of a second. Those behind the microsecond are cut off, which is towards the past.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), but for the number of digits.
    pub fn parse_cut(text: &str) -> Result<Self, ParseError> {
        civil::parse(text, Finer::Cut)
            .map(Self::from_micros)
            .ok_or_else(|| ParseError::text("time", "RFC 3339 such as 2026-11-20T08:30:00Z", text))
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&civil::format(self.micros))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

#[cfg(test)]
mod tests;
