//! What goes wrong, and what people change their minds about.

use std::time::Duration;

use sekisho_proto::{Scope, statement::RevokeTarget};

use super::{Context, Simulation, clear_grant, context};
use crate::{failure::Broken, publisher::Standing, world::parse};

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
            _ => self.change_policy(node),
        }
    }

    /// Nothing is heard anywhere for so long that statements of other organisations are too old to
    /// go by.
    fn silence(&mut self) {
        self.ledger.counts.silences += 1;
        self.now = self.now.saturating_add(Duration::from_mins(16));
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
        let down = self.nodes.iter().position(|node| !node.is_up());
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
        publisher.forge(strange, &mut context)
    }

    /// Somebody is enrolled, trusted, mistrusted or thrown out.
    fn change_policy(&mut self, city: usize) -> Result<(), Broken> {
        if !self.nodes.get(city).is_some_and(crate::node::Node::is_up) {
            return Ok(());
        }
        let name = self.name(city)?;
        let visitor = format!("visitor@{name}");
        let now = self.now;
        match self.random.below(7) {
            6 => self.grant_late(),
            0 => self.enrol_truck(
                city,
                &format!("{name}/public/air/{}", self.enrolled),
                Scope::Federation,
            ),
            1 | 2 => {
                let filters = ["#", "public/#", "private/#", "public/+/noise"];
                let Some(filter) = self.random.pick(&filters).copied() else { return Ok(()) };
                let filter = format!("{name}/{filter}");
                let actions = ["subscribe", "history", "subscribe,history"];
                let Some(actions) = self.random.pick(&actions).copied() else { return Ok(()) };
                let grant = self.world.grant(city, &visitor, actions, &filter, now)?;
                if self.state(city, &grant)? {
                    self.moody_grants.push((city, grant.id()));
                }
                Ok(())
            }
            3 | 4 => {
                let Some(index) = clear_grant(&self.moody_grants, city) else { return Ok(()) };
                let (_, grant) = self.moody_grants.remove(index);
                let revoke = self.world.revoke(city, RevokeTarget::Statement(grant), now)?;
                self.state(city, &revoke).map(|_| ())
            }
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
        let target = RevokeTarget::Principal(truck.key.id());
        let revoke = self.world.revoke(city, target, now)?;
        self.state(city, &revoke).map(|_| ())
    }
}
