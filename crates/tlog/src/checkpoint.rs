//! What a log's owner signs: how long the log is, and its root.

use std::fmt;

use sekisho_proto::Hash;

use crate::encoding::{decimal, hash, quote, to_base64};

/// One state of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed: three lines, no extension.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// Parses the text of a note.
    ///
    /// tlog-checkpoint §Note text: the origin, non-empty; the tree size, "the ASCII decimal
    /// representation […] with no leading zeroes"; the root hash in Base 64; then extension lines,
    /// "opaque and OPTIONAL", which "MUST be non-empty". Extension lines are passed over: only the
    /// note keeps them, where they are signed.
    ///
    /// # Errors
    ///
    /// It is not such a text.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let found = |line: &str| quote(line);
        let body = text.strip_suffix('\n').ok_or_else(|| CheckpointError {
            part: "text",
            wanted: "lines that each end in a newline",
            found: found(text),
        })?;
        let mut lines = body.split('\n');
        let origin = lines.next().unwrap_or_default();
        let size = lines.next().unwrap_or_default();
        let root = lines.next().unwrap_or_default();
        if origin.is_empty() {
            return Err(CheckpointError {
                part: "origin",
                wanted: "a name",
                found: "an empty line".to_owned(),
            });
        }
        let parsed_size = decimal(size).ok_or_else(|| CheckpointError {
            part: "size",
            wanted: "a decimal below 2^64 without leading zeros",
            found: found(size),
        })?;
        let parsed_root = hash(root).ok_or_else(|| CheckpointError {
            part: "root",
            wanted: "32 bytes in Base 64",
            found: found(root),
        })?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError {
                part: "extension lines",
                wanted: "none that is empty",
                found: "an empty line".to_owned(),
            });
        }
        Ok(Self { origin: origin.to_owned(), size: parsed_size, root: parsed_root })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, to_base64(self.root.as_bytes()))
    }
}

/// Text that is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint: {part}: wanted {wanted}, found {found}")]
pub struct CheckpointError {
    part: &'static str,
    wanted: &'static str,
    found: String,
}
