//! The folder of a command that makes cities: a temporary one unless somebody wants to keep it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A folder, removed when it is dropped where nobody asked to keep it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// Makes the named folder, or one for this process and `purpose`.
    pub(crate) fn make(dir: Option<PathBuf>, purpose: &str) -> Result<Self> {
        let is_kept = dir.is_some();
        let path = match dir {
            Some(dir) => {
                std::fs::create_dir_all(&dir)
                    .with_context(|| format!("{}: make", dir.display()))?;
                dir
            }
            // Nobody else's, and nobody else may look into it.
            None => tempfile::Builder::new()
                .prefix(&format!("sekisho-{purpose}-"))
                .tempdir()
                .context("temporary folder: make")?
                .keep(),
        };
        Ok(Self { path, is_kept })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is in the system's folder for temporary things.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}
