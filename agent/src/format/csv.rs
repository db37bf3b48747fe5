//! Comma-separated values with a column mapping.
//!
//! One line is one record: a quoted field may hold the delimiter but no line break, so that a
//! lost quote costs one line and not the rest of the file.

use std::sync::Arc;

use csv_core::ReadRecordResult;
use sekisho_proto::Timestamp;

use crate::{
    fault::Fault,
    format::{
        Format, FormatError, Outcome, Refusal,
        column::{Cell, Column, Void},
        filler,
    },
    observation::{Observation, Output, Values},
    stamp::TimeFormat,
    tally::Skip,
};

/// Fields that a header may have.
const FIELDS_MAX: usize = 4096;

/// A mapping of columns.
#[derive(Debug, Clone)]
pub struct CsvMapping {
    /// The byte between fields.
    pub delimiter: u8,
    /// What a comment line begins with; empty = there are none.
    pub comment: String,
    /// The names of the columns, where the file has no header.
    pub header: Option<Vec<String>>,
    /// The column of the time; `None` = samples are stamped on arrival.
    pub time: Option<(String, TimeFormat)>,
    /// The columns to be read, each with its name in the header.
    pub columns: Vec<(String, Column)>,
    /// The columns whose words a topic needs.
    pub labels: Vec<String>,
    /// The column that says that a row holds no measurement.
    pub void: Option<Void<String>>,
}

/// Where the mapped columns are in a file.
#[derive(Debug, Clone)]
struct Layout {
    fields: usize,
    time: Option<usize>,
    columns: Vec<usize>,
    labels: Vec<(Arc<str>, usize)>,
    void: Option<usize>,
}

/// Reads CSV.
#[derive(Debug)]
pub struct Csv {
    mapping: CsvMapping,
    stream: Arc<str>,
    layout: Option<Layout>,
    record: Record,
}

impl Csv {
    /// A reader for a mapping.
    ///
    /// # Errors
    ///
    /// The mapping gives the header itself, and lacks a column there.
    pub fn new(mapping: CsvMapping) -> Result<Self, FormatError> {
        let layout =
            mapping.header.as_deref().map(|header| layout(&mapping, header)).transpose()?;
        let record = Record::new(mapping.delimiter);
        Ok(Self { mapping, stream: "".into(), layout, record })
    }

    fn observation(
        &self,
        layout: &Layout,
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Fault> {
        let found = self.record.len();
        if found != layout.fields {
            return Err(Fault::FieldCount { wanted: layout.fields, found });
        }
        if let (Some(void), Some(index)) = (&self.mapping.void, layout.void)
            && void.says(self.record.field(index))
        {
            return Ok(Outcome::Skipped(Skip::Void));
        }
        let time = match (&self.mapping.time, layout.time) {
            (Some((_, format)), Some(index)) => format.parse(self.record.field(index))?,
            _ => arrival,
        };
        let mut labels = Vec::with_capacity(layout.labels.len());
        for (name, index) in &layout.labels {
            let text = self.record.field(*index);
            let word =
                str::from_utf8(text).map_err(|_not_utf8| Fault::field(name, "UTF-8 text", text))?;
            labels.push((Arc::clone(name), word.into()));
        }
        let mut values = Values::new();
        for ((_, column), index) in self.mapping.columns.iter().zip(&layout.columns) {
            match column.read(self.record.field(*index))? {
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

impl Format for Csv {
    fn read(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, self.mapping.comment.as_bytes()) {
            return Ok(Outcome::Skipped(skip));
        }
        self.record.read(line)?;
        match &self.layout {
            Some(layout) => Ok(self.observation(layout, arrival, output)?),
            None => {
                let header = self.record.texts();
                let layout = layout(&self.mapping, &header).map_err(Refusal::Input)?;
                self.layout = Some(layout);
                Ok(Outcome::Skipped(Skip::Header))
            }
        }
    }

    fn restart(&mut self) {
        if self.mapping.header.is_none() {
            self.layout = None;
        }
    }
}

fn layout(mapping: &CsvMapping, header: &[String]) -> Result<Layout, FormatError> {
    let mut faults = Vec::new();
    let mut place = |name: &str| {
        let mut places = header.iter().enumerate().filter(|(_, column)| *column == name);
        match (places.next(), places.next()) {
            (Some((index, _)), None) => index,
            (None, _) | (_, Some(_)) => {
                if !faults.iter().any(|fault| fault == name) {
                    faults.push(name.to_owned());
                }
                0
            }
        }
    };
    let layout = Layout {
        fields: header.len(),
        time: mapping.time.as_ref().map(|(name, _)| place(name)),
        columns: mapping.columns.iter().map(|(name, _)| place(name)).collect(),
        labels: mapping.labels.iter().map(|name| (name.as_str().into(), place(name))).collect(),
        void: mapping.void.as_ref().map(|void| place(&void.place)),
    };
    if faults.is_empty() {
        return Ok(layout);
    }
    Err(FormatError::Header { wanted: faults, found: header.to_vec() })
}

/// The fields of one line, taken apart.
#[derive(Debug)]
struct Record {
    reader: Box<csv_core::Reader>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
}

impl Record {
    fn new(delimiter: u8) -> Self {
        let reader = Box::new(csv_core::ReaderBuilder::new().delimiter(delimiter).build());
        Self { reader, bytes: Vec::new(), ends: vec![0; FIELDS_MAX], len: 0 }
    }

    /// Takes a line apart.
    fn read(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.reader.reset();
        self.bytes.clear();
        // One more than there can be: csv-core stops where no room is left, needed or not.
        self.bytes.resize(line.len() + 1, 0);
        self.len = 0;
        let mut written = 0;
        for input in [line, b"\n"] {
            let output = self.bytes.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.len..).unwrap_or_default();
            let (result, read, bytes, fields) = self.reader.read_record(input, output, ends);
            written += bytes;
            self.len += fields;
            match result {
                ReadRecordResult::Record if input == b"\n" => return Ok(()),
                ReadRecordResult::InputEmpty if read == input.len() => {}
                ReadRecordResult::OutputEndsFull => {
                    return Err(Fault::FieldCount { wanted: FIELDS_MAX, found: self.len + 1 });
                }
                ReadRecordResult::Record
                | ReadRecordResult::InputEmpty
                | ReadRecordResult::OutputFull
                | ReadRecordResult::End => {
                    return Err(Fault::malformed("one record without a CR in it", line));
                }
            }
        }
        Err(Fault::malformed("a partner for each quote", line))
    }

    fn len(&self) -> usize {
        self.len
    }

    fn field(&self, index: usize) -> &[u8] {
        let end = |index: usize| self.ends.get(index).copied().filter(|_| index < self.len);
        let start = index.checked_sub(1).map_or(Some(0), end);
        match (start, end(index)) {
            (Some(start), Some(end)) => self.bytes.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Every field as a text, blanks around it removed.
    fn texts(&self) -> Vec<String> {
        let text = |index| String::from_utf8_lossy(self.field(index).trim_ascii()).into_owned();
        (0..self.len).map(text).collect()
    }
}

#[cfg(test)]
mod tests;
