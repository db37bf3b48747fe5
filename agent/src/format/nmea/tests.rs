use proptest::prelude::*;
use sekisho_proto::{Timestamp, Value};

use super::{Nmea, NmeaTime, TYPES};
use crate::{input::Input, line::Framing, observation::Observation, tally::Tally};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn read_with(time: NmeaTime, types: &[&str], bodies: &[&str]) -> (Vec<Observation>, Tally) {
    let wanted = types.iter().map(|kind| (*kind).to_owned()).collect();
    let format = Box::new(Nmea::new(time, wanted));
    let mut input = Input::new("test".into(), Framing::Lines, 1024, format);
    let mut observations = Vec::new();
    for body in bodies {
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        let line = format!("${body}*{sum:02X}\r\n");
        input.feed(line.as_bytes(), ARRIVAL, &mut observations).unwrap();
    }
    (observations, input.into_tally())
}

fn read(bodies: &[&str]) -> (Vec<Observation>, Tally) {
    read_with(NmeaTime::Sentence, &TYPES, bodies)
}

fn times(observations: &[Observation]) -> Vec<String> {
    observations.iter().map(|seen| seen.sample.time.to_string()).collect()
}

fn values(observation: &Observation) -> Vec<(&str, &str, Value)> {
    let value = |value: &'_ sekisho_proto::SampleValue| value.value.clone();
    let values = observation.sample.values.iter();
    values.map(|seen| (seen.transducer.as_str(), seen.unit.as_str(), value(seen))).collect()
}

const RMC: &str = "GPRMC,094737,A,5251.00,N,00530.00,W,5.6,230.5,200818,1.4,E,A";

#[test]
fn a_recommended_minimum_is_a_dated_position() {
    let (seen, tally) = read(&[RMC]);
    assert_eq!(times(&seen), ["2018-08-20T09:47:37.000000Z"]);
    assert_eq!((&*seen[0].stream, seen[0].label("talker")), ("rmc", Some("GP")));
    assert_eq!(
        values(&seen[0]),
        [
            ("latitude", "deg", Value::Float(52.85)),
            ("longitude", "deg", Value::Float(-5.5)),
            ("speed", "[kn_i]", Value::Float(5.6)),
            ("course", "deg", Value::Float(230.5)),
            ("magnetic_variation", "deg", Value::Float(1.4)),
        ]
    );
    assert_eq!((tally.good, tally.kinds["RMC"]), (1, 1));
}

#[test]
fn fix_data_takes_its_date_from_the_sentence_before() {
    let gga = "GPGGA,094738.25,5251.00,N,00530.00,E,1,12,0.60,-4,M,46.8,M,,";
    let (seen, tally) = read(&[gga, RMC, gga]);
    assert_eq!(times(&seen), ["2018-08-20T09:47:37.000000Z", "2018-08-20T09:47:38.250000Z"]);
    assert_eq!(tally.skipped["undated"], 1, "the first came before any date");
    assert_eq!(
        values(&seen[1]),
        [
            ("latitude", "deg", Value::Float(52.85)),
            ("longitude", "deg", Value::Float(5.5)),
            ("fix_quality", "1", Value::Integer(1)),
            ("satellites_used", "1", Value::Integer(12)),
            ("hdop", "1", Value::Float(0.6)),
            ("altitude", "m", Value::Float(-4.0)),
            ("geoid_separation", "m", Value::Float(46.8)),
        ]
    );
}

#[test]
fn the_date_changes_at_midnight_even_before_it_is_stated() {
    let zda = "GPZDA,235959.00,31,12,2025,00,00";
    let gll = |time: &str| format!("GPGLL,5251.00,N,00530.00,E,{time},A,A");
    let after = "GPRMC,000002,A,5251.00,N,00530.00,E,,,010126,,,A";
    let bodies = [gll("235959.50"), gll("000000.00"), gll("235959.90"), gll("000001.00")];
    let mut lines = vec![zda];
    lines.extend(bodies.iter().map(String::as_str));
    lines.push(after);
    let (seen, _) = read(&lines);
    assert_eq!(
        times(&seen),
        [
            "2025-12-31T23:59:59.500000Z",
            "2026-01-01T00:00:00.000000Z",
            "2025-12-31T23:59:59.900000Z",
            "2026-01-01T00:00:01.000000Z",
            "2026-01-01T00:00:02.000000Z",
        ]
    );
}

#[test]
fn a_leap_second_is_the_second_after_it() {
    let (seen, _) = read(&["GPRMC,235960,A,5251.00,N,00530.00,E,,,311216,,,A"]);
    assert_eq!(times(&seen), ["2017-01-01T00:00:00.000000Z"]);
}

#[test]
fn sensors_without_a_time_take_that_of_the_last_fix() {
    let (seen, tally) = read(&["SDDBT,18.0,f,5.4,M,3.0,F", RMC, "SDDBT,18.0,f,5.4,M,3.0,F"]);
    assert_eq!(tally.skipped["undated"], 1);
    assert_eq!(seen[1].sample.time, seen[0].sample.time);
    assert_eq!(values(&seen[1]), [("depth_below_transducer", "m", Value::Float(5.4))]);
}

#[test]
fn a_receiver_in_a_tunnel_still_tells_the_time_but_a_cold_one_does_not() {
    let void = |time: &str, date: &str| format!("GPRMC,{time},V,,,,,,,{date},,,N");
    let bodies = [
        void("000010", "060180"),
        "HCHDG,212.6,,,1.6,E".into(),
        RMC.into(),
        void("094837", "200818"),
        "HCHDG,212.6,,,1.6,E".into(),
        void("000010", "060180"),
        "HCHDG,212.6,,,1.6,E".into(),
    ];
    let lines: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let (seen, tally) = read(&lines);
    assert_eq!(
        times(&seen),
        [
            "2018-08-20T09:47:37.000000Z",
            "2018-08-20T09:48:37.000000Z",
            "2018-08-20T09:48:37.000000Z",
        ]
    );
    assert_eq!((tally.skipped["void"], tally.skipped["undated"]), (3, 1));
}

#[test]
fn arrival_can_be_the_time_of_everything() {
    let wanted = ["RMC", "GGA", "HDT"];
    let undated = "GPGGA,094738.25,5251.00,N,00530.00,E,1,12,0.60,-4,M,46.8,M,,";
    let (seen, _) = read_with(NmeaTime::Arrival, &wanted, &["HEHDT,12.5,T", undated, RMC]);
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.sample.time == ARRIVAL));
    assert_eq!(values(&seen[0]), [("heading", "deg", Value::Float(12.5))]);
}

#[test]
fn instruments_keep_their_units() {
    let (seen, tally) = read_with(
        NmeaTime::Arrival,
        &TYPES,
        &[
            "IIXDR,C,,C,AIRTEMP,A,-1.0,D,HEEL,P,1.02,B,BARO,Q,3,Z,",
            "WIMWV,57.5,R,13.0,N,A",
            "WIMWV,96.6,T,5.2,M,A",
            "SDMTW,17.5,C",
            "SDDPT,5.3,0.4,",
            "GPVTG,230.5,T,229.1,M,,N,10.4,K,A",
            "HCHDG,212.6,1.0,W,1.6,E",
            "GPGSA,A,3,07,08,10,,,,,,,,,,1.10,0.60,0.90",
            "GPGSV,3,1,12,07,10,333,39",
            "GPGSV,3,2,12,20,36,138,34",
            "SDMTW,,C",
            "WIMWV,,R,,N,V",
        ],
    );
    let float = Value::Float;
    let wanted = [
        vec![
            ("HEEL", "deg", float(-1.0)),
            ("BARO", "bar", float(1.02)),
            ("transducer_4", "{Z}", float(3.0)),
        ],
        vec![
            ("wind_angle_relative", "deg", float(57.5)),
            ("wind_speed_relative", "[kn_i]", float(13.0)),
        ],
        vec![("wind_angle_true", "deg", float(96.6)), ("wind_speed_true", "m/s", float(5.2))],
        vec![("water_temperature", "Cel", float(17.5))],
        vec![("depth", "m", float(5.3)), ("depth_offset", "m", float(0.4))],
        vec![
            ("course", "deg", float(230.5)),
            ("course_magnetic", "deg", float(229.1)),
            ("speed", "km/h", float(10.4)),
        ],
        vec![
            ("heading_magnetic", "deg", float(212.6)),
            ("magnetic_deviation", "deg", float(-1.0)),
            ("magnetic_variation", "deg", float(1.6)),
        ],
        vec![
            ("fix_mode", "1", Value::Integer(3)),
            ("satellites_used", "1", Value::Integer(3)),
            ("pdop", "1", float(1.1)),
            ("hdop", "1", float(0.6)),
            ("vdop", "1", float(0.9)),
        ],
        vec![("satellites_in_view", "1", Value::Integer(12))],
    ];
    assert_eq!(seen.iter().map(values).collect::<Vec<_>>(), wanted);
    assert_eq!((tally.skipped["empty"], tally.skipped["void"]), (1, 1));
}

#[test]
fn unknown_and_unwanted_sentences_are_counted_and_no_fault() {
    let lines = ["GPAAM,,,,N,", "PGRME,5.5,M,7.0,M,8.9,M", "AIVDM,1", RMC, "GPGLC,9960"];
    let (seen, tally) = read_with(NmeaTime::Sentence, &["GGA"], &lines);
    assert!(seen.is_empty());
    assert_eq!((tally.skipped["unread"], tally.broken_lines()), (5, 0));
    assert_eq!(tally.kinds["PGRME"], 1);
}

#[test]
fn a_field_that_cannot_be_is_named() {
    for (body, said) in [
        ("GPRMC,094737,X,,,,,,,200818,,", "field status: wanted A or V, found \"X\""),
        (
            "GPRMC,094737,A,,,,,,,200818,,",
            "field latitude: wanted a position, as there is a fix, found \"\"",
        ),
        ("GPRMC,094737,A,0.0,N,0.0,E,,,310218,,", "field date: wanted ddmmyy, found \"310218\""),
        (
            "GPRMC,246060,A,0.0,N,0.0,E,,,200818,,",
            "time: wanted hhmmss or hhmmss.sss, found \"246060\"",
        ),
        ("GPRMC,,A,0.0,N,0.0,E,,,200818,,", "time: wanted hhmmss, found \"\""),
        ("IIXDR,C,1,C", "fields: wanted 4, found 3"),
        ("IIXDR,C,1,C,T,C,2,C,T", "field transducer: wanted each transducer once, found \"T\""),
        ("SDMTW,17.5,X", "field unit: wanted C or F, found \"X\""),
        ("HEHDT,north,T", "field heading: wanted a number, found \"north\""),
    ] {
        let (seen, tally) = read(&[body]);
        assert!(seen.is_empty(), "{body}");
        assert_eq!(tally.examples[0].fault.to_string(), said);
    }
}

proptest! {
    #[test]
    fn no_sentence_breaks_the_reader(
        kind in prop::sample::select(TYPES.to_vec()),
        fields in prop::collection::vec("[0-9A-Z.,+-]{0,8}", 0..24),
    ) {
        let body = format!("GP{kind},{}", fields.join(","));
        let (_, tally) = read(&[RMC, &body]);
        prop_assert_eq!(tally.lines, 2);
    }
}
