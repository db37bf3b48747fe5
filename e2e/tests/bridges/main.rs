//! Bridges, with what is at their other end: real brokers, and a consumer that behaves as
//! sensiNact's source says.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

mod broker;
mod commanding;
mod consumer;
mod hostile;
mod mapping;
mod reading;
mod republishing;
mod town;
