//! Opening a redb file on a disk of ours, and telling its faults apart.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{CommitError, Database, DatabaseError, StorageError, TableError, TransactionError};

use super::{KeyedError, backend::DiskBackend, keyed_file::Fault};
use crate::{Disk, DiskFile, disk::is_full};

/// Whether a change failed because the disk was full, which passes.
pub(super) fn is_storage_full(fault: &Fault) -> bool {
    matches!(storage_error(fault), Some(StorageError::Io(error)) if is_full(error))
}

/// Whether the disk failed otherwise: the engine does nothing any more.
pub(super) fn is_disk_failure(fault: &Fault) -> bool {
    match storage_error(fault) {
        Some(StorageError::Io(error)) => !is_full(error),
        Some(StorageError::PreviousIo) => true,
        Some(_) | None => false,
    }
}

fn storage_error(fault: &Fault) -> Option<&StorageError> {
    fault.downcast_ref::<StorageError>().or_else(|| {
        if let Some(CommitError::Storage(storage)) = fault.downcast_ref() {
            Some(storage)
        } else if let Some(TableError::Storage(storage)) = fault.downcast_ref() {
            Some(storage)
        } else if let Some(TransactionError::Storage(storage)) = fault.downcast_ref() {
            Some(storage)
        } else if let Some(DatabaseError::Storage(storage)) = fault.downcast_ref() {
            Some(storage)
        } else {
            None
        }
    })
}

/// The shortest database, bytes: one page.
const DATABASE_BYTES_MIN: u64 = 4096;

/// Why the file could not be opened.
pub(super) enum OpenFault {
    Disk(io::Error),
    Engine(DatabaseError),
    Damaged,
}

impl OpenFault {
    pub(super) fn at(self, path: PathBuf) -> KeyedError {
        match self {
            Self::Disk(source) => KeyedError::Open { path, source },
            Self::Engine(error) => {
                let (doing, source): (_, Fault) = ("open the database", error.into());
                if is_storage_full(&source) {
                    return KeyedError::StorageFull { path, doing, source };
                }
                KeyedError::Engine { path, doing, source }
            }
            Self::Damaged => {
                KeyedError::Damaged { path, wanted: "pages that match their checksums" }
            }
        }
    }
}

/// Opens the database and reads all of it once: redb checks its checksums only when it is told to,
/// and may panic over pages that rotted.
pub(super) fn database(file: Box<dyn DiskFile>, cache_bytes: usize) -> Result<Database, OpenFault> {
    let opening = AssertUnwindSafe(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(cache_bytes);
        let mut database = builder.create_with_backend(DiskBackend(file))?;
        let is_whole = database.check_integrity()?;
        Ok((database, is_whole))
    });
    match catch_unwind(opening) {
        Ok(Ok((database, true))) => Ok(database),
        Ok(Ok((_, false))) | Err(_) => Err(OpenFault::Damaged),
        Ok(Err(error)) => Err(OpenFault::Engine(error)),
    }
}

/// Opens the file. A new one gets its name only when redb has made an empty database of it: what a
/// power cut leaves of half a one does not open.
pub(super) fn open_or_create(
    disk: &dyn Disk,
    path: &Path,
    cache_bytes: usize,
) -> Result<Box<dyn DiskFile>, OpenFault> {
    match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenFault::Disk(error)),
        // It would be made a new database of, and all that was known forgotten.
        Ok(file) if file.length().map_err(OpenFault::Disk)? < DATABASE_BYTES_MIN => {
            return Err(OpenFault::Damaged);
        }
        Ok(file) => return Ok(file),
    }
    let new = path.with_extension("tmp");
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(OpenFault::Disk(error));
        }
        Ok(()) | Err(_) => {}
    }
    drop(database(disk.create(&new).map_err(OpenFault::Disk)?, cache_bytes)?);
    disk.open(&new)
        .and_then(|file| file.sync())
        .and_then(|()| disk.rename(&new, path))
        .and_then(|()| disk.sync_dir(path.parent().unwrap_or(path)))
        .and_then(|()| disk.open(path))
        .map_err(OpenFault::Disk)
}
