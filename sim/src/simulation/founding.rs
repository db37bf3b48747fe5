//! How a run begins: organisations that trust one another, trucks, dashboards, and what they may do.

use std::time::Duration;

use sekisho_proto::{OrgName, PrincipalKind, Scope, Statement, Timestamp, frame::Start};

use super::{Simulation, faults::SHARED};
use crate::{
    clock::Clock,
    failure::Broken,
    publisher::{Publisher, Travels},
    subscriber::{Keeps, Subscriber},
    world::{key, parse},
};

/// Whoever states something that is to hold at once dates it back by more than clocks differ.
const DATED_BACK: Duration = Duration::from_mins(3);

impl Simulation {
    /// Roots, issuers and contracts, as an administrator brings them to each node.
    pub(super) fn found(&mut self) -> Result<(), Broken> {
        self.agree()?;
        self.ledger.counts.transits += u64::from(self.climate.transit.is_some());
        let count = self.nodes.len();
        for node in 0..count {
            let mut statements = Vec::new();
            for other in (node..count).chain(0..node) {
                if other != node && !self.are_peers(node, other) {
                    continue;
                }
                if let Some(city) = self.world.cities.get(other) {
                    statements.extend([city.root(), city.issuer()?]);
                }
            }
            let contracts = self.contracts.iter();
            let own = contracts.filter(|contract| contract.is_of(node));
            statements.extend(own.map(|contract| contract.statement.clone()));
            statements.push(self.node_statement(node)?);
            for statement in statements {
                self.state(node, &statement)?;
            }
        }
        Ok(())
    }

    /// A city says which key its node has.
    fn node_statement(&mut self, city: usize) -> Result<Statement, Broken> {
        let Some(found) = self.world.cities.get(city) else {
            return Err(Broken(format!("there is no city {city}")));
        };
        let (key, now) = (key(&format!("node of {}", found.name)), self.at_once());
        self.world.principal(city, "node", PrincipalKind::Node, &key, now)
    }

    /// When something was stated that is to hold at once, whatever clocks show.
    pub(super) fn at_once(&self) -> Timestamp {
        self.now.saturating_sub(DATED_BACK)
    }

    /// Trucks and dashboards of a city, and what they may do.
    pub(super) fn people(&mut self, city: usize) -> Result<(), Broken> {
        let name = self.name(city)?;
        let topics = [
            (format!("{name}/public/air/1"), Scope::Federation),
            (format!("{name}/public/air/{SHARED}"), Scope::Federation),
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
        self.enrol_visitor(city, "visitor", &everything, cursor.clone())?;
        if self.climate.guests {
            for other in (0..self.nodes.len()).filter(|other| *other != city) {
                let foreign = format!("{}/#", self.name(other)?);
                self.enrol_visitor(city, &format!("guest-of-{other}"), &foreign, cursor.clone())?;
            }
        }
        Ok(())
    }

    pub(super) fn name(&self, city: usize) -> Result<OrgName, Broken> {
        let found = self.world.cities.get(city).map(|city| city.name.clone());
        found.ok_or_else(|| Broken(format!("there is no city {city}")))
    }

    pub(super) fn enrol_truck(
        &mut self,
        city: usize,
        topic: &str,
        scope: Scope,
    ) -> Result<(), Broken> {
        self.enrolled += 1;
        let who = format!("truck-{}", self.enrolled);
        let name = self.name(city)?;
        let key = key(&format!("{who} of {name}"));
        let now = self.at_once();
        let principal = self.world.principal(city, &who, PrincipalKind::Device, &key, now)?;
        let grantee = format!("{who}@{name}");
        let grant = self.world.grant(city, &grantee, "publish", topic, now)?;
        let told = self.state(city, &principal)? && self.state(city, &grant)?;
        if told {
            let (index, boot) = (self.publishers.len(), self.random.bytes());
            let mut publisher = Publisher::new(index, city, key, parse(topic)?, scope, boot);
            publisher.grant = Some(grant.id());
            if self.climate.roaming {
                publisher.travels = Travels::Abroad;
            }
            if self.climate.clocks {
                publisher.clock = Clock::drawn(&mut self.random);
            }
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
        let now = self.at_once();
        let statement = self.world.principal(city, who, PrincipalKind::App, &key, now)?;
        self.state(city, &statement)?;
        let index = self.subscribers.len();
        let subscriber = Subscriber::new(index, city, key, parse(filter)?, start, keeps);
        self.subscribers.push(subscriber);
        Ok(())
    }

    /// Somebody whose rights come and go.
    fn enrol_visitor(
        &mut self,
        city: usize,
        who: &str,
        filter: &str,
        keeps: Keeps,
    ) -> Result<(), Broken> {
        self.enrol_dashboard(city, who, filter, Start::Earliest, keeps)?;
        if let Some(visitor) = self.subscribers.last_mut() {
            visitor.steady = false;
        }
        Ok(())
    }

    pub(super) fn grant(
        &mut self,
        city: usize,
        grantee: &str,
        filter: &str,
    ) -> Result<bool, Broken> {
        let statement =
            self.world.grant(city, grantee, "subscribe,history", filter, self.at_once())?;
        self.state(city, &statement)
    }
}
