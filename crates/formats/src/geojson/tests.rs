use proptest::prelude::*;
use sekisho_proto::{Sample, Timestamp, Value};

use super::{GeoJson, read};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn samples(text: &str) -> Vec<Sample> {
    match read(text.as_bytes(), ARRIVAL).unwrap() {
        GeoJson::Samples(samples) => samples,
        GeoJson::Document => panic!("{text}: wanted samples"),
    }
}

fn value(sample: &Sample, name: &str) -> Option<(String, Value)> {
    let found = sample.values.iter().find(|value| value.transducer.as_str() == name)?;
    Some((found.unit.to_string(), found.value.clone()))
}

#[test]
fn a_point_with_plain_properties_is_a_sample() {
    let text = r#"{"type":"Feature","id":"bin-7","geometry":{"type":"Point","coordinates":[139.48,35.33,12.5]},
        "properties":{"time":"2026-11-20T17:30:00+09:00","pm2_5":12.25,"full":true,"note":null,"serial":9007199254740993}}"#;
    let sample = &samples(text)[0];
    assert_eq!(sample.time.to_string(), "2026-11-20T08:30:00.000000Z");
    let deg = "deg".to_owned();
    assert_eq!(value(sample, "latitude"), Some((deg.clone(), Value::Float(35.33))));
    assert_eq!(value(sample, "longitude"), Some((deg, Value::Float(139.48))));
    assert_eq!(value(sample, "altitude"), Some(("m".to_owned(), Value::Float(12.5))));
    assert_eq!(value(sample, "pm2_5"), Some((String::new(), Value::Float(12.25))));
    assert_eq!(value(sample, "full"), Some((String::new(), Value::Boolean(true))));
    assert_eq!(value(sample, "id"), Some((String::new(), Value::Text("bin-7".to_owned()))));
    // More than a double holds.
    let serial = Some((String::new(), Value::Integer(9_007_199_254_740_993)));
    assert_eq!(value(sample, "serial"), serial);
    assert_eq!(value(sample, "note"), None);
}

#[test]
fn a_time_with_more_digits_than_microseconds_is_cut_and_no_reading_is_lost() {
    for (written, read) in [
        ("2026-11-20T08:30:00.123456789Z", "2026-11-20T08:30:00.123456Z"),
        ("2026-11-20T17:30:00.9999999+09:00", "2026-11-20T08:30:00.999999Z"),
    ] {
        let text = format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"time":"{written}","v":1}}}}"#
        );
        assert_eq!(samples(&text)[0].time.to_string(), read);
    }
}

#[test]
fn a_collection_of_points_is_a_sample_each() {
    let feature = |seconds: &str| {
        format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"timestamp":{seconds},"v":1}}}}"#
        )
    };
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{},{}]}}"#,
        feature("1700000000.5"),
        feature("1700000001500")
    );
    let times: Vec<i64> = samples(&text).iter().map(|sample| sample.time.as_micros()).collect();
    assert_eq!(times, [1_700_000_000_500_000, 1_700_000_001_500_000]);
}

#[test]
fn what_would_lose_something_stays_a_document() {
    for text in [
        r#"{"type":"Point","coordinates":[1,2]}"#,
        r#"{"type":"Feature","geometry":null,"properties":{"v":1}}"#,
        r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"v":[1]}}"#,
        r#"{"type":"Feature","bbox":[1,2,1,2],"geometry":{"type":"Point","coordinates":[1,2]},"properties":null}"#,
        r#"{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]},"properties":{}}"#,
        r#"{"type":"FeatureCollection","features":[]}"#,
        r#"{"type":"GeometryCollection","geometries":[{"type":"LineString","coordinates":[[0,0],[1,1]]}]}"#,
    ] {
        assert_eq!(read(text.as_bytes(), ARRIVAL).unwrap(), GeoJson::Document, "{text}");
    }
}

#[test]
fn a_property_that_says_what_the_geometry_says_is_left_out() {
    for (coordinates, properties) in [
        ("1.5,2", r#""latitude":2,"longitude":1.5,"v":1"#),
        ("1.5,2,3", r#""altitude":3.0,"latitude":null,"v":1"#),
    ] {
        let with = format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{coordinates}]}},"properties":{{{properties}}}}}"#
        );
        let without = format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{coordinates}]}},"properties":{{"v":1}}}}"#
        );
        assert_eq!(samples(&with), samples(&without), "{with}");
    }
}

#[test]
fn a_property_that_says_otherwise_than_the_geometry_makes_a_document() {
    for (coordinates, property) in
        [("1,2", r#""latitude":3"#), ("1,2", r#""longitude":"1""#), ("1,2,3", r#""altitude":4"#)]
    {
        let text = format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{coordinates}]}},"properties":{{{property}}}}}"#
        );
        assert_eq!(read(text.as_bytes(), ARRIVAL).unwrap(), GeoJson::Document, "{text}");
    }
}

#[test]
fn an_altitude_that_the_geometry_does_not_have_is_a_value_like_others() {
    let text = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"altitude":3}}"#;
    let altitude = Some((String::new(), Value::Float(3.0)));
    assert_eq!(value(&samples(text)[0], "altitude"), altitude);
}

#[test]
fn what_is_not_geojson_is_refused_and_named() {
    let nested = format!(
        r#"{}{{"type":"Point","coordinates":[1,2]}}{}"#,
        r#"{"type":"GeometryCollection","geometries":["#.repeat(9),
        "]}".repeat(9)
    );
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for (text, said) in [
        (deep.as_str(), "recursion"),
        (nested.as_str(), "within each other"),
        ("7", "object"),
        (r#"{"type":"Pont","coordinates":[1,2]}"#, "type"),
        (r#"{"type":"Point","coordinates":[181,2]}"#, "longitude"),
        (r#"{"type":"Point","coordinates":[1,91]}"#, "latitude"),
        (r#"{"type":"Point","coordinates":[1]}"#, "longitude"),
        (r#"{"type":"Point","coordinates":[1,2,3,4]}"#, "altitude"),
        (r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#, "ends where"),
        (r#"{"type":"LineString","coordinates":[[0,0]]}"#, "at least 2"),
        (r#"{"type":"FeatureCollection","features":[7]}"#, "feature"),
        (
            r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"time":"yesterday"}}"#,
            "time",
        ),
        (
            r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{" a":3}}"#,
            "transducer",
        ),
    ] {
        let fault = read(text.as_bytes(), ARRIVAL).unwrap_err().to_string();
        assert!(fault.contains(said), "{text:.80}: {fault}");
    }
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        drop(read(&bytes, ARRIVAL));
    }
}

#[test]
fn a_feature_whose_two_names_differ_is_kept_as_it_is() {
    let feature = |property: &str| {
        let text = format!(
            r#"{{"type":"Feature","id":"x","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"id":{property}}}}}"#
        );
        read(text.as_bytes(), ARRIVAL).unwrap()
    };
    assert_eq!(feature(r#""y""#), GeoJson::Document);
    for property in [r#""x""#, "null"] {
        let GeoJson::Samples(samples) = feature(property) else { panic!("wanted a sample") };
        assert_eq!(value(&samples[0], "id"), Some((String::new(), Value::Text("x".to_owned()))));
    }
}
