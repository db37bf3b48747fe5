//! All nodes and links, and what happens to them one event after the other.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use sekisho_proto::{Frame, Hash, OrgName, Timestamp};
use sekisho_routing::Command;
use sekisho_seal::Verified;

use super::{
    graph::Graph,
    network::{Agenda, Event, Wire, decode, encode},
    node::Node,
    organisation::Organisation,
};
use crate::{
    failure::{Broken, ensure},
    random::Random,
};

mod founding;
mod linking;
mod publishing;
mod serving;
mod stating;

pub(super) use founding::draw_zipf;

/// A group commit, the disk's flush included.
const COMMIT: Duration = Duration::from_millis(2);
/// A connection that nothing came of for so long is over; the idle timeout of our QUIC.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that cannot be reached is given up after so long.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// A checkpoint is shown again after so long.
const SHOWN_AGAIN: Duration = Duration::from_secs(60);

/// A cable: cut while there is something here, and this is what waits for it.
#[derive(Debug, Default)]
struct Cable {
    held: Option<Vec<Event>>,
}

/// Who has come to know what, and when.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Statements and envelopes by their hash: the nodes that have them since.
    pub(super) seen: BTreeMap<Hash, Vec<(usize, Timestamp)>>,
}

pub(super) struct Federation {
    pub(super) graph: Graph,
    pub(super) organisations: Vec<Organisation>,
    pub(super) nodes: Vec<Node>,
    pub(super) wires: Vec<Wire>,
    pub(super) agenda: Agenda,
    pub(super) watch: Watch,
    pub(super) random: Random,
    pub(super) mirrors: bool,
    cables: Vec<Cable>,
    numbers: HashMap<OrgName, usize>,
    /// Envelopes whose signature was found in order once: every node would come to the same, at
    /// some 50 µs each.
    verified: HashMap<Hash, Verified>,
    /// The last sequence and envelope of each topic of each node.
    streams: Vec<Vec<Option<(u64, Hash)>>>,
}

impl Watch {
    pub(super) fn watch(&mut self, hash: Hash) {
        self.seen.insert(hash, Vec::new());
    }

    fn note(&mut self, hash: &Hash, node: usize, now: Timestamp) {
        if let Some(seen) = self.seen.get_mut(hash) {
            seen.push((node, now));
        }
    }
}

impl Federation {
    pub(super) fn node(&self, node: usize) -> Result<&Node, Broken> {
        self.nodes.get(node).ok_or_else(|| Broken(format!("there is no node {node}")))
    }

    pub(super) fn node_mut(&mut self, node: usize) -> Result<&mut Node, Broken> {
        self.nodes.get_mut(node).ok_or_else(|| Broken(format!("there is no node {node}")))
    }

    pub(super) fn wire(&self, wire: usize) -> Result<&Wire, Broken> {
        self.wires.get(wire).ok_or_else(|| Broken(format!("there is no link {wire}")))
    }

    pub(super) fn wire_mut(&mut self, wire: usize) -> Result<&mut Wire, Broken> {
        self.wires.get_mut(wire).ok_or_else(|| Broken(format!("there is no link {wire}")))
    }

    pub(super) fn organisation(&self, number: usize) -> Result<&Organisation, Broken> {
        let found = self.organisations.get(number);
        found.ok_or_else(|| Broken(format!("there is no organisation {number}")))
    }

    /// Lets everything happen that is due within a time.
    pub(super) fn run_for(&mut self, time: Duration) -> Result<(), Broken> {
        let until = self.agenda.now.saturating_add(time);
        while let Some(event) = self.agenda.next(until) {
            self.happen(event)?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Broken> {
        if let Some(cable) = self.cable_of(&event)
            && let Some(held) = &mut cable.held
        {
            held.push(event);
            return Ok(());
        }
        match event {
            Event::Up { wire, connection, bytes } => {
                let known = self.wire(wire)?;
                if known.connection != connection {
                    return Ok(());
                }
                let exporter = known.exporter;
                self.serve_frame(wire, decode(bytes)?)?;
                self.drain(exporter)
            }
            Event::Down { wire, connection, bytes } => {
                let known = self.wire(wire)?;
                if known.connection != connection {
                    return Ok(());
                }
                let importer = known.importer;
                self.take_frame(wire, decode(bytes)?)?;
                self.drain(importer)
            }
            Event::Opened { wire, connection } => self.opened(wire, connection),
            Event::Lost { wire, connection } => self.lost(wire, connection),
            Event::Closed { wire, session } => {
                let exporter = self.wire(wire)?.exporter;
                self.forget_session(wire, session)?;
                self.drain(exporter)
            }
            Event::Timeout { wire } => self.call(wire),
            Event::Commit { node } => {
                let now = self.agenda.now;
                self.node_mut(node)?.commit(now)?;
                self.drain(node)
            }
            Event::Show { node } => {
                self.agenda.plan_in(SHOWN_AGAIN, Event::Show { node });
                self.tell_followers(node)
            }
        }
    }

    /// The cable that an event has to pass.
    fn cable_of(&mut self, event: &Event) -> Option<&mut Cable> {
        let wire = match event {
            Event::Up { wire, .. }
            | Event::Down { wire, .. }
            | Event::Opened { wire, .. }
            | Event::Closed { wire, .. } => *wire,
            Event::Lost { .. }
            | Event::Timeout { .. }
            | Event::Commit { .. }
            | Event::Show { .. } => return None,
        };
        let edge = self.wires.get(wire)?.edge;
        self.cables.get_mut(edge)
    }

    /// Cuts the cable between two peers. What is under way waits, as a transport would send it
    /// again, and is lost with its connection.
    pub(super) fn cut(&mut self, edge: usize) {
        if let Some(cable) = self.cables.get_mut(edge) {
            cable.held.get_or_insert_default();
        }
        for (wire, known) in self.wires.iter().enumerate().filter(|(_, wire)| wire.edge == edge) {
            let connection = known.connection;
            self.agenda.plan_in(IDLE_TIMEOUT, Event::Lost { wire, connection });
        }
    }

    pub(super) fn heal(&mut self, edge: usize) -> Result<(), Broken> {
        let held = self.cables.get_mut(edge).and_then(|cable| cable.held.take());
        for event in held.into_iter().flatten() {
            let latency = self.graph.edges.get(edge).map_or(Duration::ZERO, |edge| edge.latency);
            self.agenda.plan_in(latency, event);
        }
        Ok(())
    }

    pub(super) fn is_cut(&self, edge: usize) -> bool {
        self.cables.get(edge).is_some_and(|cable| cable.held.is_some())
    }

    /// Carries out everything that a node's router and links want.
    pub(super) fn drain(&mut self, node: usize) -> Result<(), Broken> {
        loop {
            let mut idle = true;
            while let Some(command) = self.node_mut(node)?.router.poll_command() {
                idle = false;
                self.carry_out(node, command)?;
            }
            while let Some(wire) = self.node_mut(node)?.touched.pop() {
                idle = false;
                self.drain_link(wire)?;
            }
            if idle {
                return Ok(());
            }
        }
    }

    fn carry_out(&mut self, node: usize, command: Command) -> Result<(), Broken> {
        match command {
            Command::Append { ticket, record, .. } => {
                let appends = &mut self.node_mut(node)?.appends;
                appends.push((ticket, record));
                if appends.len() == 1 {
                    self.agenda.plan_in(COMMIT, Event::Commit { node });
                }
                Ok(())
            }
            Command::Replay {
                session, subscription, replay, filter, from, records_max, ..
            } => {
                let now = self.agenda.now;
                let records_max = usize::try_from(records_max).unwrap_or(usize::MAX);
                let node = self.node_mut(node)?;
                let page = node.read(replay, &filter, from, records_max)?;
                node.router.handle_replayed(session, subscription, page, now);
                Ok(())
            }
            Command::LinkStored { organisation, position } => {
                let now = self.agenda.now;
                self.tell_link_of(node, &organisation, |link| link.handle_stored(position, now))
            }
            Command::LinkRefused { organisation, what, why, .. } => {
                let name = &self.node(node)?.name;
                Err(Broken(format!("{name} refuses {what} of {organisation}: {why}")))
            }
            Command::LinkFailed { organisation, why, .. } => {
                Err(Broken(format!("a record of {organisation} could not be stored: {why}")))
            }
            Command::Refused { what, why, .. } | Command::Dropped { what, why, .. } => {
                Err(Broken(format!("{what}: {why}")))
            }
            Command::Published { .. } | Command::StoreCursor { .. } => Ok(()),
            Command::Deliver { .. }
            | Command::Gap { .. }
            | Command::Subscribed { .. }
            | Command::EndSubscription { .. }
            | Command::CutSession { .. } => self.serve(node, command),
        }
    }

    /// A frame of the importer begins its way.
    fn send_up(&mut self, wire: usize, frame: impl Into<Frame>) -> Result<(), Broken> {
        let frame = frame.into();
        let bytes = encode(&frame);
        let known = self.wire_mut(wire)?;
        known.traffic.note(&frame, bytes.len());
        let (latency, connection) = (known.latency, known.connection);
        self.agenda.plan_in(latency, Event::Up { wire, connection, bytes });
        Ok(())
    }

    /// A frame of the exporter begins its way.
    fn send_down(&mut self, wire: usize, frame: impl Into<Frame>) -> Result<(), Broken> {
        let frame = frame.into();
        let bytes = encode(&frame);
        let known = self.wire_mut(wire)?;
        known.traffic.note(&frame, bytes.len());
        let (latency, connection) = (known.latency, known.connection);
        self.agenda.plan_in(latency, Event::Down { wire, connection, bytes });
        Ok(())
    }

    /// Every link is connected, has read its peer's log and gets what it asks for.
    pub(super) fn check_connected(&self) -> Result<(), Broken> {
        for wire in &self.wires {
            let well = wire.link.as_ref().is_some_and(|link| {
                link.is_connected() && link.not_permitted() == 0 && link.undone() == 0
            });
            ensure(well, || {
                format!("the link of {} to {} is not at rest", wire.importer, wire.exporter)
            })?;
        }
        Ok(())
    }
}
