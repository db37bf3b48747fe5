//! Sealed topics for those who can open nothing, such as clients of MQTT and SensorThings: a bridge
//! reads them, verifies, opens, and publishes what they say on other topics, signed by itself.
//!
//! It does so where three rights say so: to read and open the one topic, to bridge it, and to publish
//! on the other. A cursor moves behind a message when the node has stored what was made of it.

pub mod config;
mod right;
mod route;
pub mod run;

pub use config::{Config, ConfigError};
pub use run::{RepublishError, Tally, run};
