//! Values that expressions are made of, and how they compare.

use std::cmp::Ordering;

use sekisho_proto::Timestamp;
use serde_json::Value as Json;

use crate::geometry::Geometry;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Time(Timestamp),
    /// A time of day, microseconds after midnight.
    Clock(i64),
    /// Microseconds.
    Duration(i64),
    Geometry(Geometry),
    /// An object or a list, which compares to nothing.
    Other,
}

impl Value {
    /// What a property holds.
    pub(crate) fn of(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Boolean(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Integer(whole),
                (None, Some(number)) => Self::Number(number),
                (None, None) => Self::Null,
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Object(_) => Geometry::of(json).map_or(Self::Other, Self::Geometry),
            Json::Array(_) => Self::Other,
        }
    }

    pub(crate) const fn truth(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Null
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Time(_)
            | Self::Clock(_)
            | Self::Duration(_)
            | Self::Geometry(_)
            | Self::Other => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are compared as JSON readers see them")]
    pub(crate) const fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(whole) => Some(*whole as f64),
            Self::Number(number) => Some(*number),
            Self::Null
            | Self::Boolean(_)
            | Self::Text(_)
            | Self::Time(_)
            | Self::Clock(_)
            | Self::Duration(_)
            | Self::Geometry(_)
            | Self::Other => None,
        }
    }

    /// A time, also where it is written as text.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Time(time) => Some(*time),
            Self::Text(text) => parse_time(text),
            Self::Null
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Clock(_)
            | Self::Duration(_)
            | Self::Geometry(_)
            | Self::Other => None,
        }
    }

    /// How two values compare; `None` where they are of different kinds.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, Self::Null) => Some(Ordering::Equal),
            (Self::Boolean(left), Self::Boolean(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right))
            | (Self::Duration(left), Self::Duration(right))
            | (Self::Clock(left), Self::Clock(right)) => Some(left.cmp(right)),
            (Self::Clock(clock), Self::Text(text)) => Some(clock.cmp(&parse_clock(text)?)),
            (Self::Text(text), Self::Clock(clock)) => Some(parse_clock(text)?.cmp(clock)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Time(_), _) | (_, Self::Time(_)) => Some(self.time()?.cmp(&other.time()?)),
            (Self::Geometry(left), Self::Geometry(right)) => {
                (left == right).then_some(Ordering::Equal)
            }
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }
}

/// A time of RFC 3339; seconds and the time of day may be left out, as OData does. What is less than
/// a microsecond plays no part.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse_cut(text) {
        return Some(time);
    }
    if !text.contains('T') {
        return Timestamp::parse_cut(&format!("{text}T00:00:00Z")).ok();
    }
    let (date, rest) = text.split_once('T')?;
    let (clock, zone) = rest.split_at_checked(5)?;
    Timestamp::parse_cut(&format!("{date}T{clock}:00{zone}")).ok()
}

/// `08:30:15.25`, as microseconds after midnight; seconds may be left out.
pub(crate) fn parse_clock(text: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000;
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (two_digits(parts.next()?, 23)?, two_digits(parts.next()?, 59)?);
    let seconds = parts.next().unwrap_or("00");
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if fraction.is_empty() {
        return None;
    }
    let whole = (hour * 60 + minute) * 60 + two_digits(second, 59)?;
    Some(whole * SECOND + scaled(&format!("0.{fraction}"), SECOND)?)
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    let is_it = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_it.then(|| text.parse().ok()).flatten().filter(|number| *number <= max)
}

/// `P1DT2H30M`, as microseconds. Months and years have no fixed length and are none.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let text = text.strip_prefix('P')?;
    let (days, clock) = text.split_once('T').map_or((text, None), |(d, c)| (d, Some(c)));
    let mut total = 0_i64;
    let mut parts = 0;
    let units: [(&str, &[(char, i64)]); 2] = [
        (days, &[('D', 86_400_000_000)]),
        (clock.unwrap_or_default(), &[('H', 3_600_000_000), ('M', 60_000_000), ('S', 1_000_000)]),
    ];
    for (mut rest, units) in units {
        for (unit, micros) in units {
            let Some((number, after)) = rest.split_once(*unit) else { continue };
            total = total.checked_add(scaled(number, *micros)?)?;
            parts += 1;
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    (parts > 0 && clock != Some("")).then_some(sign * total)
}

/// A decimal number times a unit.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut total = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    let mut part = unit;
    for digit in fraction.bytes() {
        part /= 10;
        total = total.checked_add(part.checked_mul(i64::from(digit - b'0'))?)?;
    }
    Some(total)
}
