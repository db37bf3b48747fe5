//! A node's data directory: the log and the keyed state together.

use std::{path::Path, sync::Arc};

use sekisho_proto::Position;

use crate::{
    Cursor, DirectoryError, Disk, Keyed as _, KeyedError, KeyedFile, OpenError, OpenReport,
    Options, RecordLog, directory::DirectoryClaim,
};

const FORMAT: &str = "sekisho-store 1";
const LOG_DIRECTORY: &str = "log";
const KEYED_FILE: &str = "keyed.redb";

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// The log. Its `position_floor` is raised to what the cursors say.
    pub log: Options,
    /// Memory for pages of keyed state, bytes; default 8 MiB.
    pub keyed_cache_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { log: Options::default(), keyed_cache_bytes: 8 * 1024 * 1024 }
    }
}

/// What opening a store found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// The log.
    pub log: OpenReport,
    /// A cursor that is further on than the log ever came: the disk has lost records that it had
    /// said were durable. Their positions are not given again.
    pub cursor_ahead: Option<Cursor>,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory was refused.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The keyed state could not be opened.
    #[error(transparent)]
    Keyed(#[from] KeyedError),
}

/// An open data directory. Its parts may go to different threads; the directory stays ours while
/// any of them lives.
#[derive(Debug)]
#[non_exhaustive]
pub struct Store {
    /// The log's writing end.
    pub records: RecordLog,
    /// The keyed state.
    pub keyed: Arc<KeyedFile>,
    /// What opening found.
    pub report: StoreReport,
}

impl Store {
    /// Opens a data directory, or begins one where there is none (mode 0700).
    ///
    /// # Errors
    ///
    /// [`StoreError`]: the directory or a file in it can be used by others, is used by a running
    /// process or has an unknown format, or the disk refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        let claim = DirectoryClaim::take(&*disk, directory, FORMAT)?;
        let path = directory.join(KEYED_FILE);
        check_keyed(&*disk, directory, &path)?;
        let keyed = KeyedFile::open_claimed(&disk, &path, options.keyed_cache_bytes, claim)?;
        let furthest = keyed.cursors()?.into_iter().max_by_key(|cursor| cursor.position);
        let told = furthest.as_ref().map_or(Position::ZERO, |cursor| cursor.position);
        let log = Options { position_floor: options.log.position_floor.max(told), ..options.log };
        let log_directory = directory.join(LOG_DIRECTORY);
        let (records, log_report) = RecordLog::open(disk, &log_directory, log)?;
        let cursor_ahead = furthest.filter(|cursor| cursor.position > log_report.end);
        let report = StoreReport { log: log_report, cursor_ahead };
        Ok(Self { records, keyed: Arc::new(keyed), report })
    }
}

/// Keyed state is made before the log: where there is a log without it, it was lost, and a node that
/// began anew would forget who was revoked.
fn check_keyed(disk: &dyn Disk, directory: &Path, path: &Path) -> Result<(), KeyedError> {
    if disk.access(&directory.join(LOG_DIRECTORY)).is_ok() && disk.access(path).is_err() {
        let wanted = "the keyed state that belongs to the log beside it";
        return Err(KeyedError::Damaged { path: path.to_owned(), wanted });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
