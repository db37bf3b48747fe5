//! Counts what became of every line, so that nothing is lost without a reason.
//!
//! `lines == good + skipped + broken`, always.

use std::{collections::BTreeMap, fmt};

use crate::fault::{Fault, quote};

/// Broken lines kept as examples for each reason.
const EXAMPLES_PER_REASON: usize = 3;

/// Kinds of record that are counted by name; the rest is counted as `other`.
const KINDS_MAX: usize = 256;

/// A good line that gives no sample, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// Nothing in it.
    Blank,
    /// Meant for people.
    Comment,
    /// Names the columns.
    Header,
    /// A kind of record that is not read, or not asked for.
    Unread,
    /// The device itself says that it has no measurement.
    Void,
    /// It says nothing about time, and no line before it did.
    Undated,
    /// Every value in it is missing.
    Empty,
}

impl Skip {
    /// Label for counting.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Comment => "comment",
            Self::Header => "header",
            Self::Unread => "unread",
            Self::Void => "void",
            Self::Undated => "undated",
            Self::Empty => "empty",
        }
    }
}

/// A broken line, kept to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Which line of the source, from 1.
    pub line: u64,
    /// What was wrong.
    pub fault: Fault,
    /// Its beginning, escaped.
    pub text: String,
}

/// Figures of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that came.
    pub lines: u64,
    /// Lines that were read.
    pub good: u64,
    /// Samples that they gave.
    pub samples: u64,
    /// Good lines that were not read, by [`Skip::reason`].
    pub skipped: BTreeMap<&'static str, u64>,
    /// Broken lines, by [`Fault::reason`].
    pub broken: BTreeMap<&'static str, u64>,
    /// Records that were not broken, by their kind, such as the type of an NMEA sentence.
    pub kinds: BTreeMap<String, u64>,
    /// Values left out because they were outside their configured range, by transducer.
    pub implausible: BTreeMap<String, u64>,
    /// The first broken lines of each reason.
    pub examples: Vec<Example>,
}

impl Tally {
    /// Counts a line that was read.
    pub fn good(&mut self, samples: usize) {
        self.lines += 1;
        self.good += 1;
        self.samples += samples as u64;
    }

    /// Counts a good line that was not read.
    pub fn skip(&mut self, skip: Skip) {
        self.lines += 1;
        *self.skipped.entry(skip.reason()).or_default() += 1;
    }

    /// Counts a broken line; returns whether it is one of the first of its reason, which are shown.
    pub fn broken(&mut self, fault: Fault, text: &[u8]) -> bool {
        self.lines += 1;
        let count = self.broken.entry(fault.reason()).or_default();
        *count += 1;
        let shown = *count <= EXAMPLES_PER_REASON as u64;
        if shown {
            self.examples.push(Example { line: self.lines, fault, text: quote(text) });
        }
        shown
    }

    /// Counts a record by its kind.
    pub fn kind(&mut self, kind: &str) {
        count_named(&mut self.kinds, kind);
    }

    /// Counts a value that was left out because it cannot be true.
    pub fn implausible(&mut self, transducer: &str) {
        count_named(&mut self.implausible, transducer);
    }

    /// Good lines that were not read.
    #[must_use]
    pub fn skipped_lines(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Broken lines.
    #[must_use]
    pub fn broken_lines(&self) -> u64 {
        self.broken.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lines, samples) = (counted(self.lines, "line"), counted(self.samples, "sample"));
        write!(f, "{lines}: {} read, giving {samples}", self.good)?;
        list(f, "skipped", &self.skipped)?;
        list(f, "broken", &self.broken)?;
        list(f, "implausible", &self.implausible)
    }
}

/// So many of a thing, in the form that goes with the number.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

fn list<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &BTreeMap<K, u64>,
) -> fmt::Result {
    let total: u64 = counts.values().sum();
    if total == 0 {
        return Ok(());
    }
    write!(f, "; {total} {title} (")?;
    for (index, (reason, count)) in counts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{reason} {count}")?;
    }
    f.write_str(")")
}

fn count_named(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else {
        let name = if counts.len() < KINDS_MAX { name } else { "other" };
        *counts.entry(name.into()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
