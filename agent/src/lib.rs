//! The side of a vehicle: reads its sensors and receivers, or recordings of them, and publishes
//! what they say.
//!
//! Bytes come from a [`source`], are cut into lines ([`mod@line`]), understood by a
//! [`mod@format`], given a position ([`merge`]) and a topic ([`template`]), and handed to a
//! [`run::Sink`], such as the organisation's [`node`]. Recordings are played at a chosen speed
//! ([`replay`]). A broken line costs that line: it is counted ([`tally`]), shown and skipped.

pub mod clock;
pub mod config;
pub mod fault;
pub mod format;
pub mod input;
pub mod line;
pub mod merge;
pub mod node;
pub mod observation;
pub mod place;
pub mod replay;
pub mod run;
pub mod source;
pub mod stamp;
pub mod tally;
pub mod template;

pub use config::{Config, ConfigError};
pub use node::{NodeError, publish_to_node};
pub use run::{Report, RunError, Sink, SinkError, run};
pub use sekisho_formats::number;
