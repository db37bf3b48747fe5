//! Who may have what, judged a second time: plain lists of everything that was ever stated, read
//! from the beginning for each question. Shares nothing with the policy crate.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{
    Action, Hash, OrgName, PrincipalId, PrincipalName, Scope, Timestamp, Topic,
    statement::{Deny, Grant, Peering, RevokeTarget},
};

/// Everything that was stated in a run; who knows of it is another matter.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    principals: BTreeMap<PrincipalId, (Hash, PrincipalName)>,
    grants: Vec<(Hash, Grant)>,
    denies: Vec<(Hash, Deny)>,
    peerings: Vec<(Hash, Peering)>,
    revocations: Vec<(Hash, RevokeTarget)>,
}

/// The ids of the statements that somebody knows.
pub(crate) type Known = BTreeSet<Hash>;

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

    pub(crate) fn add_revocation(&mut self, id: Hash, target: RevokeTarget) {
        self.revocations.push((id, target));
    }

    /// Whether somebody who knows this may hand a record to a principal.
    pub(crate) fn may_have(&self, known: &Known, reader: PrincipalId, record: Subject<'_>) -> bool {
        let Some((statement, name)) = self.principals.get(&reader) else { return false };
        let revoked = self.is_revoked(known, &RevokeTarget::Principal(reader));
        if revoked || !known.contains(statement) {
            return false;
        }
        let owner = record.topic.organisation();
        if owner != name.organisation() && !self.crosses(known, name.organisation(), record) {
            return false;
        }
        let denied = self.denies.iter().any(|(id, deny)| {
            known.contains(id)
                && deny.actions.contains(Action::Subscribe)
                && deny.grantee.covers(name)
                && deny.filter.matches(record.topic)
        });
        !denied && self.granted(known, record, |grant| grant.grantee.covers(name))
    }

    /// Whether somebody who knows this may hand a record to the node of another organisation.
    pub(crate) fn may_cross(&self, known: &Known, taker: &OrgName, record: Subject<'_>) -> bool {
        record.topic.organisation() != taker
            && self.crosses(known, taker, record)
            && self.granted(known, record, |grant| grant.grantee.organisation() == taker)
    }

    fn crosses(&self, known: &Known, taker: &OrgName, record: Subject<'_>) -> bool {
        let owner = record.topic.organisation();
        let newest = self.peerings.iter().rev().find(|(id, peering)| {
            let both = [owner, taker];
            known.contains(id)
                && peering.parties.iter().all(|party| both.contains(&&party.organisation))
        });
        let Some((id, peering)) = newest else { return false };
        if record.scope != Scope::Federation
            || self.is_revoked(known, &RevokeTarget::Statement(*id))
        {
            return false;
        }
        peering.parties.iter().all(|party| {
            let filters =
                if party.organisation == *owner { &party.exports } else { &party.imports };
            filters.iter().any(|filter| filter.matches(record.topic))
        })
    }

    fn granted(&self, known: &Known, record: Subject<'_>, to: impl Fn(&Grant) -> bool) -> bool {
        self.grants.iter().any(|(id, grant)| {
            let since = record.received >= grant.from;
            let before = grant.history_from.is_none_or(|from| record.received >= from);
            known.contains(id)
                && !self.is_revoked(known, &RevokeTarget::Statement(*id))
                && to(grant)
                && grant.filter.matches(record.topic)
                && (since && grant.actions.contains(Action::Subscribe)
                    || !since && before && grant.actions.contains(Action::History))
        })
    }

    fn is_revoked(&self, known: &Known, target: &RevokeTarget) -> bool {
        self.revocations.iter().any(|(id, revoked)| known.contains(id) && revoked == target)
    }
}
