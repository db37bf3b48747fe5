//! What was measured.

use serde::{Deserialize, Serialize};

/// A federation of one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scaled {
    /// Organisations, each with one node.
    pub nodes: usize,
    /// Contracts between two.
    pub peerings: usize,
    /// Of the organisation that has most.
    pub peers_max: usize,
    /// Topics of all organisations.
    pub topics: usize,
    /// Topics as nodes know them: at home, and at each node that imports them.
    pub topics_known: u64,
    /// Filters that nodes ask their peers for.
    pub interests: u64,
    /// Whether nodes take everything that contracts let them take.
    pub mirrors: bool,
    /// Subscriptions of people, at all nodes.
    pub subscriptions: usize,
    /// Statements as nodes know them, over all nodes and logs.
    pub statements_known: u64,
    /// How far organisations are apart.
    pub graph: ConnectedGraph,
    /// Every topic's first record, on its way to everybody.
    pub crossing: Crossing,
    /// One of each kind of change.
    pub changes: Vec<Change>,
    /// What a node takes no notice of until the cable is whole again.
    pub healing: Vec<Change>,
    /// What everything weighs.
    pub memory: Memory,
}

/// Distances in peerings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectedGraph {
    /// Between two organisations, on average.
    pub distance_mean: f64,
    /// Between the two farthest of those looked at.
    pub distance_max: usize,
    /// Which share of the pairs is at most one, two and three peerings apart.
    pub within: [f64; 3],
}

/// What records make on links.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crossing {
    /// Envelopes that publishers signed.
    pub published: u64,
    /// Records that crossed a link.
    pub crossed: u64,
    /// Times that a node asks a peer for one of them: what `crossed` has to be.
    pub wanted: u64,
    /// Links that did not get each of their records exactly once.
    pub links_off: u64,
    /// Records that were given to people.
    pub delivered: u64,
    /// Frames of links for one record, credit and acknowledgements included.
    pub frames_per_record: f64,
    /// Bytes of links for one record, envelope included.
    pub bytes_per_record: f64,
    /// Of these the envelope.
    pub envelope_bytes: f64,
    /// What a link adds to envelopes, in percent of them.
    pub overhead_percent: f64,
    /// The largest number of people at one node that got records of one frame: subscriptions of
    /// a node for one topic.
    pub fan_out_max: u64,
    /// Nodes that delivered records had passed, on average, and at most.
    pub hops_mean: f64,
    /// See `hops_mean`.
    pub hops_max: usize,
}

/// A kind of change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub what: String,
    /// Changes that were measured.
    pub samples: usize,
    /// Links of those who make such a change, on average.
    pub links: f64,
    /// Frames on all links for one change.
    pub frames: f64,
    /// Bytes on all links for one change.
    pub bytes: f64,
    /// The same at the one that made most.
    pub bytes_max: u64,
    /// The same for each link.
    pub bytes_per_link: f64,
    /// When everybody had it whom it concerns.
    pub converged: Convergence,
}

/// Virtual time until everybody had something.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Convergence {
    /// Milliseconds, for half of the changes.
    pub median_ms: f64,
    /// Milliseconds, for the slowest.
    pub max_ms: f64,
    /// Changes that everybody whom they concern had in the end.
    pub complete: usize,
}

/// Heap, as the allocator was asked for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// One organisation with its node and contracts, before it is connected.
    pub per_node: f64,
    /// One direction of a peering: link, session and the other's control log.
    pub per_link: f64,
    /// One subscription of somebody.
    pub per_subscription: f64,
    /// One topic at one node that knows it, with everything that its first record leaves behind.
    pub per_topic: f64,
    /// Everything.
    pub total: u64,
}

/// One node by itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Alone {
    /// As topics grow.
    pub topics: Vec<OfTopics>,
    /// As subscriptions grow.
    pub subscriptions: Vec<OfSubscriptions>,
    /// As peers grow.
    pub peers: Vec<OfPeers>,
    /// As wishes of one peer's topics grow.
    pub interests: Vec<OfInterests>,
}

/// So many topics.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OfTopics {
    /// Topics.
    pub topics: usize,
    /// Bytes in the router, at home.
    pub router_bytes: f64,
    /// Bytes in the router of a node that imports it.
    pub follower_bytes: f64,
    /// Bytes of the store's index, with one record in it.
    pub store_bytes: f64,
    /// Finding a topic's subscriptions among all of them, nanoseconds.
    pub match_ns: f64,
    /// Whether a recipient may have a record of it, first asked.
    pub decide_ns: f64,
    /// Asked a second time, in the same order.
    pub decide_again_ns: f64,
}

/// So many subscriptions.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OfSubscriptions {
    /// Subscriptions, fifty to a session.
    pub subscriptions: usize,
    /// Bytes for each, session included.
    pub bytes: f64,
    /// Somebody comes or goes while records flow, nanoseconds.
    pub change_ns: f64,
    /// The router hears of a new policy, nanoseconds.
    pub policy_ns: f64,
}

/// So many different wishes of one peer's topics.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OfInterests {
    /// Topics that are subscribed to.
    pub wanted: usize,
    /// Filters that the peer is asked for.
    pub asked: usize,
    /// The link hears of one more or one less, nanoseconds.
    pub change_ns: f64,
}

/// So many peers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OfPeers {
    /// Peers, each with the log of a small organisation.
    pub peers: usize,
    /// Statements of one peer.
    pub statements: usize,
    /// Bytes for each statement.
    pub statement_bytes: f64,
    /// Whether a record of a peer may be taken, first asked, nanoseconds.
    pub import_ns: f64,
    /// Whose key it is, asked for every record, nanoseconds.
    pub whose_ns: f64,
    /// One more statement is applied and made a new policy, nanoseconds; its signature is checked.
    pub apply_ns: f64,
}
