//! SenML in JSON (RFC 8428): packs of records that share base fields.
//!
//! A line is a pack (an array) or one record of a stream (an object, with or without the comma
//! and brackets of SensML around it); records of one time become one sample.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use sekisho_proto::{Timestamp, Value};
use serde_json::{Map, Value as Json};

use crate::{
    fault::Fault,
    format::{Format, Outcome, Refusal, filler, jsonl},
    number,
    observation::{Observation, Output, Values},
    tally::Skip,
};

/// The word that holds the base name of a pack.
pub const BASE_NAME: &str = "base_name";

/// RFC 8428 §4.4: the version of the format.
const VERSION: i64 = 10;

/// RFC 8428 §4.5.3: times below 2^28 seconds are relative to now.
const ABSOLUTE_FROM_US: i64 = (1 << 28) * 1_000_000;

/// What a transducer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SenmlNames {
    /// By base name and name together, which is its name all over the world.
    #[default]
    Full,
    /// By its name alone; the base name is a word for the topic.
    Local,
}

/// Reads SenML.
#[derive(Debug)]
pub struct Senml {
    names: SenmlNames,
    stream: Arc<str>,
    base_name: Arc<str>,
    base: Base,
}

/// What earlier records of a pack said for the later ones.
#[derive(Debug, Clone, Default)]
struct Base {
    name: String,
    time_us: i64,
    unit: String,
    value: Option<f64>,
    sum: Option<f64>,
}

/// The records of one time.
struct Group {
    time: Timestamp,
    base_name: String,
    values: Values,
}

impl Senml {
    /// A reader that names transducers in this way.
    #[must_use]
    pub fn new(names: SenmlNames) -> Self {
        let base = Base::default();
        Self { names, stream: "".into(), base_name: BASE_NAME.into(), base }
    }

    fn record(
        &mut self,
        record: &Map<String, Json>,
        arrival: Timestamp,
        groups: &mut Vec<Group>,
    ) -> Result<(), Fault> {
        check_labels(record)?;
        self.base.take(record)?;
        let own_name = text(record, "n")?.unwrap_or_default();
        let full = format!("{}{own_name}", self.base.name);
        let values = self.base.values(record, &full)?;
        if values.is_empty() {
            return Ok(());
        }
        check_name(&full)?;
        let name = match self.names {
            SenmlNames::Full => full.as_str(),
            SenmlNames::Local if own_name.is_empty() => full.as_str(),
            SenmlNames::Local => own_name,
        };
        let unit = text(record, "u")?.unwrap_or(&self.base.unit);
        let time_us = micros(record, "t")?.unwrap_or(0).checked_add(self.base.time_us);
        let time = time_us.and_then(|micros| resolve(micros, arrival)).ok_or_else(|| {
            Fault::time("seconds since 1970, or before now", &shown(record.get("t")))
        })?;
        let same = |group: &&mut Group| {
            let local = self.names == SenmlNames::Local;
            group.time == time && (!local || group.base_name == self.base.name)
        };
        let group = match groups.last_mut().filter(same) {
            Some(group) => group,
            None => {
                let base_name = self.base.name.clone();
                groups.push(Group { time, base_name, values: Values::new() });
                match groups.last_mut() {
                    Some(group) => group,
                    None => return Ok(()),
                }
            }
        };
        for (suffix, value) in values {
            group.values.push(&format!("{name}{suffix}"), unit, value)?;
        }
        Ok(())
    }
}

impl Format for Senml {
    fn read(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, b"") {
            return Ok(Outcome::Skipped(skip));
        }
        if opens_stream(line) {
            self.base = Base::default();
        }
        let Some(line) = without_stream_brackets(line) else {
            return Ok(Outcome::Skipped(Skip::Blank));
        };
        let mut groups = Vec::new();
        let json = jsonl::parse(line)?;
        if let Some(pack) = json.as_array() {
            self.restart();
            for record in pack {
                self.record(object(record)?, arrival, &mut groups)?;
            }
            self.restart();
        } else {
            self.record(object(&json)?, arrival, &mut groups)?;
        }
        if groups.is_empty() {
            return Ok(Outcome::Skipped(Skip::Empty));
        }
        output.observations.extend(groups.into_iter().map(|group| Observation {
            stream: Arc::clone(&self.stream),
            labels: vec![(Arc::clone(&self.base_name), group.base_name)],
            sample: group.values.into_sample(group.time),
        }));
        Ok(Outcome::Read)
    }

    fn restart(&mut self) {
        self.base = Base::default();
    }
}

impl Base {
    fn take(&mut self, record: &Map<String, Json>) -> Result<(), Fault> {
        if let Some(version) = record.get("bver") {
            match version.as_i64() {
                Some(version) if version <= VERSION => {}
                _ => return Err(Fault::field("bver", "10 or less", &shown(Some(version)))),
            }
        }
        if let Some(name) = text(record, "bn")? {
            self.name = name.into();
        }
        if let Some(unit) = text(record, "bu")? {
            self.unit = unit.into();
        }
        if let Some(micros) = micros(record, "bt")? {
            self.time_us = micros;
        }
        self.value = float(record, "bv")?.or(self.value);
        self.sum = float(record, "bs")?.or(self.sum);
        Ok(())
    }

    /// The values of a record, each with what its name ends with.
    fn values(
        &self,
        record: &Map<String, Json>,
        name: &str,
    ) -> Result<Vec<(&'static str, Value)>, Fault> {
        let mut values = Vec::new();
        if let Some(value) = float(record, "v")? {
            values.push(("", finite(value, self.value, "v")?));
        }
        if let Some(text) = text(record, "vs")? {
            values.push(("", Value::Text(text.into())));
        }
        if let Some(truth) = record.get("vb") {
            let truth = truth.as_bool();
            let truth = truth
                .ok_or_else(|| Fault::field("vb", "true or false", &shown(record.get("vb"))))?;
            values.push(("", Value::Boolean(truth)));
        }
        if let Some(data) = text(record, "vd")? {
            let bytes = BASE64URL_NOPAD.decode(data.trim_end_matches('=').as_bytes());
            let bytes =
                bytes.map_err(|_not_base64| Fault::field("vd", "base64url", data.as_bytes()))?;
            values.push(("", Value::Blob(bytes)));
        }
        if values.len() > 1 {
            return Err(Fault::field(name, "one of v, vs, vb and vd", &shown(None)));
        }
        if let Some(sum) = float(record, "s")? {
            values.push((".sum", finite(sum, self.sum, "s")?));
        }
        Ok(values)
    }
}

/// Whether a line begins a stream of records over several lines.
fn opens_stream(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"[") && !line.ends_with(b"]")
}

/// `[`, `]` and `,` around a record, as a stream of records over several lines has them.
fn without_stream_brackets(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    if line.starts_with(b"[") && line.ends_with(b"]") {
        return Some(line);
    }
    let line = line.strip_prefix(b"[").unwrap_or(line).trim_ascii();
    let line = line.strip_prefix(b",").unwrap_or(line);
    let line = line.strip_suffix(b",").or_else(|| line.strip_suffix(b"]")).unwrap_or(line);
    let line = line.trim_ascii();
    (!line.is_empty()).then_some(line)
}

/// RFC 8428 §4.4: a label that ends with `_` must be understood, others may be ignored.
fn check_labels(record: &Map<String, Json>) -> Result<(), Fault> {
    match record.keys().find(|key| key.ends_with('_')) {
        Some(key) => Err(Fault::field("label", "labels of RFC 8428", key.as_bytes())),
        None => Ok(()),
    }
}

/// RFC 8428 §4.5.1: the characters of a name.
fn check_name(name: &str) -> Result<(), Fault> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte);
    if first && name.bytes().all(rest) {
        return Ok(());
    }
    let wanted = "a letter or digit, then letters, digits and -:./_";
    Err(Fault::field("name", wanted, name.as_bytes()))
}

fn resolve(time_us: i64, arrival: Timestamp) -> Option<Timestamp> {
    if time_us >= ABSOLUTE_FROM_US {
        return Some(Timestamp::from_micros(time_us));
    }
    arrival.as_micros().checked_add(time_us).map(Timestamp::from_micros)
}

fn object(json: &Json) -> Result<&Map<String, Json>, Fault> {
    json.as_object().ok_or_else(|| Fault::malformed("a SenML record", &shown(Some(json))))
}

fn text<'a>(record: &'a Map<String, Json>, key: &str) -> Result<Option<&'a str>, Fault> {
    match record.get(key) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        other => Err(Fault::field(key, "a string", &shown(other))),
    }
}

fn float(record: &Map<String, Json>, key: &str) -> Result<Option<f64>, Fault> {
    match record.get(key) {
        None => Ok(None),
        Some(Json::Number(number)) => Ok(number.as_f64()),
        other => Err(Fault::field(key, "a number", &shown(other))),
    }
}

/// Without a base value the number stays as it is: adding 0.0 would turn -0.0 around.
fn finite(value: f64, base: Option<f64>, key: &str) -> Result<Value, Fault> {
    let total = base.map_or(value, |base| base + value);
    if total.is_finite() {
        return Ok(Value::Float(total));
    }
    Err(Fault::field(key, "a finite number", total.to_string().as_bytes()))
}

fn micros(record: &Map<String, Json>, key: &str) -> Result<Option<i64>, Fault> {
    match record.get(key) {
        None => Ok(None),
        Some(Json::Number(seconds)) => number::scaled(seconds.to_string().as_bytes(), 6)
            .map(Some)
            .ok_or_else(|| Fault::time("seconds", &shown(record.get(key)))),
        other => Err(Fault::time("seconds", &shown(other))),
    }
}

fn shown(json: Option<&Json>) -> Vec<u8> {
    json.map_or_else(|| b"nothing".to_vec(), |json| json.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
