//! The sans-IO router of a node: who gets which record, in which order, and under which right.
//!
//! It admits nothing, stores nothing and sends nothing itself. Inputs are `handle_*` methods of
//! [`Router`], outputs are [`Command`]s, time is an argument; so it can be simulated and read.
//! It does not know what a transport is, nor that a peer is more than a [`Recipient`].
//!
//! [`Recipient`]: sekisho_policy::Recipient

mod admitted;
mod command;
mod limits;
mod record;
mod router;
mod session;
mod streams;
mod subscription;
mod tree;

pub use admitted::{AdmitError, Admitted, Carriage};
pub use command::{AppendFailure, Command, NewRecord, ReplayFrom, ReplayId, Ticket};
pub use limits::Limits;
pub use record::Record;
pub use router::{
    Appended, AppendedError, Counters, Kept, Lost, Recheck, Replayed, RestoredStream, Router,
    Subscribe, may_still_go,
};
pub use session::{SessionId, SubscriptionId};
pub use tree::SubscriptionTree;
