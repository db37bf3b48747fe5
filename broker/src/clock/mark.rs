//! Until when a node was last at work: a node whose clock is behind that does not start, since
//! rights that have run out would hold again.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sekisho_proto::{Timestamp, limits::CLOCK_AHEAD_MAX};
use thiserror::Error;

const FILE: &str = "clock";
const NEW_FILE: &str = "clock.new";
/// As everything in the data folder: else the node refuses the folder when it starts again.
const FILE_MODE: u32 = 0o600;

/// Why a node does not start by this clock.
#[derive(Debug, Error)]
pub enum ClockError {
    /// The clock says a time that has been.
    #[error(
        "clock: wanted {last} or later, when this node was last at work ({}), found {found}; set \
         the clock, or remove that file if the clock was wrong then", path.display()
    )]
    Behind {
        /// Where the time is kept.
        path: PathBuf,
        /// When it was last at work.
        last: Timestamp,
        /// What the clock says.
        found: Timestamp,
    },
    /// What is kept is no time.
    #[error("{}: wanted the time when this node was last at work, found {found:?}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The file cannot be read.
    #[error("{}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The file in which the time is kept.
#[derive(Debug)]
pub(crate) struct Mark {
    path: PathBuf,
}

impl Mark {
    /// The mark in the data folder, where the clock is not behind it.
    pub(crate) fn open(data: &Path, now: Timestamp) -> Result<Self, ClockError> {
        let path = data.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(Self { path }),
            Err(source) => return Err(ClockError::Read { path, source }),
        };
        let Ok(last) = text.trim_end().parse::<Timestamp>() else {
            return Err(ClockError::Unreadable { path, found: text.chars().take(40).collect() });
        };
        if now.saturating_add(CLOCK_AHEAD_MAX) < last {
            return Err(ClockError::Behind { path, last, found: now });
        }
        Ok(Self { path })
    }

    /// Keeps the time. Whole or not at all: half a time would keep the node from starting.
    pub(crate) fn keep(&self, now: Timestamp) -> io::Result<()> {
        let new = self.path.with_file_name(NEW_FILE);
        let mut options = File::options();
        let mut file =
            options.create(true).truncate(true).write(true).mode(FILE_MODE).open(&new)?;
        file.write_all(format!("{now}\n").as_bytes())?;
        // Else the name may be durable before the time is, and a power cut leaves an empty file.
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }
}

#[cfg(test)]
mod tests;
