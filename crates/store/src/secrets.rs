//! Secrets of 32 bytes, a file each, so that each can be destroyed on its own: what a database
//! removes stays in its free pages, and what one file holds can be overwritten.
//!
//! ```text
//! FOLDER/<label, 64 hexadecimal digits>, mode 0600:
//!
//! "sekisec1" ‖ the secret, 32 bytes ‖ CRC-32C of both, 4 bytes, big-endian
//! ```
//!
//! A file appears under its name when it is whole and durable. What a power cut leaves half made or
//! half destroyed goes at the next opening. What a disk keeps of blocks that were overwritten is
//! beyond our reach: a folder for secrets belongs on an encrypted one.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use sekisho_proto::Hash;
use zeroize::Zeroizing;

use crate::{
    DirectoryError, Disk,
    directory::{check_private, create},
    disk::is_full,
};

const MAGIC: &[u8; 8] = b"sekisec1";
const SECRET_BYTES: usize = 32;
const FILE_BYTES: usize = MAGIC.len() + SECRET_BYTES + 4;
const UNFINISHED: &str = ".new";

/// A folder of secrets.
pub struct Secrets {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// Why a secret could not be kept, read or destroyed. Says nothing of what it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The folder or a file in it was refused.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The disk refused.
    #[error("secret {}: wanted to {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// There is one already.
    #[error("secret {}: wanted none, found one", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what was written.
    #[error("secret {}: wanted {FILE_BYTES} bytes with their checksum, found something else", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

impl SecretError {
    /// Whether the disk was full, which passes.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Directory(DirectoryError::Io { source, .. }) => {
                is_full(source)
            }
            Self::Directory(_) | Self::Exists { .. } | Self::Damaged { .. } => false,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Opens the folder, or makes it (mode 0700), and clears away what was left unfinished. It must
    /// belong to this process alone.
    ///
    /// # Errors
    ///
    /// The folder or a file in it is open to others, or the disk refuses.
    pub fn open(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Self, SecretError> {
        let this = Self { disk: Arc::clone(disk), folder: folder.to_owned() };
        create(&**disk, folder).map_err(refused(folder, "make the folder"))?;
        check_private(&**disk, folder)?;
        // A process that was killed may have left names in the system's cache only.
        disk.sync_dir(folder).map_err(refused(folder, "make it durable"))?;
        for name in disk.list(folder).map_err(refused(folder, "list the folder"))? {
            let path = folder.join(&name);
            check_private(&**disk, &path)?;
            if name.ends_with(UNFINISHED) || this.is_wiped(&path)? {
                this.wipe(&path)?;
            }
        }
        Ok(this)
    }

    /// Keeps new secrets under their labels. On return all are durable; after an error some are.
    ///
    /// # Errors
    ///
    /// There is one already under a label, or the disk refuses.
    pub fn put(
        &self,
        secrets: &[(Hash, Zeroizing<[u8; SECRET_BYTES]>)],
    ) -> Result<(), SecretError> {
        if secrets.is_empty() {
            return Ok(());
        }
        let put = secrets.iter().try_for_each(|(label, secret)| self.put_one(label, secret));
        // Also those before one that could not be kept: what can be read is sealed under.
        let synced = self.disk.sync_dir(&self.folder);
        put.and(synced.map_err(refused(&self.folder, "make it durable")))
    }

    fn put_one(&self, label: &Hash, secret: &[u8; SECRET_BYTES]) -> Result<(), SecretError> {
        let path = self.path(label);
        if self.disk.access(&path).is_ok() {
            return Err(SecretError::Exists { path });
        }
        self.write(&unfinished(&path), &encode(secret))?;
        let renamed = self.disk.rename(&unfinished(&path), &path);
        renamed.map_err(refused(&path, "give it its name"))
    }

    /// The secret with a label, where there is one.
    ///
    /// # Errors
    ///
    /// The file is damaged, or the disk refuses.
    pub fn get(&self, label: &Hash) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, SecretError> {
        let path = self.path(label);
        let Some(bytes) = self.read(&path)? else { return Ok(None) };
        decode(bytes.as_slice()).map(Some).ok_or(SecretError::Damaged { path })
    }

    /// Destroys a secret: overwrites it, removes it and makes both durable. Tells whether there was
    /// one.
    ///
    /// # Errors
    ///
    /// The disk refuses. Then it may be there still, and may be destroyed again.
    pub fn destroy(&self, label: &Hash) -> Result<bool, SecretError> {
        let path = self.path(label);
        match self.wipe(&path) {
            Ok(()) => Ok(true),
            Err(SecretError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SecretError> {
        let created = match self.disk.create(path) {
            // One that an earlier attempt left when the disk was full.
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
                self.wipe(path)?;
                self.disk.create(path)
            }
            created => created,
        };
        created
            .and_then(|file| file.write_at(0, bytes).and_then(|()| file.sync()))
            .map_err(refused(path, "write it"))
    }

    fn read(&self, path: &Path) -> Result<Option<Zeroizing<[u8; FILE_BYTES + 1]>>, SecretError> {
        let file = match self.disk.open(path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(refused(path, "open it")(fault)),
        };
        let mut bytes = Zeroizing::new([0; FILE_BYTES + 1]);
        let count = file.read_at(0, bytes.as_mut_slice()).map_err(refused(path, "read it"))?;
        if count != FILE_BYTES {
            return Err(SecretError::Damaged { path: path.to_owned() });
        }
        Ok(Some(bytes))
    }

    /// Whether it was overwritten and not removed.
    fn is_wiped(&self, path: &Path) -> Result<bool, SecretError> {
        match self.read(path) {
            Ok(bytes) => Ok(bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))),
            Err(SecretError::Damaged { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    fn wipe(&self, path: &Path) -> Result<(), SecretError> {
        let opened = self.disk.open(path);
        let overwritten = opened.and_then(|file| {
            let length = usize::try_from(file.length()?).unwrap_or(FILE_BYTES);
            file.write_at(0, &vec![0; length])?;
            file.sync()
        });
        overwritten.map_err(refused(path, "overwrite it"))?;
        self.disk
            .remove(path)
            .and_then(|()| self.disk.sync_dir(&self.folder))
            .map_err(refused(path, "remove it"))
    }

    fn path(&self, label: &Hash) -> PathBuf {
        self.folder.join(label.to_string())
    }
}

fn refused(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> SecretError + use<> {
    let path = path.to_owned();
    move |source| SecretError::Io { path, doing, source }
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn encode(secret: &[u8; SECRET_BYTES]) -> Zeroizing<Vec<u8>> {
    // Never grows beyond this, so that no copy of the secret stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(secret);
    let sum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Zeroizing<[u8; SECRET_BYTES]>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (secret, rest) = rest.split_first_chunk()?;
    let (sum, _padding) = rest.split_first_chunk()?;
    let summed = bytes.get(..MAGIC.len() + SECRET_BYTES)?;
    (u32::from_be_bytes(*sum) == crc32c::crc32c(summed)).then(|| Zeroizing::new(*secret))
}

#[cfg(test)]
mod tests;
