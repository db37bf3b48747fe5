//! Times as devices write them, made UTC microseconds.
//!
//! A time that has two meanings, as an hour that a change of zone repeats or leaves out, is
//! refused rather than guessed.

use jiff::{civil, fmt::strtime, tz::TimeZone};
use sekisho_proto::Timestamp;

use crate::{fault::Fault, number};

/// The unit of a number that counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds, with or without a fraction.
    Seconds,
    /// Milliseconds, with or without a fraction.
    Milliseconds,
    /// Microseconds.
    Microseconds,
}

impl TimeUnit {
    /// Microseconds in one, as a power of ten.
    fn power(self) -> i32 {
        match self {
            Self::Seconds => 6,
            Self::Milliseconds => 3,
            Self::Microseconds => 0,
        }
    }
}

/// How a time is written.
#[derive(Debug, Clone)]
pub enum TimeFormat {
    /// RFC 3339 with its offset.
    Rfc3339,
    /// A pattern of `strptime`; the zone is that of a time that does not state its own.
    Pattern {
        /// The pattern.
        pattern: String,
        /// The zone, where the pattern has none.
        zone: Option<TimeZone>,
    },
    /// A number since 1970-01-01T00:00:00Z.
    Epoch(TimeUnit),
    /// A number since a start that the device does not state.
    Relative {
        /// What is counted.
        unit: TimeUnit,
        /// When the count was zero.
        start: Timestamp,
    },
}

impl TimeFormat {
    /// Reads a time; blanks around it do not matter. Digits behind the microsecond are cut off: no
    /// reading is said to be later than its device said, and two that were in order stay so.
    ///
    /// # Errors
    ///
    /// [`Fault::Text`] where it is not written so, does not exist, or exists twice in its zone.
    pub fn parse(&self, text: &[u8]) -> Result<Timestamp, Fault> {
        let trimmed = text.trim_ascii();
        match self {
            Self::Rfc3339 => rfc3339(trimmed)
                .ok_or_else(|| Fault::time("RFC 3339 such as 2026-11-20T08:30:00Z", text)),
            Self::Pattern { pattern, zone } => by_pattern(trimmed, pattern, zone.as_ref())
                .ok_or_else(|| Fault::time(format!("a time written as {pattern}"), text)),
            Self::Epoch(unit) => number::floored(trimmed, unit.power())
                .map(Timestamp::from_micros)
                .ok_or_else(|| Fault::time(format!("{unit:?} since 1970").to_lowercase(), text)),
            Self::Relative { unit, start } => number::floored(trimmed, unit.power())
                .and_then(|micros| start.as_micros().checked_add(micros))
                .map(Timestamp::from_micros)
                .ok_or_else(|| {
                    Fault::time(format!("{unit:?} since the start").to_lowercase(), text)
                }),
        }
    }
}

/// UTC microseconds of a date and time of day in UTC.
#[must_use]
pub fn utc(datetime: civil::DateTime) -> Option<Timestamp> {
    micros(TimeZone::UTC.to_timestamp(datetime).ok()?)
}

/// Whether a pattern can be used, and whether a text of it says its own zone; `None` where it is
/// no pattern.
#[must_use]
pub fn pattern_states_zone(pattern: &str) -> Option<bool> {
    let example = civil::date(2001, 2, 3).at(4, 5, 6, 0).to_zoned(TimeZone::UTC).ok()?;
    let text = strtime::format(pattern, &example).ok()?;
    let read = strtime::parse(pattern, &text).ok()?;
    if read.to_timestamp().is_ok() {
        return Some(true);
    }
    read.to_datetime().is_ok().then_some(false)
}

fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(text).ok()?;
    // A bracketed zone is jiff's own extension.
    if text.contains('[') {
        return None;
    }
    micros(text.parse().ok()?)
}

fn by_pattern(text: &[u8], pattern: &str, zone: Option<&TimeZone>) -> Option<Timestamp> {
    let read = strtime::parse(pattern, text).ok()?;
    match zone {
        None => micros(read.to_timestamp().ok()?),
        Some(zone) => {
            let datetime = read.to_datetime().ok()?;
            micros(zone.to_ambiguous_timestamp(datetime).unambiguous().ok()?)
        }
    }
}

fn micros(time: jiff::Timestamp) -> Option<Timestamp> {
    let micros = time.as_nanosecond().div_euclid(1000);
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests;
