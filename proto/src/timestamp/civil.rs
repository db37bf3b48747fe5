//! Days and years of the proleptic Gregorian calendar, without a library: the usual ones bring a
//! clock with them, and this crate must not know one.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 0000-03-01, where the 400-year cycle is counted from, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
const DAYS_PER_CYCLE: i64 = 146_097;
const YEARS_PER_CYCLE: i64 = 400;

/// The times that RFC 3339 can write in UTC: years 0000 to 9999.
const FOUR_DIGIT_YEARS: std::ops::RangeInclusive<i64> =
    -62_167_219_200_000_000..=253_402_300_799_999_999;

/// RFC 3339 in UTC with six digits of the second. Years beyond 0000 to 9999 get a sign and as many
/// digits as they need, as ISO 8601 allows.
pub(super) fn format(micros: i64) -> String {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let fraction = micros.rem_euclid(MICROS_PER_SECOND);
    let (year, month, day) = date_of(seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+05}"),
    };
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// What becomes of digits behind the microsecond.
#[derive(Clone, Copy)]
pub(super) enum Finer {
    /// The text is refused: dropping them would change what somebody signed.
    Refused,
    /// They are dropped.
    Cut,
}

/// Microseconds since 1970 of an RFC 3339 time; `None` where it is none.
pub(super) fn parse(text: &str, finer: Finer) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    rest.one_of(b"-")?;
    let month = rest.digits(2)?;
    rest.one_of(b"-")?;
    let day = rest.digits(2)?;
    rest.one_of(b"Tt ")?;
    let hour = rest.digits(2)?;
    rest.one_of(b":")?;
    let minute = rest.digits(2)?;
    rest.one_of(b":")?;
    let second = rest.digits(2)?;
    let fraction = rest.fraction(finer)?;
    let offset = rest.offset()?;
    if !rest.0.is_empty() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_to(year, month, day)?;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    Some(seconds * MICROS_PER_SECOND + fraction).filter(|micros| FOUR_DIGIT_YEARS.contains(micros))
}

/// The date that lies so many days after 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let cycle = days.div_euclid(DAYS_PER_CYCLE);
    let day_of_cycle = days.rem_euclid(DAYS_PER_CYCLE);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // Years begin in March here, so that the leap day is the last.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * YEARS_PER_CYCLE + year_of_cycle + i64::from(month <= 2);
    (year, month, day)
}

/// Days from 1970-01-01 to a date; `None` where there is no such day.
fn days_to(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let march_year = year - i64::from(month <= 2);
    let cycle = march_year.div_euclid(YEARS_PER_CYCLE);
    let year_of_cycle = march_year.rem_euclid(YEARS_PER_CYCLE);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    let days = cycle * DAYS_PER_CYCLE + day_of_cycle - DAYS_TO_EPOCH;
    (date_of(days) == (year, month, day)).then_some(days)
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        wanted.contains(first).then_some(*first)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })
    }

    /// The part of a second after the point, microseconds.
    fn fraction(&mut self, finer: Finer) -> Option<i64> {
        let Some(after_point) = self.0.strip_prefix(b".") else {
            return Some(0);
        };
        let count = after_point.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = match (count, finer) {
            (0, _) | (7.., Finer::Refused) => return None,
            (count, _) => count.min(6),
        };
        self.0 = after_point;
        let digits = self.digits(kept)?;
        self.0 = self.0.get(count - kept..)?;
        (kept..6).try_fold(digits, |micros, _missing| micros.checked_mul(10))
    }

    /// What local time is ahead of UTC, seconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _utc => return Some(0),
        };
        let hours = self.digits(2)?;
        self.one_of(b":")?;
        let minutes = self.digits(2)?;
        (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
    }
}
