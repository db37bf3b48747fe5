//! Where reading begins, as the parameters of a request say it.

use sekisho_proto::frame::Start;
use sekisho_proto::{Filter, Offset, Position, Timestamp};

use super::super::Problem;
use super::super::asked::{malformed, read};
use super::Reading;

/// The id of what stands before the first position of all.
const BEFORE_ALL: &str = "start";

/// The id of an event behind which reading goes on at `next`: the position before it.
pub(super) fn id(next: Position) -> String {
    match next.value().checked_sub(1) {
        Some(last) => last.to_string(),
        None => BEFORE_ALL.to_owned(),
    }
}

/// Where somebody wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Latest,
    LastValue,
    Earliest,
    Position(Position),
    Offset(Offset),
    Time(Timestamp),
}

impl Begin {
    /// Behind the event with this id.
    ///
    /// # Errors
    /// It is no id of ours.
    pub(super) fn after(id: &str) -> Result<Self, Problem> {
        if id == BEFORE_ALL {
            return Ok(Self::Position(Position::ZERO));
        }
        match id.parse::<u64>() {
            Ok(position) if position < u64::MAX => {
                Ok(Self::Position(Position::new(position).next()))
            }
            Ok(_) | Err(_) => {
                let why = format!("wanted the id of an event, a position or {BEFORE_ALL}");
                Err(malformed("last-event-id", why))
            }
        }
    }

    /// Where the parameters say, `otherwise` where they say nothing.
    ///
    /// # Errors
    /// They say more than one thing, or none that there is.
    pub(super) fn asked(asked: &Reading, otherwise: Self) -> Result<Self, Problem> {
        let word = match asked.start.as_deref() {
            None => None,
            Some("latest") => Some(Self::Latest),
            Some("last-value") => Some(Self::LastValue),
            Some("earliest") => Some(Self::Earliest),
            Some(other) => {
                let why = format!("wanted latest, last-value or earliest, found {other:?}");
                return Err(malformed("start", why));
            }
        };
        let since = asked.since.as_deref().map(time).transpose()?;
        let said = [
            word,
            asked.position.map(|position| Self::Position(Position::new(position))),
            asked.offset.map(|offset| Self::Offset(Offset::new(offset))),
            since.map(Self::Time),
        ];
        let mut said = said.into_iter().flatten();
        match (said.next(), said.next()) {
            (None, _) => Ok(otherwise),
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => {
                let why = "wanted one of start, position, offset and since, found more".to_owned();
                Err(malformed("start", why))
            }
        }
    }

    /// As the session protocol has it.
    ///
    /// # Errors
    /// It is an offset, and the filter is no topic.
    pub(super) fn start(self, filter: &Filter) -> Result<Start, Problem> {
        Ok(match self {
            Self::Latest => Start::Latest,
            Self::LastValue => Start::LastValue,
            Self::Earliest => Start::Earliest,
            Self::Position(position) => Start::Position(position),
            Self::Time(time) => Start::Time(time),
            Self::Offset(offset) if filter.is_topic().is_some() => Start::Offset(offset),
            Self::Offset(_) => {
                let why = format!("wanted a topic, since there is an offset, found {filter}");
                return Err(malformed("filter", why));
            }
        })
    }
}

/// Digits behind the microsecond are cut off: many runtimes write nine of them.
fn time(text: &str) -> Result<Timestamp, Problem> {
    read("since", text, Timestamp::parse_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let (start, position, offset, since) = (None, None, None, None);
        let filter = "fujisawa/#".to_owned();
        Reading { filter, start, position, offset, since, form: None, limit: None }
    }

    #[test]
    fn an_event_is_followed_by_the_next_position() {
        assert_eq!(Begin::after("7").unwrap(), Begin::Position(Position::new(8)));
        for bad in ["-1", "x", "18446744073709551615", "18446744073709551616"] {
            assert!(Begin::after(bad).is_err(), "{bad}");
        }
        for next in [0, 1, 8, u64::MAX].map(Position::new) {
            assert_eq!(Begin::after(&id(next)).unwrap(), Begin::Position(next));
        }
    }

    #[test]
    fn reading_begins_at_one_place() {
        let asked = |reading: &Reading| Begin::asked(reading, Begin::Latest);
        assert_eq!(asked(&reading()).unwrap(), Begin::Latest);
        let since = Reading { since: Some("2026-11-20T08:30:00Z".to_owned()), ..reading() };
        assert!(matches!(asked(&since).unwrap(), Begin::Time(_)));
        let finer =
            Reading { since: Some("2026-11-20T08:30:00.123456789Z".to_owned()), ..reading() };
        let micros = "2026-11-20T08:30:00.123456Z".parse().unwrap();
        assert_eq!(asked(&finer).unwrap(), Begin::Time(micros));
        assert!(asked(&Reading { position: Some(1), ..since }).is_err());
        assert!(asked(&Reading { start: Some("now".to_owned()), ..reading() }).is_err());
        assert!(asked(&Reading { since: Some("now".to_owned()), ..reading() }).is_err());
    }

    #[test]
    fn an_offset_is_of_one_topic() {
        let begin = Begin::Offset(Offset::new(1));
        assert!(begin.start(&"fujisawa/a".parse().unwrap()).is_ok());
        assert!(begin.start(&"fujisawa/#".parse().unwrap()).is_err());
    }
}
