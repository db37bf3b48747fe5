//! Cuts the bytes of a source into lines, however they were torn apart on the way, and never holds
//! more than one line of bounded length. It does not know what a line means.

/// A line, bytes, unless configured otherwise: the longest known record (a SenML pack of some
/// hundred values) with ample room.
pub const LINE_BYTES_DEFAULT: usize = 64 * 1024;

/// The least that a line may be limited to, bytes: one NMEA 0183 sentence.
pub const LINE_BYTES_FLOOR: usize = 82;

/// The most that a line may be limited to, bytes: a whole SenML document.
pub const LINE_BYTES_CEILING: usize = 16 * 1024 * 1024;

/// One line without its end (LF or CR LF), or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line; any bytes but LF.
    Line(&'a [u8]),
    /// A line that was longer than the limit and is gone; its bytes, a CR at its end among them.
    Overlong(u64),
}

/// What ends a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Every LF.
    Lines,
    /// Only the end of the source: the whole of it is one record.
    Document,
}

/// Cuts bytes into lines.
#[derive(Debug)]
pub struct LineSplitter {
    framing: Framing,
    bytes_max: usize,
    partial: Vec<u8>,
    skipped: Option<u64>,
}

impl LineSplitter {
    /// A splitter for lines of at most `bytes_max` bytes without their ends.
    #[must_use]
    pub fn new(framing: Framing, bytes_max: usize) -> Self {
        Self { framing, bytes_max, partial: Vec::new(), skipped: None }
    }

    /// Takes the next bytes and hands out every line that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        while let Some((head, rest)) = self.split(bytes) {
            self.end_with(head, &mut each);
            bytes = rest;
        }
        self.keep(bytes);
    }

    /// Hands out what was left without an end, as at the end of a file.
    pub fn finish(&mut self, mut each: impl FnMut(Piece<'_>)) {
        if !self.partial.is_empty() || self.skipped.is_some() {
            self.end_with(&[], &mut each);
        }
    }

    /// Drops what was left without an end, as after a lost connection; returns how many bytes.
    pub fn discard(&mut self) -> u64 {
        let bytes = self.skipped.take().unwrap_or(self.partial.len() as u64);
        self.partial = Vec::new();
        bytes
    }

    /// How many bytes came since the end of the last line.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.skipped.unwrap_or(self.partial.len() as u64)
    }

    /// How many bytes a line may have.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        match self.framing {
            Framing::Document => None,
            Framing::Lines => {
                let end = bytes.iter().position(|byte| *byte == b'\n')?;
                Some((bytes.get(..end)?, bytes.get(end + 1..)?))
            }
        }
    }

    fn end_with(&mut self, head: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        if self.partial.is_empty() && self.skipped.is_none() && head.len() <= self.bytes_max {
            each(Piece::Line(without_cr(head)));
            return;
        }
        self.keep(head);
        match self.skipped.take() {
            Some(bytes) => each(Piece::Overlong(bytes)),
            None => match without_cr(&self.partial) {
                line if line.len() <= self.bytes_max => each(Piece::Line(line)),
                _ => each(Piece::Overlong(self.partial.len() as u64)),
            },
        }
        self.partial.clear();
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(skipped) = &mut self.skipped {
            *skipped += bytes.len() as u64;
        } else if self.partial.len() + bytes.len() <= self.bytes_max + 1 {
            // One byte more than a line may have: it may turn out to be the CR of its end.
            self.partial.extend_from_slice(bytes);
        } else {
            self.skipped = Some((self.partial.len() + bytes.len()) as u64);
            self.partial = Vec::new();
        }
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
