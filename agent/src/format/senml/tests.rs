use proptest::prelude::*;
use sekisho_proto::{Timestamp, Value};

use super::{Senml, SenmlNames};
use crate::{input::Input, line::Framing, observation::Observation, tally::Tally};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn read_as(names: SenmlNames, framing: Framing, text: &str) -> (Vec<Observation>, Tally) {
    let mut input = Input::new("test".into(), framing, 4096, Box::new(Senml::new(names)));
    let mut seen = Vec::new();
    input.feed(text.as_bytes(), ARRIVAL, &mut seen).unwrap();
    input.finish(ARRIVAL, &mut seen).unwrap();
    (seen, input.into_tally())
}

fn read(text: &str) -> (Vec<Observation>, Tally) {
    read_as(SenmlNames::Full, Framing::Lines, text)
}

/// A transducer, a unit and a value.
type Shown<'a> = (&'a str, &'a str, Value);

fn shown(observations: &[Observation]) -> Vec<(String, Vec<Shown<'_>>)> {
    observations
        .iter()
        .map(|seen| {
            let values = seen.sample.values.iter();
            let values = values
                .map(|value| (value.transducer.as_str(), value.unit.as_str(), value.value.clone()));
            (seen.sample.time.to_string(), values.collect())
        })
        .collect()
}

/// RFC 8428 §5.1.2.
#[test]
fn base_fields_hold_for_the_records_after_them() {
    let (seen, _) = read(
        r#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","v":1.7}]"#,
    );
    let name = "urn:dev:ow:10e2073a0108006:current";
    assert_eq!(
        shown(&seen),
        [
            (
                "2010-06-08T18:01:16.001000Z".into(),
                vec![("urn:dev:ow:10e2073a0108006:voltage", "V", Value::Float(120.1))]
            ),
            ("2010-06-08T18:01:11.001000Z".into(), vec![(name, "A", Value::Float(1.2))]),
            ("2010-06-08T18:01:12.001000Z".into(), vec![(name, "A", Value::Float(1.3))]),
            ("2010-06-08T18:01:16.001000Z".into(), vec![(name, "A", Value::Float(1.7))]),
        ]
    );
}

#[test]
fn records_of_one_time_are_one_sample() {
    let text = r#"[{"bn":"truck/17/","bt":1700000000.25,"n":"t","u":"Cel","v":21},{"n":"door","vb":true},{"n":"tag","vs":"b-7"},{"n":"raw","vd":"-_8"},{"n":"e","u":"J","v":1,"s":5}]"#;
    let wanted = |prefix: &str| {
        vec![
            (format!("{prefix}t"), "Cel", Value::Float(21.0)),
            (format!("{prefix}door"), "", Value::Boolean(true)),
            (format!("{prefix}tag"), "", Value::Text("b-7".into())),
            (format!("{prefix}raw"), "", Value::Blob(vec![0xfb, 0xff])),
            (format!("{prefix}e"), "J", Value::Float(1.0)),
            (format!("{prefix}e.sum"), "J", Value::Float(5.0)),
        ]
    };
    for (names, prefix) in [(SenmlNames::Full, "truck/17/"), (SenmlNames::Local, "")] {
        let (seen, _) = read_as(names, Framing::Lines, text);
        assert_eq!(seen[0].label("base_name"), Some("truck/17/"));
        let (time, values) = shown(&seen).remove(0);
        assert_eq!(time, "2023-11-14T22:13:20.250000Z");
        let values: Vec<_> =
            values.into_iter().map(|(name, unit, value)| (name.to_owned(), unit, value)).collect();
        assert_eq!(values, wanted(prefix));
    }
}

#[test]
fn small_times_are_relative_to_arrival() {
    let (seen, _) =
        read(r#"[{"n":"a","v":1},{"n":"b","t":-60,"v":1},{"n":"c","t":268435456,"v":1}]"#);
    let times: Vec<i64> = seen.iter().map(|seen| seen.sample.time.as_micros()).collect();
    assert_eq!(times, [ARRIVAL.as_micros(), ARRIVAL.as_micros() - 60_000_000, 268_435_456_000_000]);
}

#[test]
fn base_values_and_sums_are_added_and_zero_keeps_its_sign() {
    let (seen, _) = read(r#"[{"bn":"x","bv":20,"v":-0.5,"bs":100,"s":1}]"#);
    assert_eq!(seen[0].value("x").unwrap().value, Value::Float(19.5));
    assert_eq!(seen[0].value("x.sum").unwrap().value, Value::Float(101.0));
    let (seen, _) = read(r#"[{"n":"x","v":-0.0}]"#);
    assert_eq!(seen[0].value("x").unwrap().value, Value::Float(-0.0));
}

#[test]
fn a_stream_of_records_keeps_its_base_over_lines_and_a_pack_does_not() {
    let (seen, tally) = read(
        "[\n{\"bn\":\"x:\",\"bt\":1700000000,\"n\":\"a\",\"v\":1},\n{\"n\":\"b\",\"v\":2}\n]\n",
    );
    assert_eq!(seen.len(), 2);
    assert!(seen[1].value("x:b").is_some());
    assert_eq!((tally.good, tally.skipped["blank"]), (2, 2));
    let (seen, _) = read("[{\"bn\":\"x:\",\"n\":\"a\",\"v\":1}]\n[{\"n\":\"b\",\"v\":2}]\n");
    assert!(seen[1].value("b").is_some());
}

#[test]
fn a_document_may_be_laid_out_over_lines() {
    let text =
        "[\n  {\"bn\": \"x:\",\n   \"n\": \"a\", \"v\": 1},\n  {\"n\": \"b\", \"v\": 2}\n]\n";
    let (seen, _) = read_as(SenmlNames::Full, Framing::Document, text);
    assert_eq!(seen[0].sample.values.len(), 2);
}

#[test]
fn what_the_standard_forbids_is_refused_by_name() {
    for (record, said) in [
        (r#"{"bver":11,"n":"a","v":1}"#, "field bver: wanted 1 to 10, found \"11\""),
        (r#"{"n":"a","v":1,"x_":1}"#, "field label: wanted labels of RFC 8428, found \"x_\""),
        (r#"{"n":"a","v":"1"}"#, "field v: wanted a number, found \"\\\"1\\\"\""),
        (r#"{"n":"a","v":1,"vs":"b"}"#, "field a: wanted one of v, vs, vb and vd, found \"more\""),
        (r#"{"n":"a","vb":1}"#, "field vb: wanted true or false, found \"1\""),
        (r#"{"n":"a","vd":"*"}"#, "field vd: wanted base64url, found \"*\""),
        (r#"{"n":"a","t":"noon","v":1}"#, "time: wanted seconds, found \"\\\"noon\\\"\""),
        (r#"{"n":"a","t":1e300,"v":1}"#, "time: wanted seconds, found \"1e+300\""),
        (r#"{"n":"a","v":1e308,"bv":1e308}"#, "field v: wanted a finite number, found \"inf\""),
        (
            r#"{"n":"a","v":1},{"n":"a","v":2}"#,
            "field transducer: wanted each transducer once, found \"a\"",
        ),
        ("7", "text: wanted a SenML record, found \"7\""),
    ] {
        let (seen, tally) = read(&format!("[{record}]\n[{{\"n\":\"good\",\"v\":1}}]"));
        assert_eq!(seen.len(), 1, "{record}");
        assert_eq!(tally.examples[0].fault.to_string(), said);
    }
    for record in [r#"{"v":1}"#, r#"{"n":"a b","v":1}"#, r#"{"n":"-a","v":1}"#] {
        let (_, tally) = read(&format!("[{record}]"));
        assert!(tally.examples[0].fault.to_string().contains("a letter or digit"), "{record}");
    }
}

#[test]
fn a_pack_without_values_gives_nothing() {
    let (seen, tally) = read("[]\n[{\"bn\":\"x:\"}]\n");
    assert!(seen.is_empty());
    assert_eq!(tally.skipped["empty"], 2);
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "[\\[\\]{}\",:a-z0-9 .\n-]{0,200}") {
        let (_, tally) = read(&text);
        prop_assert_eq!(tally.lines, tally.good + tally.skipped_lines() + tally.broken_lines());
    }

    #[test]
    fn numbers_survive_bit_for_bit(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let (seen, _) = read(&format!(r#"[{{"n":"x","v":{number:e}}}]"#));
        prop_assert_eq!(&seen[0].value("x").unwrap().value, &Value::Float(number));
    }
}
