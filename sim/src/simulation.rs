//! The run itself: who is there, what happens next, and what must hold.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use sekisho_proto::{Hash, Statement, Timestamp};

use crate::{
    Failure,
    clock::Clock,
    failure::Broken,
    ledger::{Counts, Ledger},
    network::{Arrival, Client, ConnectionId, Network},
    node::{Context, Habits, Node, Task, touches},
    publisher::{Publisher, Travels},
    random::Random,
    subscriber::Subscriber,
    world::{City, World, parse},
};

mod climate;
mod contracts;
mod disks;
mod faults;
mod founding;
mod rest;

use climate::Climate;
use contracts::Contract;
use disks::Rotten;

const CITIES: [&str; 4] = ["fujisawa", "santander", "toulouse", "uppsala"];

/// The longest moment in which nothing happens but time, seconds.
const LEAP_S: u64 = 20;

/// After how many of a thousand steps rights change where nodes are busy: so often that something
/// waits then.
const RIGHTS_PER_MILLE: u64 = 25;

/// How often a truck that roams drives on, of a thousand times that it acts.
const DEPARTS_PER_MILLE: u64 = 40;

/// How much happens in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Steps with faults; what follows until everything rests comes on top.
    pub steps: u64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { steps: 2_000 }
    }
}

/// What a run consisted of, when it went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    counts: Counts,
    /// The same for the same seed and scale: of every frame that arrived, and of every log.
    pub digest: u64,
}

impl Report {
    /// How often what happened, by name.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        self.counts.named().to_vec()
    }
}

/// Runs a federation.
///
/// # Errors
/// The first invariant that did not hold.
pub fn run(seed: u64, scale: Scale) -> Result<Report, Failure> {
    let mut step = 0;
    let outcome = Simulation::new(seed).and_then(|mut simulation| {
        while step < scale.steps {
            step += 1;
            simulation.step()?;
        }
        simulation.come_to_rest()?;
        Ok(simulation.report())
    });
    outcome.map_err(|Broken(what)| Failure { seed, steps: scale.steps, step, what })
}

struct Simulation {
    world: World,
    network: Network,
    ledger: Ledger,
    random: Random,
    now: Timestamp,
    nodes: Vec<Node>,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// Grants that may be revoked.
    moody_grants: Vec<(usize, Hash)>,
    /// What a city will grant another one's people: the city, who, and what.
    late_grants: Vec<(usize, String, String)>,
    enrolled: usize,
    climate: Climate,
    contracts: Vec<Contract>,
    rotten: Vec<Rotten>,
    /// Bytes that were turned: none is turned back.
    turned: BTreeSet<(usize, PathBuf, usize)>,
}

/// Borrows a simulation's surroundings apart from its actors.
macro_rules! context {
    ($simulation:expr) => {
        Context {
            world: &$simulation.world,
            network: &mut $simulation.network,
            ledger: &mut $simulation.ledger,
            random: &mut $simulation.random,
            now: $simulation.now,
        }
    };
}
use context;

impl Simulation {
    fn new(seed: u64) -> Result<Self, Broken> {
        let mut random = Random::new(seed);
        let climate = Climate::drawn(seed, &mut random);
        let count = climate.cities;
        let mut world = World::default();
        for name in CITIES.iter().take(count) {
            world.cities.push(City::new(name)?);
        }
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let tail_bytes_max = if random.per_mille(500) { 0 } else { 1 << 20 };
        let habits = Habits { tail_bytes_max, gathers: climate.queues };
        let mut simulation = Self {
            world,
            network: Network::new(now, climate.weather),
            ledger: Ledger::default(),
            random,
            now,
            nodes: (0..count).map(|index| Node::new(index, habits)).collect(),
            publishers: Vec::new(),
            subscribers: Vec::new(),
            moody_grants: Vec::new(),
            late_grants: Vec::new(),
            enrolled: 0,
            climate,
            contracts: Vec::new(),
            rotten: Vec::new(),
            turned: BTreeSet::new(),
        };
        for city in 0..count {
            simulation.set_clock(city);
            simulation.start(city)?;
        }
        simulation.found()?;
        simulation.ledger.agreed();
        for city in 0..count {
            simulation.people(city)?;
        }
        Ok(simulation)
    }

    /// A node's clock is set, wrongly where clocks are wrong in this run.
    fn set_clock(&mut self, node: usize) {
        if self.climate.clocks
            && let Some(node) = self.nodes.get_mut(node)
        {
            node.clock = Clock::drawn(&mut self.random);
        }
    }

    /// A city grants what it has put off, unless its node is down.
    fn grant_late(&mut self) -> Result<(), Broken> {
        let Some((city, grantee, filter)) = self.late_grants.pop() else { return Ok(()) };
        if self.climate.guests
            && let Some((_, organisation)) = grantee.split_once('@')
        {
            // What a peer was not to have when it was asked for is not gone back to.
            self.ledger.disturb(city, parse(organisation)?);
        }
        let is_gone = self.nodes.get(city).is_none_or(|node| node.is_gone);
        if !is_gone && !self.grant(city, &grantee, &filter)? {
            self.late_grants.push((city, grantee, filter));
        }
        Ok(())
    }

    fn state(&mut self, city: usize, statement: &Statement) -> Result<bool, Broken> {
        let mut context = context!(self);
        let Some(node) = self.nodes.get_mut(city) else { return Ok(false) };
        let told = node.state(statement, &mut context)?;
        self.clear_up(city)?;
        Ok(told)
    }

    /// Time passes, for everybody.
    fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.network.now = self.now;
    }

    /// One thing happens.
    fn step(&mut self) -> Result<(), Broken> {
        let leaps = self.climate.leaps && self.random.per_mille(12);
        let micros = if leaps { LEAP_S.saturating_mul(1_000_000) } else { 6_000 };
        let time = Duration::from_micros(self.random.below(micros));
        self.pass(time);
        self.close_given_up()?;
        match self.random.below(100) {
            0..45 => self.arrive()?,
            45..75 => {
                let node = self.random.index(self.nodes.len());
                let task = self.random.pick(&Task::ALL).copied().unwrap_or(Task::Tick);
                self.work(node, task)?;
            }
            75..97 => self.clients_act()?,
            _ => self.fault()?,
        }
        if self.climate.queues && self.random.per_mille(RIGHTS_PER_MILLE) {
            self.change_rights()?;
        }
        self.clear_abandoned()?;
        if self.random.per_mille(5) {
            self.check_nodes()?;
        }
        Ok(())
    }

    fn close_given_up(&mut self) -> Result<(), Broken> {
        for id in self.network.given_up() {
            self.ledger.counts.given_up += 1;
            self.close(id)?;
        }
        Ok(())
    }

    fn work(&mut self, node: usize, task: Task) -> Result<(), Broken> {
        let mut context = context!(self);
        let Some(found) = self.nodes.get_mut(node) else { return Ok(()) };
        found.work(task, &mut context)?;
        self.clear_up(node)
    }

    fn arrive(&mut self) -> Result<(), Broken> {
        let Some(arrival) = self.network.arrive(&mut self.random)? else {
            return Ok(());
        };
        let mut context = context!(self);
        match arrival {
            Arrival::AtServer { server, connection, frame } => {
                if let Some(node) = self.nodes.get_mut(server) {
                    node.handle_frame(connection, frame, &mut context)?;
                }
                self.clear_up(server)
            }
            Arrival::AtClient {
                client: Client::Link { node, peer },
                connection,
                stream,
                frame,
            } => {
                if let Some(found) = self.nodes.get_mut(node) {
                    found.handle_link_frame(&peer, (connection, stream), frame, &mut context)?;
                }
                self.clear_up(node)
            }
            Arrival::AtClient { client: Client::Way { node, home }, connection, frame, .. } => {
                if let Some(found) = self.nodes.get_mut(node) {
                    found.handle_way_frame(&home, connection, frame, &mut context)?;
                }
                self.clear_up(node)
            }
            Arrival::AtClient { client: Client::Publisher(index), connection, frame, .. } => {
                let Some(publisher) = self.publishers.get_mut(index) else { return Ok(()) };
                if publisher.connection != Some(connection) {
                    return Ok(());
                }
                let Some(told) = publisher.handle_frame(frame, &mut context)? else {
                    return Ok(());
                };
                let doubt = self.ledger.doubt(publisher.city);
                let home = self.nodes.get(publisher.city);
                let home = home.filter(|_| !doubt.rotten && !doubt.lied);
                home.map_or(Ok(()), |node| node.check_holds(&told.topic, told.offset, told.hash))
            }
            Arrival::AtClient { client: Client::Subscriber(index), connection, frame, .. } => {
                let Some(subscriber) = self.subscribers.get_mut(index) else { return Ok(()) };
                if subscriber.connection != Some(connection) {
                    return Ok(());
                }
                subscriber.handle_frame(frame, &mut context)
            }
        }
    }

    fn clients_act(&mut self) -> Result<(), Broken> {
        let gone: Vec<usize> = (0..self.nodes.len()).filter(|node| self.is_gone(*node)).collect();
        let mut context = context!(self);
        if context.random.per_mille(500) {
            let index = context.random.index(self.publishers.len());
            let Some(publisher) = self.publishers.get_mut(index) else { return Ok(()) };
            if gone.contains(&publisher.city) {
                return Ok(());
            }
            if context.random.per_mille(600) {
                publisher.write(&mut context)?;
            }
            if publisher.travels == Travels::Abroad && context.random.per_mille(DEPARTS_PER_MILLE) {
                publisher.depart(&mut context);
            }
            publisher.act(&mut context);
        } else {
            let index = context.random.index(self.subscribers.len());
            let Some(subscriber) = self.subscribers.get_mut(index) else { return Ok(()) };
            let is_gone = gone.contains(&subscriber.city);
            if !is_gone && (!subscriber.is_unwanted() || context.random.per_mille(200)) {
                subscriber.act(&mut context);
            }
        }
        Ok(())
    }

    /// After a node acted: where it went down, its connections go with it.
    fn clear_up(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes.get(node).is_some_and(Node::is_up) {
            return self.clear_abandoned();
        }
        for id in self.network.ids() {
            if self.network.get(id).is_some_and(|connection| touches(connection, node)) {
                self.close(id)?;
            }
        }
        self.clear_abandoned()
    }

    fn clear_abandoned(&mut self) -> Result<(), Broken> {
        for id in self.network.take_abandoned() {
            self.close(id)?;
        }
        Ok(())
    }

    /// A connection is gone: both sides hear of it.
    fn close(&mut self, id: ConnectionId) -> Result<(), Broken> {
        let Some(connection) = self.network.close(id) else { return Ok(()) };
        let mut context = context!(self);
        if let Some(server) = self.nodes.get_mut(connection.server) {
            server.handle_closed(id, &mut context)?;
        }
        match connection.client {
            Client::Publisher(index) => {
                if let Some(publisher) = self.publishers.get_mut(index) {
                    publisher.handle_closed(id);
                }
            }
            Client::Subscriber(index) => {
                if let Some(subscriber) = self.subscribers.get_mut(index) {
                    subscriber.handle_closed(id);
                }
            }
            Client::Link { node: index, peer } => {
                if let Some(node) = self.nodes.get_mut(index) {
                    node.handle_link_closed(&peer, id, &mut context)?;
                }
                self.clear_up(index)?;
            }
            Client::Way { node: index, home } => {
                if let Some(node) = self.nodes.get_mut(index) {
                    node.handle_way_closed(&home, id, &mut context)?;
                }
                self.clear_up(index)?;
            }
        }
        self.clear_up(connection.server)
    }

    fn check_nodes(&mut self) -> Result<(), Broken> {
        let context = context!(self);
        self.nodes.iter().try_for_each(|node| node.check(&context))
    }

    fn report(&mut self) -> Report {
        let frames = self.network.digest().to_be_bytes();
        self.ledger.note(&[&frames]);
        Report { counts: self.ledger.counts, digest: self.ledger.digest() }
    }
}

/// The first of a city's grants that may be revoked.
fn clear_grant(grants: &[(usize, Hash)], city: usize) -> Option<usize> {
    grants.iter().position(|(owner, _)| *owner == city)
}
