//! Signed statements in, decisions out: who may do what on which topic, and why.
//!
//! Every organisation keeps its statements in one log. Replaying the logs gives a [`Policy`]; a
//! policy answers, mints the permits that the next stage of a node demands, and explains. Nothing
//! is permitted that no grant says, a deny wins over every grant, and nobody hands on more than
//! they hold. The crate knows no cryptography: signatures are checked by whoever is handed in.

mod administering;
mod agreement;
mod application;
mod arrival;
mod attesting;
mod authority;
mod carrying;
mod crossing;
mod decision;
mod decision_cache;
mod denial;
mod diff;
mod epochs;
mod explain;
mod filter_trie;
mod grant;
mod grant_index;
mod in_force;
mod lookup;
mod organisation;
mod peering;
mod permit;
mod policy;
mod principal;
mod proof;
mod reach;
mod readers;
mod right;
mod roles;
mod route;
mod sealing;
mod shared_map;
mod signatures;
mod statement_error;
mod tree_view;
mod view;
mod words;

pub use decision::{FRESHNESS_MAX, Recipient, Verdict};
pub use denial::{Denial, Missing, Subject};
pub use diff::{Change, Concern, Diff};
pub use epochs::{EpochStatus, RETIRED_GRACE};
pub use explain::{Crossing, Explanation, HeldDeny, HeldGrant, HeldRole, Step, What, WhoEntry};
pub use organisation::LoggedStatement;
pub use peering::PeeringView;
pub use permit::{DeliveryPermit, PublishPermit};
pub use policy::{Applied, Policy, Unapplied};
pub use principal::{IssuerRecord, PrincipalRecord};
pub use reach::Reach;
pub use route::Route;
pub use signatures::{CheckedSignatures, SignatureCheck, ValidSignature};
pub use statement_error::StatementError;
pub use tree_view::TreeView;
pub use words::of as in_words;
