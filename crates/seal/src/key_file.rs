//! Private keys on a disk: one small text file per identity that nobody else may read.
//!
//! ```text
//! sekisho key file, version 1
//! kind: device
//! organisation: fujisawa
//! name: truck-17
//! public-key: 64 hexadecimal digits
//! signing-seed: 64 hexadecimal digits
//! kem-suite: xwing-aes256gcm
//! kem-seed: 64 hexadecimal digits
//! checksum: 64 hexadecimal digits
//! ```
//!
//! Exactly these lines in this order, each ended by a line feed. The checksum is SHA-256 of
//! everything before its line. A file that is readable by others is refused rather than repaired:
//! its keys may have been copied.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use sekisho_proto::{PrincipalKind, PrincipalName};
use zeroize::Zeroizing;

use crate::Identity;

mod text;

/// A key file, bytes: nine lines with names of at most 63 and 64, rounded up.
const KEY_FILE_BYTES_MAX: usize = 1024;

/// The owner may read and write, nobody else anything.
const KEY_FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Permission bits of group and others, and those that change who runs a file.
const FORBIDDEN_MODE: u32 = 0o7077;

/// What a key file's keys are for. Exhaustive: each is used differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// One of an organisation's root keys.
    Root,
    /// A key that enrols principals.
    Issuer,
    /// A principal's.
    Principal(PrincipalKind),
}

impl KeyKind {
    /// The name in a key file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuer => "issuer",
            Self::Principal(kind) => kind.name(),
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who an identity belongs to, and the identity.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// What the keys are for.
    pub kind: KeyKind,
    /// Whose they are.
    pub name: PrincipalName,
    /// The keys.
    pub identity: Identity,
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The operating system refused.
    #[error("key file {}: {action}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// There is something already where one was to be made.
    #[error("key file {}: wanted no file, found one", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// It is a link, a directory or a device.
    #[error("key file {}: wanted a regular file, found {found}", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Others may read or change it, so that others may have its keys.
    #[error("key file {}: wanted mode 0600, found {found:04o}", path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Permission bits.
        found: u32,
    },
    /// It belongs to another user.
    #[error("key file {}: wanted one owned by user {wanted}, found user {found}", path.display())]
    Owner {
        /// Which.
        path: PathBuf,
        /// This process's user.
        wanted: u32,
        /// The file's.
        found: u32,
    },
    /// It is too long to be one.
    #[error("key file {}: wanted at most {limit} bytes, found more", path.display())]
    Size {
        /// Which.
        path: PathBuf,
        /// Bytes.
        limit: usize,
    },
    /// Its keys are for something else.
    #[error("key file {}: wanted a key of kind {wanted}, found {found}", path.display())]
    Kind {
        /// Which.
        path: PathBuf,
        /// What is needed.
        wanted: KeyKind,
        /// What it is.
        found: KeyKind,
    },
    /// It is not in the one form of a key file. Says nothing of what is there.
    #[error("key file {}: line {line}: wanted {wanted}, found something else", path.display())]
    Line {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What should be there.
        wanted: &'static str,
    },
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// It is missing, not a regular file, owned by another user, open to others, or not in the one
    /// form of a key file.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let file = open(path)?;
        check(path, &file)?;
        let mut bytes = Zeroizing::new([0; KEY_FILE_BYTES_MAX + 1]);
        let length = read(&file, bytes.as_mut_slice()).map_err(|source| KeyFileError::Io {
            path: path.to_owned(),
            action: "read",
            source,
        })?;
        let limit = KEY_FILE_BYTES_MAX;
        let Some(bytes) = bytes.get(..length).filter(|bytes| bytes.len() <= limit) else {
            return Err(KeyFileError::Size { path: path.to_owned(), limit });
        };
        text::parse(bytes).map_err(|text::Fault { line, wanted }| KeyFileError::Line {
            path: path.to_owned(),
            line,
            wanted,
        })
    }

    /// Reads a key file that must be of one kind, so that no key is used for what it is not for.
    ///
    /// # Errors
    ///
    /// As [`KeyFile::load`], or it is of another kind.
    pub fn load_as(path: &Path, wanted: KeyKind) -> Result<Self, KeyFileError> {
        let file = Self::load(path)?;
        let found = file.kind;
        if found != wanted {
            return Err(KeyFileError::Kind { path: path.to_owned(), wanted, found });
        }
        Ok(file)
    }

    /// Writes a new key file and waits until it would survive a power cut.
    ///
    /// # Errors
    ///
    /// There is something at the path, or the operating system refused. What was written of it then
    /// is removed again.
    pub fn create(&self, path: &Path) -> Result<(), KeyFileError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, KEY_FILE_MODE).map_err(|errno| match errno {
            Errno::EXIST => KeyFileError::Exists { path: path.to_owned() },
            other => {
                KeyFileError::Io { path: path.to_owned(), action: "create", source: other.into() }
            }
        })?;
        self.write(path, File::from(file)).map_err(|source| {
            let removed = std::fs::remove_file(path);
            let action =
                if removed.is_ok() { "write" } else { "write, and remove what was written" };
            KeyFileError::Io { path: path.to_owned(), action, source }
        })
    }

    /// The keys alone.
    #[must_use]
    pub fn into_identity(self) -> Identity {
        self.identity
    }

    fn write(&self, path: &Path, mut file: File) -> io::Result<()> {
        rustix::fs::fchmod(&file, KEY_FILE_MODE)?;
        file.write_all(text::print(self).as_bytes())?;
        file.sync_all()?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }
}

fn open(path: &Path) -> Result<File, KeyFileError> {
    // Without waiting, so that a pipe in place of the file does not hold up the start.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::LOOP) => {
            Err(KeyFileError::NotAFile { path: path.to_owned(), found: "a symbolic link" })
        }
        Err(errno) => {
            Err(KeyFileError::Io { path: path.to_owned(), action: "open", source: errno.into() })
        }
    }
}

/// Judges the file that was opened, not the one that the path may name by now.
fn check(path: &Path, file: &File) -> Result<(), KeyFileError> {
    let metadata = file.metadata().map_err(|source| KeyFileError::Io {
        path: path.to_owned(),
        action: "inspect",
        source,
    })?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a directory" } else { "a device, pipe or socket" };
        return Err(KeyFileError::NotAFile { path: path.to_owned(), found });
    }
    check_access(path, rustix::process::geteuid().as_raw(), metadata.uid(), metadata.mode())
}

fn check_access(path: &Path, user: u32, owner: u32, mode: u32) -> Result<(), KeyFileError> {
    if owner != user {
        return Err(KeyFileError::Owner { path: path.to_owned(), wanted: user, found: owner });
    }
    if mode & FORBIDDEN_MODE != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), found: mode & 0o7777 });
    }
    Ok(())
}

/// Reads until the end or until the buffer is full; returns how much.
fn read(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length: usize = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => length = length.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
