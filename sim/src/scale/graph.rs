//! Who peers with whom: most organisations with a few, a few with very many, as the internet is.

use std::{collections::VecDeque, time::Duration};

use crate::random::Random;

/// Peerings that an organisation makes when it joins; each brings the other one as well, so that
/// the mean is twice that.
const MADE_ON_JOINING: usize = 4;
/// One way, in milliseconds: within a city, and half around the world.
const LATENCY_MS: (u64, u64) = (5, 150);
/// Organisations from which distances are taken, at most.
const SOURCES_MAX: usize = 200;

/// A peering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) latency: Duration,
}

#[derive(Debug)]
pub(super) struct Graph {
    pub(super) edges: Vec<Edge>,
    pub(super) neighbours: Vec<Vec<usize>>,
}

impl Graph {
    /// Whoever joins peers with those that many peer with already: degrees follow a power law
    /// (Barabási and Albert, 1999).
    pub(super) fn grow(nodes: usize, random: &mut Random) -> Self {
        let mut graph = Self { edges: Vec::new(), neighbours: vec![Vec::new(); nodes] };
        // Everybody as often as it has peers.
        let mut ends: Vec<usize> = Vec::new();
        for joining in 0..nodes {
            let wanted = MADE_ON_JOINING.min(joining);
            let mut chosen: Vec<usize> = Vec::new();
            while chosen.len() < wanted {
                let known = if joining <= MADE_ON_JOINING {
                    Some(chosen.len())
                } else {
                    random.pick(&ends).copied()
                };
                let Some(known) = known else { break };
                if !chosen.contains(&known) {
                    chosen.push(known);
                }
            }
            for known in chosen {
                graph.join(known, joining, random);
                ends.extend([known, joining]);
            }
        }
        graph
    }

    fn join(&mut self, left: usize, right: usize, random: &mut Random) {
        let (least, most) = LATENCY_MS;
        let ms = least.saturating_add(random.below(most.saturating_sub(least).saturating_add(1)));
        self.edges.push(Edge { left, right, latency: Duration::from_millis(ms) });
        for (one, other) in [(left, right), (right, left)] {
            if let Some(peers) = self.neighbours.get_mut(one) {
                peers.push(other);
            }
        }
    }

    pub(super) fn peers_max(&self) -> usize {
        self.neighbours.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// How many pairs of organisations are how many peerings apart, from some of them to all.
    pub(super) fn distances(&self) -> Vec<u64> {
        let nodes = self.neighbours.len();
        let step = nodes.div_ceil(SOURCES_MAX).max(1);
        let mut pairs: Vec<u64> = Vec::new();
        for source in (0..nodes).step_by(step) {
            let mut distance: Vec<Option<usize>> = vec![None; nodes];
            let mut waiting = VecDeque::from([(source, 0_usize)]);
            while let Some((node, far)) = waiting.pop_front() {
                match distance.get_mut(node) {
                    Some(known @ None) => *known = Some(far),
                    Some(Some(_)) | None => continue,
                }
                let peers = self.neighbours.get(node).into_iter().flatten();
                waiting.extend(peers.map(|peer| (*peer, far.saturating_add(1))));
            }
            for far in distance.into_iter().flatten() {
                if pairs.len() <= far {
                    pairs.resize(far.saturating_add(1), 0);
                }
                if let Some(count) = pairs.get_mut(far) {
                    *count = count.saturating_add(1);
                }
            }
        }
        pairs
    }
}
