//! The first statements of an organisation, as `sekisho init` writes them: each preceded by its
//! length, 32 bits, big endian.

use std::path::{Path, PathBuf};

use sekisho_proto::{DecodeError, Statement, limits};
use thiserror::Error;

/// Bytes of all first statements together: some hundred statements.
const GENESIS_BYTES_MAX: u64 = 1 << 20;

/// Why the first statements cannot be read.
#[derive(Debug, Error)]
pub enum GenesisError {
    /// The file cannot be read.
    #[error("genesis {path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too long, or ends within a statement.
    #[error("genesis {path}: wanted {wanted}, found {found}")]
    Length {
        /// The file.
        path: PathBuf,
        /// What would have been right.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// A statement is not one.
    #[error("genesis {path}, statement {index}: not a statement")]
    Statement {
        /// The file.
        path: PathBuf,
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        source: DecodeError,
    },
}

/// Reads the file.
///
/// # Errors
/// It is missing, too long, cut off, or holds something else.
pub fn read(path: &Path) -> Result<Vec<Statement>, GenesisError> {
    let failed = |source| GenesisError::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > GENESIS_BYTES_MAX {
        let (wanted, found) = (format!("at most {GENESIS_BYTES_MAX} bytes"), length.to_string());
        return Err(GenesisError::Length { path: path.to_owned(), wanted, found });
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let mut rest = bytes.as_slice();
    let mut statements = Vec::new();
    while !rest.is_empty() {
        let index = statements.len();
        let (statement, after) = split(rest).ok_or_else(|| GenesisError::Length {
            path: path.to_owned(),
            wanted: format!("statement {index} whole"),
            found: format!("{} bytes at the end", rest.len()),
        })?;
        let statement = Statement::decode(statement).map_err(|source| GenesisError::Statement {
            path: path.to_owned(),
            index,
            source,
        })?;
        statements.push(statement);
        rest = after;
    }
    Ok(statements)
}

/// The file's bytes for some statements.
#[must_use]
pub fn encode(statements: &[Statement]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for statement in statements {
        let encoded = statement.encode();
        let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&encoded);
    }
    bytes
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (length <= limits::STATEMENT_BYTES_MAX).then_some(())?;
    rest.split_at_checked(length)
}
