//! SenML records in CBOR (RFC 8428 §6): the same fields under small numbers.

use ciborium::Value as Cbor;
use sekisho_proto::{Timestamp, Value};

use super::{Reading, Record, Senml, SenmlNames, check_label};
use crate::{Fault, number};

/// How deep a pack may nest: the list, a record, a tag and the parts of a decimal fraction, and a
/// little of what extensions hold.
const DEPTH_MAX: usize = 12;

/// RFC 8949 §3.4.4: a decimal fraction, as a list of exponent and mantissa.
const DECIMAL_FRACTION: u64 = 4;

/// RFC 8428 §6, table 6, and the labels as JSON has them.
const LABELS: [(i64, &str); 15] = [
    (-1, "bver"),
    (-2, "bn"),
    (-3, "bt"),
    (-4, "bu"),
    (-5, "bv"),
    (-6, "bs"),
    (0, "n"),
    (1, "u"),
    (2, "v"),
    (3, "vs"),
    (4, "vb"),
    (5, "s"),
    (6, "t"),
    (7, "ut"),
    (8, "vd"),
];

/// Reads a whole pack.
///
/// # Errors
///
/// It is no CBOR, nests too deep, has something behind it, is no list of records, or a record is not
/// one of RFC 8428.
pub fn cbor_pack(bytes: &[u8], arrival: Timestamp) -> Result<Vec<Reading>, Fault> {
    let mut rest = bytes;
    let cbor: Cbor = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX)
        .map_err(|error| Fault::malformed(format!("CBOR ({error})"), bytes))?;
    if !rest.is_empty() {
        return Err(Fault::malformed("one item of CBOR and nothing behind it", rest));
    }
    let Cbor::Array(pack) = cbor else {
        return Err(Fault::malformed("a list of SenML records", bytes));
    };
    let mut senml = Senml::new(SenmlNames::Full);
    for one in pack {
        senml.record(record(one)?, arrival)?;
    }
    Ok(senml.take_readings())
}

fn record(cbor: Cbor) -> Result<Record, Fault> {
    let Cbor::Map(fields) = cbor else {
        return Err(Fault::malformed("a SenML record", shown(&cbor).as_bytes()));
    };
    let (mut record, mut seen) = (Record::default(), 0_u32);
    for (label, value) in fields {
        let Some(number) = number_of(&label)? else { continue };
        let bit = 1_u32 << number;
        let Some((_, name)) = LABELS.get(number) else { continue };
        if seen & bit != 0 {
            return Err(Fault::field(name, "each label once", b"twice"));
        }
        seen |= bit;
        take(&mut record, name, value)?;
    }
    Ok(record)
}

/// Which of [`LABELS`] it is; `None` where it may be ignored.
fn number_of(label: &Cbor) -> Result<Option<usize>, Fault> {
    if let Cbor::Integer(number) = label {
        let number = i128::from(*number);
        return Ok(LABELS.iter().position(|(known, _)| i128::from(*known) == number));
    }
    let Cbor::Text(text) = label else {
        return Err(Fault::field("label", "a number or a text", shown(label).as_bytes()));
    };
    check_label(text)?;
    Ok(LABELS.iter().position(|(_, known)| known == text))
}

fn take(record: &mut Record, name: &str, value: Cbor) -> Result<(), Fault> {
    match name {
        "bver" => record.version = Some(version(&value)?),
        "bn" => record.base_name = Some(text(name, value)?),
        "bt" => record.base_time_us = Some(micros(&value)?),
        "bu" => record.base_unit = Some(text(name, value)?),
        "bv" => record.base_value = Some(float(name, &value)?),
        "bs" => record.base_sum = Some(float(name, &value)?),
        "n" => record.name = Some(text(name, value)?),
        "u" => record.unit = Some(text(name, value)?),
        "t" => record.time_us = Some(micros(&value)?),
        "s" => record.sum = Some(float(name, &value)?),
        "v" => record.set_value(Value::Float(float(name, &value)?))?,
        "vs" => record.set_value(Value::Text(text(name, value)?))?,
        "vb" => {
            let refuse = || Fault::field(name, "true or false", shown(&value).as_bytes());
            record.set_value(Value::Boolean(value.as_bool().ok_or_else(refuse)?))?;
        }
        "vd" => {
            let refuse = |other: Cbor| Fault::field(name, "bytes", shown(&other).as_bytes());
            record.set_value(Value::Blob(value.into_bytes().map_err(refuse)?))?;
        }
        _update_time => drop(float(name, &value)?),
    }
    Ok(())
}

fn version(value: &Cbor) -> Result<i64, Fault> {
    let number = value.as_integer().and_then(|number| i64::try_from(number).ok());
    number.ok_or_else(|| Fault::field("bver", "1 to 10", shown(value).as_bytes()))
}

fn text(name: &str, value: Cbor) -> Result<String, Fault> {
    value.into_text().map_err(|other| Fault::field(name, "a text", shown(&other).as_bytes()))
}

/// RFC 8428 §6: an integer, a float or a decimal fraction.
fn float(name: &str, value: &Cbor) -> Result<f64, Fault> {
    let written = || decimal(value).and_then(|text| number::float(text.as_bytes()));
    let found = value.as_float().or_else(written);
    let finite = found.filter(|number| number.is_finite());
    finite.ok_or_else(|| Fault::field(name, "a finite number", shown(value).as_bytes()))
}

/// Seconds, cut to microseconds.
fn micros(value: &Cbor) -> Result<i64, Fault> {
    let float = value.as_float().filter(|seconds| seconds.is_finite());
    let written = float.map(|seconds| seconds.to_string()).or_else(|| decimal(value));
    let micros = written.and_then(|seconds| number::floored(seconds.as_bytes(), 6));
    micros.ok_or_else(|| Fault::time("seconds", shown(value).as_bytes()))
}

/// An integer or a decimal fraction, written out.
fn decimal(value: &Cbor) -> Option<String> {
    if let Cbor::Integer(number) = value {
        return Some(i128::from(*number).to_string());
    }
    let Cbor::Tag(DECIMAL_FRACTION, parts) = value else { return None };
    let [Cbor::Integer(exponent), Cbor::Integer(mantissa)] = parts.as_array()?.as_slice() else {
        return None;
    };
    Some(format!("{}e{}", i128::from(*mantissa), i128::from(*exponent)))
}

/// What kind of thing was found: what it holds may be long.
fn shown(value: &Cbor) -> String {
    match value {
        Cbor::Integer(number) => i128::from(*number).to_string(),
        Cbor::Float(number) => number.to_string(),
        Cbor::Bool(truth) => truth.to_string(),
        Cbor::Text(text) => text.clone(),
        Cbor::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Cbor::Null => "null".to_owned(),
        Cbor::Array(items) => format!("a list of {}", items.len()),
        Cbor::Map(items) => format!("a map of {}", items.len()),
        Cbor::Tag(tag, _) => format!("tag {tag}"),
        _ => "something else".to_owned(),
    }
}
