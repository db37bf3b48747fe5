//! The storage engine of this build, and everything that knows which one it is: the rest of the node
//! sees the traits of `sekisho-store` and the names here.

use std::path::Path;
use std::sync::Arc;

use sekisho_proto::Position;
use sekisho_store::{
    COPY_LEAD, Disk, OpenReport, Options, RecordReader as _, SecretError, Secrets, StdDisk, Store,
    StoreError, StoreOptions, StoreReport,
};
pub(crate) use sekisho_store::{KeyedFile as KeyedStore, LogReader as Reader, RecordLog as Log};
use tracing::{info, warn};

use crate::config::Config;

/// Files that are looked at to tell how much room they take: a log of a terabyte has fewer.
const FILES_COUNTED_MAX: usize = 100_000;

/// Zeros written ahead of groups of up to a sixteenth of it, bytes. They last for 16 such groups and
/// for hundreds of single readings, each of which then takes the disk one write fewer: its own, and
/// not the file's length as well.
const AHEAD_BYTES: u64 = 256 * 1024;

/// Opens what the node keeps, and says in the log what opening found.
pub(crate) fn open(config: &Config) -> Result<(Log, Arc<KeyedStore>), StoreError> {
    let Store { records, keyed, report, .. } = open_with(config, 0)?;
    tell(&report);
    Ok((records, keyed))
}

/// Opens a copy that was put back, and has it go on behind whatever its original published after it
/// was made; where the copy ended, and where it goes on.
pub(crate) fn set_ahead(config: &Config) -> Result<(Position, Position), StoreError> {
    let Store { records, report, .. } = open_with(config, COPY_LEAD)?;
    Ok((report.log.end, records.reader().head()))
}

fn open_with(config: &Config, position_lead: u64) -> Result<Store, StoreError> {
    let log = Options {
        min_free_bytes: config.free_bytes_min,
        ahead_bytes: AHEAD_BYTES,
        position_lead,
        ..Options::default()
    };
    let options = StoreOptions { log, ..StoreOptions::default() };
    Store::open(Arc::new(StdDisk), &config.data, options)
}

/// The folder of the data folder for the keys of the access log's subjects.
const COMPANION: &str = "companion";

/// Opens the keys under which the records of accesses are kept.
pub(crate) fn secrets(config: &Config) -> Result<Secrets, SecretError> {
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    Secrets::open(&disk, &config.data.join(COMPANION))
}

/// Bytes free where the node keeps everything; `None` where the system does not say.
pub(crate) fn free_bytes(data: &Path) -> Option<u64> {
    StdDisk.free_bytes(data).ok()
}

/// Bytes of the files in the data folder, as far as they can be counted.
pub(crate) fn data_bytes(data: &Path) -> u64 {
    let mut folders = vec![data.to_owned()];
    let mut bytes = 0_u64;
    let mut left = FILES_COUNTED_MAX;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let Some(rest) = left.checked_sub(1) else { return bytes };
            left = rest;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes = bytes.saturating_add(found.len()),
                Err(_gone) => {}
            }
        }
    }
    bytes
}

fn tell(report: &StoreReport) {
    let OpenReport { records, segments, truncated_bytes, leftovers, .. } = report.log;
    info!(records, segments, leftovers, "opened the record log");
    if truncated_bytes > 0 {
        let bytes = truncated_bytes;
        warn!(bytes, "a torn end of the log was cut off: it was never acknowledged");
    }
    for lost in &report.log.corrupt {
        warn!(from = %lost.from, to = %lost.to, "records are damaged on disk and will not be served");
    }
    for file in &report.log.set_aside {
        warn!(file = %file.display(), "a file could not be read at all and was set aside");
    }
    if report.log.heads_repaired {
        warn!("one of the two files of heads was damaged and has been written again");
    }
    if let Some(cursor) = &report.cursor_ahead {
        warn!(cursor = %cursor.name, position = %cursor.position, "the disk has lost records it said it had");
    }
}
