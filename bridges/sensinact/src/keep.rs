//! The last values, kept on the disk between two runs: the message of each device as it was retained.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sekisho_store::{Disk, Keyed as _, KeyedChange, KeyedError, KeyedFile, StdDisk};
use thiserror::Error;
use tokio::task::spawn_blocking;

/// The file, in the state folder.
const FILE: &str = "devices.redb";
/// What names of devices begin with in it.
const PREFIX: &str = "device/";
const CACHE_BYTES: usize = 8 << 20;

/// The state folder cannot be used.
#[derive(Debug, Error)]
#[error("state {}: wanted to {action}", path.display())]
pub struct KeepError {
    path: PathBuf,
    action: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    path: PathBuf,
    file: Arc<KeyedFile>,
}

impl Keep {
    /// Opens the file in a folder that is this process's alone, or makes it.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeepError> {
        let path = folder.join(FILE);
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| KeepError {
            path: path.clone(),
            action: "open it",
            source,
        };
        std::fs::create_dir_all(folder).map_err(|source| failed(source.into()))?;
        let disk: Arc<dyn Disk> = Arc::new(StdDisk);
        let file = KeyedFile::open(&disk, &path, CACHE_BYTES);
        let file = file.map_err(|source| failed(source.into()))?;
        Ok(Self { path, file: Arc::new(file) })
    }

    /// Every device's message.
    pub(crate) fn all(&self) -> Result<Vec<(String, Bytes)>, KeepError> {
        let found = self.file.blobs(PREFIX).map_err(|source| self.failed("read it", source))?;
        let named = found.into_iter().map(|(name, payload)| {
            let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
            (name, payload)
        });
        Ok(named.collect())
    }

    /// Keeps these, all or none.
    pub(crate) async fn put(&self, devices: Vec<(String, Vec<u8>)>) -> Result<(), KeepError> {
        if devices.is_empty() {
            return Ok(());
        }
        let change = |(name, payload): (String, Vec<u8>)| {
            KeyedChange::PutBlob(format!("{PREFIX}{name}"), Bytes::from(payload))
        };
        let changes: Vec<_> = devices.into_iter().map(change).collect();
        let file = Arc::clone(&self.file);
        match spawn_blocking(move || file.apply(&changes)).await {
            Ok(done) => done.map_err(|source| self.failed("write it", source)),
            Err(gone) => {
                let (path, action) = (self.path.clone(), "write it");
                Err(KeepError { path, action, source: gone.into() })
            }
        }
    }

    fn failed(&self, action: &'static str, source: KeyedError) -> KeepError {
        KeepError { path: self.path.clone(), action, source: source.into() }
    }
}
