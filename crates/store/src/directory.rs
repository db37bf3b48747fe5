//! A directory that belongs to one user, one process and one version of the format; anything else
//! is refused before a byte is read.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{Disk, DiskLock, LockOutcome};

const LOCK_FILE: &str = "lock";
const FORMAT_FILE: &str = "format";
const FORMAT_FILE_NEW: &str = "format.tmp";

/// Longest format file that is read, bytes.
const FORMAT_BYTES_MAX: usize = 64;

/// Permission bits of group and others.
const NOT_OWNER: u32 = 0o077;

/// Why a data directory was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Others could read or change what is in it.
    #[error("{}: wanted permissions for its owner only, found {mode:03o}", path.display())]
    Exposed {
        /// The directory, or the file in it.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("{}: wanted it owned by the user this process runs as, found another's", path.display())]
    Foreign {
        /// The directory, or the file in it.
        path: PathBuf,
    },
    /// A running process uses it.
    #[error("{}: wanted a directory that nobody uses, found it in use by process {owner}", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process id of the owner.
        owner: String,
    },
    /// It was written by a version that this one does not know, or by something else.
    #[error("{}: wanted format {wanted:?}, found {found:?}", path.display())]
    UnknownFormat {
        /// The file that says so.
        path: PathBuf,
        /// What this version writes.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// The disk refused.
    #[error("{}: wanted to use it as data directory", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Proof that a directory is ours, for as long as it lives.
#[derive(Debug)]
pub(crate) struct DirectoryClaim {
    _lock: Box<dyn DiskLock>,
}

impl DirectoryClaim {
    /// Creates the directory where there is none, and takes it.
    pub(crate) fn take(
        disk: &dyn Disk,
        directory: &Path,
        format: &'static str,
    ) -> Result<Self, DirectoryError> {
        let io_error = |source| DirectoryError::Io { path: directory.to_owned(), source };
        create(disk, directory).map_err(io_error)?;
        check_private(disk, directory)?;
        let path = directory.join(LOCK_FILE);
        let owner = std::process::id().to_string();
        let lock = match disk.lock(&path, &owner) {
            Ok(LockOutcome::Held(lock)) => lock,
            Ok(LockOutcome::Taken { owner }) => {
                return Err(DirectoryError::InUse { path: directory.to_owned(), owner });
            }
            Err(source) => return Err(DirectoryError::Io { path, source }),
        };
        // A process that was killed may have left names in the system's cache only.
        disk.sync_dir(directory).map_err(io_error)?;
        let names = disk.list(directory).map_err(io_error)?;
        for name in &names {
            check_private(disk, &directory.join(name))?;
        }
        check_format(disk, directory, format, &names)?;
        Ok(Self { _lock: lock })
    }
}

/// A new directory is durable only when the one above it is synced. One above that we may not read
/// cannot be.
pub(crate) fn create(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    if disk.access(directory).is_ok() {
        return Ok(());
    }
    disk.create_dir(directory)?;
    // A name alone is in the directory that one works in.
    let here = |above: &Path| above.as_os_str().is_empty();
    let above = directory.parent().map(|above| if here(above) { Path::new(".") } else { above });
    match above.map(|above| disk.sync_dir(above)) {
        Some(Err(error)) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn check_private(disk: &dyn Disk, path: &Path) -> Result<(), DirectoryError> {
    let path = path.to_owned();
    match disk.access(&path) {
        Ok(access) if access.mode & NOT_OWNER != 0 => {
            Err(DirectoryError::Exposed { path, mode: access.mode })
        }
        Ok(access) if access.foreign => Err(DirectoryError::Foreign { path }),
        Ok(_) => Ok(()),
        Err(source) => Err(DirectoryError::Io { path, source }),
    }
}

/// A directory that holds anything must say that it holds what we write. The format file comes
/// first and under its name only when it is whole, so that a power cut leaves none or the whole.
fn check_format(
    disk: &dyn Disk,
    directory: &Path,
    format: &'static str,
    names: &[String],
) -> Result<(), DirectoryError> {
    let path = directory.join(FORMAT_FILE);
    if names.iter().any(|name| name == FORMAT_FILE) {
        let found = read_format(disk, &path)
            .map_err(|source| DirectoryError::Io { path: path.clone(), source })?;
        if found == format {
            return Ok(());
        }
        return Err(DirectoryError::UnknownFormat { path, wanted: format, found });
    }
    let ours = [LOCK_FILE, FORMAT_FILE_NEW];
    if let Some(other) = names.iter().find(|name| !ours.contains(&name.as_str())) {
        let found = format!("no format, but a file {other}");
        return Err(DirectoryError::UnknownFormat { path, wanted: format, found });
    }
    write_whole(disk, directory, FORMAT_FILE_NEW, FORMAT_FILE, format.as_bytes())
        .map_err(|source| DirectoryError::Io { path, source })
}

fn read_format(disk: &dyn Disk, path: &Path) -> io::Result<String> {
    let mut buffer = [0; FORMAT_BYTES_MAX];
    let length = disk.open(path)?.read_at(0, &mut buffer)?;
    Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or(&buffer)).trim().to_owned())
}

/// Writes a file so that a power cut leaves what had the name before, or all of it.
pub(crate) fn write_whole(
    disk: &dyn Disk,
    directory: &Path,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let new = directory.join(temporary);
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = disk.create(&new)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    drop(file);
    disk.rename(&new, &directory.join(name))?;
    disk.sync_dir(directory)
}
