//! A log as a folder of static files, with what else must be shown to somebody who is offline.
//!
//! ```text
//! DIR/checkpoint            the signed note (C2SP tlog-checkpoint)
//! DIR/tile/…                hashes and entries (C2SP tlog-tiles)
//! DIR/statements            statements from elsewhere, each a line of Base 64: of peers, which
//!                           the log's own hang on, or those that prove the node's key
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use data_encoding::BASE64;
use sekisho_proto::Statement;
use sekisho_tlog::{
    Note, TileId, TileLevel, Tree, leaf_hash,
    tile::{CHECKPOINT_PATH, TileSource, encode_bundle},
};

use super::error::AuditError;

/// The file with statements from elsewhere.
pub const CHAIN_FILE: &str = "statements";

/// A log in files: in a folder, or in memory as they would be there.
#[derive(Debug, Clone)]
pub struct LogFolder {
    path: PathBuf,
    files: Option<BTreeMap<String, Vec<u8>>>,
}

impl LogFolder {
    /// The log in a folder; nothing is read yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), files: None }
    }

    /// The files of a log with these entries, checkpoint and statements from elsewhere; `None`
    /// where an entry is longer than a file can hold.
    #[must_use]
    pub fn of(entries: &[Bytes], note: &Note, elsewhere: &[Statement]) -> Option<Self> {
        let tree: Tree = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut files = BTreeMap::from([
            (CHECKPOINT_PATH.to_owned(), note.to_string().into_bytes()),
            (CHAIN_FILE.to_owned(), encode_statements(elsewhere).into_bytes()),
        ]);
        for tile in TileId::between(0, tree.size()) {
            let bytes = if tile.level() == TileLevel::Entries {
                let first = usize::try_from(tile.first()?).ok()?;
                let end = first.checked_add(tile.width().into())?;
                encode_bundle(entries.get(first..end)?).ok()?
            } else {
                tree.tile(&tile)?
            };
            files.insert(tile.path(), bytes);
        }
        Some(Self { path: PathBuf::from("log"), files: Some(files) })
    }

    /// Writes files that are in memory into a folder, which is made where it is not there: the
    /// checkpoint last, so that whoever reads meanwhile finds what it is about.
    ///
    /// # Errors
    /// The system refuses.
    pub fn write(&self, folder: &Path) -> Result<u64, AuditError> {
        let mut written = 0_u64;
        let all = self.files.iter().flatten();
        let (last, first): (Vec<_>, Vec<_>) =
            all.partition(|(name, _bytes)| *name == CHECKPOINT_PATH);
        for (name, bytes) in first.into_iter().chain(last) {
            let path = folder.join(name);
            let failed = |source| AuditError::File { path: path.clone(), source };
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            fs::write(&path, bytes).map_err(failed)?;
            written = written.saturating_add(1);
        }
        Ok(written)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its checkpoint, unverified.
    ///
    /// # Errors
    /// There is none, or it is no signed note.
    pub fn note(&self) -> Result<Note, AuditError> {
        let bytes = self.text(CHECKPOINT_PATH)?;
        let text = bytes.ok_or_else(|| AuditError::NoLog { path: self.path.clone() })?;
        Note::parse(&text).map_err(AuditError::Checkpoint)
    }

    /// Its statements from elsewhere, unverified.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no statement.
    pub fn statements(&self) -> Result<Vec<Statement>, AuditError> {
        decode_statements(&self.text(CHAIN_FILE)?.unwrap_or_default())
    }

    fn text(&self, name: &str) -> Result<Option<String>, AuditError> {
        let failed = |source| AuditError::File { path: self.path.join(name), source };
        let Some(bytes) = self.read(name).map_err(failed)? else { return Ok(None) };
        let text = String::from_utf8(bytes)
            .map_err(|cause| failed(io::Error::new(io::ErrorKind::InvalidData, cause)))?;
        Ok(Some(text))
    }
}

impl TileSource for LogFolder {
    type Error = io::Error;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, io::Error> {
        if let Some(files) = &self.files {
            return Ok(files.get(path).cloned());
        }
        match fs::read(self.path.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }
}

/// Statements as lines of Base 64.
#[must_use]
pub fn encode_statements(statements: &[Statement]) -> String {
    let lines = statements.iter().map(|statement| BASE64.encode(&statement.encode()) + "\n");
    lines.collect()
}

/// Reads such lines.
///
/// # Errors
/// [`AuditError::Extra`] where a line is no statement.
pub fn decode_statements(text: &str) -> Result<Vec<Statement>, AuditError> {
    text.lines().map(decode_statement).collect()
}

pub(super) fn decode_statement(line: &str) -> Result<Statement, AuditError> {
    let wrong = |found: String| AuditError::Extra {
        part: "statement",
        wanted: "an encoded statement in Base 64",
        found,
    };
    let bytes = BASE64.decode(line.as_bytes()).map_err(|cause| wrong(cause.to_string()))?;
    Statement::decode(&bytes).map_err(|cause| wrong(cause.to_string()))
}
