use ciborium::cbor;
use proptest::prelude::*;
use sekisho_proto::{Sample, Timestamp, Value};

use super::{Reading, Senml, SenmlNames, cbor_pack, json_pack};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn shown(sample: &Sample) -> Vec<(String, String, Value)> {
    let shown = |value: &sekisho_proto::SampleValue| {
        (value.transducer.to_string(), value.unit.to_string(), value.value.clone())
    };
    sample.values.iter().map(shown).collect()
}

fn encoded(cbor: &ciborium::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(cbor, &mut bytes).unwrap();
    bytes
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
}

/// The pack of RFC 8428 §5.1.2 in both.
#[test]
fn the_example_of_the_standard_is_read_alike_from_both() {
    let pack = cbor!([
        { -2 => "urn:dev:ow:10e2073a0108006:", -3 => 1_276_020_076.001, -4 => "A", -1 => 5,
          0 => "voltage", 1 => "V", 2 => 120.1 },
        { 0 => "current", 6 => -5, 2 => 1.2 },
        { 0 => "current", 6 => -4, 2 => 1.3 },
        { 0 => "current", 2 => 1.7 },
    ])
    .unwrap();
    let json = br#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","v":1.7}]"#;
    let (cbor, json) = (cbor_pack(&encoded(&pack), ARRIVAL), json_pack(json, ARRIVAL));
    assert_eq!(cbor, json);
    let times: Vec<String> =
        json.unwrap().iter().map(|reading| reading.sample.time.to_string()).collect();
    assert_eq!(
        times,
        [
            "2010-06-08T18:01:16.001000Z",
            "2010-06-08T18:01:11.001000Z",
            "2010-06-08T18:01:12.001000Z",
            "2010-06-08T18:01:16.001000Z"
        ]
    );
}

#[test]
fn a_base_alone_is_the_value_or_the_sum_of_what_has_none() {
    let read = |pack: &str| json_pack(pack.as_bytes(), ARRIVAL);
    let values = |pack: &str| {
        let readings = read(pack).unwrap();
        let values = readings.iter().flat_map(|reading| shown(&reading.sample));
        values.map(|(name, _unit, value)| (name, value)).collect::<Vec<_>>()
    };
    let number = |name: &str, value: f64| (name.to_owned(), Value::Float(value));
    let sum = values(r#"[{"bn":"a","bs":10,"n":"x","v":1},{"n":"y","v":2,"s":5}]"#);
    let wanted = [("ax", 1.0), ("ax.sum", 10.0), ("ay", 2.0), ("ay.sum", 15.0)];
    assert_eq!(sum, wanted.map(|(name, value)| number(name, value)));
    let value = values(r#"[{"bn":"a","bv":10,"n":"x","v":1},{"n":"y"}]"#);
    assert_eq!(value, [number("ax", 11.0), number("ay", 10.0)]);
    assert_eq!(values(r#"[{"bn":"a","bv":10,"bs":5},{"n":"x","vb":true,"s":1}]"#).len(), 2);
    let refused = read(r#"[{"bn":"a"},{"n":"x","v":1},{"n":"y"}]"#).unwrap_err();
    assert!(refused.to_string().contains("one of v, vs, vb, vd and s"), "{refused}");
}

#[test]
fn every_kind_of_value_is_read_alike_from_both() {
    let pack = cbor!([
        { -2 => "t/", -3 => 1_700_000_000.25, 0 => "a", 1 => "Cel", 2 => 21 },
        { 0 => "door", 4 => true },
        { 0 => "tag", 3 => "b-7" },
        { 0 => "raw", 8 => ciborium::Value::Bytes(vec![0xfb, 0xff]) },
        { 0 => "e", 1 => "J", 2 => 1, 5 => 5 },
    ])
    .unwrap();
    let json = br#"[{"bn":"t/","bt":1700000000.25,"n":"a","u":"Cel","v":21},{"n":"door","vb":true},{"n":"tag","vs":"b-7"},{"n":"raw","vd":"-_8"},{"n":"e","u":"J","v":1,"s":5}]"#;
    let readings = cbor_pack(&encoded(&pack), ARRIVAL).unwrap();
    assert_eq!(readings, json_pack(json, ARRIVAL).unwrap());
    let [Reading { base_name, sample }] = readings.as_slice() else { panic!("{readings:?}") };
    assert_eq!(base_name, "t/");
    let text = |text: &str| text.to_owned();
    assert_eq!(
        shown(sample),
        [
            (text("t/a"), text("Cel"), Value::Float(21.0)),
            (text("t/door"), text(""), Value::Boolean(true)),
            (text("t/tag"), text(""), Value::Text(text("b-7"))),
            (text("t/raw"), text(""), Value::Blob(vec![0xfb, 0xff])),
            (text("t/e"), text("J"), Value::Float(1.0)),
            (text("t/e.sum"), text("J"), Value::Float(5.0)),
        ]
    );
}

#[test]
fn a_decimal_fraction_is_the_number_that_it_writes() {
    let fraction = |exponent: i64, mantissa: i64| {
        let parts = vec![exponent.into(), mantissa.into()];
        ciborium::Value::Tag(4, Box::new(ciborium::Value::Array(parts)))
    };
    let pack = ciborium::Value::Array(vec![ciborium::Value::Map(vec![
        (0.into(), "a".into()),
        (6.into(), fraction(-6, 1_700_000_000_123_456)),
        (2.into(), fraction(-2, 2_315)),
    ])]);
    let readings = cbor_pack(&encoded(&pack), ARRIVAL).unwrap();
    assert_eq!(readings[0].sample.time, Timestamp::from_micros(1_700_000_000_123_456));
    assert_eq!(readings[0].sample.values[0].value, Value::Float(23.15));
}

#[test]
fn times_that_are_not_absolute_count_from_the_arrival() {
    let readings = json_pack(br#"[{"n":"a","t":-1.5,"v":1},{"n":"b","v":2}]"#, ARRIVAL).unwrap();
    assert_eq!(readings[0].sample.time.as_micros(), ARRIVAL.as_micros() - 1_500_000);
    assert_eq!(readings[1].sample.time, ARRIVAL);
}

/// Each with a word of what is said about it.
#[test]
fn what_is_not_senml_is_refused_and_named() {
    for (json, said) in [
        (r#"{"n":"a","v":1}"#, "list"),
        (r#"[1]"#, "record"),
        (r#"[{"n":"a","v":"1"}]"#, "field v"),
        (r#"[{"n":"a","v":1,"vs":"x"}]"#, "one of v"),
        (r#"[{"n":"a","v":1},{"n":"a","v":2}]"#, "each transducer once"),
        (r#"[{"n":"a b","v":1}]"#, "name"),
        (r#"[{"n":"../a","v":1}]"#, "name"),
        (r#"[{"n":"a","v":1,"x_":2}]"#, "label"),
        (r#"[{"bver":11,"n":"a","v":1}]"#, "bver"),
        (r#"[{"n":"a","v":1,"t":1e300}]"#, "time"),
        (r#"[{"n":"a","v":1,"t":9223372036854775807}]"#, "time"),
        (r#"[{"n":"a","vd":"?"}]"#, "vd"),
        (r#"[{"n":"a","v":1e999}]"#, "JSON"),
        (r#"[{"n":"a","u":"a\u0000b","v":1}]"#, "unit"),
        (r#"[{"bn":"a","bv":1.7e308,"v":1.7e308}]"#, "finite"),
    ] {
        let fault = json_pack(json.as_bytes(), ARRIVAL).unwrap_err().to_string();
        assert!(fault.contains(said), "{json}: {fault}");
    }
}

#[test]
fn json_and_cbor_that_nest_too_deep_are_refused() {
    let json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(json_pack(json.as_bytes(), ARRIVAL).unwrap_err().to_string().contains("recursion"));
    let mut cbor = vec![0x81; 100_000];
    cbor.push(0x80);
    let fault = cbor_pack(&cbor, ARRIVAL).unwrap_err().to_string();
    assert!(fault.contains("CBOR"), "{fault}");
}

#[test]
fn cbor_that_promises_more_than_it_holds_is_refused() {
    // A list of 2^62, a text of 2^62, bytes of 2^63, a map of 2^61.
    for start in [
        "9b4000000000000000",
        "817b4000000000000000",
        "815b8000000000000000",
        "81bb2000000000000000",
    ] {
        assert!(cbor_pack(&from_hex(start), ARRIVAL).is_err(), "{start}");
    }
    let mut broken = encoded(&cbor!([{ 0 => "a", 2 => 1 }]).unwrap());
    broken.pop();
    assert!(cbor_pack(&broken, ARRIVAL).is_err());
    let two = [encoded(&cbor!([{ 0 => "a", 2 => 1 }]).unwrap()), vec![0x80]].concat();
    assert!(cbor_pack(&two, ARRIVAL).unwrap_err().to_string().contains("nothing behind"));
    let twice = cbor!([{ 0 => "a", "n" => "b", 2 => 1 }]).unwrap();
    assert!(cbor_pack(&encoded(&twice), ARRIVAL).unwrap_err().to_string().contains("once"));
}

#[test]
fn a_sample_takes_as_many_transducers_as_a_batch_has_columns() {
    let records: Vec<String> =
        (0..1_025).map(|number| format!(r#"{{"n":"a{number}","v":1}}"#)).collect();
    let pack = |count: usize| format!("[{}]", records[..count].join(","));
    assert_eq!(json_pack(pack(1_024).as_bytes(), ARRIVAL).unwrap().len(), 1);
    let fault = json_pack(pack(1_025).as_bytes(), ARRIVAL).unwrap_err().to_string();
    assert!(fault.contains("at most 1024"), "{fault}");
}

#[test]
fn with_local_names_each_base_name_has_samples_of_its_own() {
    let mut senml = Senml::new(SenmlNames::Local);
    let json = serde_json::json!([
        { "bn": "a/", "n": "t", "v": 1 }, { "bn": "b/", "n": "t", "v": 2 }
    ]);
    senml.json(&json, ARRIVAL).unwrap();
    let names: Vec<String> =
        senml.take_readings().into_iter().map(|reading| reading.base_name).collect();
    assert_eq!(names, ["a/", "b/"]);
}

proptest! {
    #[test]
    fn no_bytes_break_either(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        drop(json_pack(&bytes, ARRIVAL));
        drop(cbor_pack(&bytes, ARRIVAL));
    }

    #[test]
    fn a_number_comes_out_of_both_to_the_bit(number in any::<f64>()) {
        prop_assume!(number.is_finite());
        let json = format!(r#"[{{"n":"a","v":{number:e}}}]"#);
        let cbor = encoded(&cbor!([{ 0 => "a", 2 => number }]).unwrap());
        let json = json_pack(json.as_bytes(), ARRIVAL).unwrap();
        prop_assert_eq!(&json, &cbor_pack(&cbor, ARRIVAL).unwrap());
        prop_assert_eq!(&json[0].sample.values[0].value, &Value::Float(number));
    }
}
