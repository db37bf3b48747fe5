use sekisho_proto::{TransducerName, Unit, Value};

use super::{Cell, Column, Kind, Void};
use crate::observation::Channel;

fn column(kind: Kind, missing: &[&str], range: Option<(f64, f64)>) -> Column {
    let transducer = TransducerName::parse("x").unwrap();
    let channel = Channel { transducer, unit: Unit::none() };
    Column { channel, kind, missing: missing.iter().map(|text| (*text).into()).collect(), range }
}

#[test]
fn a_number_keeps_the_kind_that_is_configured() {
    let read = |kind, text: &str| column(kind, &[], None).read(text.as_bytes()).unwrap();
    assert_eq!(read(Kind::Float, " 3 "), Cell::Value(Value::Float(3.0)));
    assert_eq!(read(Kind::Float, "-0"), Cell::Value(Value::Float(-0.0)));
    assert_eq!(read(Kind::Integer, "3"), Cell::Value(Value::Integer(3)));
    assert_eq!(read(Kind::Text, " 3 "), Cell::Value(Value::Text(" 3 ".into())));
    assert_eq!(read(Kind::Boolean, "1"), Cell::Value(Value::Boolean(true)));
}

#[test]
fn what_is_not_of_the_kind_is_refused() {
    for (kind, text) in [
        (Kind::Float, &b"1,5"[..]),
        (Kind::Float, b"nan"),
        (Kind::Float, b""),
        (Kind::Integer, b"1.0"),
        (Kind::Integer, b"9223372036854775808"),
        (Kind::Boolean, b"yes"),
        (Kind::Text, b"\xff"),
    ] {
        assert_eq!(column(kind, &[], None).read(text).unwrap_err().reason(), "field");
    }
}

#[test]
fn missing_and_implausible_values_are_no_values() {
    let column = column(Kind::Float, &["", "NA"], Some((0.0, 10.0)));
    let read = |text: &str| column.read(text.as_bytes()).unwrap();
    assert_eq!((read(" "), read("NA ")), (Cell::Missing, Cell::Missing));
    assert_eq!((read("-0.1"), read("10.1")), (Cell::Implausible, Cell::Implausible));
    assert_eq!(read("10"), Cell::Value(Value::Float(10.0)));
}

#[test]
fn a_void_line_says_so_in_one_of_several_ways() {
    let void = Void { place: (), is: vec!["V".into(), "0".into()] };
    assert_eq!(
        [b"V".as_slice(), b" 0 ", b"A", b""].map(|text| void.says(text)),
        [true, true, false, false]
    );
}
