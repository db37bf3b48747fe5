//! A whole federation in one thread: real routers, links, policies and stores, with clients, a
//! network and disks that fail, driven by one random number.
//!
//! A run is decided by its seed alone: no clock, no thread, no hash order. After every step the
//! invariants of the system are checked against models that share nothing with the code they
//! judge: what publishers signed, what was acknowledged, what was stated. When the faults end,
//! everything must come to where it would be without them.

mod clock;
mod failure;
mod ledger;
mod network;
mod node;
mod publisher;
mod random;
mod rights;
pub mod scale;
mod simulation;
mod subscriber;
mod world;

pub use failure::Failure;
pub use simulation::{Report, Scale, run};
