//! What a value becomes in JSON.

use sekisho_proto::Value;

use super::{Reading, TEXT_BYTES_MAX, Unfit};

fn json(value: &Value) -> String {
    serde_json::to_string(&Reading::of(value).unwrap()).unwrap()
}

#[test]
fn every_number_has_a_fraction_or_an_exponent() {
    assert_eq!(json(&Value::Float(12.0)), "12.0");
    assert_eq!(json(&Value::Integer(12)), "12.0");
    assert_eq!(json(&Value::Integer(-3_000_000_000)), "-3000000000.0");
    assert_eq!(json(&Value::Float(0.1)), "0.1");
    assert_eq!(json(&Value::Float(1e300)), "1e+300");
    assert_eq!(json(&Value::Boolean(true)), "true");
    assert_eq!(json(&Value::Blob(vec![0, 255])), "\"AP8=\"");
    assert_eq!(json(&Value::Text("12".to_owned())), "\"12\"");
}

#[test]
fn what_json_cannot_write_and_what_is_too_long_does_not_travel() {
    assert_eq!(Reading::of(&Value::Float(f64::NAN)), Err(Unfit::NotFinite));
    assert_eq!(Reading::of(&Value::Float(f64::NEG_INFINITY)), Err(Unfit::NotFinite));
    let long = Value::Text("x".repeat(TEXT_BYTES_MAX + 1));
    assert_eq!(Reading::of(&long), Err(Unfit::Oversized));
}

#[test]
fn what_was_written_is_read_as_the_same() {
    for value in [Value::Integer(7), Value::Boolean(false), Value::Text("a\u{2028}\"".to_owned())] {
        let reading = Reading::of(&value).unwrap();
        let text = serde_json::to_string(&reading).unwrap();
        assert_eq!(serde_json::from_str::<Reading>(&text).unwrap(), reading);
    }
}
