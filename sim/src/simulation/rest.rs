//! The end of a run: no more faults, and everything has to come to where it would be without.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sekisho_proto::{Hash, PrincipalId, Topic};
use sekisho_routing::Record;

use super::{Context, Simulation, context};
use crate::{
    failure::{Broken, ensure},
    node::{Node, Task},
    publisher::Standing,
    rights::{Known, Subject},
};

/// Rounds in which everything must come to rest: some ten times what it takes.
const ROUNDS_MAX: u32 = 20_000;

impl Simulation {
    pub(super) fn come_to_rest(&mut self) -> Result<(), Broken> {
        self.network.latency_ms_max = 5;
        for _ in 0..ROUNDS_MAX {
            for node in 0..self.nodes.len() {
                if let Some(found) = self.nodes.get(node) {
                    found.disk.set_capacity(None);
                }
                if !self.nodes.get(node).is_some_and(Node::is_up) {
                    self.start(node)?;
                }
            }
            self.grant_late()?;
            let moved = self.everybody_acts()?;
            if !moved && self.unrest().is_none() {
                return self.check_rest();
            }
            if !moved {
                self.wait();
            }
        }
        let why = self.unrest().unwrap_or_else(|| "frames".to_owned());
        Err(Broken(format!("the federation does not come to rest: {why}")))
    }

    /// Everything that can happen now; whether anything arrived.
    fn everybody_acts(&mut self) -> Result<bool, Broken> {
        let mut moved = false;
        while self.network.next_due().is_some_and(|due| due <= self.now) {
            self.arrive()?;
            self.clear_abandoned()?;
            moved = true;
        }
        for node in 0..self.nodes.len() {
            for task in [Task::Flush, Task::Report, Task::Replay] {
                while self.nodes.get(node).is_some_and(|node| node.has(task)) {
                    self.work(node, task)?;
                }
            }
            self.work(node, Task::Tick)?;
        }
        let mut context = context!(self);
        for publisher in &mut self.publishers {
            publisher.act(&mut context);
        }
        for subscriber in &mut self.subscribers {
            if !subscriber.is_unwanted() {
                subscriber.act(&mut context);
            }
        }
        self.clear_abandoned()?;
        Ok(moved)
    }

    fn wait(&mut self) {
        let now = self.now;
        let timers = self.nodes.iter_mut().filter_map(|node| node.next_timeout(now));
        let next = timers.chain(self.network.next_due()).min();
        let soon = now.saturating_add(Duration::from_millis(1));
        self.now = next.map_or(soon, |next| next.max(soon));
    }

    /// Who still has something to do.
    fn unrest(&self) -> Option<String> {
        if !self.late_grants.is_empty() {
            return Some("somebody has not been granted what was promised".to_owned());
        }
        if self.network.next_due().is_some() {
            return Some("frames are under way".to_owned());
        }
        if let Some(node) = self.nodes.iter().find(|node| !node.is_idle()) {
            return Some(format!("node {} is at work", node.index));
        }
        if let Some(publisher) = self.publishers.iter().find(|publisher| !publisher.is_done()) {
            return Some(format!("{} is not stored", publisher.topic));
        }
        let waiting = |index: &usize| {
            self.subscribers
                .get(*index)
                .is_some_and(|subscriber| !subscriber.is_subscribed() && !subscriber.is_unwanted())
        };
        let subscriber = (0..self.subscribers.len()).find(waiting)?;
        Some(format!("subscriber {subscriber} waits"))
    }

    fn check_rest(&mut self) -> Result<(), Broken> {
        self.check_nodes()?;
        let context = context!(self);
        let logs =
            self.nodes.iter().map(|node| node.log(&context)).collect::<Result<Vec<_>, Broken>>()?;
        self.check_policies()?;
        self.check_followers(&logs)?;
        self.check_subscribers(&logs)?;
        for record in logs.iter().flat_map(BTreeMap::values) {
            self.ledger.note(&[record.envelope().hash().as_bytes()]);
        }
        Ok(())
    }

    /// Every node knows every statement of its own organisation and of its peers.
    fn check_policies(&self) -> Result<(), Broken> {
        for node in self.nodes.iter().filter_map(Node::running) {
            for other in self.nodes.iter().filter_map(Node::running) {
                let organisation = other.policy().own();
                let theirs = other.policy().log(organisation).iter();
                let missing = theirs
                    .map(|logged| logged.statement.id())
                    .find(|id| !node.known().contains(id));
                ensure(missing.is_none(), || {
                    format!("{} misses a statement of {organisation}", node.policy().own())
                })?;
            }
        }
        Ok(())
    }

    /// Every node has what it may have of its peers' records.
    fn check_followers(&self, logs: &[BTreeMap<u64, Record>]) -> Result<(), Broken> {
        let steady = self.steady_publishers();
        for (index, log) in logs.iter().enumerate() {
            let stored: BTreeSet<Hash> =
                log.values().map(|record| record.envelope().hash()).collect();
            let Some(node) = self.nodes.get(index).and_then(Node::running) else { continue };
            let own = node.policy().own();
            for (home, other) in logs.iter().enumerate() {
                let exporter = self.nodes.get(home).and_then(Node::running);
                let Some(exporter) = exporter.filter(|_| home != index) else { continue };
                let owner = exporter.policy().own();
                let exported = other.values().filter(|record| {
                    record.topic().organisation() == owner
                        && steady.contains(&record.header().publisher)
                        && self.world.rights.may_cross(exporter.known(), own, subject(record))
                });
                for record in exported {
                    ensure(stored.contains(&record.envelope().hash()), || {
                        format!("{own} misses {} {} of {owner}", record.topic(), record.offset())
                    })?;
                }
            }
            self.check_nothing_private(log, node.known(), own)?;
        }
        Ok(())
    }

    /// No node has a record that was not to leave its home.
    fn check_nothing_private(
        &self,
        log: &BTreeMap<u64, Record>,
        known: &Known,
        own: &sekisho_proto::OrgName,
    ) -> Result<(), Broken> {
        let leaked = log.values().find(|record| {
            record.topic().organisation() != own
                && !self.world.rights.may_cross(known, own, subject(record))
        });
        ensure(leaked.is_none(), || {
            let topic: Option<&Topic> = leaked.map(Record::topic);
            format!("{own} has a record of {topic:?}, which is not exported to it")
        })
    }

    /// Every steady subscriber got everything it may have, from where it began.
    fn check_subscribers(&self, logs: &[BTreeMap<u64, Record>]) -> Result<(), Broken> {
        for subscriber in self.subscribers.iter().filter(|subscriber| subscriber.steady) {
            let node = self.nodes.get(subscriber.city).and_then(Node::running);
            let (Some(node), Some(log)) = (node, logs.get(subscriber.city)) else { continue };
            let Some(first) = subscriber.first_wanted() else { continue };
            let missing = log.range(first.value()..).find(|(position, record)| {
                subscriber.filter.matches(record.topic())
                    && self.world.rights.may_have(
                        node.known(),
                        subscriber.key.id(),
                        subject(record),
                    )
                    && !subscriber.processed.contains_key(position)
            });
            ensure(missing.is_none(), || {
                let place = missing.map(|(position, record)| (position, record.topic()));
                let (index, filter) = (subscriber.index, &subscriber.filter);
                format!("subscriber {index} of {filter} never got {place:?}")
            })?;
            let invented = subscriber.processed.iter().find(|(position, hash)| {
                log.get(position).is_none_or(|record| record.envelope().hash() != **hash)
            });
            ensure(invented.is_none(), || {
                format!("subscriber {} got what is not in the log: {invented:?}", subscriber.index)
            })?;
        }
        Ok(())
    }

    fn steady_publishers(&self) -> BTreeSet<PrincipalId> {
        let steady =
            self.publishers.iter().filter(|publisher| publisher.standing == Standing::Steady);
        steady.map(|publisher| publisher.key.id()).collect()
    }
}

fn subject(record: &Record) -> Subject<'_> {
    let header = record.header();
    Subject { topic: &header.topic, scope: header.scope, received: record.received() }
}
