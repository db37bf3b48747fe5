//! NMEA 0183: receivers, compasses, sounders, wind and other sensors on one line.
//!
//! Each sentence becomes one sample in the stream of its type (`rmc`, `gga`, …), with its numbers
//! in the units that the sentence states. Sentences that carry no date take it from the last RMC
//! or ZDA, and those that carry no time at all take that of the last fix.

use std::{collections::BTreeSet, sync::Arc};

use sekisho_proto::Timestamp;

use crate::{
    fault::Fault,
    format::{Format, Outcome, Refusal, filler, sentence::Sentence},
    observation::{Observation, Output, Values},
    tally::Skip,
};

mod calendar;
mod instrument;
mod position;

use calendar::Calendar;

/// The sentence types that are read.
pub const TYPES: [&str; 15] = [
    "RMC", "GGA", "GLL", "VTG", "ZDA", "GSA", "GSV", "HDT", "HDG", "XDR", "MTW", "MWV", "DBT",
    "DPT", "VHW",
];

/// The word that names who speaks, such as `GP`.
pub const TALKER: &str = "talker";

/// Where the time of a sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NmeaTime {
    /// The sentences themselves.
    #[default]
    Sentence,
    /// When the line came: for sensors without a receiver on the same line.
    Arrival,
}

/// What a sentence says.
enum Content {
    Values(Option<Timestamp>, Values),
    Nothing,
    Skipped(Skip),
}

/// Reads NMEA 0183.
#[derive(Debug)]
pub struct Nmea {
    time: NmeaTime,
    wanted: BTreeSet<String>,
    streams: Vec<(&'static str, Arc<str>)>,
    talker: Arc<str>,
    calendar: Calendar,
}

impl Nmea {
    /// A reader of these of [`TYPES`]; other sentences are counted and left out.
    #[must_use]
    pub fn new(time: NmeaTime, wanted: BTreeSet<String>) -> Self {
        let streams = TYPES.iter().map(|kind| (*kind, kind.to_ascii_lowercase().into())).collect();
        Self { time, wanted, streams, talker: TALKER.into(), calendar: Calendar::default() }
    }

    fn content(&mut self, kind: &str, sentence: &Sentence<'_>) -> Result<Content, Fault> {
        match kind {
            "RMC" => position::rmc(sentence, &mut self.calendar),
            "GGA" => position::gga(sentence, &mut self.calendar),
            "GLL" => position::gll(sentence, &mut self.calendar),
            "ZDA" => position::zda(sentence, &mut self.calendar),
            "VTG" => position::vtg(sentence),
            "GSA" => position::gsa(sentence),
            "GSV" => position::gsv(sentence),
            "HDT" => instrument::hdt(sentence),
            "HDG" => instrument::hdg(sentence),
            "XDR" => instrument::xdr(sentence),
            "MTW" => instrument::mtw(sentence),
            "MWV" => instrument::mwv(sentence),
            "DBT" => instrument::dbt(sentence),
            "DPT" => instrument::dpt(sentence),
            "VHW" => instrument::vhw(sentence),
            _ => Ok(Content::Skipped(Skip::Unread)),
        }
    }
}

impl Format for Nmea {
    fn read(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, b"#") {
            return Ok(Outcome::Skipped(skip));
        }
        let sentence = Sentence::parse(line)?;
        let (talker, kind) = split_address(sentence.address());
        let content = self.content(kind, &sentence)?;
        output.tally.kind(kind);
        let (own_time, values) = match content {
            Content::Values(time, values) => (time, values),
            Content::Nothing => return Ok(Outcome::Read),
            Content::Skipped(skip) => return Ok(Outcome::Skipped(skip)),
        };
        if !self.wanted.contains(kind) {
            return Ok(Outcome::Skipped(Skip::Unread));
        }
        if values.is_empty() {
            return Ok(Outcome::Skipped(Skip::Empty));
        }
        let time = match self.time {
            NmeaTime::Arrival => Some(arrival),
            NmeaTime::Sentence => own_time.or(self.calendar.last()),
        };
        let Some(time) = time else { return Ok(Outcome::Skipped(Skip::Undated)) };
        let stream = self.streams.iter().find(|(name, _)| *name == kind);
        output.observations.push(Observation {
            stream: stream.map_or_else(|| "".into(), |(_, stream)| Arc::clone(stream)),
            labels: vec![(Arc::clone(&self.talker), talker.into())],
            sample: values.into_sample(time),
        });
        Ok(Outcome::Read)
    }

    fn restart(&mut self) {
        self.calendar = Calendar::default();
    }
}

/// Who speaks and what: `GPRMC` is `GP` and `RMC`, a maker's own `PGRME` is `P` and `PGRME`.
fn split_address(address: &str) -> (&str, &str) {
    if address.starts_with('P') {
        return ("P", address);
    }
    match address.split_at_checked(2) {
        Some((talker, kind)) if kind.len() == 3 => (talker, kind),
        _ => ("", address),
    }
}

#[cfg(test)]
mod tests;
