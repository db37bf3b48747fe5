//! Files that hold secrets: mode 0600, there as a whole or not at all, durable before anybody acts
//! on them, and refused where others may have read them.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use thiserror::Error;
use zeroize::Zeroizing;

/// The owner may read and write, nobody else anything.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The owner's folder, nobody else's.
const FOLDER_MODE: u32 = 0o700;

/// Permission bits of group and others, and those that change who runs a file.
const FORBIDDEN_MODE: u32 = 0o7077;

/// Ends the name of a file that is not whole yet.
const UNFINISHED: &str = ".unfinished-";

/// A file of the steward that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("file {}: {action}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// There is one already where one was to be made.
    #[error("file {}: wanted none, found one", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// It is a link, a directory or a device.
    #[error("file {}: wanted a regular file, found something else", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Others may read or change it, so that others may have its secret.
    #[error("file {}: wanted mode 0600, found {found:04o}", path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Permission bits.
        found: u32,
    },
    /// It belongs to another user.
    #[error("file {}: wanted one owned by user {wanted}, found user {found}", path.display())]
    Owner {
        /// Which.
        path: PathBuf,
        /// This process's user.
        wanted: u32,
        /// The file's.
        found: u32,
    },
    /// It is longer than such a file can be.
    #[error("file {}: wanted at most {limit} bytes, found more", path.display())]
    Size {
        /// Which.
        path: PathBuf,
        /// Bytes.
        limit: usize,
    },
}

fn refused(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> FileError {
    move |source| FileError::Io { path: path.to_owned(), action, source }
}

/// Makes a folder that only its owner may enter, where it is not there.
pub(crate) fn make_folder(path: &Path) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
    made.map_err(refused(path, "make the folder"))
}

/// Writes a new file; on return it would survive a power cut.
///
/// # Errors
/// There is one already, or the operating system refused. Then nothing is there under that name.
pub(crate) fn create(path: &Path, contents: &[u8]) -> Result<(), FileError> {
    let unfinished = unfinished(path);
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&unfinished, flags, FILE_MODE).map_err(io::Error::from);
    let mut file = File::from(opened.map_err(refused(path, "create"))?);
    let written = rustix::fs::fchmod(&file, FILE_MODE)
        .map_err(io::Error::from)
        .and_then(|()| file.write_all(contents))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&unfinished, path));
    let removed = fs::remove_file(&unfinished);
    match written {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            return Err(FileError::Exists { path: path.to_owned() });
        }
        Err(cause) => return Err(refused(path, "write")(cause)),
    }
    removed.map_err(refused(&unfinished, "remove"))?;
    sync_folder(path)
}

/// Reads a file; `None` where there is none.
///
/// # Errors
/// It is not a regular file, belongs to another user, is open to others or longer than `limit`.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    // Without waiting, so that a pipe in place of the file holds up nobody.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(FileError::NotAFile { path: path.to_owned() }),
        Err(errno) => return Err(refused(path, "open")(errno.into())),
    };
    check(path, &file)?;
    // Room for all that is read, so that the secret is never copied to a larger buffer.
    let room = limit.saturating_add(1);
    let mut contents = Zeroizing::new(Vec::with_capacity(room));
    let most = u64::try_from(room).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut contents).map_err(refused(path, "read"))?;
    if contents.len() > limit {
        return Err(FileError::Size { path: path.to_owned(), limit });
    }
    Ok(Some(contents))
}

/// Overwrites a file and removes it. What the disk keeps of earlier blocks is beyond our reach.
pub(crate) fn destroy(path: &Path) -> Result<(), FileError> {
    let overwritten = File::options().write(true).open(path).and_then(|mut file| {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        file.write_all(&vec![0; length])?;
        file.sync_all()
    });
    overwritten.map_err(refused(path, "overwrite"))?;
    remove(path)
}

/// Removes a file; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(refused(path, "remove")(cause)),
    }
}

/// Gives a file another name in the same folder.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(refused(from, "rename"))?;
    sync_folder(to)
}

/// The files of a folder that are whole; none where there is no folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(refused(folder, "list")(cause)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(refused(folder, "list"))?.path();
        if !is_unfinished(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Removes what a crash left half written. Only for a folder that nobody else writes to.
pub(crate) fn sweep(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(refused(folder, "list"))? {
        let path = entry.map_err(refused(folder, "list"))?.path();
        if is_unfinished(&path) {
            destroy(&path)?;
        }
    }
    Ok(())
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    name.push(std::process::id().to_string());
    path.with_file_name(name)
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(UNFINISHED))
}

fn check(path: &Path, file: &File) -> Result<(), FileError> {
    let metadata = file.metadata().map_err(refused(path, "inspect"))?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    let (wanted, found) = (rustix::process::geteuid().as_raw(), metadata.uid());
    if wanted != found {
        return Err(FileError::Owner { path: path.to_owned(), wanted, found });
    }
    let mode = metadata.mode();
    if mode & FORBIDDEN_MODE != 0 {
        return Err(FileError::Mode { path: path.to_owned(), found: mode & 0o7777 });
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(refused(path, "make its folder durable"))
}

#[cfg(test)]
mod tests;
