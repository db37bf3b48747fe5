//! Checking, offline and from nothing but the fingerprint of an organisation's root, what its logs
//! hold: a whole log in files ([`read_log`]), or one entry that somebody shows ([`LogProof`]).
//!
//! Nobody is asked and nobody is believed: the statements that are shown lead from the root to the
//! key of the node, the node's signature to the log's root, and hashes from there to the entry.

mod chain;
mod error;
mod folder;
mod log;
mod proof;

pub use self::{
    chain::Chain,
    error::AuditError,
    folder::{CHAIN_FILE, LogFolder, decode_statements, encode_statements},
    log::{ReadLog, read_log},
    proof::{LogProof, OpenedRecord, Proven, ProvenEntry},
};
pub use sekisho_seal::AccessOpening;
pub use sekisho_tlog::{Cosigner, Known, Note, TlogPolicy, TlogPolicyError};

use std::path::Path;

use sekisho_proto::LogName;

use crate::trust::{TrustError, last_trusted};

/// What was last trusted of a log by whoever's folder it is.
///
/// # Errors
/// [`TrustError::Kept`] or [`TrustError::Damaged`].
pub fn trusted(folder: &Path, log: &LogName) -> Result<Option<Known>, TrustError> {
    last_trusted(folder, log)
}
