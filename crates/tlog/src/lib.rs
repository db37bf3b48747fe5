//! Transparency logs: what makes a log of statements or accesses impossible to rewrite unnoticed.
//!
//! A log is a Merkle tree ([`Tree`], RFC 9162 hashing) whose root its owner signs as a
//! [`Checkpoint`] in a [`Note`]; others who followed the log cosign it. Whoever holds a root proves
//! that an entry is in the log ([`verify_inclusion`]) and that nothing was taken back
//! ([`verify_consistency`]), keeps both in a file that verifies offline ([`TlogProof`]) and says in
//! a [`TlogPolicy`] whose cosignatures suffice. Formats are those of C2SP: `tlog-tiles`,
//! `tlog-checkpoint`, `signed-note`, `tlog-cosignature`, `tlog-witness`, `tlog-policy` and
//! `tlog-proof`, Ed25519 only.
//!
//! The crate does no I/O, knows no clock, no random source and no key: signing and judging
//! signatures are handed in.

mod checkpoint;
mod encoding;
mod frontier;
mod hashing;
mod key_name;
mod note;
mod note_key;
mod proof;
mod signing;
pub mod tile;
mod tlog_policy;
mod tlog_proof;
mod tree;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use frontier::{Frontier, FrontierError};
pub use hashing::{empty_root, leaf_hash, node_hash};
pub use note::{NOTE_BYTES_MAX, Note, NoteError, NotePart, SIGNATURES_MAX, SignatureLine, Signed};
pub use note_key::{NoteKey, NoteKeyError, NoteKeyKind};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use signing::{NoteSigner, Signing, cosign, sign_checkpoint};
pub use tile::{TileId, TileLevel};
pub use tlog_policy::{Accepted, Cosigner, QuorumError, TlogPolicy, TlogPolicyError};
pub use tlog_proof::{PROOF_BYTES_MAX, TlogProof, TlogProofError};
pub use tree::Tree;
pub use witness::{Known, Verdict, WitnessError, judge};
