//! From bytes to observations: one input's splitter, format and counts together. No I/O here.

use sekisho_proto::Timestamp;
use tracing::warn;

use crate::{
    fault::Fault,
    format::{Format, FormatError, Outcome, Refusal},
    line::{Framing, LineSplitter, Piece},
    observation::{Observation, Output},
    tally::Tally,
};

/// One input in the course of being read.
#[derive(Debug)]
pub struct Input {
    name: String,
    splitter: LineSplitter,
    reader: Reader,
}

#[derive(Debug)]
struct Reader {
    format: Box<dyn Format>,
    tally: Tally,
}

impl Input {
    /// An input that begins.
    #[must_use]
    pub fn new(
        name: String,
        framing: Framing,
        line_bytes_max: usize,
        format: Box<dyn Format>,
    ) -> Self {
        let splitter = LineSplitter::new(framing, line_bytes_max);
        Self { name, splitter, reader: Reader { format, tally: Tally::default() } }
    }

    /// Takes bytes of the source and puts out what their lines say.
    ///
    /// # Errors
    ///
    /// The source is not what the configuration says; broken lines are counted instead.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        arrival: Timestamp,
        observations: &mut Vec<Observation>,
    ) -> Result<(), FormatError> {
        let Self { name, splitter, reader } = self;
        let bytes_max = splitter.bytes_max();
        let mut result = Ok(());
        splitter.push(bytes, |piece| {
            if result.is_ok() {
                result = reader.take(name, piece, bytes_max, arrival, observations);
            }
        });
        result
    }

    /// The source has ended: what is left is the last line, even without an end.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub fn finish(
        &mut self,
        arrival: Timestamp,
        observations: &mut Vec<Observation>,
    ) -> Result<(), FormatError> {
        let Self { name, splitter, reader } = self;
        let bytes_max = splitter.bytes_max();
        let mut result = Ok(());
        splitter.finish(|piece| {
            result = reader.take(name, piece, bytes_max, arrival, observations);
        });
        reader.format.restart();
        result
    }

    /// The source broke off and will begin anew: what is left of a line is lost, and counted.
    pub fn tear(&mut self) {
        let bytes = self.splitter.discard();
        if bytes > 0 {
            self.reader.broken(&self.name, Fault::Torn { bytes }, b"");
        }
        self.reader.format.restart();
    }

    /// How many of the bytes taken belong to a line that has not ended.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.splitter.pending()
    }

    /// Counts from here on: what came before was counted by an earlier run.
    pub fn count_anew(&mut self) {
        self.reader.tally = Tally::default();
    }

    /// The name it was configured with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What became of its lines.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.reader.tally
    }

    /// What became of its lines, when it has ended.
    #[must_use]
    pub fn into_tally(self) -> Tally {
        self.reader.tally
    }
}

impl Reader {
    fn take(
        &mut self,
        name: &str,
        piece: Piece<'_>,
        bytes_max: usize,
        arrival: Timestamp,
        observations: &mut Vec<Observation>,
    ) -> Result<(), FormatError> {
        let line = match piece {
            Piece::Line(line) => line,
            Piece::Overlong(bytes) => {
                self.broken(name, Fault::Overlong { bytes, bytes_max }, b"");
                return Ok(());
            }
        };
        let before = observations.len();
        let mut output = Output { observations, tally: &mut self.tally };
        match self.format.read(line, arrival, &mut output) {
            Ok(Outcome::Read) => self.tally.good(observations.len().saturating_sub(before)),
            Ok(Outcome::Skipped(skip)) => self.tally.skip(skip),
            Err(Refusal::Line(fault)) => {
                observations.truncate(before);
                self.broken(name, fault, line);
            }
            Err(Refusal::Input(error)) => return Err(error),
        }
        Ok(())
    }

    fn broken(&mut self, input: &str, fault: Fault, text: &[u8]) {
        let reason = fault.reason();
        let said = fault.to_string();
        if self.tally.broken(fault, text) {
            let (line, text) = (self.tally.lines, crate::fault::quote(text));
            warn!(input, line, reason, fault = said, text, "broken line skipped");
        }
    }
}

#[cfg(test)]
mod tests;
