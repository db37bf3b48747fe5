//! Who may have what, judged a second time: plain lists of everything that was ever stated, read
//! from the beginning for each question. Shares nothing with the policy crate.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{
    Action, Hash, OrgName, PrincipalId, PrincipalName, Scope, Timestamp, Topic,
    statement::{Deny, Grant, Peering, PeeringBudget, PeeringParty, RevokeTarget},
};

/// Everything that was stated in a run; who knows of it is another matter.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    principals: BTreeMap<PrincipalId, (Hash, PrincipalName)>,
    grants: Vec<(Hash, Grant)>,
    denies: Vec<(Hash, Deny)>,
    peerings: Vec<(Hash, Peering)>,
    /// What was revoked, and by which organisation.
    revocations: Vec<(Hash, OrgName, RevokeTarget)>,
}

/// The ids of the statements that somebody knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    ids: BTreeSet<Hash>,
}

impl Known {
    pub(crate) fn learn(&mut self, id: Hash) {
        self.ids.insert(id);
    }

    pub(crate) fn contains(&self, id: &Hash) -> bool {
        self.ids.contains(id)
    }
}

/// Who decides, by what they know, when, and by their own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) own: &'a OrgName,
    pub(crate) known: &'a Known,
    pub(crate) now: Timestamp,
}

/// A record, as far as rights go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) scope: Scope,
    pub(crate) received: Timestamp,
}

impl Rights {
    pub(crate) fn add_principal(&mut self, id: PrincipalId, statement: Hash, name: PrincipalName) {
        self.principals.insert(id, (statement, name));
    }

    pub(crate) fn add_grant(&mut self, id: Hash, grant: Grant) {
        self.grants.push((id, grant));
    }

    pub(crate) fn add_deny(&mut self, id: Hash, deny: Deny) {
        self.denies.push((id, deny));
    }

    pub(crate) fn add_peering(&mut self, id: Hash, peering: Peering) {
        self.peerings.push((id, peering));
    }

    pub(crate) fn add_revocation(&mut self, id: Hash, by: OrgName, target: RevokeTarget) {
        self.revocations.push((id, by, target));
    }

    /// Whether a statement is a contract or revokes one.
    pub(crate) fn is_about_contracts(&self, statement: &Hash) -> bool {
        let is_contract = |id: &Hash| self.peerings.iter().any(|(contract, _)| contract == id);
        is_contract(statement)
            || self.revocations.iter().any(|(id, _, target)| {
                let RevokeTarget::Statement(target) = target else { return false };
                id == statement && is_contract(target)
            })
    }

    /// Whether a judge may hand a record to a principal.
    pub(crate) fn may_have(
        &self,
        judge: Judge<'_>,
        reader: PrincipalId,
        record: Subject<'_>,
    ) -> bool {
        let Some((statement, name)) = self.principals.get(&reader) else { return false };
        let owner = record.topic.organisation();
        let target = RevokeTarget::Principal(reader);
        let heard = [judge.own, name.organisation(), owner];
        let revoked = heard.iter().any(|by| self.is_revoked_by(judge, by, &target));
        if revoked || !judge.known.contains(statement) {
            return false;
        }
        let taker = name.organisation();
        if (owner != taker || owner != judge.own) && !self.crosses(judge, taker, record) {
            return false;
        }
        let denied = self.denies.iter().any(|(id, deny)| {
            judge.known.contains(id)
                && deny.actions.contains(Action::Subscribe)
                && deny.grantee.covers(name)
                && deny.filter.matches(record.topic)
        });
        !denied && self.granted(judge, record, |grant| grant.grantee.covers(name))
    }

    /// Whether a judge may store a record of another organisation.
    pub(crate) fn may_import(&self, judge: Judge<'_>, record: Subject<'_>) -> bool {
        record.topic.organisation() != judge.own && self.crosses(judge, judge.own, record)
    }

    /// Whether a judge may store what somebody publishes.
    pub(crate) fn may_publish(
        &self,
        judge: Judge<'_>,
        publisher: PrincipalId,
        topic: &Topic,
    ) -> bool {
        let Some((statement, name)) = self.principals.get(&publisher) else { return false };
        let target = RevokeTarget::Principal(publisher);
        let heard = [judge.own, name.organisation(), topic.organisation()];
        let owner = topic.organisation();
        judge.known.contains(statement)
            && !heard.iter().any(|by| self.is_revoked_by(judge, by, &target))
            && self.grants.iter().any(|(id, grant)| {
                grant.actions.contains(Action::Publish)
                    && grant.organisation == *owner
                    && grant.grantee.covers(name)
                    && grant.filter.matches(topic)
                    && grant.from <= judge.now
                    && judge.known.contains(id)
                    && !self.is_revoked_by(judge, owner, &RevokeTarget::Statement(*id))
            })
    }

    /// What a judge's own organisation and a peer may send and ask for by their contract.
    pub(crate) fn budgets(
        &self,
        judge: Judge<'_>,
        peer: &OrgName,
    ) -> Option<(PeeringBudget, PeeringBudget)> {
        let (_, contract) = self.contract_between(judge, judge.own, peer)?;
        sides(contract, judge.own).map(|(ours, theirs)| (ours.budget, theirs.budget))
    }

    /// Whether a judge may carry what somebody of another organisation publishes on a topic home.
    pub(crate) fn may_carry(
        &self,
        judge: Judge<'_>,
        publisher: PrincipalId,
        topic: &Topic,
    ) -> bool {
        let home = topic.organisation();
        let is_own =
            self.principals.get(&publisher).is_some_and(|(_, name)| name.organisation() == home);
        let contract = self.contract_between(judge, judge.own, home);
        let sides = contract.and_then(|(_, contract)| sides(contract, judge.own));
        is_own
            && sides.is_some_and(|(ours, _)| carries(ours, topic))
            && self.may_publish(judge, publisher, topic)
    }

    /// Whether a peer's node may bring a judge what is published on a topic of the judge's.
    pub(crate) fn may_bring(&self, judge: Judge<'_>, peer: &OrgName, topic: &Topic) -> bool {
        let contract = self.contract_between(judge, judge.own, peer);
        let sides = contract.and_then(|(_, contract)| sides(contract, judge.own));
        topic.organisation() == judge.own && sides.is_some_and(|(_, theirs)| carries(theirs, topic))
    }

    /// Whether a judge may hand a record to the node of another organisation.
    pub(crate) fn may_cross(&self, judge: Judge<'_>, taker: &OrgName, record: Subject<'_>) -> bool {
        record.topic.organisation() != taker
            && self.crosses(judge, taker, record)
            && self.granted(judge, record, |grant| {
                let organisation = grant.grantee.organisation();
                organisation == taker || self.reaches(judge, taker, organisation)
            })
    }

    /// Whether what the judge's own organisation gives a taker may travel on to another one, whose
    /// statements the taker passes on to the judge.
    fn reaches(&self, judge: Judge<'_>, taker: &OrgName, organisation: &OrgName) -> bool {
        let contract = self.contract_between(judge, judge.own, taker);
        contract
            .and_then(|(_, contract)| sides(contract, judge.own))
            .is_some_and(|(ours, theirs)| ours.onward && passes_on(theirs, organisation, None))
    }

    /// The contract between two organisations that a judge goes by, where one is in force, and when
    /// it ends.
    pub(crate) fn contract(
        &self,
        judge: Judge<'_>,
        one: &OrgName,
        other: &OrgName,
    ) -> Option<(Hash, Option<Timestamp>)> {
        self.contract_between(judge, one, other).map(|(id, peering)| (id, peering.until))
    }

    /// The one that was made last of those that are known and have begun, unless it is over.
    fn contract_between(
        &self,
        judge: Judge<'_>,
        one: &OrgName,
        other: &OrgName,
    ) -> Option<(Hash, &Peering)> {
        let both = [one, other];
        let (id, newest) = self
            .peerings
            .iter()
            .filter(|(_, peering)| {
                peering.from <= judge.now
                    && peering.parties.iter().all(|party| both.contains(&&party.organisation))
            })
            .filter(|(id, _)| judge.known.contains(id))
            .map(|(id, peering)| (*id, peering))
            .max_by_key(|(id, peering)| (peering.issued, *id))?;
        let over = newest.until.is_some_and(|until| until <= judge.now);
        let target = RevokeTarget::Statement(id);
        let ended = both.iter().any(|party| self.is_revoked_by(judge, party, &target));
        (!over && !ended).then_some((id, newest))
    }

    /// Whether a record may pass from its owner to somebody of another organisation, as far as the
    /// judge has a part in it: in from the owner, and out to the taker.
    fn crosses(&self, judge: Judge<'_>, taker: &OrgName, record: Subject<'_>) -> bool {
        let owner = record.topic.organisation();
        if owner != taker && record.scope != Scope::Federation {
            return false;
        }
        let travels_on = owner != judge.own && taker != judge.own;
        (owner == judge.own || self.comes_in(judge, travels_on, record))
            && (taker == judge.own || self.goes_out(judge, taker, record))
    }

    fn comes_in(&self, judge: Judge<'_>, travels_on: bool, record: Subject<'_>) -> bool {
        let owner = record.topic.organisation();
        if let Some((_, contract)) = self.contract_between(judge, owner, judge.own) {
            let onward = sides(contract, owner).is_some_and(|(exporter, _)| exporter.onward);
            return covers(contract, owner, record.topic) && (!travels_on || onward);
        }
        !travels_on && self.via(judge, owner, Some(record.topic)).is_some()
    }

    /// Whose node brings the judge an organisation's topics.
    pub(crate) fn route(&self, judge: Judge<'_>, owner: &OrgName) -> Option<OrgName> {
        let direct = self.contract_between(judge, owner, judge.own).map(|_| owner.clone());
        direct.or_else(|| self.via(judge, owner, None))
    }

    /// Whoever passes on to the judge what an organisation has, or this topic of it.
    fn via(&self, judge: Judge<'_>, owner: &OrgName, topic: Option<&Topic>) -> Option<OrgName> {
        let vias: BTreeSet<&OrgName> = self
            .peerings
            .iter()
            .flat_map(|(_, peering)| peering.parties.iter().map(|party| &party.organisation))
            .filter(|via| *via != judge.own && *via != owner)
            .collect();
        let passes = |via: &OrgName| {
            let contract = self.contract_between(judge, via, judge.own);
            let passes = contract.is_some_and(|(_, contract)| {
                sides(contract, via).is_some_and(|(side, _)| passes_on(side, owner, topic))
            });
            // Their own contract need not be known here; where it is, it must not be over.
            let known = self.knows_contract(judge, via, owner);
            passes && (!known || self.contract_between(judge, via, owner).is_some())
        };
        vias.into_iter().find(|via| passes(via)).cloned()
    }

    fn goes_out(&self, judge: Judge<'_>, taker: &OrgName, record: Subject<'_>) -> bool {
        let owner = record.topic.organisation();
        let Some((_, contract)) = self.contract_between(judge, judge.own, taker) else {
            return false;
        };
        if owner == judge.own {
            return covers(contract, owner, record.topic);
        }
        sides(contract, judge.own)
            .is_some_and(|(side, _)| passes_on(side, owner, Some(record.topic)))
    }

    fn knows_contract(&self, judge: Judge<'_>, one: &OrgName, other: &OrgName) -> bool {
        let both = [one, other];
        self.peerings.iter().any(|(id, peering)| {
            judge.known.contains(id)
                && peering.parties.iter().all(|party| both.contains(&&party.organisation))
        })
    }

    fn granted(&self, judge: Judge<'_>, record: Subject<'_>, to: impl Fn(&Grant) -> bool) -> bool {
        let owner = record.topic.organisation();
        self.grants.iter().any(|(id, grant)| {
            let since = record.received >= grant.from;
            let before = grant.history_from.is_none_or(|from| record.received >= from);
            grant.organisation == *owner
                && grant.from <= judge.now
                && to(grant)
                && grant.filter.matches(record.topic)
                && judge.known.contains(id)
                && !self.is_revoked_by(judge, owner, &RevokeTarget::Statement(*id))
                && (since && grant.actions.contains(Action::Subscribe)
                    || !since && before && grant.actions.contains(Action::History))
        })
    }

    fn is_revoked_by(
        &self,
        judge: Judge<'_>,
        organisation: &OrgName,
        target: &RevokeTarget,
    ) -> bool {
        self.revocations.iter().any(|(id, by, revoked)| {
            by == organisation && revoked == target && judge.known.contains(id)
        })
    }
}

/// The side of one party, and the other's.
fn sides<'a>(contract: &'a Peering, one: &OrgName) -> Option<(&'a PeeringParty, &'a PeeringParty)> {
    contract.sides(one)
}

/// Whether the owner offers a topic and the other party takes it.
fn covers(contract: &Peering, owner: &OrgName, topic: &Topic) -> bool {
    sides(contract, owner).is_some_and(|(exporter, importer)| {
        exporter.exports.iter().any(|filter| filter.matches(topic))
            && importer.imports.iter().any(|filter| filter.matches(topic))
    })
}

fn carries(side: &PeeringParty, topic: &Topic) -> bool {
    side.carries_home.iter().any(|filter| filter.matches(topic))
}

fn passes_on(side: &PeeringParty, owner: &OrgName, topic: Option<&Topic>) -> bool {
    let transits = side.passes_on.iter().filter(|transit| transit.organisation == *owner);
    transits.into_iter().any(|transit| {
        topic.is_none_or(|topic| transit.filters.iter().any(|filter| filter.matches(topic)))
    })
}
