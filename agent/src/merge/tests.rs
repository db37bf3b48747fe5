use std::time::Duration;

use sekisho_proto::{Timestamp, Value};

use super::{Joined, Joiner, MergeConfig};
use crate::observation::{Observation, Values};

fn observation(stream: &str, seconds: i64, values: &[(&str, f64)]) -> Observation {
    let mut sample = Values::new();
    for (name, value) in values {
        sample.push(name, "", Value::Float(*value)).unwrap();
    }
    let time = Timestamp::from_micros(seconds * 1_000_000);
    Observation { stream: stream.into(), labels: Vec::new(), sample: sample.into_sample(time) }
}

fn joiner() -> Joiner {
    Joiner::new(MergeConfig {
        input: "gps".into(),
        stream: Some("rmc".into()),
        age_max: Duration::from_secs(2),
    })
}

const HERE: [(&str, f64); 3] = [("latitude", 35.0), ("longitude", 139.0), ("speed", 3.0)];

#[test]
fn a_sample_gets_the_latest_fresh_position() {
    let mut joiner = joiner();
    assert_eq!(joiner.join("gps", &mut observation("rmc", 8, &HERE)), Joined::Own);
    let there = [("latitude", 36.0), ("longitude", 139.0), ("altitude", 5.0)];
    assert_eq!(joiner.join("gps", &mut observation("rmc", 10, &there)), Joined::Own);
    let mut air = observation("", 12, &[("pm2_5", 7.0)]);
    assert_eq!(joiner.join("air", &mut air), Joined::Given);
    assert_eq!(
        air,
        observation(
            "",
            12,
            &[("pm2_5", 7.0), ("latitude", 36.0), ("longitude", 139.0), ("altitude", 5.0),]
        )
    );
}

#[test]
fn a_position_that_is_too_old_or_too_new_is_not_given() {
    let mut joiner = joiner();
    joiner.join("gps", &mut observation("rmc", 10, &HERE));
    for seconds in [7, 13, i64::MIN / 1_000_000] {
        let mut air = observation("", seconds, &[("pm2_5", 7.0)]);
        assert_eq!(joiner.join("air", &mut air), Joined::Unlocated);
        assert_eq!(air.sample.values.len(), 1);
    }
    for seconds in [8, 12] {
        let mut air = observation("", seconds, &[("pm2_5", 7.0)]);
        assert_eq!(joiner.join("air", &mut air), Joined::Given);
    }
}

#[test]
fn positions_of_other_inputs_and_streams_are_their_own_only() {
    let mut joiner = joiner();
    joiner.join("phone", &mut observation("rmc", 10, &HERE));
    joiner.join("gps", &mut observation("gga", 10, &HERE));
    let mut air = observation("", 10, &[("pm2_5", 7.0)]);
    assert_eq!(joiner.join("air", &mut air), Joined::Unlocated);
}

#[test]
fn a_value_that_a_sample_has_is_kept() {
    let mut joiner = joiner();
    let here = [("latitude", 35.0), ("longitude", 139.0), ("altitude", 5.0)];
    joiner.join("gps", &mut observation("rmc", 10, &here));
    let mut barometer = observation("", 10, &[("altitude", 6.0)]);
    assert_eq!(joiner.join("air", &mut barometer), Joined::Given);
    assert_eq!(barometer.value("altitude").unwrap().value, Value::Float(6.0));
    assert_eq!(barometer.sample.values.len(), 3);
}
