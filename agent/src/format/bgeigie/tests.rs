use sekisho_proto::{Timestamp, Value};

use super::Bgeigie;
use crate::{input::Input, line::Framing, observation::Observation, tally::Tally};

fn read(bodies: &[&str]) -> (Vec<Observation>, Tally) {
    let format = Box::<Bgeigie>::default();
    let mut input = Input::new("test".into(), Framing::Lines, 1024, format);
    let mut observations = Vec::new();
    for body in bodies {
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        let line = format!("${body}*{sum:02x}\n");
        input.feed(line.as_bytes(), Timestamp::EPOCH, &mut observations).unwrap();
    }
    (observations, input.into_tally())
}

const GOOD: &str = "BMRDD,028,2012-05-21T21:55:34Z,10,1,11,V,3730.0000,N,12130.0000,W,30.5,A,3.0,1";

#[test]
fn a_row_is_counts_and_a_position() {
    let (seen, _) = read(&[GOOD]);
    assert_eq!(seen[0].sample.time.to_string(), "2012-05-21T21:55:34.000000Z");
    assert_eq!(seen[0].label("device"), Some("028"));
    let value = |name: &str| seen[0].value(name).map(|value| value.value.clone());
    assert_eq!(value("cpm"), Some(Value::Integer(10)));
    assert_eq!(value("counts_5s"), Some(Value::Integer(1)));
    assert_eq!(value("counts_total"), Some(Value::Integer(11)));
    assert_eq!(value("radiation_valid"), Some(Value::Boolean(false)));
    assert_eq!(value("latitude"), Some(Value::Float(37.5)));
    assert_eq!(value("longitude"), Some(Value::Float(-121.5)));
    assert_eq!(value("altitude"), Some(Value::Float(30.5)));
    assert_eq!(value("fix_valid"), Some(Value::Boolean(true)));
    assert_eq!(value("fix_quality"), Some(Value::Integer(1)));
}

#[test]
fn a_void_position_is_left_out_but_the_counts_are_kept() {
    let (seen, _) = read(&[&GOOD.replace("30.5,A", "30.5,V")]);
    assert!(["latitude", "longitude", "altitude"].iter().all(|name| seen[0].value(name).is_none()));
    assert_eq!(seen[0].value("cpm").unwrap().value, Value::Integer(10));
}

#[test]
fn garbage_with_a_good_checksum_is_refused() {
    for (good, garbage, reason) in [
        ("2012-05-21T21:55:34Z", "20SI-rP- TM^:Z4Z", "time"),
        ("2012-05-21T21:55:34Z", "2012-02-30T21:55:34Z", "time"),
        ("2012-05-21T21:55:34Z", "2012-05-21T25:55:34Z", "time"),
        ("2012-05-21T21:55:34Z", "1999-05-21T21:55:34Z", "time"),
        ("2012-05-21T21:55:34Z", "2012-05-21T21:55:34+", "time"),
        ("2012-05-21T21:55:34Z", "", "time"),
        ("3730.0000,N,12130.0000,W", ",,,", "field"),
        ("3730.0000", "9730.0000", "field"),
        ("11,V", "11,x", "field"),
        ("30.5,A", "30.5,", "field"),
        (",10,", ",-10,", "field"),
        ("028", "0/8", "field"),
        ("028", "", "field"),
        (",3.0,1", ",3.0", "field-count"),
        ("BMRDD", "BXRDD", "field"),
        ("028", "0\u{e9}8", "encoding"),
    ] {
        let (seen, tally) = read(&[&GOOD.replace(good, garbage)]);
        assert!(seen.is_empty(), "{garbage}");
        assert_eq!(tally.examples[0].fault.reason(), reason, "{garbage}");
    }
}
