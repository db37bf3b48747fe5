//! JSON lines: one JSON value per line, its parts found by JSON pointers (RFC 6901).

use std::sync::Arc;

use sekisho_proto::{Timestamp, Value};
use serde_json::Value as Json;

use crate::{
    fault::Fault,
    format::{
        Format, Outcome, Refusal,
        column::{Cell, Column, Kind},
        filler,
    },
    observation::{Observation, Output, Values},
    stamp::TimeFormat,
    tally::Skip,
};

/// A mapping by pointers.
#[derive(Debug, Clone)]
pub struct JsonMapping {
    /// Where the time is and how it is written; `None` = samples are stamped on arrival.
    pub time: Option<(String, TimeFormat)>,
    /// Where the values are.
    pub columns: Vec<(String, Column)>,
    /// Words for topics, with where they are.
    pub labels: Vec<(Arc<str>, String)>,
}

/// Reads JSON lines.
#[derive(Debug)]
pub struct JsonLines {
    mapping: JsonMapping,
    stream: Arc<str>,
}

impl JsonLines {
    /// A reader for a mapping.
    #[must_use]
    pub fn new(mapping: JsonMapping) -> Self {
        Self { mapping, stream: "".into() }
    }
}

impl Format for JsonLines {
    fn read(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, b"") {
            return Ok(Outcome::Skipped(skip));
        }
        let json = parse(line)?;
        let time = match &self.mapping.time {
            Some((pointer, format)) => time(json.pointer(pointer), format)?,
            None => arrival,
        };
        let mut labels = Vec::with_capacity(self.mapping.labels.len());
        for (name, pointer) in &self.mapping.labels {
            labels.push((Arc::clone(name), word(name, json.pointer(pointer))?));
        }
        let mut values = Values::new();
        for (pointer, column) in &self.mapping.columns {
            match cell(column, json.pointer(pointer))? {
                Cell::Value(value) => values.push_channel(&column.channel, value)?,
                Cell::Missing => {}
                Cell::Implausible => {
                    output.tally.implausible(column.channel.transducer.as_str());
                }
            }
        }
        if values.is_empty() {
            return Ok(Outcome::Skipped(Skip::Empty));
        }
        let stream = Arc::clone(&self.stream);
        output.observations.push(Observation { stream, labels, sample: values.into_sample(time) });
        Ok(Outcome::Read)
    }
}

/// Parses a line; numbers become the nearest double, nesting is bounded by serde_json.
pub(super) fn parse(line: &[u8]) -> Result<Json, Fault> {
    serde_json::from_slice(line).map_err(|error| Fault::malformed(format!("JSON ({error})"), line))
}

fn time(json: Option<&Json>, format: &TimeFormat) -> Result<Timestamp, Fault> {
    match json {
        Some(Json::String(text)) => format.parse(text.as_bytes()),
        Some(Json::Number(number)) => format.parse(number.to_string().as_bytes()),
        other => Err(Fault::time("a string or a number", shown(other).as_bytes())),
    }
}

fn word(name: &str, json: Option<&Json>) -> Result<String, Fault> {
    match json {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(Json::Number(number)) => Ok(number.to_string()),
        other => Err(Fault::field(name, "a string or a number", shown(other).as_bytes())),
    }
}

fn cell(column: &Column, json: Option<&Json>) -> Result<Cell, Fault> {
    let value = match (json, column.kind) {
        (None | Some(Json::Null), _) => return Ok(Cell::Missing),
        (Some(Json::String(text)), _) if column.is_missing(text.trim().as_bytes()) => {
            return Ok(Cell::Missing);
        }
        (Some(Json::Number(number)), _) if column.is_missing(number.to_string().as_bytes()) => {
            return Ok(Cell::Missing);
        }
        (Some(Json::Number(number)), Kind::Float) => number.as_f64().map(Value::Float),
        (Some(Json::Number(number)), Kind::Integer) => number.as_i64().map(Value::Integer),
        (Some(Json::String(text)), Kind::Text) => Some(Value::Text(text.clone())),
        (Some(Json::Bool(truth)), Kind::Boolean) => Some(Value::Boolean(*truth)),
        (Some(_), _) => None,
    };
    let name = column.channel.transducer.as_str();
    let value =
        value.ok_or_else(|| Fault::field(name, column.kind.wanted(), shown(json).as_bytes()))?;
    Ok(column.judge(value))
}

fn shown(json: Option<&Json>) -> String {
    json.map_or_else(|| "nothing".into(), Json::to_string)
}

#[cfg(test)]
mod tests;
