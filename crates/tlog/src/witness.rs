//! What somebody who cosigns a log's checkpoints must see before doing so.

use sekisho_proto::Hash;

use crate::{Checkpoint, Frontier, ProofError, hashing::empty_root, verify_consistency};

/// The last checkpoint of a log that a witness cosigned, or whose entries it has itself. It must be
/// durable before the cosignature leaves, or a power cut makes the witness forget what it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// How many entries the log had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl From<&Checkpoint> for Known {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self { size: checkpoint.size, root: checkpoint.root }
    }
}

/// A checkpoint that may be cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The log has grown, or was not known before: to be kept as [`Known`] first.
    New,
    /// The one that is known: cosigning it again says that it still is the latest.
    Same,
}

impl From<&Frontier> for Known {
    fn from(frontier: &Frontier) -> Self {
        Self { size: frontier.size(), root: frontier.root() }
    }
}

/// Judges whether a checkpoint goes on where the known one ended. Its signature is somebody else's
/// to verify; and between judging a checkpoint and keeping it as known, no other of the same log may
/// be judged, or the witness can be led back.
///
/// tlog-witness §add-checkpoint: "A checkpoint of size zero MUST have the root hash of the empty
/// tree"; "If the old size is zero, the consistency proof MUST be empty"; "If the old size matches
/// the checkpoint size, the witness MUST check that the root hashes are also identical."
///
/// # Errors
///
/// The log was rolled back or rewritten, or the proof does not show that it was not.
pub fn judge(
    known: Option<&Known>,
    checkpoint: &Checkpoint,
    consistency: &[Hash],
) -> Result<Verdict, WitnessError> {
    let nothing = Known { size: 0, root: empty_root() };
    let Known { size, root } = *known.unwrap_or(&nothing);
    let log = || checkpoint.origin.escape_debug().to_string();
    if checkpoint.size < size {
        return Err(WitnessError::RolledBack { log: log(), known: size, found: checkpoint.size });
    }
    if checkpoint.size == size && checkpoint.root != root {
        return Err(WitnessError::Forked { log: log(), size, known: root, found: checkpoint.root });
    }
    verify_consistency((size, &root), (checkpoint.size, &checkpoint.root), consistency).map_err(
        |source| WitnessError::Inconsistent {
            log: log(),
            known: size,
            found: checkpoint.size,
            source: Box::new(source),
        },
    )?;
    Ok(if known.is_some() && checkpoint.size == size { Verdict::Same } else { Verdict::New })
}

/// A checkpoint that no witness may cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The log is shorter than it was.
    #[error("log {log} was rolled back: wanted at least the {known} entries known, found {found}")]
    RolledBack {
        /// Its origin, safe to print.
        log: String,
        /// The size that is known.
        known: u64,
        /// The size that the checkpoint states.
        found: u64,
    },
    /// Two roots for one size: proof that the log shows different histories.
    #[error("log {log} was forked: wanted root {known} of {size} entries, found {found}")]
    Forked {
        /// Its origin, safe to print.
        log: String,
        /// The size of both.
        size: u64,
        /// The root that is known.
        known: Hash,
        /// The root that the checkpoint states.
        found: Hash,
    },
    /// Nothing shows that what is known is the beginning of the log.
    #[error("log {log}: nothing shows that its {found} entries begin with the {known} known")]
    Inconsistent {
        /// Its origin, safe to print.
        log: String,
        /// The size that is known.
        known: u64,
        /// The size that the checkpoint states.
        found: u64,
        /// What is wrong with the proof.
        source: Box<ProofError>,
    },
}
