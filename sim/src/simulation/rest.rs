//! The end of a run: no more faults, and everything has to come to where it would be without.

use std::collections::BTreeSet;
use std::time::Duration;

use sekisho_proto::{Position, PrincipalId, Scope, Topic};
use sekisho_routing::Record;

use super::{Context, Simulation, context};
use crate::{
    failure::{Broken, ensure},
    network::Weather,
    node::{Log, Node, Task},
    publisher::{Publisher, Standing},
    rights::Subject,
    subscriber::Subscriber,
};

/// Rounds in which everything must come to rest: some ten times what it takes.
const ROUNDS_MAX: u32 = 20_000;

/// Rounds in which nothing is left to do, after which frames that are under way are signs of life:
/// of many links there is always one.
const CALM_ROUNDS: u32 = 200;

impl Simulation {
    pub(super) fn come_to_rest(&mut self) -> Result<(), Broken> {
        let calm = Weather { latency_ms_max: 5, lost_per_mille: 0, slow_per_mille: 0 };
        self.network.weather = calm;
        self.network.heal();
        self.revive()?;
        self.make_up()?;
        let mut calm = 0;
        for _ in 0..ROUNDS_MAX {
            self.revive()?;
            self.grant_late()?;
            self.bring_contracts()?;
            let moved = self.everybody_acts()?;
            if moved {
                continue;
            }
            calm = if self.unrest().is_none() { calm + 1 } else { 0 };
            let is_quiet = self.network.next_due().is_none();
            if calm > CALM_ROUNDS || calm > 0 && is_quiet {
                return self.check_rest();
            }
            self.wait();
        }
        let why = self.unrest().unwrap_or_else(|| "frames".to_owned());
        Err(Broken(format!("the federation does not come to rest: {why}; {:?}", self.climate)))
    }

    fn revive(&mut self) -> Result<(), Broken> {
        for node in 0..self.nodes.len() {
            if let Some(found) = self.nodes.get(node) {
                found.disk.set_capacity(None);
            }
            if !self.nodes.get(node).is_some_and(Node::is_up) {
                self.start(node)?;
            }
        }
        Ok(())
    }

    /// Everything that can happen now; whether anything arrived.
    fn everybody_acts(&mut self) -> Result<bool, Broken> {
        let mut moved = false;
        self.close_given_up()?;
        while self.network.next_due().is_some_and(|due| due <= self.now) {
            self.arrive()?;
            self.clear_abandoned()?;
            moved = true;
        }
        for node in 0..self.nodes.len() {
            for task in [Task::Flush, Task::Report, Task::Replay] {
                while self.nodes.get(node).is_some_and(|node| node.has(task, self.now)) {
                    self.work(node, task)?;
                }
            }
            self.work(node, Task::Tick)?;
        }
        let barred: Vec<bool> =
            self.subscribers.iter().map(|reader| self.is_barred(reader)).collect();
        let gone: Vec<bool> = (0..self.nodes.len()).map(|node| self.is_gone(node)).collect();
        let is_gone = |city: usize| gone.get(city).copied().unwrap_or(true);
        let mut context = context!(self);
        for publisher in self.publishers.iter_mut().filter(|truck| !is_gone(truck.city)) {
            publisher.act(&mut context);
        }
        for (subscriber, barred) in self.subscribers.iter_mut().zip(barred) {
            let is_gone = is_gone(subscriber.city);
            let is_in_vain = is_gone || barred && subscriber.is_refused();
            if !is_in_vain && !subscriber.is_unwanted() {
                subscriber.act(&mut context);
            }
        }
        self.clear_abandoned()?;
        Ok(moved)
    }

    fn wait(&mut self) {
        let now = self.now;
        let timers = self.nodes.iter_mut().filter_map(|node| node.next_timeout(now));
        let readers = self.subscribers.iter();
        let readers = readers.filter(|reader| !reader.is_unwanted());
        let again = readers.filter_map(|reader| reader.again_at);
        let again = again.chain(self.publishers.iter().filter_map(|truck| truck.again_at));
        let next = timers.chain(self.network.next_due()).chain(again);
        let next = next.filter(|next| *next > now).min();
        let soon = now.saturating_add(Duration::from_millis(1));
        let then = next.map_or(soon, |next| next.max(soon));
        self.pass(then.saturating_since(now));
    }

    /// Who still has something to do.
    fn unrest(&self) -> Option<String> {
        if !self.late_grants.is_empty() {
            return Some("somebody has not been granted what was promised".to_owned());
        }
        if !self.is_brought() {
            return Some("somebody has not been brought a contract".to_owned());
        }
        if let Some(node) = self.nodes.iter().find(|node| !node.is_idle()) {
            return Some(format!("node {} is at work", node.index));
        }
        if let Some(link) = self.link_at_work() {
            return Some(link);
        }
        let waits = |truck: &&Publisher| !truck.is_done() && !self.is_gone(truck.city);
        if let Some(publisher) = self.publishers.iter().find(waits) {
            return Some(format!("{} is not stored", publisher.topic));
        }
        let waiting = |index: &usize| {
            self.subscribers.get(*index).is_some_and(|subscriber| {
                !subscriber.is_subscribed()
                    && !subscriber.is_unwanted()
                    && !self.is_barred(subscriber)
            })
        };
        if let Some(subscriber) = (0..self.subscribers.len()).find(waiting) {
            return Some(format!("subscriber {subscriber} waits"));
        }
        // What a budget holds back comes later.
        let checked = self.logs().and_then(|logs| {
            self.check_policies()?;
            self.check_followers(&logs)?;
            self.check_subscribers(&logs)
        });
        checked.err().map(|Broken(what)| what)
    }

    /// A link that has not caught up, of those that can.
    fn link_at_work(&self) -> Option<String> {
        for (at, other) in self.pairs() {
            let organisation = self.world.cities.get(other).map(|city| &city.name);
            let running = self.nodes.get(at).and_then(Node::running);
            let (Some(organisation), Some(running)) = (organisation, running) else { continue };
            if !running.has_caught_up(organisation) {
                return Some(format!("node {at} has not caught up with {organisation}"));
            }
        }
        None
    }

    /// Nodes, each with one that it has a contract with and whose disk, like its own, has kept what
    /// it said.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let all = (0..self.nodes.len())
            .flat_map(|at| (0..self.nodes.len()).map(move |other| (at, other)));
        all.filter(|(at, other)| {
            at != other
                && !self.ledger.doubt(*at).lied
                && !self.ledger.doubt(*other).lied
                && self.common_contract(*at, *other).is_some()
        })
        .collect()
    }

    pub(super) fn is_gone(&self, node: usize) -> bool {
        self.nodes.get(node).is_none_or(|node| node.is_gone)
    }

    /// Whether a reader cannot be given what it asks for: its node has no contract with the owner,
    /// or has lost what it knew.
    fn is_barred(&self, reader: &Subscriber) -> bool {
        let owner = self.world.city_of(reader.filter.organisation());
        let foreign = owner.filter(|owner| *owner != reader.city);
        self.ledger.doubt(reader.city).lied
            || foreign.is_some_and(|owner| {
                self.ledger.doubt(owner).lied || self.common_contract(reader.city, owner).is_none()
            })
    }

    /// Two nodes that know the same contracts go by the same one.
    fn check_contracts(&self) -> Result<(), Broken> {
        for (at, other) in (0..self.nodes.len())
            .flat_map(|at| (0..at).map(move |other| (at, other)))
            .filter(|(at, other)| {
                [at, other]
                    .iter()
                    .all(|node| !self.is_gone(**node) && !self.ledger.doubt(**node).lied)
            })
        {
            let (Some((ours, _)), Some((theirs, _))) =
                (self.contract_at(at, other), self.contract_at(other, at))
            else {
                continue;
            };
            ensure(ours == theirs, || format!("nodes {at} and {other} go by different contracts"))?;
        }
        Ok(())
    }

    fn logs(&self) -> Result<Vec<Log>, Broken> {
        self.nodes.iter().map(|node| node.log(&self.world)).collect()
    }

    fn check_rest(&mut self) -> Result<(), Broken> {
        self.check_nodes()?;
        let logs = self.logs()?;
        self.check_contracts()?;
        self.check_policies()?;
        self.check_followers(&logs)?;
        self.check_subscribers(&logs)?;
        for record in logs.iter().flat_map(|log| log.records.values()) {
            self.ledger.note(&[record.envelope().hash().as_bytes()]);
        }
        Ok(())
    }

    /// Every node knows every statement of its peers.
    fn check_policies(&self) -> Result<(), Broken> {
        for (at, other) in self.pairs() {
            let running = |index: usize| self.nodes.get(index).and_then(Node::running);
            let (Some(node), Some(other)) = (running(at), running(other)) else { continue };
            let organisation = other.policy().own();
            let theirs = other.policy().log(organisation).iter();
            let missing =
                theirs.map(|logged| logged.statement.id()).find(|id| !node.known().contains(id));
            ensure(missing.is_none(), || {
                format!("{} misses a statement of {organisation}", node.policy().own())
            })?;
        }
        Ok(())
    }

    /// Every node has what it may have of its peers' records since their contract is what it is.
    fn check_followers(&self, logs: &[Log]) -> Result<(), Broken> {
        let steady = self.steady_publishers();
        for (at, home) in self.pairs() {
            let node = |index: usize| self.nodes.get(index);
            let (Some(taker), Some(exporter)) = (node(at), node(home)) else { continue };
            let (Some(own), Some(owner)) = (taker.running(), exporter.running()) else { continue };
            let (own, owner, log) = (own.policy().own(), owner, logs.get(home));
            let judge = owner.judge(exporter.time(self.now));
            let since = self.ledger.owed_from(home, own);
            let owed = log.into_iter().flat_map(|log| log.records.range(since.value()..));
            let owed = owed.map(|(_, record)| record).filter(|record| {
                record.topic().organisation() == judge.own
                    && steady.contains(&record.header().publisher)
                    && self.world.rights.may_cross(judge, own, subject(record))
            });
            let stored = self.ledger.stored(at);
            for record in owed {
                ensure(stored.contains(&record.envelope().hash()), || {
                    format!("{own} misses {} {}", record.topic(), record.offset())
                })?;
            }
        }
        self.check_passed_on(logs)?;
        for (at, log) in logs.iter().enumerate() {
            self.check_nothing_private(at, log)?;
        }
        Ok(())
    }

    /// Every node has what a peer may pass on to it of a third city's records.
    fn check_passed_on(&self, logs: &[Log]) -> Result<(), Broken> {
        if self.climate.guests {
            // A link does not go back to what a grant gives that comes after another one.
            return Ok(());
        }
        let pairs = self.pairs();
        let steady = self.steady_publishers();
        for (at, via) in pairs.iter().copied() {
            for (_, home) in pairs.iter().copied().filter(|(one, home)| *one == via && *home != at)
            {
                let node = |index: usize| {
                    let node = self.nodes.get(index)?;
                    Some(node.running()?.judge(node.time(self.now)))
                };
                let (Some(taker), Some(passer), Some(owner)) = (node(at), node(via), node(home))
                else {
                    continue;
                };
                let route = self.world.rights.route(taker, owner.own);
                if route.as_ref() != Some(passer.own) {
                    continue;
                }
                let since = [owner.own, taker.own];
                let since = since.iter().map(|other| self.ledger.owed_from(via, other)).max();
                let since = since.unwrap_or(Position::ZERO).value();
                let stored = self.ledger.stored(at);
                let log = logs.get(via).into_iter().flat_map(|log| log.records.range(since..));
                let missing = log.map(|(_, record)| record).find(|record| {
                    record.topic().organisation() == owner.own
                        && steady.contains(&record.header().publisher)
                        && self.world.rights.may_cross(passer, taker.own, subject(record))
                        && !stored.contains(&record.envelope().hash())
                });
                ensure(missing.is_none(), || {
                    let place = missing.map(|record| (record.topic(), record.offset()));
                    format!("{} is not passed on {place:?} by {}", taker.own, passer.own)
                })?;
            }
        }
        Ok(())
    }

    /// No node has a record that was not to leave its home.
    fn check_nothing_private(&self, at: usize, log: &Log) -> Result<(), Broken> {
        let Some(node) = self.nodes.get(at) else { return Ok(()) };
        let Some(running) = node.running() else { return Ok(()) };
        let judge = running.judge(node.time(self.now));
        let leaked = log.records.values().find(|record| {
            let owner = record.topic().organisation();
            let settled = !self.ledger.is_disturbed(at, owner);
            owner != judge.own
                && (record.header().scope != Scope::Federation
                    || settled && !self.world.rights.may_cross(judge, judge.own, subject(record)))
        });
        ensure(leaked.is_none() || self.ledger.doubt(at).lied, || {
            let topic: Option<&Topic> = leaked.map(Record::topic);
            format!("{} has a record of {topic:?}, which is not exported to it", judge.own)
        })
    }

    /// Every steady subscriber got everything it may have, from where it began, or was told that it
    /// is damaged.
    fn check_subscribers(&self, logs: &[Log]) -> Result<(), Broken> {
        let steady = |reader: &&Subscriber| {
            reader.steady && !self.ledger.doubt(reader.city).lied && !self.is_barred(reader)
        };
        for reader in self.subscribers.iter().filter(steady) {
            let Some(home) = self.nodes.get(reader.city) else { continue };
            let (Some(node), Some(log)) = (home.running(), logs.get(reader.city)) else { continue };
            let Some(first) = reader.first_wanted() else { continue };
            let since = self.ledger.owed_from(reader.city, reader.filter.organisation());
            let judge = node.judge(home.time(self.now));
            let missing = log.records.range(first.max(since).value()..).find(|(_, record)| {
                reader.filter.matches(record.topic())
                    && self.world.rights.may_have(judge, reader.key.id(), subject(record))
                    && !reader.has(record.position())
            });
            let (index, filter) = (reader.index, &reader.filter);
            ensure(missing.is_none(), || {
                let place = missing.map(|(position, record)| (position, record.topic()));
                format!("subscriber {index} of {filter} never got {place:?}")
            })?;
            self.check_told(reader, log)?;
            let invented = reader.processed.iter().find(|(position, hash)| {
                !self.ledger.is_durable(reader.city, Position::new(**position), hash)
            });
            ensure(invented.is_none(), || {
                format!("subscriber {index} got what is not in the log: {invented:?}")
            })?;
        }
        Ok(())
    }

    /// Nothing of a reader's own city was damaged without its being told.
    fn check_told(&self, reader: &Subscriber, log: &Log) -> Result<(), Broken> {
        let Some(first) = reader.first_wanted() else { return Ok(()) };
        let is_own = self.world.city_of(reader.filter.organisation()) == Some(reader.city);
        let untold = self.ledger.durable_from(reader.city, first).find(|(position, topic)| {
            is_own
                && reader.filter.matches(topic)
                && !log.records.contains_key(&position.value())
                && !reader.has(*position)
        });
        ensure(untold.is_none(), || {
            format!("subscriber {} was not told of damage: {untold:?}", reader.index)
        })
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
