//! How a federation grows: many nodes with the real routers, links, policies and frames, a clock
//! that is only a number, and gauges that say what each topic, subscription and peer costs.
//!
//! Nothing fails here; faults are the business of [`run`](crate::run). What is measured in bytes,
//! frames, hops and virtual time is decided by the plan alone and the same in every run; what is
//! measured in nanoseconds and heap is not.

mod alone;
mod counting;
mod federation;
mod graph;
mod measuring;
mod network;
mod node;
mod organisation;
mod report;

use std::time::Duration;

pub use report::{
    Alone, Change, ConnectedGraph, Convergence, Crossing, Memory, OfInterests, OfPeers,
    OfSubscriptions, OfTopics, Scaled,
};

use crate::failure::Broken;

/// How large a federation is grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Organisations, each with one node.
    pub nodes: usize,
    /// Topics of each organisation.
    pub topics_per_node: usize,
    /// Subscriptions at each node.
    pub subscriptions_per_node: usize,
    /// Whether nodes take everything that contracts let them take; else what is subscribed to.
    pub mirrors: bool,
    /// Changes of each kind that are measured.
    pub samples: usize,
    /// Decides the graph, the latencies and who subscribes to what.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            nodes: 10,
            topics_per_node: 1_000,
            subscriptions_per_node: 100,
            mirrors: false,
            samples: 20,
            seed: 1,
        }
    }
}

/// How memory and time are read: this library reads neither itself.
#[derive(Clone, Copy, Debug)]
pub struct Gauges {
    /// Bytes on the heap.
    pub allocated: fn() -> u64,
    /// Time since some moment.
    pub elapsed: fn() -> Duration,
}

/// Why a federation could not be grown, or did not do what it must.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScaleFault(String);

impl From<Broken> for ScaleFault {
    fn from(Broken(what): Broken) -> Self {
        Self(what)
    }
}

/// Grows a federation and measures it.
///
/// # Errors
/// A node did what it must not, or something did not come to where it must.
pub fn grow(
    plan: &Plan,
    gauges: &Gauges,
    tell: &mut dyn FnMut(&str),
) -> Result<Scaled, ScaleFault> {
    Ok(measuring::measure(plan, gauges, tell)?)
}

/// Measures one node by itself: what its parts cost as topics, subscriptions and peers grow to
/// `most` of each. Files go to a new folder under `scratch`, which is removed again.
///
/// # Errors
/// A part refused what it must take, or the disk failed.
pub fn weigh(
    most: &Most,
    scratch: &std::path::Path,
    gauges: &Gauges,
    tell: &mut dyn FnMut(&str),
) -> Result<Alone, ScaleFault> {
    Ok(alone::measure(most, scratch, gauges, tell)?)
}

/// How far one node is taken by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Topics; from 1,000 on by factors of ten.
    pub topics: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Peers; from 10 on by factors of ten.
    pub peers: usize,
}
