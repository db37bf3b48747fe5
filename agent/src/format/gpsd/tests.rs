use sekisho_proto::{Timestamp, Value};

use super::Gpsd;
use crate::{input::Input, line::Framing, observation::Observation, tally::Tally};

fn read(lines: &[&str]) -> (Vec<Observation>, Tally) {
    let format = Box::<Gpsd>::default();
    let mut input = Input::new("test".into(), Framing::Lines, 4096, format);
    let mut seen = Vec::new();
    for line in lines {
        input.feed(format!("{line}\r\n").as_bytes(), Timestamp::EPOCH, &mut seen).unwrap();
    }
    (seen, input.into_tally())
}

const FIX: &str = r#"{"class":"TPV","device":"/dev/ttyUSB0","mode":3,"time":"2026-11-20T08:30:00.250Z","lat":35.339,"lon":139.49,"altHAE":60.5,"altMSL":21.25,"alt":22,"speed":1.5,"track":90,"climb":-0.1,"epx":2.5}"#;

#[test]
fn fixes_and_skies_become_samples() {
    let sky =
        r#"{"class":"SKY","device":"/dev/ttyUSB0","hdop":0.9,"nSat":12,"uSat":9,"satellites":[]}"#;
    let (seen, tally) = read(&[r#"{"class":"VERSION","release":"3.25"}"#, FIX, sky]);
    assert_eq!((&*seen[0].stream, &*seen[1].stream), ("tpv", "sky"));
    assert_eq!(seen[0].label("receiver"), Some("/dev/ttyUSB0"));
    assert_eq!(seen[0].sample.time.to_string(), "2026-11-20T08:30:00.250000Z");
    assert_eq!(seen[1].sample.time, seen[0].sample.time, "a sky without a time is that of the fix");
    let value = |name: &str| seen[0].value(name).map(|value| value.value.clone());
    assert_eq!(value("latitude"), Some(Value::Float(35.339)));
    assert_eq!(value("altitude"), Some(Value::Float(21.25)), "above the sea, where stated");
    assert_eq!(value("course"), Some(Value::Float(90.0)));
    assert_eq!(value("fix_mode"), Some(Value::Integer(3)));
    assert_eq!(seen[1].value("satellites_used").unwrap().value, Value::Integer(9));
    assert_eq!((tally.kinds["TPV"], tally.skipped["unread"]), (1, 1));
}

#[test]
fn no_fix_gives_no_position() {
    let (seen, tally) = read(&[
        r#"{"class":"SKY","hdop":99}"#,
        r#"{"class":"TPV","mode":1,"time":"2026-11-20T08:30:00Z"}"#,
        r#"{"class":"TPV","mode":0}"#,
        r#"{"class":"TPV","mode":3,"lat":1,"lon":2}"#,
    ]);
    assert!(seen.is_empty());
    assert_eq!((tally.skipped["void"], tally.skipped["undated"]), (2, 2));
}

#[test]
fn broken_reports_are_named() {
    for (line, reason) in [
        (r#"{"class":"TPV""#, "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        (r#"{"class":"TPV","mode":3,"time":"noon"}"#, "time"),
        (r#"{"class":"TPV","mode":3,"time":5}"#, "time"),
        (r#"{"class":"TPV","mode":3,"time":"2026-11-20T08:30:00Z","lat":"north"}"#, "field"),
    ] {
        let (seen, tally) = read(&[line, FIX]);
        assert_eq!((seen.len(), tally.broken[reason]), (1, 1), "{line}");
    }
}
