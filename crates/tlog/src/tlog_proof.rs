//! One entry's proof in one file, for somebody who is offline.

use std::{fmt, str::FromStr};

use sekisho_proto::{Hash, StatementVerifier};

use crate::{
    Accepted, Checkpoint, CheckpointError, Note, NoteError, NoteKey, ProofError, QuorumError,
    TlogPolicy,
    encoding::{base64, decimal, hash, quote, to_base64},
    note::NOTE_BYTES_MAX,
    verify_inclusion,
};

/// The first line of such a file.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// Most hashes of a path: as many levels as a tree of `u64` leaves has.
const PATH_MAX: usize = 64;

/// Longest proof, bytes: its note, and as much again for the path and the extra data.
pub const PROOF_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX;

/// That an entry is in a log, as a `tlog-proof` file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What else the verifier may need to know. "Applications MUST NOT implicitly trust the extra
    /// data, as it is not authenticated" (tlog-proof §Format).
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The hashes beside the way from the leaf to the root, from the leaf up.
    pub path: Vec<Hash>,
    /// The checkpoint, with its signatures.
    pub note: Note,
}

impl TlogProof {
    /// Parses a proof.
    ///
    /// # Errors
    ///
    /// It is not one in the only form it has, or longer than [`PROOF_BYTES_MAX`].
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        if text.len() > PROOF_BYTES_MAX {
            let found = format!("{} bytes", text.len());
            return Err(TlogProofError::Malformed { part: "file", wanted: "256 KiB", found });
        }
        let (head, note) = text
            .split_once("\n\n")
            .ok_or_else(|| malformed("file", "an empty line before a checkpoint", text))?;
        let mut lines = head.split('\n').peekable();
        let magic = lines.next().unwrap_or_default();
        if magic != MAGIC {
            return Err(malformed("first line", MAGIC, magic));
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.and_then(|line| line.strip_prefix("extra "));
        let extra = extra.map(|data| {
            base64(data).ok_or_else(|| malformed("extra data", "Base 64 in its one form", data))
        });
        let index = lines.next().unwrap_or_default();
        let parsed_index = index.strip_prefix("index ").and_then(decimal);
        let parsed_index = parsed_index
            .ok_or_else(|| malformed("index", "index and a decimal without zeros", index))?;
        let path = lines.map(|line| {
            hash(line).ok_or_else(|| malformed("path", "a hash of 32 bytes in Base 64", line))
        });
        let path = path.take(PATH_MAX + 1).collect::<Result<Vec<_>, _>>()?;
        if path.len() > PATH_MAX {
            let found = "more".to_owned();
            return Err(TlogProofError::Malformed { part: "path", wanted: "64 hashes", found });
        }
        let note = Note::parse(note)?;
        note.checkpoint()?;
        Ok(Self { extra: extra.transpose()?, index: parsed_index, path, note })
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> String {
        self.to_string()
    }

    /// Verifies the proof of an entry whose leaf hash the application computed: the log is one that
    /// the policy lists, its checkpoint is cosigned as the policy demands, and the leaf is in it
    /// (tlog-proof §Verifying a tlog proof).
    ///
    /// # Errors
    ///
    /// One of these does not hold.
    pub fn verify(
        &self,
        leaf: &Hash,
        policy: &TlogPolicy,
        verifier: &dyn StatementVerifier,
    ) -> Result<Accepted, TlogProofError> {
        let accepted = policy.check(&self.note, verifier)?;
        self.verify_path(leaf, &accepted.checkpoint)?;
        Ok(accepted)
    }

    /// As [`verify`](Self::verify), for a log that is known from elsewhere than the policy.
    ///
    /// # Errors
    ///
    /// The checkpoint is not this log's, not cosigned as the policy demands, or the leaf is not in
    /// it.
    pub fn verify_of(
        &self,
        leaf: &Hash,
        log: &NoteKey,
        policy: &TlogPolicy,
        verifier: &dyn StatementVerifier,
    ) -> Result<Accepted, TlogProofError> {
        let accepted = policy.check_of(log, &self.note, verifier)?;
        self.verify_path(leaf, &accepted.checkpoint)?;
        Ok(accepted)
    }

    fn verify_path(&self, leaf: &Hash, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        verify_inclusion(leaf, self.index, checkpoint.size, &checkpoint.root, &self.path)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", to_base64(hash.as_bytes())))?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn malformed(part: &'static str, wanted: &'static str, found: &str) -> TlogProofError {
    TlogProofError::Malformed { part, wanted, found: quote(found) }
}

/// A file that is no proof, or a proof that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not of the form.
    #[error("log proof: {part}: wanted {wanted}, found {found}")]
    Malformed {
        /// Where.
        part: &'static str,
        /// What would have been accepted.
        wanted: &'static str,
        /// What was there, safe to print.
        found: String,
    },
    /// What follows the path is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is not accepted.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// The entry is not in the log.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}
