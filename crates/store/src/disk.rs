//! The few things asked of a file system, as a trait, so that everything which can go wrong with
//! one can be made to go wrong in a test.

use std::{fmt, io, path::Path};

mod std_disk;

pub use std_disk::StdDisk;

/// A file system. Paths are absolute or relative to the process; every error is the system's own.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Creates a file that only its owner can read and write (mode 0600).
    ///
    /// # Errors
    ///
    /// It exists already, or the system refuses.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// It does not exist, or the system refuses.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name in the same directory, replacing what has that name. Durable
    /// only after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    ///
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable only after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    ///
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names of the files in a directory, ascending; directories in it are left out.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Creates a directory that only its owner can enter (mode 0700), and those above it; one that
    /// exists is left as it is.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn create_dir(&self, directory: &Path) -> io::Result<()>;

    /// Makes durable which files a directory holds under which names.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;

    /// Who may touch a file or directory.
    ///
    /// # Errors
    ///
    /// It does not exist, or the system refuses.
    fn access(&self, path: &Path) -> io::Result<Access>;

    /// Bytes that can still be written on the file system of a directory.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;

    /// Takes the lock that a file stands for, until the result is dropped or the process ends, and
    /// writes the owner's name into it.
    ///
    /// # Errors
    ///
    /// As the system says; a lock that somebody else holds is no error.
    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockOutcome>;

    /// A number that nobody who only sends records can guess.
    fn nonce(&self) -> u64;
}

/// An open file. Shared by readers and one writer.
pub trait DiskFile: fmt::Debug + Send + Sync + 'static {
    /// Fills the buffer from an offset; returns how much there was, less only at the file's end.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes at an offset. Durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// As the system says; part of it may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes content and length durable. After an error nobody knows what is: it must not be tried
    /// again on the same file.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn sync(&self) -> io::Result<()>;

    /// Length, bytes.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn length(&self) -> io::Result<u64>;

    /// Cuts or extends with zeros. Durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// As the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;
}

/// Who may touch a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Permission bits, 0 to 0o777.
    pub mode: u32,
    /// Whether it belongs to another user than this process runs as.
    pub foreign: bool,
}

/// A lock that is held; dropping it gives it back.
pub trait DiskLock: fmt::Debug + Send + Sync + 'static {}

/// What came of trying to take a lock.
#[derive(Debug)]
pub enum LockOutcome {
    /// It is ours.
    Held(Box<dyn DiskLock>),
    /// Somebody else has it: what the holder wrote.
    Taken {
        /// The owner's name as it stands in the file.
        owner: String,
    },
}

/// Whether the disk is full, or the user's or the process's share of it.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
