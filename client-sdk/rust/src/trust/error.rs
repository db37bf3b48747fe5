//! Why a log is not trusted: each way in which a node can show another history than before, or than
//! to others, by its name.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use sekisho_proto::{DecodeError, Hash, LogName, PublicKey, Timestamp};
use sekisho_tlog::{NoteError, ProofError, QuorumError, TlogPolicyError, WitnessError};
use thiserror::Error;

use crate::refusal::Refusal;

/// Why what a node shows of a log is not believed.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The node does not say what the log holds.
    #[error("log {log}: wanted a checkpoint, found none")]
    NoCheckpoint {
        /// Which log.
        log: LogName,
        /// In the node's words.
        #[source]
        refusal: Refusal,
    },
    /// It answered something else.
    #[error("log {log}: wanted {wanted}, found another answer")]
    WrongAnswer {
        /// Which log.
        log: LogName,
        /// What was due.
        wanted: &'static str,
    },
    /// The checkpoint is none, of another log, or not signed by the log's node.
    #[error("log {log}: wanted a checkpoint signed by node key {}", node_key.short())]
    Checkpoint {
        /// Which log.
        log: LogName,
        /// The key that must have signed.
        node_key: PublicKey,
        /// What is wrong.
        #[source]
        source: Box<NoteError>,
    },
    /// The node does not say of when its checkpoint is.
    #[error("log {log}: wanted a checkpoint with the time of its node")]
    Undated {
        /// Which log.
        log: LogName,
        /// What is wrong.
        #[source]
        source: Box<NoteError>,
    },
    /// The log is shown as it was: what was stated since is kept back.
    #[error(
        "log {log} is frozen: wanted a checkpoint at most {age_max:?} old at {now}, found one of {found}"
    )]
    Frozen {
        /// Which log.
        log: LogName,
        /// How old it may be.
        age_max: Duration,
        /// By the clock of this machine.
        now: Timestamp,
        /// When the node signed it.
        found: Timestamp,
    },
    /// The log does not go on from what was trusted last: rolled back, forked, or rewritten.
    #[error("log {log}: wanted it to go on from what was trusted last")]
    Rewritten {
        /// Which log.
        log: LogName,
        /// How it differs.
        #[source]
        source: Box<WitnessError>,
    },
    /// The node tells statements that it does not sign for.
    #[error("log {log}: wanted a checkpoint of the {wanted} statements told, found one of {found}")]
    NotSigned {
        /// Which log.
        log: LogName,
        /// How many statements were told.
        wanted: u64,
        /// How many there are in its newest checkpoint.
        found: u64,
    },
    /// The node does not tell statements that are in the log.
    #[error(
        "log {log}: wanted all of its {wanted} statements, found {found}: the rest is withheld"
    )]
    Withheld {
        /// Which log.
        log: LogName,
        /// How many there are.
        wanted: u64,
        /// How many were told.
        found: u64,
    },
    /// Too few of the witnesses that the policy names have cosigned.
    #[error("log {log}: wanted a checkpoint with a quorum of witnesses")]
    Quorum {
        /// Which log.
        log: LogName,
        /// Who is missing.
        #[source]
        source: Box<QuorumError>,
    },
    /// The log does not hold a statement that must be in it.
    #[error(
        "log {log}: wanted statement {statement} among its {size} entries, found no proof of it"
    )]
    NotIncluded {
        /// Which log.
        log: LogName,
        /// The statement's id.
        statement: Hash,
        /// The size of the tree in which it was to be proven.
        size: u64,
        /// What the node said.
        #[source]
        refusal: Box<Refusal>,
    },
    /// What should show that a statement is in the log does not.
    #[error("log {log}: wanted a proof that statement {statement} is in it")]
    Inclusion {
        /// Which log.
        log: LogName,
        /// The statement's id.
        statement: Hash,
        /// What is wrong with it.
        #[source]
        source: Box<ProofError>,
    },
    /// The node proves another entry than the one asked for.
    #[error("log {log}: wanted an entry with statement {statement}, found another")]
    OtherEntry {
        /// Which log.
        log: LogName,
        /// The statement's id.
        statement: Hash,
        /// Why it cannot be read, where it cannot.
        #[source]
        source: Option<Box<DecodeError>>,
    },
    /// No trusted statement says which key signs the log.
    #[error("log {log}: wanted the key of its node, found no peering that names it")]
    UnknownLog {
        /// Which log.
        log: LogName,
    },
    /// What was trusted last cannot be read or kept, so nothing newer is acted on.
    #[error("trusted checkpoint {}: {action}", path.display())]
    Kept {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// What was trusted last is damaged: who removes it trusts the node anew.
    #[error("trusted checkpoint {}: wanted the note that was kept", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: NoteError,
    },
    /// The policy of witnesses is none.
    #[error("witness policy {}: wanted one in C2SP's tlog-policy format", path.display())]
    Policy {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: TlogPolicyError,
    },
}

impl TrustError {
    /// Whether the log was seen to show two histories: what its owner must answer for.
    #[must_use]
    pub const fn is_rewritten(&self) -> bool {
        matches!(self, Self::Rewritten { .. })
    }
}
