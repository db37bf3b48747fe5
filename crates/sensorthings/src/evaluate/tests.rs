use proptest::prelude::*;
use sekisho_proto::Timestamp;
use serde_json::{Value as Json, json};

use super::holds;
use crate::entity::Kind;
use crate::expression::Expression;
use crate::scan::Scanner;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T12:00:00Z").unwrap()
}

fn read(text: &str) -> Expression {
    let mut scanner = Scanner::new(text);
    let found = Expression::read(&mut scanner, Kind::Observation).unwrap();
    assert!(scanner.is_done(), "{text}: {}", scanner.rest());
    found
}

fn facts() -> Json {
    json!({
        "@iot.id": "a:b::c@1.0",
        "result": 21.5,
        "phenomenonTime": "2026-11-20T08:30:15.250000Z",
        "resultTime": "2026-11-20T08:31:00Z",
        "parameters": { "publisher": "truck-17@fujisawa", "depth": null },
        "Datastream": {
            "name": "O'Higgins pm2_5",
            "unitOfMeasurement": { "symbol": "µg/m³" },
            "Thing": { "Locations": [
                { "location": { "type": "Point", "coordinates": [139.49, 35.34] } },
                { "location": { "type": "Point", "coordinates": [-3.80, 43.46] } },
            ] },
        },
        "FeatureOfInterest": { "feature": { "type": "Point", "coordinates": [139.49, 35.34] } },
    })
}

#[test]
fn what_the_standard_shows_is_understood() {
    for (text, wanted) in [
        ("result gt 20", true),
        ("result eq 21.5 and not (result lt 3)", true),
        ("result add 1.5 eq 23", true),
        ("result sub 1 mul 2 eq 19.5", true),
        ("(result sub 1) mul 2 eq 41", true),
        ("5 mod 3 eq 2 and 7 div 2 eq 3.5", true),
        ("-result lt 0", true),
        ("substringof('Higgins', Datastream/name)", true),
        ("Datastream/name eq 'O''Higgins pm2_5'", true),
        ("startswith(tolower(Datastream/name), 'o''h')", true),
        ("endswith(Datastream/name, 'x') or length(Datastream/name) eq 15", true),
        ("indexof(Datastream/name, 'pm') eq 10", true),
        ("substring(Datastream/name, 10, 2) eq 'pm'", true),
        ("concat(Datastream/name, '!') eq 'O''Higgins pm2_5!'", true),
        ("Datastream/unitOfMeasurement/symbol eq 'µg/m³'", true),
        ("phenomenonTime ge 2026-11-20T08:30:00Z", true),
        ("phenomenonTime lt 2026-11-20T17:30:15.3+09:00", true),
        ("phenomenonTime gt 2026-11-20T17:30:15.3+09:00", false),
        ("phenomenonTime lt 2026-11-20T17:30:15.3 09:00 and true", true),
        ("phenomenonTime eq 2026-11-20T08:30:15.2500009Z", true),
        ("phenomenonTime eq 2026-11-20T17:30:15.250000999999999999999+09:00", true),
        ("phenomenonTime lt 2026-11-20T08:30:15.2500019Z", true),
        ("phenomenonTime ge 2026-11-20", true),
        ("phenomenonTime gt now() sub duration'PT4H'", true),
        ("phenomenonTime gt now() sub duration'PT3H'", false),
        ("resultTime sub phenomenonTime gt duration'PT44S'", false),
        ("2026-11-20T08:31:00Z sub phenomenonTime gt duration'PT44S'", true),
        ("year(phenomenonTime) eq 2026 and month(phenomenonTime) eq 11", true),
        ("day(resultTime) eq 20 and hour(resultTime) eq 8 and minute(resultTime) eq 31", true),
        ("second(phenomenonTime) eq 15 and fractionalseconds(phenomenonTime) eq 0.25", true),
        ("date(phenomenonTime) eq '2026-11-20'", true),
        ("round(result) eq 22 and floor(result) eq 21 and ceiling(result) eq 22", true),
        ("id eq 'a:b::c@1.0'", true),
        ("@iot.id eq 'a:b::c@1.0'", true),
        ("parameters/depth eq null", true),
        ("parameters/none eq null", true),
        ("parameters/depth gt 1 or true", true),
        ("not (parameters/depth gt 1)", false),
        ("parameters/publisher ne 'truck-18@fujisawa'", true),
        ("result eq 'warm'", false),
        (
            "st_within(FeatureOfInterest/feature, geography'POLYGON((139 35,140 35,140 36,139 36,139 35))')",
            true,
        ),
        (
            "geo.distance(Datastream/Thing/Locations/location, geography'POINT(-3.8 43.46)') lt 10",
            true,
        ),
        ("st_equals(FeatureOfInterest/feature, geography'POINT(1 1)')", false),
        ("st_relate(FeatureOfInterest/feature, geography'POINT(1 1)', 'FF*FF****')", true),
        ("geo.length(geography'LINESTRING(0 0,0 1)') gt 111000", true),
        ("time(phenomenonTime) lt 23:59:59 and time(phenomenonTime) gt 08:30", true),
        ("time(phenomenonTime) eq 08:30:15.25 and time(phenomenonTime) eq '08:30:15.25'", true),
        ("08:30:15.2500001 lt time(phenomenonTime)", false),
        ("time(phenomenonTime) ge 08:30:15.3", false),
    ] {
        assert_eq!(holds(&read(text), &facts(), now()), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_none_is_told_with_where_and_why() {
    for (text, wanted) in [
        ("result gt", "wanted a name, a number"),
        ("result gt 1 gt 2", "`"),
        ("nothing eq 1", "wanted one of @iot.id, phenomenonTime, result"),
        ("Datastream eq 1", "a property of Datastream at the end"),
        ("Datastream/Observations/result gt 1", "found one on all that was ever observed"),
        ("frobnicate(result)", "wanted a function of 18-088"),
        ("length(result, 1)", "wanted 1 arguments, found 2"),
        ("geography'POINT(1)' eq 1", "well-known text"),
        ("phenomenonTime gt 2026-13-01T00:00:00Z", "RFC 3339"),
        ("phenomenonTime gt 2026-01-01/2026-01-02", "found an interval"),
        ("phenomenonTime gt 2026-01-01T00:00:00.Z", "RFC 3339"),
        ("time(phenomenonTime) gt 24:00:00", "one such as 08:30:00"),
        ("time(phenomenonTime) gt 08:30:", "one such as 08:30:00"),
        ("time(phenomenonTime) gt 08:30:15.", "one such as 08:30:00"),
        ("result eq 'open", "a text that ends with '"),
        ("((((((((((((((((((((1))))))))))))))))))))", "wanted at most 32"),
    ] {
        let mut scanner = Scanner::new(text);
        let fault = Expression::read(&mut scanner, Kind::Observation);
        let told = match fault {
            Err(fault) => fault.to_string(),
            Ok(_) => format!("`{}`", scanner.rest()),
        };
        assert!(told.contains(wanted), "{text}: {told}");
    }
}

#[test]
fn the_earliest_time_comes_from_what_must_hold() {
    let time = |text: &str| Some(Timestamp::parse(text).unwrap());
    for (text, wanted) in [
        ("phenomenonTime ge 2026-11-20T08:00:00Z and result gt 1", time("2026-11-20T08:00:00Z")),
        ("2026-11-20T08:00:00Z le phenomenonTime", time("2026-11-20T08:00:00Z")),
        ("phenomenonTime le 2026-11-20T08:00:00Z", None),
        ("phenomenonTime ge 2026-11-20T08:00:00Z or result gt 1", None),
        ("not (phenomenonTime ge 2026-11-20T08:00:00Z)", None),
        ("resultTime ge 2026-11-20T08:00:00Z", None),
    ] {
        assert_eq!(read(text).earliest("phenomenonTime"), wanted, "{text}");
    }
}

/// A small question, as text and as what a reader by hand would make of it.
#[derive(Debug, Clone)]
enum Question {
    Compare(&'static str, i64, &'static str, i64),
    IsNull(bool),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Question {
    fn text(&self) -> String {
        match self {
            Self::Compare(sum, by, comparison, with) => {
                format!("result {sum} {by} {comparison} {with}")
            }
            Self::IsNull(is) => {
                format!("parameters/depth {} null", if *is { "eq" } else { "ne" })
            }
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::And(left, right) => format!("({}) and ({})", left.text(), right.text()),
            Self::Or(left, right) => format!("({}) or ({})", left.text(), right.text()),
        }
    }

    /// Truth where the result may be missing: unknown is -1, false 0, true 1, and then minimum and
    /// maximum are Kleene's logic with unknown in the middle.
    fn truth(&self, result: Option<i64>) -> i8 {
        match self {
            Self::Compare(sum, by, comparison, with) => {
                let known =
                    result.map(|result| if *sum == "add" { result + by } else { result - by });
                match (known, *comparison) {
                    (None, "eq") => -1,
                    (None, "ne") => 1,
                    (None, _) => 0,
                    (Some(known), comparison) => {
                        let holds = match comparison {
                            "eq" => known == *with,
                            "ne" => known != *with,
                            "gt" => known > *with,
                            "ge" => known >= *with,
                            "lt" => known < *with,
                            _ => known <= *with,
                        };
                        if holds { 1 } else { -1 }
                    }
                }
            }
            Self::IsNull(is) => {
                if *is {
                    1
                } else {
                    -1
                }
            }
            Self::Not(inner) => -inner.truth(result),
            Self::And(left, right) => left.truth(result).min(right.truth(result)),
            Self::Or(left, right) => left.truth(result).max(right.truth(result)),
        }
    }
}

fn questions() -> impl Strategy<Value = Question> {
    let compare = (
        prop::sample::select(vec!["add", "sub"]),
        0..20_i64,
        prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]),
        0..20_i64,
    )
        .prop_map(|(sum, by, comparison, with)| Question::Compare(sum, by, comparison, with));
    let leaf = prop_oneof![compare, any::<bool>().prop_map(Question::IsNull)];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Question::Not(Box::new(inner))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| Question::And(Box::new(left), Box::new(right))),
            (inner.clone(), inner)
                .prop_map(|(left, right)| Question::Or(Box::new(left), Box::new(right))),
        ]
    })
}

proptest! {
    #[test]
    fn filters_agree_with_a_reference(
        question in questions(),
        result in prop::option::of(-5..25_i64),
    ) {
        let facts = json!({ "result": result, "parameters": { "depth": null } });
        let found = holds(&read(&question.text()), &facts, now());
        prop_assert_eq!(found, Ok(question.truth(result) > 0), "{}", question.text());
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[a-zA-Z0-9'()/., +:@$;=-]{0,60}") {
        let mut scanner = Scanner::new(&text);
        drop(Expression::read(&mut scanner, Kind::Datastream));
    }
}
