//! OGC SensorThings 1.1 (18-088), the part that reads: what is asked, the entities that streams
//! and their records are, and the answer.
//!
//! Nothing here reads a log or decides about rights. [`answer`](answer()) is asked again and again
//! until it has what it needs: each time it either says which records are still wanted
//! ([`Outcome::Wants`]), which are to go by without being kept ([`Outcome::Visits`]), or gives the
//! answer. Whoever fetches them asks the node's gate.

mod answer;
mod entity;
mod evaluate;
mod expression;
mod fault;
mod foremost;
mod format;
mod function;
mod geometry;
mod id;
pub mod limits;
mod model;
pub mod mqtt;
mod observing;
mod options;
mod path;
mod request;
mod scan;
mod stream;
mod value;

pub use answer::{Answer, Outcome, answer};
pub use fault::{Fault, FaultKind};
pub use request::Request;
pub use stream::{Batch, Begin, Catalogue, Chunk, Content, Reading, Records, Stream, Visit, Want};
