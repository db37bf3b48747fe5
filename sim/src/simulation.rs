//! The run itself: who is there, what happens next, and what must hold.

use std::time::Duration;

use sekisho_proto::{Hash, OrgName, PrincipalKind, Scope, Statement, Timestamp, frame::Start};

use crate::{
    Failure,
    failure::Broken,
    ledger::Ledger,
    network::{Arrival, Client, ConnectionId, Network},
    node::{Context, Node, Task, touches},
    publisher::Publisher,
    random::Random,
    subscriber::{Keeps, Subscriber},
    world::{City, World, key, parse},
};

mod faults;
mod rest;

const CITIES: [&str; 3] = ["fujisawa", "santander", "toulouse"];

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
    /// Envelopes that publishers signed.
    pub signed: u64,
    /// Envelopes acknowledged as durable.
    pub acknowledged: u64,
    /// Records given to clients and peers.
    pub delivered: u64,
    /// Envelopes sent that no node may take.
    pub forged: u64,
    /// Nodes that went down.
    pub crashes: u64,
    /// Connections that broke.
    pub disconnections: u64,
    /// Statements made.
    pub statements: u64,
    /// Appends that a full disk refused.
    pub storage_full: u64,
    /// Subscriptions that a peer did not permit, and that were asked for again.
    pub not_permitted: u64,
    /// Checkpoints that peers cosigned.
    pub cosigned: u64,
    /// Times in which nothing was heard for longer than statements may be relied upon.
    pub silences: u64,
    /// Readers that were told to come again for what was withheld for that reason.
    pub told_stale: u64,
    /// The same for the same seed and scale.
    pub digest: u64,
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
    outcome.map_err(|Broken(what)| Failure { seed, step, what })
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
        let count = random.index(2).saturating_add(2);
        let mut world = World::default();
        for name in CITIES.iter().take(count) {
            world.cities.push(City::new(name)?);
        }
        let mut simulation = Self {
            world,
            network: Network::new(60),
            ledger: Ledger::default(),
            random,
            now: Timestamp::from_micros(1_800_000_000_000_000),
            nodes: (0..count).map(Node::new).collect(),
            publishers: Vec::new(),
            subscribers: Vec::new(),
            moody_grants: Vec::new(),
            late_grants: Vec::new(),
            enrolled: 0,
        };
        for city in 0..count {
            simulation.start(city)?;
        }
        simulation.found()?;
        for city in 0..count {
            simulation.people(city)?;
        }
        Ok(simulation)
    }

    /// Roots, issuers and peerings, as an administrator brings them to each node.
    fn found(&mut self) -> Result<(), Broken> {
        let now = self.now;
        let count = self.nodes.len();
        let mut peerings = Vec::new();
        for left in 0..count {
            for right in left + 1..count {
                peerings.push((left, right, self.world.peering(left, right, now)?));
            }
        }
        for node in 0..count {
            let mut statements = Vec::new();
            for other in (node..count).chain(0..node) {
                if let Some(city) = self.world.cities.get(other) {
                    statements.extend([city.root(), city.issuer()?]);
                }
            }
            let own = peerings.iter().filter(|(left, right, _)| [*left, *right].contains(&node));
            statements.extend(own.map(|(_, _, statement)| statement.clone()));
            for statement in statements {
                self.state(node, &statement)?;
            }
        }
        Ok(())
    }

    /// Trucks and dashboards of a city, and what they may do.
    fn people(&mut self, city: usize) -> Result<(), Broken> {
        let name = self.name(city)?;
        let topics = [
            (format!("{name}/public/air/1"), Scope::Federation),
            (format!("{name}/public/bus/noise"), Scope::Federation),
            (format!("{name}/public/air/inside"), Scope::Organisation),
            (format!("{name}/private/camera"), Scope::Federation),
        ];
        for (topic, scope) in topics {
            self.enrol_truck(city, &topic, scope)?;
        }
        let everything = format!("{name}/#");
        let cursor = Keeps::Cursor(parse("wall")?);
        for (number, start, keeps) in [
            (1, Start::Earliest, cursor.clone()),
            (2, Start::Latest, Keeps::Place),
            (3, Start::LastValue, Keeps::Place),
        ] {
            let who = format!("dashboard-{number}");
            self.enrol_dashboard(city, &who, &everything, start, keeps)?;
            self.grant(city, &format!("{who}@{name}"), &everything)?;
        }
        for other in (0..self.nodes.len()).filter(|other| *other != city) {
            let foreign = format!("{}/#", self.name(other)?);
            let late = self.random.per_mille(400);
            for (kind, start, keeps) in [
                ("map", Start::Earliest, cursor.clone()),
                ("chart", Start::Time(self.now), Keeps::Place),
            ] {
                let who = format!("{kind}-of-{other}");
                self.enrol_dashboard(city, &who, &foreign, start, keeps)?;
                let reader = format!("{who}@{name}");
                if late {
                    self.late_grants.push((other, reader, foreign.clone()));
                } else {
                    self.grant(other, &reader, &foreign)?;
                }
            }
        }
        self.enrol_dashboard(city, "visitor", &everything, Start::Earliest, cursor)?;
        if let Some(visitor) = self.subscribers.last_mut() {
            visitor.steady = false;
        }
        Ok(())
    }

    fn name(&self, city: usize) -> Result<OrgName, Broken> {
        let found = self.world.cities.get(city).map(|city| city.name.clone());
        found.ok_or_else(|| Broken(format!("there is no city {city}")))
    }

    fn enrol_truck(&mut self, city: usize, topic: &str, scope: Scope) -> Result<(), Broken> {
        self.enrolled += 1;
        let who = format!("truck-{}", self.enrolled);
        let name = self.name(city)?;
        let key = key(&format!("{who} of {name}"));
        let now = self.now;
        let principal = self.world.principal(city, &who, PrincipalKind::Device, &key, now)?;
        let grantee = format!("{who}@{name}");
        let grant = self.world.grant(city, &grantee, "publish", topic, now)?;
        let told = self.state(city, &principal)? && self.state(city, &grant)?;
        if told {
            let (index, boot) = (self.publishers.len(), self.random.bytes());
            let publisher = Publisher::new(index, city, key, parse(topic)?, scope, boot);
            self.publishers.push(publisher);
        }
        Ok(())
    }

    fn enrol_dashboard(
        &mut self,
        city: usize,
        who: &str,
        filter: &str,
        start: Start,
        keeps: Keeps,
    ) -> Result<(), Broken> {
        let key = key(&format!("{who} of {}", self.name(city)?));
        let now = self.now;
        let statement = self.world.principal(city, who, PrincipalKind::App, &key, now)?;
        self.state(city, &statement)?;
        let index = self.subscribers.len();
        let subscriber = Subscriber::new(index, city, key, parse(filter)?, start, keeps);
        self.subscribers.push(subscriber);
        Ok(())
    }

    fn grant(&mut self, city: usize, grantee: &str, filter: &str) -> Result<bool, Broken> {
        let statement = self.world.grant(city, grantee, "subscribe,history", filter, self.now)?;
        self.state(city, &statement)
    }

    /// A city grants what it has put off, unless its node is down.
    fn grant_late(&mut self) -> Result<(), Broken> {
        let Some((city, grantee, filter)) = self.late_grants.pop() else { return Ok(()) };
        if !self.grant(city, &grantee, &filter)? {
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

    fn start(&mut self, city: usize) -> Result<(), Broken> {
        let mut context = context!(self);
        let Some(node) = self.nodes.get_mut(city) else { return Ok(()) };
        node.disk.set_capacity(None);
        node.start(&mut context)
    }

    /// One thing happens.
    fn step(&mut self) -> Result<(), Broken> {
        self.now = self.now.saturating_add(Duration::from_micros(self.random.below(6_000)));
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
        self.clear_abandoned()?;
        if self.random.per_mille(5) {
            self.check_nodes()?;
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
        let Some(arrival) = self.network.arrive(self.now, &mut self.random)? else {
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
            Arrival::AtClient { client: Client::Link { node, peer }, stream, frame, .. } => {
                if let Some(found) = self.nodes.get_mut(node) {
                    found.handle_link_frame(&peer, stream, frame, &mut context)?;
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
                let home = self.nodes.get(publisher.city);
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
        let mut context = context!(self);
        if context.random.per_mille(500) {
            let index = context.random.index(self.publishers.len());
            let Some(publisher) = self.publishers.get_mut(index) else { return Ok(()) };
            if context.random.per_mille(600) {
                publisher.write(&mut context)?;
            }
            publisher.act(&mut context);
        } else {
            let index = context.random.index(self.subscribers.len());
            let Some(subscriber) = self.subscribers.get_mut(index) else { return Ok(()) };
            if !subscriber.is_unwanted() || context.random.per_mille(200) {
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
            Client::Link { node, peer } => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.handle_link_closed(&peer, id, &mut context)?;
                }
            }
        }
        Ok(())
    }

    fn check_nodes(&mut self) -> Result<(), Broken> {
        let context = context!(self);
        self.nodes.iter().try_for_each(|node| node.check(&context))
    }

    fn report(&self) -> Report {
        let counts = self.ledger.counts;
        Report {
            signed: counts.signed,
            acknowledged: counts.acknowledged,
            delivered: counts.delivered,
            forged: counts.forged,
            crashes: counts.crashes,
            disconnections: counts.disconnections,
            statements: counts.statements,
            storage_full: counts.storage_full,
            not_permitted: counts.not_permitted,
            cosigned: counts.cosigned,
            silences: counts.silences,
            told_stale: counts.told_stale,
            digest: self.ledger.digest(),
        }
    }
}

/// The first of a city's grants that may be revoked.
fn clear_grant(grants: &[(usize, Hash)], city: usize) -> Option<usize> {
    grants.iter().position(|(owner, _)| *owner == city)
}
