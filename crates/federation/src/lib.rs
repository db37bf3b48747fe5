//! The sans-IO importer's side of a link: what a node pulls from one peer, and how far it has got.
//!
//! Federation is a subscription. The exporter needs nothing but its router: a peer is a
//! subscriber. The importer follows the peer's control log, subscribes to what the peering lets it
//! take, and acknowledges what is durable here; after any interruption it goes on from there. This
//! crate decides about dialling, windows, budgets and loops, and watches that the peer's logs only
//! grow. It verifies no signature but those of checkpoints and knows no policy but the peering: each
//! record it passes on enters the node through the door that everything enters through.

mod asking;
mod backoff;
mod budget;
mod checkpoint;
mod holding;
mod intake;
mod interest;
mod limits;
mod link;
mod spending;

pub use backoff::Backoff;
pub use budget::Budget;
pub use checkpoint::{LogFault, SignedCheckpoint, cosigner_name};
pub use interest::{Since, Wanted};
pub use limits::LinkLimits;
pub use link::{
    DropReason, FollowedEntry, HangupReason, Link, LinkCommand, LinkCounters, LinkState, Resume,
    Taken,
};
pub use spending::{BudgetKind, BudgetWaits};
