//! MQTT 3.1.1 and 5.0 without I/O: what a node's MQTT door knows and remembers, as values.
//!
//! It is given bytes and time and judges no right.

mod coding;
mod decode;
mod encode;
mod length;
mod machine;
pub mod mapping;
pub mod message;
pub mod overlap;
pub mod packet;
mod reason;
pub mod retained;
pub mod session_state;
pub mod share;
pub mod share_state;
pub mod will;

pub use coding::StateError;
pub use decode::Fault;
pub use encode::{Allowed, TooLarge};
pub use machine::{Machine, Traffic};
pub use reason::Reason;
