//! Functions of `$filter` (18-088 §9.3.3.5.2): names, how many arguments, and what they give.

use sekisho_proto::Timestamp;

use crate::fault::Fault;
use crate::geometry::{Geometry, Relation};
use crate::value::{Value, parse_clock};

/// What a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    SubstringOf,
    Contains,
    StartsWith,
    EndsWith,
    Length,
    IndexOf,
    Substring,
    ToLower,
    ToUpper,
    Trim,
    Concat,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    FractionalSeconds,
    Date,
    Time,
    TotalOffsetMinutes,
    Now,
    MinTime,
    MaxTime,
    Round,
    Floor,
    Ceiling,
    Distance,
    GeometryLength,
    Relates(Relation),
    Relate,
}

const NAMES: [(&str, Function, std::ops::RangeInclusive<usize>); 40] = [
    ("substringof", Function::SubstringOf, 2..=2),
    ("contains", Function::Contains, 2..=2),
    ("startswith", Function::StartsWith, 2..=2),
    ("endswith", Function::EndsWith, 2..=2),
    ("length", Function::Length, 1..=1),
    ("indexof", Function::IndexOf, 2..=2),
    ("substring", Function::Substring, 2..=3),
    ("tolower", Function::ToLower, 1..=1),
    ("toupper", Function::ToUpper, 1..=1),
    ("trim", Function::Trim, 1..=1),
    ("concat", Function::Concat, 2..=2),
    ("year", Function::Year, 1..=1),
    ("month", Function::Month, 1..=1),
    ("day", Function::Day, 1..=1),
    ("hour", Function::Hour, 1..=1),
    ("minute", Function::Minute, 1..=1),
    ("second", Function::Second, 1..=1),
    ("fractionalseconds", Function::FractionalSeconds, 1..=1),
    ("date", Function::Date, 1..=1),
    ("time", Function::Time, 1..=1),
    ("totaloffsetminutes", Function::TotalOffsetMinutes, 1..=1),
    ("now", Function::Now, 0..=0),
    ("mindatetime", Function::MinTime, 0..=0),
    ("maxdatetime", Function::MaxTime, 0..=0),
    ("round", Function::Round, 1..=1),
    ("floor", Function::Floor, 1..=1),
    ("ceiling", Function::Ceiling, 1..=1),
    ("geo.distance", Function::Distance, 2..=2),
    ("geo.length", Function::GeometryLength, 1..=1),
    ("geo.intersects", Function::Relates(Relation::Intersects), 2..=2),
    ("st_equals", Function::Relates(Relation::Equals), 2..=2),
    ("st_disjoint", Function::Relates(Relation::Disjoint), 2..=2),
    ("st_touches", Function::Relates(Relation::Touches), 2..=2),
    ("st_within", Function::Relates(Relation::Within), 2..=2),
    ("st_overlaps", Function::Relates(Relation::Overlaps), 2..=2),
    ("st_crosses", Function::Relates(Relation::Crosses), 2..=2),
    ("st_intersects", Function::Relates(Relation::Intersects), 2..=2),
    ("st_contains", Function::Relates(Relation::Contains), 2..=2),
    ("st_relate", Function::Relate, 3..=3),
    ("geo.contains", Function::Relates(Relation::Contains), 2..=2),
];

impl Function {
    pub(crate) fn parse(name: &str) -> Result<Self, Fault> {
        let found = NAMES.iter().find(|(known, _, _)| *known == name);
        found.map(|(_, function, _)| *function).ok_or_else(|| {
            let why = "wanted a function of 18-088 §9.3.3.5.2, found another name";
            Fault::unsupported(&format!("function {name}"), why)
        })
    }

    pub(crate) fn check(self, arguments: usize) -> Result<(), Fault> {
        let Some((name, _, range)) = NAMES.iter().find(|(_, known, _)| *known == self) else {
            return Ok(());
        };
        if range.contains(&arguments) {
            return Ok(());
        }
        let wanted = format!("{} arguments", range.end());
        Err(Fault::malformed(&format!("function {name}"), wanted, arguments))
    }

    /// What it gives; null where an argument is not what it is made for.
    pub(crate) fn call(self, arguments: &[&Value], now: Timestamp) -> Value {
        let done = match arguments {
            [] => self.constant(now),
            [one] => self.of_one(one),
            [one, two] => self.of_two(one, two),
            [one, two, three] => self.of_three(one, two, three),
            _ => None,
        };
        done.unwrap_or(Value::Null)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have arguments")]
    const fn constant(self, now: Timestamp) -> Option<Value> {
        match self {
            Self::Now => Some(Value::Time(now)),
            Self::MinTime => Some(Value::Time(Timestamp::MIN)),
            Self::MaxTime => Some(Value::Time(Timestamp::MAX)),
            _ => None,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have other arguments")]
    fn of_one(self, value: &Value) -> Option<Value> {
        match self {
            Self::Length => integer(text(value)?.chars().count()),
            Self::ToLower => Some(Value::Text(text(value)?.to_lowercase())),
            Self::ToUpper => Some(Value::Text(text(value)?.to_uppercase())),
            Self::Trim => Some(Value::Text(text(value)?.trim().to_owned())),
            Self::Round => Some(Value::Number(value.number()?.round())),
            Self::Floor => Some(Value::Number(value.number()?.floor())),
            Self::Ceiling => Some(Value::Number(value.number()?.ceil())),
            Self::GeometryLength => Some(Value::Number(geometry(value)?.length_m())),
            _ => self.of_time(value.time()?),
        }
    }

    /// Parts of a time, in UTC: all times are kept in it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are not of a time")]
    fn of_time(self, time: Timestamp) -> Option<Value> {
        let written = time.to_string();
        let (date, clock) = written.split_once('T')?;
        let mut date_parts = date.rsplitn(3, '-');
        let (day, month, year) = (date_parts.next()?, date_parts.next()?, date_parts.next()?);
        let mut clock_parts = clock.strip_suffix('Z')?.splitn(3, ':');
        let (hour, minute) = (clock_parts.next()?, clock_parts.next()?);
        let seconds = clock_parts.next()?;
        let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let whole = |text: &str| text.parse().ok().map(Value::Integer);
        match self {
            Self::Year => whole(year),
            Self::Month => whole(month),
            Self::Day => whole(day),
            Self::Hour => whole(hour),
            Self::Minute => whole(minute),
            Self::Second => whole(second),
            Self::FractionalSeconds => format!("0.{fraction}").parse().ok().map(Value::Number),
            Self::Date => Some(Value::Text(date.to_owned())),
            Self::Time => parse_clock(clock.strip_suffix('Z')?).map(Value::Clock),
            Self::TotalOffsetMinutes => Some(Value::Integer(0)),
            _ => None,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have other arguments")]
    fn of_two(self, one: &Value, two: &Value) -> Option<Value> {
        match self {
            Self::SubstringOf => Some(Value::Boolean(text(two)?.contains(text(one)?))),
            Self::Contains => Some(Value::Boolean(text(one)?.contains(text(two)?))),
            Self::StartsWith => Some(Value::Boolean(text(one)?.starts_with(text(two)?))),
            Self::EndsWith => Some(Value::Boolean(text(one)?.ends_with(text(two)?))),
            Self::IndexOf => {
                let (inside, wanted) = (text(one)?, text(two)?);
                match inside.find(wanted).and_then(|at| inside.get(..at)) {
                    Some(before) => integer(before.chars().count()),
                    None => Some(Value::Integer(-1)),
                }
            }
            Self::Substring => {
                let start = index(two)?;
                Some(Value::Text(text(one)?.chars().skip(start).collect()))
            }
            Self::Concat => Some(Value::Text(format!("{}{}", text(one)?, text(two)?))),
            Self::Distance => geometry(one)?.distance_m(geometry(two)?).map(Value::Number),
            Self::Relates(relation) => {
                geometry(one)?.relates(relation, geometry(two)?).map(Value::Boolean)
            }
            _ => None,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have other arguments")]
    fn of_three(self, one: &Value, two: &Value, three: &Value) -> Option<Value> {
        match self {
            Self::Substring => {
                let (start, length) = (index(two)?, index(three)?);
                Some(Value::Text(text(one)?.chars().skip(start).take(length).collect()))
            }
            Self::Relate => {
                let matrix = geometry(one)?.matrix(geometry(two)?)?;
                matrix.matches(text(three)?).map(Value::Boolean)
            }
            _ => None,
        }
    }
}

fn integer(count: usize) -> Option<Value> {
    i64::try_from(count).ok().map(Value::Integer)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only one kind will do")]
fn index(value: &Value) -> Option<usize> {
    match value {
        Value::Integer(whole) => usize::try_from(*whole).ok(),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only one kind will do")]
fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only one kind will do")]
fn geometry(value: &Value) -> Option<&Geometry> {
    match value {
        Value::Geometry(geometry) => Some(geometry),
        _ => None,
    }
}
