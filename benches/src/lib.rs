//! What the benches share: an organisation made of seeds, its node as a process, a publisher's
//! envelopes, and the ratio of two costs measured in one run.
//!
//! Nothing here is timed by a test: a bench prints its figures beside the goal and judges nothing.

pub mod city;
pub mod door;
pub mod operations;
pub mod ratio;
pub mod routes;
pub mod server;
pub mod stored;
pub mod stream;

use std::{fmt::Display, time::Duration};

use criterion::Criterion;

/// The value of something that a bench cannot go on without.
///
/// # Panics
/// Where it failed: a bench of refused input measures nothing.
#[expect(clippy::panic, reason = "a bench of refused input measures nothing")]
pub fn sound<T, E: Display>(outcome: Result<T, E>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Criterion, short enough that all benches together take a few minutes.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}
