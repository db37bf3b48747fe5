//! What the lines of a source mean: one module per way of writing them.
//!
//! A format reads one line at a time and keeps only what the next lines need (a header, a date).
//! It reads no clock: when a line arrived is handed in.

use std::fmt;

use sekisho_proto::Timestamp;

use crate::{fault::Fault, observation::Output, tally::Skip};

pub mod bgeigie;
pub mod column;
pub mod csv;
pub mod gpsd;
pub mod jsonl;
pub mod nmea;
pub mod senml;
pub mod sentence;
pub mod tagged;

/// What came of a line that is not broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was read; it may still have no sample of its own, as a date has none.
    Read,
    /// It was left out.
    Skipped(Skip),
}

/// Why a line was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The line is broken; the next one may be good.
    Line(Fault),
    /// The input is not what its configuration says; no line of it can be read.
    Input(FormatError),
}

/// Why a whole input cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Columns that the configuration names are not in the header, or are in it twice.
    #[error("header: wanted each of {wanted:?} once, found {found:?}")]
    Header {
        /// The columns that are missing or ambiguous.
        wanted: Vec<String>,
        /// The columns there are.
        found: Vec<String>,
    },
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Line(fault)
    }
}

/// One way of writing samples down.
pub trait Format: fmt::Debug + Send {
    /// Reads one line without its end.
    ///
    /// # Errors
    ///
    /// Why it was not read. Whatever was put out for it does not count.
    fn read(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal>;

    /// Forgets what earlier lines said, because the source begins anew.
    fn restart(&mut self) {}
}

/// Why a line that holds nothing for any format is left out: it is blank, or for people.
#[must_use]
pub fn filler(line: &[u8], comment: &[u8]) -> Option<Skip> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Some(Skip::Blank);
    }
    (!comment.is_empty() && line.starts_with(comment)).then_some(Skip::Comment)
}
