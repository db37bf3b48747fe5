//! The date that most NMEA sentences leave out.

use jiff::{SignedDuration, ToSpan as _, civil};
use sekisho_proto::Timestamp;

use crate::{fault::Fault, format::sentence::Sentence, number, stamp};

/// How far the clock of a receiver without a fix may have moved since its last one and still be
/// believed, microseconds: a day in tunnels and ferries. A cold receiver is years off.
const VOID_DRIFT_MAX_US: u64 = 24 * 3600 * 1_000_000;

/// Half a day: a time of day further than this from the last one belongs to the next or the
/// previous date.
const HALF_DAY: SignedDuration = SignedDuration::from_hours(12);

/// The last date and time that sentences agreed on.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    last: Option<(civil::DateTime, Timestamp)>,
}

impl Calendar {
    /// The last time.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.last.map(|(_, time)| time)
    }

    /// Takes a full date and time from a receiver that knows it.
    pub(super) fn set(&mut self, datetime: civil::DateTime) -> Result<Timestamp, Fault> {
        let time = in_range(datetime)?;
        self.last = Some((datetime, time));
        Ok(time)
    }

    /// Takes a full date and time from a receiver that has no fix: believed only close to a time
    /// that had one.
    pub(super) fn drift(&mut self, datetime: civil::DateTime) {
        let (Some(last), Ok(time)) = (self.last(), in_range(datetime)) else { return };
        if time.as_micros().abs_diff(last.as_micros()) <= VOID_DRIFT_MAX_US {
            self.last = Some((datetime, time));
        }
    }

    /// The time of a sentence that states only the time of day; `None` before the first date.
    pub(super) fn complete(&mut self, time: TimeOfDay) -> Result<Option<Timestamp>, Fault> {
        let Some((last, _)) = self.last else { return Ok(None) };
        let same_day = time.on(last.date())?;
        let ahead = same_day.duration_since(last);
        let datetime = if ahead > HALF_DAY {
            same_day.checked_sub(1.day())
        } else if ahead < -HALF_DAY {
            same_day.checked_add(1.day())
        } else {
            Ok(same_day)
        };
        let datetime = datetime.unwrap_or(same_day);
        self.set(datetime).map(Some)
    }
}

fn in_range(datetime: civil::DateTime) -> Result<Timestamp, Fault> {
    stamp::utc(datetime)
        .ok_or_else(|| Fault::time("a date that exists", datetime.to_string().as_bytes()))
}

/// A time of day in UTC. A leap second is the second after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    micros: i64,
}

impl TimeOfDay {
    /// Reads `hhmmss` or `hhmmss.sss`; `None` where the field is empty.
    pub(super) fn parse(sentence: &Sentence<'_>, index: usize) -> Result<Option<Self>, Fault> {
        let text = sentence.field(index).as_bytes();
        if text.is_empty() {
            return Ok(None);
        }
        let fault = || Fault::time("hhmmss or hhmmss.sss", text);
        let (clock, rest) = text.split_at_checked(6).ok_or_else(fault)?;
        let pair = |at: usize| digits(clock.get(at..at + 2)?);
        let (Some(hours), Some(minutes), Some(seconds)) = (pair(0), pair(2), pair(4)) else {
            return Err(fault());
        };
        let fraction = match rest.split_first() {
            None => Some(0),
            Some((b'.', [])) => Some(0),
            Some((b'.', digits)) if digits.iter().all(u8::is_ascii_digit) => {
                number::floored(rest, 6)
            }
            Some(_) => None,
        };
        match fraction {
            Some(fraction) if hours < 24 && minutes < 60 && seconds <= 60 => Ok(Some(Self {
                micros: ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction,
            })),
            _ => Err(fault()),
        }
    }

    /// That time on a date.
    pub(super) fn on(self, date: civil::Date) -> Result<civil::DateTime, Fault> {
        let midnight = date.to_datetime(civil::Time::midnight());
        midnight
            .checked_add(SignedDuration::from_micros(self.micros))
            .map_err(|_beyond_year_9999| Fault::time("a date before 10000", b""))
    }
}

/// A date from three texts; years of two digits are 1980 to 2079, as GPS began in 1980.
pub(super) fn date(day: &str, month: &str, year: &str) -> Option<civil::Date> {
    let [day, month, two_or_four] = [day, month, year].map(|text| digits(text.as_bytes()));
    let year_value = match (year.len(), two_or_four?) {
        (2, short) if short >= 80 => 1900 + short,
        (2, short) => 2000 + short,
        (4, full) => full,
        _ => return None,
    };
    civil::Date::new(
        i16::try_from(year_value).ok()?,
        i8::try_from(month?).ok()?,
        i8::try_from(day?).ok()?,
    )
    .ok()
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    number::integer(text)
}
