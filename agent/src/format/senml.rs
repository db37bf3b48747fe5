//! SenML in JSON (RFC 8428): packs of records that share base fields.
//!
//! A line is a pack (an array) or one record of a stream (an object, with or without the comma
//! and brackets of SensML around it); records of one time become one sample.

use std::sync::Arc;

use sekisho_formats::senml;
use sekisho_proto::Timestamp;

use crate::{
    fault::Fault,
    format::{Format, Outcome, Refusal, filler, jsonl},
    observation::{Observation, Output},
    tally::Skip,
};

pub use sekisho_formats::senml::SenmlNames;

/// The word that holds the base name of a pack.
pub const BASE_NAME: &str = "base_name";

/// Reads SenML.
#[derive(Debug)]
pub struct Senml {
    records: senml::Senml,
    stream: Arc<str>,
    base_name: Arc<str>,
}

impl Senml {
    /// A reader that names transducers in this way.
    #[must_use]
    pub fn new(names: SenmlNames) -> Self {
        let records = senml::Senml::new(names);
        Self { records, stream: "".into(), base_name: BASE_NAME.into() }
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
            self.restart();
        }
        let Some(line) = without_stream_brackets(line) else {
            return Ok(Outcome::Skipped(Skip::Blank));
        };
        let taken = self.records.json(&jsonl::parse(line)?, arrival);
        let readings = self.records.take_readings();
        taken.map_err(Fault::from)?;
        if readings.is_empty() {
            return Ok(Outcome::Skipped(Skip::Empty));
        }
        output.observations.extend(readings.into_iter().map(|reading| Observation {
            stream: Arc::clone(&self.stream),
            labels: vec![(Arc::clone(&self.base_name), reading.base_name)],
            sample: reading.sample,
        }));
        Ok(Outcome::Read)
    }

    fn restart(&mut self) {
        self.records.restart();
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

#[cfg(test)]
mod tests;
