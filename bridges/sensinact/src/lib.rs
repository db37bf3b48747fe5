//! The way to Eclipse sensiNact and back: a client that reads, verifies and opens what it was
//! granted, and gives it to an MQTT broker in the form that sensiNact's MQTT device factory takes.
//!
//! [`run`](run()) holds it together. What is pure: [`name`] spells topics as providers and services,
//! [`record`] is one value as sensiNact gets it, [`device`] the last value of each resource. What is
//! not: [`wire`] is one connection to the MQTT broker, [`outflow`] many of them, one after the other,
//! [`actuation`] brings commands to the node. A message counts as delivered, and the subscription's
//! cursor moves behind it, when the broker has acknowledged everything that was made of it.

pub mod actuation;
pub mod config;
pub mod device;
mod keep;
pub mod name;
pub mod outflow;
mod progress;
pub mod record;
mod right;
pub mod run;
pub mod tally;
pub mod wire;

pub use config::{Config, ConfigError};
pub use keep::KeepError;
pub use run::{BridgeError, run};
pub use tally::Tally;
