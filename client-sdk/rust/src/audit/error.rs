//! Why a log or a proof does not show what it should.

use std::{io, path::PathBuf};

use sekisho_policy::StatementError;
use sekisho_proto::{DecodeError, Hash, LogName, OrgName, StatementKind};
use sekisho_tlog::{
    NoteError, ProofError, QuorumError, TlogProofError, WitnessError, tile::CheckError,
};
use thiserror::Error;

/// See the module.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A file cannot be read.
    #[error("{}: wanted to read it", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder holds no log.
    #[error("{}: wanted a log's folder, found no checkpoint in it", path.display())]
    NoLog {
        /// Which.
        path: PathBuf,
    },
    /// The checkpoint is none.
    #[error("checkpoint: wanted one of a log of this protocol")]
    Checkpoint(#[source] NoteError),
    /// The checkpoint's first line names no log of this protocol.
    #[error("checkpoint: wanted a log such as sekisho/fujisawa/control, found {found}")]
    Origin {
        /// What is there, safe to print.
        found: String,
    },
    /// What should be the file of a proof is none.
    #[error("proof: wanted a file in C2SP's tlog-proof format")]
    Proof(#[source] TlogProofError),
    /// What the proof carries besides is not what it must carry.
    #[error("proof: {part}: wanted {wanted}, found {found}")]
    Extra {
        /// Which part.
        part: &'static str,
        /// What would have been right.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// A statement on the way from the root to the node's key does not hold.
    #[error("statement {number} on the way from the root to the node: {}", kind.name())]
    Chain {
        /// Which, from 1.
        number: usize,
        /// Of which kind.
        kind: StatementKind,
        /// What is wrong with it.
        #[source]
        source: Box<StatementError>,
    },
    /// Nothing that is shown leads from the root to a node.
    #[error(
        "node of {organisation}: wanted statements that lead to its key from root {root}, found none"
    )]
    NoNode {
        /// Whose.
        organisation: OrgName,
        /// The root that is trusted.
        root: Hash,
    },
    /// No node of the organisation has signed the checkpoint.
    #[error("log {log}: wanted a checkpoint signed by a node that its statements name")]
    Unsigned {
        /// Which log.
        log: LogName,
        /// What is wrong with the signature.
        #[source]
        source: NoteError,
    },
    /// Too few of the witnesses that the policy names have cosigned.
    #[error("log {log}: wanted a checkpoint with a quorum of witnesses")]
    Quorum {
        /// Which log.
        log: LogName,
        /// Who is missing.
        #[source]
        source: QuorumError,
    },
    /// An entry is not the one that the tree was made of.
    #[error("entry {index}: wanted the one with hash {wanted}, found one with {found}")]
    Altered {
        /// Its index.
        index: u64,
        /// As the tile of hashes has it.
        wanted: Hash,
        /// Its own.
        found: Hash,
    },
    /// An entry cannot be read.
    #[error("entry {index}: wanted an entry of the log")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A statement in the log does not hold.
    #[error("entry {index}: a statement that does not hold: {}", kind.name())]
    Statement {
        /// Its index.
        index: u64,
        /// Of which kind it is.
        kind: StatementKind,
        /// What is wrong with it.
        #[source]
        source: Box<StatementError>,
    },
    /// The files are not the log of the checkpoint.
    #[error("files of the log: wanted those of its checkpoint")]
    Files(#[source] Box<CheckError<io::Error>>),
    /// The log does not go on from what was trusted last.
    #[error("log: wanted it to go on from what was trusted last")]
    Rewritten(#[source] WitnessError),
    /// The entry is not in the log.
    #[error("entry: wanted a way from it to the log's root")]
    Inclusion(#[source] ProofError),
    /// The record is not the one that the entry commits to.
    #[error("record: wanted the one that the entry's commitment {commitment} is to, found another")]
    Opening {
        /// The commitment.
        commitment: Hash,
    },
}
