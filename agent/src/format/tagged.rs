//! Logs in which a tag on each line says what its fields mean, such as the car logs of GENIVI:
//! `14$GVVEHSP;1;49.7188` or `7010,0,$GVSNSACC,7008, 0.2394, 0.5375,10.8212,  7.2,0X0000000F`.
//!
//! A line is a head, a marker, a tag and fields; head and fields are cut at any of the delimiters.

use std::{collections::BTreeMap, sync::Arc};

use sekisho_proto::Timestamp;

use crate::{
    fault::Fault,
    format::{
        Format, Outcome, Refusal,
        column::{Cell, Column, Void},
        filler,
    },
    observation::{Observation, Output, Values},
    stamp::TimeFormat,
    tally::Skip,
};

/// Which field of a line holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A field before the marker, from 0.
    Head(usize),
    /// A field after the tag, from 1; the tag itself is 0.
    Field(usize),
}

/// What the lines with one tag mean.
#[derive(Debug, Clone)]
pub struct TaggedRecord {
    /// The stream of their samples.
    pub stream: Arc<str>,
    /// Where their time is.
    pub time: Place,
    /// Their values.
    pub columns: Vec<(Place, Column)>,
    /// Where they say that they hold no measurement.
    pub void: Option<Void<Place>>,
}

/// A mapping by tags.
#[derive(Debug, Clone)]
pub struct TaggedMapping {
    /// What separates fields: any of these.
    pub delimiters: Vec<u8>,
    /// What stands before the tag.
    pub marker: u8,
    /// What a comment line begins with; empty = there are none.
    pub comment: String,
    /// How times are written; `None` = samples are stamped on arrival.
    pub time: Option<TimeFormat>,
    /// The records that are read, by tag. Others are counted and left out.
    pub records: BTreeMap<String, TaggedRecord>,
}

/// Reads logs with tags.
#[derive(Debug)]
pub struct Tagged {
    mapping: TaggedMapping,
}

impl Tagged {
    /// A reader for a mapping.
    #[must_use]
    pub fn new(mapping: TaggedMapping) -> Self {
        Self { mapping }
    }

    fn split<'a>(&self, text: &'a [u8]) -> Vec<&'a [u8]> {
        text.split(|byte| self.mapping.delimiters.contains(byte)).collect()
    }
}

impl Format for Tagged {
    fn read(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, self.mapping.comment.as_bytes()) {
            return Ok(Outcome::Skipped(skip));
        }
        let marker = self.mapping.marker;
        let at = line.iter().position(|byte| *byte == marker);
        let Some((head, body)) = at.and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?)))
        else {
            let wanted = format!("{:?} before a tag", char::from(marker));
            return Err(Fault::malformed(wanted, line).into());
        };
        let (head, body) = (self.split(head), self.split(body));
        let tag = body.first().copied().unwrap_or_default().trim_ascii();
        let tag = match str::from_utf8(tag) {
            Ok(tag) if !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic()) => tag,
            _ => return Err(Fault::field("tag", "a word", tag).into()),
        };
        let Some(record) = self.mapping.records.get(tag) else {
            output.tally.kind(tag);
            return Ok(Outcome::Skipped(Skip::Unread));
        };
        let field = |place: Place, name: &str| {
            let (fields, index) = match place {
                Place::Head(index) => (&head, index),
                Place::Field(index) => (&body, index),
            };
            let found = fields.get(index).copied();
            found.ok_or_else(|| Fault::field(name, "a field", b""))
        };
        if let Some(void) = &record.void
            && void.says(field(void.place, "void")?)
        {
            output.tally.kind(tag);
            return Ok(Outcome::Skipped(Skip::Void));
        }
        let time = match &self.mapping.time {
            Some(format) => format.parse(field(record.time, "time")?)?,
            None => arrival,
        };
        let mut values = Values::new();
        for (place, column) in &record.columns {
            let name = column.channel.transducer.as_str();
            match column.read(field(*place, name)?)? {
                Cell::Value(value) => values.push_channel(&column.channel, value)?,
                Cell::Missing => {}
                Cell::Implausible => output.tally.implausible(name),
            }
        }
        output.tally.kind(tag);
        if values.is_empty() {
            return Ok(Outcome::Skipped(Skip::Empty));
        }
        let stream = Arc::clone(&record.stream);
        let sample = values.into_sample(time);
        output.observations.push(Observation { stream, labels: Vec::new(), sample });
        Ok(Outcome::Read)
    }
}

#[cfg(test)]
mod tests;
