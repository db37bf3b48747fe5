//! What goes wrong, and what people change their minds about.

use std::time::Duration;

use sekisho_proto::{Scope, Timestamp, statement::RevokeTarget};

use super::{Context, Simulation, clear_grant, context};
use crate::{
    failure::Broken,
    network::Cut,
    node::Node,
    publisher::Standing,
    world::{key, parse},
};

/// The place of which many trucks of a city speak, on one topic.
pub(super) const SHARED: &str = "shared";

impl Simulation {
    pub(super) fn fault(&mut self) -> Result<(), Broken> {
        let node = self.random.index(self.nodes.len());
        match self.random.below(100) {
            0..25 => self.break_connection(),
            25..30 => self.crash(node),
            30..34 => {
                let steps = self.random.below(12);
                if let Some(found) = self.nodes.get(node).filter(|node| node.is_up()) {
                    found.disk.power_lasts_for(steps);
                }
                Ok(())
            }
            34..50 => self.start_one_down(),
            50..56 => {
                let room = self.random.below(4_000);
                if let Some(found) = self.nodes.get(node) {
                    found.disk.set_capacity(Some(found.disk.used_bytes().saturating_add(room)));
                }
                Ok(())
            }
            56..64 => {
                if let Some(found) = self.nodes.get(node) {
                    found.disk.set_capacity(None);
                }
                Ok(())
            }
            64..68 => {
                let mut context = context!(self);
                let index = context.random.index(self.publishers.len());
                if let Some(publisher) = self.publishers.get_mut(index) {
                    publisher.restart(&mut context);
                }
                Ok(())
            }
            68..86 => self.forge(),
            86..88 => {
                self.silence();
                Ok(())
            }
            88..91 => self.change_policy(node),
            _ => self.particular_fault(node),
        }
    }

    /// What goes wrong in some runs only.
    fn particular_fault(&mut self, node: usize) -> Result<(), Broken> {
        match self.random.below(9) {
            0 if self.climate.partitions => self.partition(),
            1 if self.climate.partitions => self.tunnel(),
            2 if self.climate.contracts => return self.change_contract(),
            3 if self.climate.contracts => return self.bring_contracts(),
            4 | 5 if self.climate.guests => return self.change_guest(node),
            6 if self.climate.rot => self.rot(node),
            7 if self.climate.lies => {
                self.climate.lies = false;
                self.lie(node);
            }
            8 if self.climate.clocks => {
                self.ledger.counts.clock_jumps += 1;
                self.set_clock(node);
            }
            _ => return self.change_policy(node),
        }
        Ok(())
    }

    /// Some nodes cannot reach the others for a while, seconds or a quarter of an hour.
    fn partition(&mut self) {
        self.ledger.counts.partitions += 1;
        let side = self.random.draw();
        let is_here = |node: &usize| side >> node & 1 == 0;
        let until = self.some_time();
        let nodes: Vec<usize> = (0..self.nodes.len()).collect();
        for one in nodes.iter().filter(|node| is_here(node)) {
            for other in nodes.iter().filter(|node| !is_here(node)) {
                let cut = Cut::Between(*one.min(other), *one.max(other));
                self.network.cut(cut, until);
            }
        }
    }

    /// A truck drives into a tunnel.
    fn tunnel(&mut self) {
        self.ledger.counts.tunnels += 1;
        let until = self.some_time();
        let truck = self.random.index(self.publishers.len());
        self.network.cut(Cut::Publisher(truck), until);
    }

    fn some_time(&mut self) -> Timestamp {
        let longest = 1 << self.random.below(11);
        let time = Duration::from_secs(self.random.below(longest).saturating_add(1));
        self.now.saturating_add(time)
    }

    /// A city trusts or mistrusts somebody of another one.
    fn change_guest(&mut self, city: usize) -> Result<(), Broken> {
        if !self.nodes.get(city).is_some_and(Node::is_up) {
            return Ok(());
        }
        let homes: Vec<usize> = (0..self.nodes.len()).filter(|home| *home != city).collect();
        let Some(home) = self.random.pick(&homes).copied() else { return Ok(()) };
        let (name, home_name) = (self.name(city)?, self.name(home)?);
        let guest = format!("guest-of-{city}");
        let grantee = format!("{guest}@{home_name}");
        let now = self.nodes.get(city).map_or(self.now, |node| node.time(self.now));
        match self.random.below(8) {
            0 => {
                self.ledger.counts.denies += 1;
                let deny = self.world.deny(city, &grantee, &format!("{name}/public/#"), now)?;
                self.state(city, &deny).map(|_| ())
            }
            1 => {
                let key = key(&format!("{guest} of {home_name}"));
                let target = RevokeTarget::Principal(key.id());
                let revoke = self.world.revoke(city, target, now)?;
                self.state(city, &revoke).map(|_| ())
            }
            2..6 => self.trust(city, &grantee, now),
            _ => self.mistrust(city, now),
        }
    }

    /// Somebody whose rights come and go gets some, or loses some.
    pub(super) fn change_rights(&mut self) -> Result<(), Broken> {
        let city = self.random.index(self.nodes.len());
        if !self.nodes.get(city).is_some_and(Node::is_up) {
            return Ok(());
        }
        let visitor = format!("visitor@{}", self.name(city)?);
        let now = self.nodes.get(city).map_or(self.now, |node| node.time(self.now));
        match self.random.below(9) {
            0..4 => self.trust(city, &visitor, now),
            4..7 => self.mistrust(city, now),
            7 if self.climate.guests => self.change_guest(city),
            _ => self.revoke_truck_or_deny(city, &visitor),
        }
    }

    fn trust(&mut self, city: usize, grantee: &str, now: Timestamp) -> Result<(), Broken> {
        let filters = ["#", "public/#", "private/#", "public/+/noise"];
        let Some(filter) = self.random.pick(&filters).copied() else { return Ok(()) };
        let filter = format!("{}/{filter}", self.name(city)?);
        let actions = ["subscribe", "history", "subscribe,history"];
        let Some(actions) = self.random.pick(&actions).copied() else { return Ok(()) };
        let grant = self.world.grant(city, grantee, actions, &filter, now)?;
        if self.state(city, &grant)? {
            self.moody_grants.push((city, grant.id()));
        }
        Ok(())
    }

    fn mistrust(&mut self, city: usize, now: Timestamp) -> Result<(), Broken> {
        let Some(index) = clear_grant(&self.moody_grants, city) else { return Ok(()) };
        let (_, grant) = self.moody_grants.remove(index);
        let revoke = self.world.revoke(city, RevokeTarget::Statement(grant), now)?;
        self.state(city, &revoke).map(|_| ())
    }

    /// Nothing is heard anywhere for so long that statements of other organisations are too old to
    /// go by.
    fn silence(&mut self) {
        self.ledger.counts.silences += 1;
        self.pass(Duration::from_mins(16));
    }

    fn break_connection(&mut self) -> Result<(), Broken> {
        let ids = self.network.ids();
        let Some(id) = self.random.pick(&ids).copied() else { return Ok(()) };
        self.ledger.counts.disconnections += 1;
        self.close(id)
    }

    fn crash(&mut self, node: usize) -> Result<(), Broken> {
        let mut context = context!(self);
        if let Some(found) = self.nodes.get_mut(node) {
            found.crash(&mut context);
        }
        self.clear_up(node)
    }

    fn start_one_down(&mut self) -> Result<(), Broken> {
        let down = self.nodes.iter().position(|node| !node.is_up() && !node.is_gone);
        down.map_or(Ok(()), |node| self.start(node))
    }

    fn forge(&mut self) -> Result<(), Broken> {
        let strange = self.random.index(self.publishers.len());
        let strange = self
            .publishers
            .get(strange)
            .and_then(|publisher| publisher.captured().map(|envelope| (publisher.index, envelope)));
        let mut context = context!(self);
        let index = context.random.index(self.publishers.len());
        let Some(publisher) = self.publishers.get_mut(index) else { return Ok(()) };
        let strange = strange.filter(|(owner, _)| *owner != index).map(|(_, envelope)| envelope);
        let forks = !self.climate.lies && !context.ledger.doubt(publisher.city).lied;
        publisher.forge(strange, forks, &mut context)
    }

    /// Somebody is enrolled, trusted, mistrusted or thrown out.
    fn change_policy(&mut self, city: usize) -> Result<(), Broken> {
        if !self.nodes.get(city).is_some_and(Node::is_up) {
            return Ok(());
        }
        let name = self.name(city)?;
        let visitor = format!("visitor@{name}");
        let now = self.nodes.get(city).map_or(self.now, |node| node.time(self.now));
        match self.random.below(8) {
            6 => self.grant_late(),
            0 | 7 => {
                // Most of them write where others do.
                let alone = self.random.per_mille(300);
                let place = if alone { self.enrolled.to_string() } else { SHARED.to_owned() };
                let topic = format!("{name}/public/air/{place}");
                self.enrol_truck(city, &topic, Scope::Federation)
            }
            1 | 2 => self.trust(city, &visitor, now),
            3 | 4 => self.mistrust(city, now),
            _ => self.revoke_truck_or_deny(city, &visitor),
        }
    }

    /// A truck that is one of many is thrown out, or the visitor is kept from the cameras.
    fn revoke_truck_or_deny(&mut self, city: usize, visitor: &str) -> Result<(), Broken> {
        let now = self.now;
        if self.random.per_mille(300) {
            let filter = format!("{}/private/#", self.name(city)?);
            let deny = self.world.deny(city, visitor, &filter, now)?;
            return self.state(city, &deny).map(|_| ());
        }
        let first = parse(&format!("{}/public/air/1", self.name(city)?))?;
        let truck = self.publishers.iter_mut().filter(|truck| truck.city == city).find(|truck| {
            truck.standing == Standing::Steady
                && truck.scope == Scope::Federation
                && truck.topic > first
        });
        let Some(truck) = truck else { return Ok(()) };
        truck.standing = Standing::Revoked;
        // Who may come, and may not speak, is not sent away: what it said is still judged.
        let grant = truck.grant.filter(|_| self.climate.queues && self.random.per_mille(700));
        let principal = RevokeTarget::Principal(truck.key.id());
        let target = grant.map_or(principal, RevokeTarget::Statement);
        let revoke = self.world.revoke(city, target, now)?;
        self.state(city, &revoke).map(|_| ())
    }
}
