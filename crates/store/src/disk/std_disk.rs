//! The operating system's file system.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io::{self, Read as _},
    os::unix::fs::{
        DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _,
        PermissionsExt as _,
    },
    path::Path,
};

use rustix::fs::FlockOperation;

use super::{Access, Disk, DiskFile, DiskLock, LockOutcome};

/// Files and directories of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct StdDisk;

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Longest owner's name that is read back from a lock file, bytes.
const OWNER_BYTES_MAX: u64 = 128;

impl Disk for StdDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)?;
        Ok(Box::new(StdFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(StdFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn access(&self, path: &Path) -> io::Result<Access> {
        let metadata = fs::metadata(path)?;
        Ok(Access {
            mode: metadata.permissions().mode() & 0o777,
            foreign: metadata.uid() != rustix::process::geteuid().as_raw(),
        })
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let status = rustix::fs::statvfs(directory)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockOutcome> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                file.set_len(0)?;
                file.write_all_at(owner.as_bytes(), 0)?;
                Ok(LockOutcome::Held(Box::new(StdLock { _file: file })))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = Vec::new();
                file.by_ref().take(OWNER_BYTES_MAX).read_to_end(&mut text)?;
                Ok(LockOutcome::Taken { owner: String::from_utf8_lossy(&text).trim().to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn nonce(&self) -> u64 {
        RandomState::new().hash_one("segment")
    }
}

/// The lock lives as long as the open file.
#[derive(Debug)]
struct StdLock {
    _file: File,
}

impl DiskLock for StdLock {}

#[derive(Debug)]
struct StdFile(File);

impl DiskFile for StdFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match self.0.read_at(rest, at) {
                Ok(0) => break,
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}
