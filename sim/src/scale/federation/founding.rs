//! How a federation begins: keys, roots, peerings, grants and subscribers.

use std::{collections::HashMap, time::Duration};

use sekisho_federation::{Link, LinkLimits, Resume, Since};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Filter, Timestamp, frame::Start};
use sekisho_routing::{Limits, Subscribe, SubscriptionId};

use super::{Cable, Federation, Watch};
use crate::{
    failure::Broken,
    random::Random,
    scale::{
        Plan,
        counting::Traffic,
        graph::Graph,
        network::{Agenda, Event, Wire},
        node::Node,
        organisation::{Organisation, READERS, TREES, peering},
    },
};

const BEGIN: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// Links do not all begin in the same instant.
const FIRST_MS: u64 = 5_000;
/// Of a hundred subscriptions, how many are to a whole tree, and to one quantity of all devices.
const OF_TREES: u64 = 5;
const OF_QUANTITIES: u64 = 5;

impl Federation {
    /// Organisations with their people and contracts; nobody is connected.
    pub(in crate::scale) fn found(plan: &Plan) -> Result<Self, Broken> {
        let mut random = Random::new(plan.seed);
        let graph = Graph::grow(plan.nodes, &mut random);
        let organisations =
            (0..plan.nodes).map(Organisation::new).collect::<Result<Vec<_>, _>>()?;
        let numbers = organisations.iter().map(|known| known.name.clone()).zip(0..).collect();
        let nodes = organisations
            .iter()
            .map(|known| {
                let policy = Policy::new(known.name.clone(), known.root_hash());
                Node::new(known.name.clone(), known.node.id(), policy)
            })
            .collect();
        let streams = vec![vec![None; plan.topics_per_node]; plan.nodes];
        let cables = graph.edges.iter().map(|_edge| Cable::default()).collect();
        let mut federation = Self {
            graph,
            organisations,
            nodes,
            wires: Vec::new(),
            agenda: Agenda::new(BEGIN),
            watch: Watch::default(),
            random,
            mirrors: plan.mirrors,
            cables,
            numbers,
            verified: HashMap::new(),
            streams,
        };
        federation.state_foundations()?;
        Ok(federation)
    }

    fn state_foundations(&mut self) -> Result<(), Broken> {
        let now = self.agenda.now;
        for node in 0..self.nodes.len() {
            let own = self.organisation(node)?;
            let mut statements = vec![own.root(), own.issuer()?];
            statements.extend(own.people(now)?);
            for statement in statements {
                self.apply(node, &statement, now)?;
            }
        }
        for edge in 0..self.graph.edges.len() {
            self.make_peering(edge)?;
        }
        for node in 0..self.nodes.len() {
            self.announce(node)?;
        }
        Ok(())
    }

    fn make_peering(&mut self, edge: usize) -> Result<(), Broken> {
        let Some(known) = self.graph.edges.get(edge).copied() else { return Ok(()) };
        let now = self.agenda.now;
        let (left_takes, right_takes) = (self.draw_trees(), self.draw_trees());
        let (left, right) = (self.organisation(known.left)?, self.organisation(known.right)?);
        let contract = peering((left, &left_takes), (right, &right_takes), now)?;
        let mut grants = Vec::new();
        for tree in &left_takes {
            grants.push((known.right, right.grant_to(&left.name, *tree, now)?));
        }
        for tree in &right_takes {
            grants.push((known.left, left.grant_to(&right.name, *tree, now)?));
        }
        let (of_left, of_right) = ([left.root(), left.issuer()?], [right.root(), right.issuer()?]);
        for (node, of_peer) in [(known.left, of_right), (known.right, of_left)] {
            // A node keeps few organisations that it has no contract with yet.
            for statement in of_peer.iter().chain([&contract]) {
                self.apply(node, statement, now)?;
            }
        }
        for (node, grant) in grants {
            self.apply(node, &grant, now)?;
        }
        for (importer, exporter, takes) in
            [(known.left, known.right, left_takes), (known.right, known.left, right_takes)]
        {
            let wire = self.wires.len();
            self.wires.push(Wire {
                importer,
                exporter,
                edge,
                latency: known.latency,
                takes,
                link: None,
                connection: 0,
                is_open: false,
                session: None,
                follower: None,
                call_at: None,
                traffic: Traffic::default(),
            });
            let name = self.organisation(exporter)?.name.clone();
            self.node_mut(importer)?.imports.insert(name, wire);
            self.node_mut(exporter)?.exports.push(wire);
        }
        Ok(())
    }

    /// One or two trees that one organisation takes of another.
    fn draw_trees(&mut self) -> Vec<usize> {
        let first = self.random.index(TREES.len());
        let further = self.random.index(TREES.len());
        let mut trees = vec![first];
        if self.random.per_mille(500) && further != first {
            trees.push(further);
        }
        trees
    }

    /// Every node begins its links, each a little later than the one before.
    pub(in crate::scale) fn connect(&mut self) -> Result<(), Broken> {
        for wire in 0..self.wires.len() {
            let begin = Duration::from_millis(self.random.below(FIRST_MS));
            let now = self.agenda.now.saturating_add(begin);
            let seed = self.random.draw();
            let known = self.wire(wire)?;
            let (importer, exporter) = (known.importer, known.exporter);
            let name = self.organisation(exporter)?.name.clone();
            let node = self.node(importer)?;
            let Some(view) = node.policy.peer(&name) else {
                return Err(Broken(format!("{} knows no peering with {name}", node.name)));
            };
            let limits = LinkLimits::default();
            let mut link = Link::new(node.id, view, Resume::default(), limits, seed, now);
            if !self.mirrors {
                link.handle_wanted(Some(node.wanted_of(&name)), now);
            }
            let known = self.wire_mut(wire)?;
            known.link = Some(link);
            known.call_at = Some(now);
            self.agenda.plan(now, Event::Timeout { wire });
        }
        for node in 0..self.nodes.len() {
            let first = Duration::from_millis(self.random.below(60_000));
            self.agenda.plan_in(first, Event::Show { node });
        }
        Ok(())
    }

    /// Every node's people subscribe: few topics are what most want.
    pub(in crate::scale) fn subscribe(
        &mut self,
        per_node: usize,
        topics: usize,
    ) -> Result<(), Broken> {
        let now = self.agenda.now;
        for node in 0..self.nodes.len() {
            let trees = self.reachable_trees(node)?;
            let mut sessions = Vec::new();
            for reader in 0..READERS.min(per_node) {
                let person = self.organisation(node)?.readers.get(reader);
                let Some(id) = person.map(|person| person.key.id()) else { continue };
                let state = self.node_mut(node)?;
                let session = state.next_session();
                state.router.handle_connect(session, id, Recipient::Principal(id), now);
                sessions.push(session);
            }
            for number in 0..per_node {
                let Some(session) = sessions.get(number % READERS).copied() else { continue };
                let filter = self.draw_filter(&trees, topics)?;
                self.want(node, &filter, Since::Latest)?;
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                let credit = Limits::default().credit_max;
                let wish = Subscribe { filter, start: Start::Latest, cursor: None, credit };
                let subscription = SubscriptionId::new(number);
                let router = &mut self.node_mut(node)?.router;
                router.handle_subscribe(session, subscription, wish, None, now);
            }
            self.drain(node)?;
        }
        Ok(())
    }

    /// What a node's people may read: its own trees and those it imports.
    pub(in crate::scale) fn reachable_trees(
        &self,
        node: usize,
    ) -> Result<Vec<(usize, usize)>, Broken> {
        let mut trees: Vec<(usize, usize)> = (0..TREES.len()).map(|tree| (node, tree)).collect();
        for wire in self.node(node)?.imports.values() {
            let wire = self.wire(*wire)?;
            trees.extend(wire.takes.iter().map(|tree| (wire.exporter, *tree)));
        }
        Ok(trees)
    }

    fn draw_filter(&mut self, trees: &[(usize, usize)], topics: usize) -> Result<Filter, Broken> {
        let Some((owner, tree)) = self.random.pick(trees).copied() else {
            return Err(Broken("nothing can be subscribed to".to_owned()));
        };
        let kind = self.random.below(100);
        let place = draw_zipf(&mut self.random, topics.div_ceil(TREES.len()));
        let owner = self.organisation(owner)?;
        if kind < OF_TREES {
            return owner.tree(tree);
        }
        let topic = owner.topic(place.saturating_mul(TREES.len()).saturating_add(tree))?;
        if kind < OF_TREES.saturating_add(OF_QUANTITIES) {
            let levels: Vec<&str> = topic.levels().collect();
            if let [organisation, tree, _device, quantity] = levels.as_slice() {
                return crate::scale::organisation::parse(&format!(
                    "{organisation}/{tree}/+/{quantity}"
                ));
            }
        }
        crate::scale::organisation::parse(topic.as_str())
    }
}

/// A rank below `bound` by Zipf's law with exponent 1.
pub(in crate::scale) fn draw_zipf(random: &mut Random, bound: usize) -> usize {
    let mut low = 1_usize;
    // A power of two is as likely as any other: that is what the law says of ranks.
    let doublings = usize::BITS.saturating_sub(bound.leading_zeros());
    for _ in 0..random.below(u64::from(doublings)) {
        low = low.saturating_mul(2);
    }
    let rank = low.saturating_add(random.index(low)).saturating_sub(1);
    rank.min(bound.saturating_sub(1))
}
