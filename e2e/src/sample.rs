//! Samples that would show it if a bit of them were lost: every type of value, numbers that no
//! rounding survives, and a count by which each is known.

use std::ops::Range;

use sekisho::{Sample, SampleValue, Timestamp, Value};

/// The time of the first sample, 2026-11-21T00:00:00.000007Z: no whole number of milliseconds.
const FIRST: Timestamp = Timestamp::from_micros(1_795_219_200_000_007);
/// Between two samples, µs.
const STEP: i64 = 10_001;

/// The sample with a number.
#[must_use]
pub fn sample(number: i64) -> Sample {
    let bits = u64::from_ne_bytes(number.to_ne_bytes());
    // A quiet NaN that carries the number, as some instruments' faults do.
    let fault = f64::from_bits(0x7ff8_0000_0000_0000 | (bits & 0xffff));
    // The digits of 1/3 with other last bits for each number.
    let irregular = f64::from_bits((1.0_f64 / 3.0).to_bits() ^ (bits & 0xffff));
    let values = [
        ("number", "1", Value::Integer(number)),
        ("pm2_5", "ug/m3", Value::Float(irregular)),
        ("temperature", "Cel", Value::Float(if number % 2 == 0 { -0.0 } else { 5e-324 })),
        ("fault", "", Value::Float(fault)),
        ("extreme", "1", Value::Integer(i64::MIN.wrapping_add(number))),
        ("lid", "", Value::Boolean(number % 3 == 0)),
        ("district", "", Value::Text(format!("藤沢市 {number}"))),
        ("raw", "", Value::Blob(bits.to_be_bytes().to_vec())),
    ];
    let values = values.into_iter().map(|(name, unit, value)| SampleValue {
        transducer: name.parse().expect("a name"),
        unit: unit.parse().expect("a unit"),
        value,
    });
    let time = Timestamp::from_micros(FIRST.as_micros() + number * STEP);
    Sample { time, values: values.collect() }
}

/// The samples with these numbers.
#[must_use]
pub fn samples(numbers: Range<i64>) -> Vec<Sample> {
    numbers.map(sample).collect()
}

/// The number of a sample.
#[must_use]
pub fn number_of(sample: &Sample) -> i64 {
    let first = sample.values.first().map(|entry| &entry.value);
    match first {
        Some(Value::Integer(number)) => *number,
        other => panic!("wanted a number first, found {other:?}"),
    }
}
