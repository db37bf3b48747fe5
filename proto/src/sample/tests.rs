use super::{Sample, SampleBatch, SampleError, SampleValue, TransducerName, Unit, Value};
use crate::Timestamp;

fn value(transducer: &str, unit: &str, value: Value) -> SampleValue {
    SampleValue { transducer: transducer.parse().unwrap(), unit: unit.parse().unwrap(), value }
}

fn sample(micros: i64, values: Vec<SampleValue>) -> Sample {
    Sample { time: Timestamp::from_micros(micros), values }
}

fn float(bits: u64) -> Value {
    Value::Float(f64::from_bits(bits))
}

fn there_and_back(samples: &[Sample]) -> Vec<Sample> {
    let bytes = SampleBatch::from_samples(samples).unwrap().encode();
    SampleBatch::decode(&bytes).unwrap().samples()
}

#[test]
fn floats_keep_every_bit() {
    let bits = [
        0x7ff8_0000_0000_0001,
        0xfff4_0000_dead_beef,
        0x7ff0_0000_0000_0001,
        (-0.0_f64).to_bits(),
        0,
        f64::INFINITY.to_bits(),
        1,
        0.1_f64.to_bits(),
    ];
    let samples: Vec<_> = bits
        .iter()
        .zip(0..)
        .map(|(bits, time)| sample(time, vec![value("x", "", float(*bits))]))
        .collect();
    assert_eq!(there_and_back(&samples), samples);
}

#[test]
fn a_nan_equals_itself_and_minus_zero_is_not_zero() {
    assert_eq!(float(0x7ff8_0000_0000_0001), float(0x7ff8_0000_0000_0001));
    assert_ne!(float(0x7ff8_0000_0000_0001), float(0x7ff8_0000_0000_0002));
    assert_ne!(Value::Float(-0.0), Value::Float(0.0));
    assert_ne!(Value::Integer(1), Value::Boolean(true));
}

#[test]
fn every_kind_of_value_travels() {
    let samples = [sample(
        5,
        vec![
            value("a", "m/s", Value::Float(1.5)),
            value("b", "", Value::Integer(i64::MIN)),
            value("c", "", Value::Text("ゴミ\n".to_owned())),
            value("d", "", Value::Boolean(false)),
            value("e", "", Value::Blob(vec![0, 255])),
        ],
    )];
    assert_eq!(there_and_back(&samples), samples);
}

#[test]
fn columns_stand_in_the_order_of_first_appearance_and_have_holes() {
    let samples = [
        sample(1, vec![value("b", "", Value::Integer(1))]),
        sample(2, vec![]),
        sample(3, vec![value("b", "", Value::Integer(2)), value("a", "", Value::Integer(3))]),
    ];
    let batch = SampleBatch::from_samples(&samples).unwrap();
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| {
            (column.transducer().as_str(), column.values().map(|value| value.is_some()).collect())
        })
        .collect();
    let wanted: [(&str, Vec<bool>); 2] =
        [("b", vec![true, false, true]), ("a", vec![false, false, true])];
    assert_eq!(columns, wanted);
    assert_eq!(there_and_back(&samples), samples);
}

#[test]
fn a_transducer_that_changes_type_or_unit_gets_another_column() {
    let samples = [
        sample(1, vec![value("a", "Cel", Value::Integer(1))]),
        sample(2, vec![value("a", "Cel", Value::Float(1.0))]),
        sample(3, vec![value("a", "K", Value::Float(1.0))]),
        sample(4, vec![value("a", "Cel", Value::Integer(2)), value("a", "K", Value::Float(2.0))]),
    ];
    assert_eq!(SampleBatch::from_samples(&samples).unwrap().columns().len(), 3);
    assert_eq!(there_and_back(&samples), samples);
}

#[test]
fn holes_of_more_than_one_byte_of_validity_travel() {
    let samples: Vec<_> = (0..21)
        .map(|number| {
            let values =
                if number % 3 == 0 { vec![value("a", "", Value::Integer(number))] } else { vec![] };
            sample(number, values)
        })
        .collect();
    assert_eq!(there_and_back(&samples), samples);
}

#[test]
fn time_may_go_backwards_and_stand_still() {
    let times = [i64::MAX, 0, 0, -5, i64::MIN / 2];
    let samples: Vec<_> = times.iter().map(|micros| sample(*micros, vec![])).collect();
    assert_eq!(there_and_back(&samples), samples);
}

#[test]
fn steps_beyond_64_bits_are_refused_and_nothing_overflows() {
    let samples = [sample(-2, vec![]), sample(i64::MAX, vec![])];
    assert!(matches!(SampleBatch::from_samples(&samples), Err(SampleError::TimeStep { .. })));

    let far = [sample(i64::MIN, vec![]), sample(-1, vec![]), sample(i64::MAX - 1, vec![])];
    let mut bytes = SampleBatch::from_samples(&far).unwrap().encode();
    assert_eq!(there_and_back(&far), far);
    // The base later by one: the last time is one beyond the range.
    assert_eq!(bytes[..2], [0x08, 0x80]);
    bytes[1] = 0x82;
    let error = SampleBatch::decode(&bytes).unwrap_err().to_string();
    assert!(error.contains("time_steps_us: wanted a time within 64 bits"), "{error}");
}

#[test]
fn two_values_of_one_column_in_a_sample_are_refused() {
    let twice = vec![value("a", "", Value::Integer(1)), value("a", "", Value::Integer(1))];
    let error = SampleBatch::from_samples(&[sample(0, twice)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sample at 1970-01-01T00:00:00.000000Z: wanted one value of a, found two"
    );
}

#[test]
fn counts_are_limited() {
    assert!(matches!(SampleBatch::from_samples(&[]), Err(SampleError::Count { found: 0 })));
    assert!(SampleBatch::decode(&[]).is_err());

    let most = vec![sample(0, vec![]); 65_536];
    assert_eq!(there_and_back(&most).len(), 65_536);
    let more = vec![sample(0, vec![]); 65_537];
    assert!(matches!(SampleBatch::from_samples(&more), Err(SampleError::Count { found: 65_537 })));

    let columns = |count: usize| {
        let values = (0..count).map(|number| value(&format!("t{number}"), "", Value::Integer(0)));
        sample(0, values.collect())
    };
    assert_eq!(there_and_back(&[columns(1024)]), [columns(1024)]);
    let error = SampleBatch::from_samples(&[columns(1025)]).unwrap_err().to_string();
    assert_eq!(error, "sample batch: wanted at most 1024 columns, found one more with t1024");
}

#[test]
fn a_batch_of_empty_columns_is_refused_before_it_is_decoded() {
    let columns = [0x1a, 0x00].repeat(1025);
    let error = SampleBatch::decode(&columns).unwrap_err().to_string();
    assert_eq!(error, "sample batch: columns: wanted fewer entries, found 1025");
}

#[test]
fn wrong_columns_are_refused_by_name() {
    let time = [0x12, 0x01, 0x00];
    let column = |fields: &[u8]| {
        let length = u8::try_from(fields.len()).unwrap();
        [&time[..], &[0x1a, length], fields].concat()
    };
    let named = [0x0a, 0x01, b'a'];
    for (fields, wanted) in [
        (&[][..], "kind: wanted a kind from 1 to 5"),
        (&[0x48, 0x06], "kind: wanted a kind from 1 to 5"),
        (&[0x2a, 0x01, 0x02, 0x48, 0x02], "transducer: wanted 1 to 128 bytes"),
        (&[0x48, 0x02], "values: wanted one entry per valid sample"),
        (&[0x2a, 0x02, 0x02, 0x02, 0x48, 0x02], "values: wanted one entry per valid sample"),
        (&[0x1a, 0x01, 0x00, 0x48, 0x02], "values: wanted one entry per valid sample"),
        (&[0x1a, 0x02, 0x01, 0x00, 0x2a, 0x01, 0x02, 0x48, 0x02], "validity: wanted one bit"),
        (&[0x1a, 0x01, 0x01, 0x2a, 0x01, 0x02, 0x48, 0x02], "canonical encoding"),
        (&[0x2a, 0x01, 0x02, 0x3a, 0x01, 0x01, 0x48, 0x02], "canonical encoding"),
    ] {
        let named = if wanted.starts_with("transducer") { &[][..] } else { &named };
        let error =
            SampleBatch::decode(&column(&[named, fields].concat())).unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    let good = column(&[&named[..], &[0x2a, 0x01, 0x02, 0x48, 0x02]].concat());
    assert!(SampleBatch::decode(&good).is_ok());
    let twice = [&good, &good[3..]].concat();
    let error = SampleBatch::decode(&twice).unwrap_err().to_string();
    assert!(error.contains("wanted each column once, found a"), "{error}");
}

#[test]
fn the_same_samples_in_other_columns_first_are_refused() {
    let early = [0x0a, 0x01, b'b', 0x1a, 0x01, 0x01, 0x2a, 0x01, 0x02, 0x48, 0x02];
    let late = [0x0a, 0x01, b'a', 0x1a, 0x01, 0x02, 0x2a, 0x01, 0x02, 0x48, 0x02];
    let batch = |columns: [[u8; 11]; 2]| {
        let columns = columns.map(|column| [&[0x1a, 11][..], &column].concat());
        [&[0x12, 0x02, 0x00, 0x00][..], &columns.concat()].concat()
    };
    assert!(SampleBatch::decode(&batch([early, late])).is_ok());
    let error = SampleBatch::decode(&batch([late, early])).unwrap_err().to_string();
    assert!(error.contains("columns: wanted the order of first appearance, found b"), "{error}");
}

#[test]
fn transducers_and_units_are_short_visible_text() {
    for name in ["pm2_5", "PM2.5 (µg/m³)", "気温", &"x".repeat(128)] {
        assert!(TransducerName::parse(name).is_ok(), "{name:?}");
    }
    for name in ["", " a", "a\n", "a\u{202e}b", "e\u{301}", &"x".repeat(129)] {
        assert!(TransducerName::parse(name).is_err(), "{name:?}");
    }
    for unit in ["", "ug/m3", "%", "°C", &"x".repeat(64)] {
        assert!(Unit::parse(unit).is_ok(), "{unit:?}");
    }
    assert!(Unit::parse("\u{1b}").is_err());
    assert!(Unit::parse(&"x".repeat(65)).is_err());
    assert_eq!(Unit::none(), Unit::parse("").unwrap());
}
