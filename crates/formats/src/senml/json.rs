//! SenML records in JSON (RFC 8428 §5).

use data_encoding::BASE64URL_NOPAD;
use sekisho_proto::{Timestamp, Value};
use serde_json::{Map, Value as Json};

use super::{Reading, Record, Senml, SenmlNames, check_label};
use crate::{Fault, number};

/// Reads a whole pack.
///
/// # Errors
///
/// It is no JSON, no list of records, or a record is not one of RFC 8428.
pub fn json_pack(bytes: &[u8], arrival: Timestamp) -> Result<Vec<Reading>, Fault> {
    let json: Json = serde_json::from_slice(bytes)
        .map_err(|error| Fault::malformed(format!("JSON ({error})"), bytes))?;
    if !json.is_array() {
        return Err(Fault::malformed("a list of SenML records", &shown(Some(&json))));
    }
    let mut senml = Senml::new(SenmlNames::Full);
    senml.json(&json, arrival)?;
    Ok(senml.take_readings())
}

impl Senml {
    /// Takes a pack (a list), which stands for itself, or one record of a stream.
    ///
    /// # Errors
    ///
    /// A record is not one of RFC 8428; those before it were taken.
    pub fn json(&mut self, json: &Json, arrival: Timestamp) -> Result<(), Fault> {
        let Some(pack) = json.as_array() else {
            return self.record(record(json)?, arrival);
        };
        self.restart();
        for one in pack {
            self.record(record(one)?, arrival)?;
        }
        self.restart();
        Ok(())
    }
}

fn record(json: &Json) -> Result<Record, Fault> {
    let fields =
        json.as_object().ok_or_else(|| Fault::malformed("a SenML record", &shown(Some(json))))?;
    for label in fields.keys() {
        check_label(label)?;
    }
    let mut record = Record {
        version: version(fields)?,
        base_name: text(fields, "bn")?,
        base_time_us: micros(fields, "bt")?,
        base_unit: text(fields, "bu")?,
        base_value: float(fields, "bv")?,
        base_sum: float(fields, "bs")?,
        name: text(fields, "n")?,
        unit: text(fields, "u")?,
        time_us: micros(fields, "t")?,
        sum: float(fields, "s")?,
        value: None,
    };
    if let Some(number) = float(fields, "v")? {
        record.set_value(Value::Float(number))?;
    }
    if let Some(text) = text(fields, "vs")? {
        record.set_value(Value::Text(text))?;
    }
    match fields.get("vb") {
        None => {}
        Some(Json::Bool(truth)) => record.set_value(Value::Boolean(*truth))?,
        other => return Err(Fault::field("vb", "true or false", &shown(other))),
    }
    if let Some(data) = text(fields, "vd")? {
        let bytes = BASE64URL_NOPAD.decode(data.trim_end_matches('=').as_bytes());
        let bytes =
            bytes.map_err(|_not_base64| Fault::field("vd", "base64url", data.as_bytes()))?;
        record.set_value(Value::Blob(bytes))?;
    }
    Ok(record)
}

fn version(fields: &Map<String, Json>) -> Result<Option<i64>, Fault> {
    match fields.get("bver") {
        None => Ok(None),
        found => match found.and_then(Json::as_i64) {
            Some(version) => Ok(Some(version)),
            None => Err(Fault::field("bver", "1 to 10", &shown(found))),
        },
    }
}

fn text(fields: &Map<String, Json>, key: &str) -> Result<Option<String>, Fault> {
    match fields.get(key) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        other => Err(Fault::field(key, "a string", &shown(other))),
    }
}

fn float(fields: &Map<String, Json>, key: &str) -> Result<Option<f64>, Fault> {
    match fields.get(key) {
        None => Ok(None),
        Some(Json::Number(number)) => Ok(number.as_f64()),
        other => Err(Fault::field(key, "a number", &shown(other))),
    }
}

/// Seconds, cut to microseconds.
fn micros(fields: &Map<String, Json>, key: &str) -> Result<Option<i64>, Fault> {
    match fields.get(key) {
        None => Ok(None),
        Some(Json::Number(seconds)) => number::floored(seconds.to_string().as_bytes(), 6)
            .map(Some)
            .ok_or_else(|| Fault::time("seconds", &shown(fields.get(key)))),
        other => Err(Fault::time("seconds", &shown(other))),
    }
}

fn shown(json: Option<&Json>) -> Vec<u8> {
    json.map_or_else(|| b"nothing".to_vec(), |json| json.to_string().into_bytes())
}
