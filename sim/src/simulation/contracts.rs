//! Contracts between cities: made, changed, ended and renewed while everything else goes on.

use std::time::Duration;

use sekisho_proto::{
    Hash, OrgName, Statement, Timestamp,
    statement::{PeeringBudget, RevokeTarget},
};

use super::Simulation;
use crate::{
    failure::Broken,
    node::Node,
    random::Random,
    world::{Side, Terms},
};

/// A contract that ends by itself does so within this time, seconds.
const TERM_S: u64 = 300;

/// A contract that is nearer to its end than clocks may differ is over for some already.
const NEAR_ITS_END: Duration = Duration::from_mins(3);

/// The newest contract of two cities.
#[derive(Debug)]
pub(super) struct Contract {
    parties: (usize, usize),
    pub(super) statement: Statement,
    /// Whose node has not been brought it.
    late: Option<usize>,
    /// Whether one of them has ended it.
    is_ended: bool,
}

impl Contract {
    pub(super) fn is_of(&self, city: usize) -> bool {
        self.parties.0 == city || self.parties.1 == city
    }
}

impl Simulation {
    /// Every two cities have a contract, but for two that hear of each other through a third one.
    pub(super) fn agree(&mut self) -> Result<(), Broken> {
        let count = self.nodes.len();
        for left in 0..count {
            for right in left + 1..count {
                let parties = (left, right);
                let Some(mut sides) = self.first_sides(parties) else { continue };
                sides.iter_mut().for_each(|side| self.furnish(side));
                let terms = Terms { sides, from: self.at_once(), until: None };
                let statement = self.world.peering(parties, &terms)?;
                self.contracts.push(Contract { parties, statement, late: None, is_ended: false });
            }
        }
        Ok(())
    }

    /// The first city has no contract with the third one: the second passes on what it may.
    fn first_sides(&self, parties: (usize, usize)) -> Option<[Side; 2]> {
        let usual = [Side::usual(), Side::usual()];
        let Some((first, third)) = self.climate.transit else { return Some(usual) };
        let [mut left, mut right] = usual;
        let filters = vec!["public/air/#"];
        // What is passed on overlaps with no filter beside it: a link does not go back to what was
        // not for its city when it came along with what was for another one.
        let apart = vec!["public/air/#", "public/bus/#"];
        match parties {
            (0, 2) => return None,
            (0, 1) => {
                left.onward = first;
                right.passes_on.push((2, filters));
                (left.imports, right.imports) = (apart.clone(), apart);
            }
            (1, 2) => {
                left.passes_on.push((0, filters));
                right.onward = third;
                (left.imports, right.imports) = (apart.clone(), apart);
            }
            _ => {}
        }
        Some([left, right])
    }

    /// Whether two cities had a contract from the beginning: only then they know each other.
    pub(super) fn are_peers(&self, one: usize, other: usize) -> bool {
        self.contracts.iter().any(|contract| contract.is_of(one) && contract.is_of(other))
    }

    /// Two cities make a new contract, or one of them ends the one they have.
    pub(super) fn change_contract(&mut self) -> Result<(), Broken> {
        let index = self.random.index(self.contracts.len());
        let Some(Contract { parties, is_ended, .. }) = self.contracts.get(index) else {
            return Ok(());
        };
        let (parties, is_ended) = (*parties, *is_ended);
        self.ledger.counts.contracts += 1;
        if !is_ended && self.random.per_mille(300) {
            return self.end_contract(index);
        }
        let until = self.random.per_mille(200).then(|| {
            let term = Duration::from_secs(self.random.below(TERM_S));
            self.now.saturating_add(term)
        });
        let mut sides = [self.side(), self.side()];
        sides.iter_mut().for_each(|side| self.furnish(side));
        self.renew(index, &Terms { sides, from: self.at_once(), until }, parties)
    }

    /// What a side says beside what it gives and takes.
    fn furnish(&mut self, side: &mut Side) {
        if self.climate.roaming {
            let carried: [&[_]; 4] =
                [&[], &["public/#"], &["public/air/#", "private/#"], &["public/+/noise"]];
            side.carries_home = self.random.pick(&carried).copied().unwrap_or_default().to_vec();
        }
        if self.climate.budgets {
            let some = |random: &mut Random, least: u64, most: u64| {
                let drawn = least.saturating_add(random.below(most.saturating_sub(least)));
                random.per_mille(600).then_some(drawn)
            };
            let random = &mut self.random;
            // A link does not go back to what was not for its city when it came along with what was:
            // where something is passed on, no filters are asked for together.
            let few = if self.climate.transit.is_some() { 2 } else { 1 };
            side.budget = PeeringBudget {
                bytes_per_s: some(random, 1_000, 8_000),
                envelopes_per_s: some(random, 2, 20).and_then(|per_s| u32::try_from(per_s).ok()),
                interests: some(random, few, 4).and_then(|most| u32::try_from(most).ok()),
                history_bytes_per_s: some(random, 1_000, 16_000),
            };
        }
    }

    fn side(&mut self) -> Side {
        let exports: [&[_]; 3] =
            [&["public/#"], &["public/#", "private/#"], &["public/air/#", "public/bus/#"]];
        let imports: [&[_]; 4] = [
            &["public/air/#", "public/+/noise"],
            &["public/#"],
            &["public/air/#"],
            &["public/air/+", "public/bus/#"],
        ];
        let exports = self.random.pick(&exports).copied().unwrap_or_default().to_vec();
        let imports = self.random.pick(&imports).copied().unwrap_or_default().to_vec();
        let bytes_per_s = self.random.per_mille(200).then_some(2_000);
        let budget = PeeringBudget { bytes_per_s, ..PeeringBudget::default() };
        Side { exports, imports, budget, ..Side::usual() }
    }

    fn renew(
        &mut self,
        index: usize,
        terms: &Terms,
        parties: (usize, usize),
    ) -> Result<(), Broken> {
        let first = if self.random.per_mille(500) { parties.0 } else { parties.1 };
        let second = if first == parties.0 { parties.1 } else { parties.0 };
        if !self.nodes.get(first).is_some_and(Node::is_up) {
            return Ok(());
        }
        let statement = self.world.peering(parties, terms)?;
        if !self.state(first, &statement)? {
            return Ok(());
        }
        let brought = self.random.per_mille(600) && self.state(second, &statement)?;
        let late = (!brought).then_some(second);
        if let Some(contract) = self.contracts.get_mut(index) {
            *contract = Contract { parties, statement, late, is_ended: false };
        }
        Ok(())
    }

    fn end_contract(&mut self, index: usize) -> Result<(), Broken> {
        let Some(contract) = self.contracts.get(index) else { return Ok(()) };
        let (parties, id) = (contract.parties, contract.statement.id());
        let by = if self.random.per_mille(500) { parties.0 } else { parties.1 };
        let knows = |node: &Node| node.running().is_some_and(|node| node.known().contains(&id));
        if !self.nodes.get(by).is_some_and(knows) {
            return Ok(());
        }
        let revoke = self.world.revoke(by, RevokeTarget::Statement(id), self.now)?;
        let told = self.state(by, &revoke)?;
        if let Some(contract) = self.contracts.get_mut(index) {
            contract.is_ended = told;
        }
        Ok(())
    }

    /// Whoever has not been brought the newest contract is brought it.
    pub(super) fn bring_contracts(&mut self) -> Result<(), Broken> {
        for index in 0..self.contracts.len() {
            let Some(contract) = self.contracts.get(index) else { continue };
            let (late, statement) = (contract.late, contract.statement.clone());
            let Some(late) = late else { continue };
            let gone = self.nodes.get(late).is_none_or(|node| node.is_gone);
            if (gone || self.state(late, &statement)?)
                && let Some(contract) = self.contracts.get_mut(index)
            {
                contract.late = None;
            }
        }
        Ok(())
    }

    /// Some of those that have no contract any more make one again.
    pub(super) fn make_up(&mut self) -> Result<(), Broken> {
        for index in 0..self.contracts.len() {
            let Some(contract) = self.contracts.get(index) else { continue };
            let parties = contract.parties;
            if contract.is_ended && self.random.per_mille(700) {
                let mut sides = [Side::usual(), Side::usual()];
                sides.iter_mut().for_each(|side| self.furnish(side));
                let terms = Terms { sides, from: self.at_once(), until: None };
                self.renew(index, &terms, parties)?;
            }
        }
        Ok(())
    }

    pub(super) fn is_brought(&self) -> bool {
        self.contracts.iter().all(|contract| contract.late.is_none())
    }

    /// The contract that both nodes go by, where they go by the same one and it does not end soon.
    pub(super) fn common_contract(&self, one: usize, other: usize) -> Option<Hash> {
        let ours = self.contract_at(one, other)?;
        let theirs = self.contract_at(other, one)?;
        let (id, until) = ours;
        let soon = self.now.saturating_add(NEAR_ITS_END);
        (id == theirs.0 && until.is_none_or(|until| until > soon)).then_some(id)
    }

    /// The contract with another city that a node goes by.
    pub(super) fn contract_at(&self, at: usize, other: usize) -> Option<(Hash, Option<Timestamp>)> {
        let node = self.nodes.get(at)?;
        let running = node.running()?;
        let judge = running.judge(node.time(self.now));
        let other: &OrgName = &self.world.cities.get(other)?.name;
        self.world.rights.contract(judge, judge.own, other)
    }
}
