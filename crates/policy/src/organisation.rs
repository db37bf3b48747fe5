//! What one organisation's log says so far. It records what others have judged to be in order, and
//! keeps every fact with the time it was logged, so that the past can still be asked.

use std::{collections::BTreeMap, sync::Arc};

use sekisho_proto::{
    Epoch, Filter, Hash, OrgName, PrincipalId, PublicKey, Statement, StatementIndex, Timestamp,
    Topic,
};

use crate::{
    arrival::{Age, Arrival},
    authority::Entry,
    epochs::EpochTable,
    grant::{DenyFact, GrantFact},
    grant_index::{GrantIndex, Holding, Object, Visit},
    peering::PeeringFact,
    principal::{IssuerRecord, PrincipalRecord},
    roles::{Membership, RoleFact, RoleTable},
    shared_map::SharedMap,
    view::View,
};

/// A statement as the log holds it.
#[derive(Debug, Clone)]
pub struct LoggedStatement {
    /// The statement.
    pub statement: Arc<Statement>,
    /// When the owner's node logged it.
    pub received: Timestamp,
}

/// The keys that everything else of an organisation hangs on.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) statement: Hash,
    /// SHA-256 of the statement's body: what a pin names.
    pub(crate) fingerprint: Hash,
    pub(crate) keys: BTreeMap<PrincipalId, PublicKey>,
    pub(crate) threshold: usize,
}

/// Sealed epoch keys are asked for by reader, tree and epoch.
type KeyGrantKey = (PrincipalId, Filter, Epoch);

#[derive(Debug, Clone)]
pub(crate) struct Organisation {
    pub(crate) name: OrgName,
    pub(crate) root: Root,
    /// Whether somebody trusted vouches for the root; until then nothing it says gives a right.
    pub(crate) is_pinned: bool,
    pub(crate) log: Vec<LoggedStatement>,
    pub(crate) index: SharedMap<Hash, StatementIndex>,
    pub(crate) revoked: SharedMap<Hash, Timestamp>,
    pub(crate) revoked_keys: SharedMap<PrincipalId, Timestamp>,
    /// Those that the root itself revoked: they speak for the organisation no more.
    revoked_issuers: SharedMap<PrincipalId, Timestamp>,
    pub(crate) issuers: BTreeMap<PrincipalId, Vec<IssuerRecord>>,
    pub(crate) principals: SharedMap<PrincipalId, Vec<Arc<PrincipalRecord>>>,
    /// By the part of the name before the `@`, oldest first.
    pub(crate) names: SharedMap<Box<str>, Vec<PrincipalId>>,
    pub(crate) grants: SharedMap<Hash, Arc<GrantFact>>,
    pub(crate) denies: SharedMap<Hash, Arc<DenyFact>>,
    pub(crate) roles: RoleTable,
    /// What is not revoked.
    pub(crate) grant_index: GrantIndex<GrantFact>,
    pub(crate) deny_index: GrantIndex<DenyFact>,
    /// What was revoked: the past is asked by it as well.
    ended_grants: GrantIndex<GrantFact>,
    ended_denies: GrantIndex<DenyFact>,
    /// The grant that let somebody other than an issuer make a statement.
    pub(crate) made_by: SharedMap<Hash, Hash>,
    /// Oldest first.
    pub(crate) descriptors: SharedMap<Topic, Vec<Age>>,
    pub(crate) epochs: EpochTable,
    /// Its peerings with organisations other than the one that the policy decides for, by the other,
    /// oldest first.
    pub(crate) peerings: BTreeMap<OrgName, Vec<Arc<PeeringFact>>>,
    /// Oldest first.
    pub(crate) key_grants: SharedMap<KeyGrantKey, Vec<Age>>,
    /// Receipts that something was destroyed, oldest first.
    pub(crate) erasures: Vec<Hash>,
    /// Epochs of which nobody can be given the key any more.
    pub(crate) erased_epochs: SharedMap<(Filter, Epoch), Hash>,
}

impl Organisation {
    pub(crate) fn new(name: OrgName, root: Root, is_pinned: bool) -> Self {
        Self {
            name,
            root,
            is_pinned,
            log: Vec::new(),
            index: SharedMap::default(),
            revoked: SharedMap::default(),
            revoked_keys: SharedMap::default(),
            revoked_issuers: SharedMap::default(),
            issuers: BTreeMap::new(),
            principals: SharedMap::default(),
            names: SharedMap::default(),
            grants: SharedMap::default(),
            denies: SharedMap::default(),
            roles: RoleTable::default(),
            grant_index: GrantIndex::default(),
            deny_index: GrantIndex::default(),
            ended_grants: GrantIndex::default(),
            ended_denies: GrantIndex::default(),
            made_by: SharedMap::default(),
            descriptors: SharedMap::default(),
            epochs: EpochTable::default(),
            peerings: BTreeMap::new(),
            key_grants: SharedMap::default(),
            erasures: Vec::new(),
            erased_epochs: SharedMap::default(),
        }
    }

    pub(crate) fn append(&mut self, entry: &Entry<'_>) {
        let index = StatementIndex::new(self.log.len() as u64);
        self.index.insert(entry.id, index);
        let (statement, received) = (Arc::clone(entry.statement), entry.received);
        self.log.push(LoggedStatement { statement, received });
    }

    pub(crate) fn statement(&self, id: &Hash) -> Option<&LoggedStatement> {
        let index = self.index.get(id)?;
        self.log.get(usize::try_from(index.value()).ok()?)
    }

    /// When a statement's revocation was logged, as far as the view knows.
    pub(crate) fn revoked(&self, view: View<'_>, id: &Hash) -> Option<Timestamp> {
        self.revoked.get(id).copied().filter(|received| view.knows_revocation(*received))
    }

    /// When a key's revocation was logged, as far as the view knows.
    pub(crate) fn revoked_key(&self, view: View<'_>, id: &PrincipalId) -> Option<Timestamp> {
        self.revoked_keys.get(id).copied().filter(|received| view.knows_revocation(*received))
    }

    /// What the newest statement known about a key says, whether or not it is in force.
    pub(crate) fn principal(
        &self,
        view: View<'_>,
        id: &PrincipalId,
    ) -> Option<&Arc<PrincipalRecord>> {
        self.principals.get(id)?.iter().rev().find(|record| view.knows(record.received))
    }

    /// The issuer behind a key, where it may speak for the organisation.
    pub(crate) fn issuer(&self, view: View<'_>, id: &PrincipalId) -> Option<&IssuerRecord> {
        let record = self.issuers.get(id)?.last()?;
        let revoked = record.revoked.is_some_and(|revoked| view.knows_revocation(revoked));
        let ended = view.has_passed(record.until);
        (!revoked && !ended).then_some(record)
    }

    pub(crate) fn insert_issuer(&mut self, arrival: Arrival, mut record: IssuerRecord) {
        if arrival == Arrival::Learned {
            record.revoked = self.revoked_issuers.get(&record.id).copied();
        }
        let all = self.issuers.entry(record.id).or_default();
        arrival.enter(all, record, |record| (record.received, record.statement));
    }

    pub(crate) fn insert_principal(&mut self, arrival: Arrival, mut record: PrincipalRecord) {
        record.revoked = self.revoked_keys.get(&record.id).copied();
        let (id, name): (_, Box<str>) = (record.id, record.name.name().into());
        let of_key = self.principals.or_default(id);
        arrival.enter(of_key, Arc::new(record), |record| (record.received, record.statement));
        let ids = self.names.or_default(name);
        ids.retain(|known| *known != id);
        arrival.enter(ids, id, |id| {
            let newest = self.principals.get(id).and_then(|all| all.last());
            newest.map(|newest| (newest.received, newest.statement))
        });
    }

    pub(crate) fn insert_grant(&mut self, fact: Arc<GrantFact>) {
        self.grant_index.insert(&fact);
        self.grants.insert(fact.id, fact);
    }

    pub(crate) fn insert_deny(&mut self, fact: Arc<DenyFact>) {
        self.deny_index.insert(&fact);
        self.denies.insert(fact.id, fact);
    }

    pub(crate) fn insert_role(&mut self, fact: RoleFact) {
        self.roles.insert(&Arc::new(fact));
    }

    /// Shows every grant that may concern a question until `visit` breaks; of the past also what
    /// was revoked since.
    pub(crate) fn visit_grants<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
        object: Object<'_>,
        view: View<'_>,
        visit: &mut Visit<'_, 'a, GrantFact>,
    ) {
        let indices = [Some(&self.grant_index), (!view.is_live()).then_some(&self.ended_grants)];
        let _flow = indices
            .into_iter()
            .flatten()
            .try_for_each(|index| index.visit(holding, object, view, visit, &mut 0));
    }

    /// The same for denies.
    pub(crate) fn visit_denies<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
        object: Object<'_>,
        view: View<'_>,
        visit: &mut Visit<'_, 'a, DenyFact>,
    ) {
        let indices = [Some(&self.deny_index), (!view.is_live()).then_some(&self.ended_denies)];
        let _flow = indices
            .into_iter()
            .flatten()
            .try_for_each(|index| index.visit(holding, object, view, visit, &mut 0));
    }

    /// Every grant that ever spoke of a holder.
    pub(crate) fn grants_of<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
    ) -> Vec<(&'a Arc<GrantFact>, Option<Membership<'a>>)> {
        let mut facts = self.grant_index.of(holding);
        facts.extend(self.ended_grants.of(holding));
        facts
    }

    /// Every deny that ever spoke of a holder.
    pub(crate) fn denies_of<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
    ) -> Vec<(&'a Arc<DenyFact>, Option<Membership<'a>>)> {
        let mut facts = self.deny_index.of(holding);
        facts.extend(self.ended_denies.of(holding));
        facts
    }

    /// Takes a key's right to be a principal; for good, since a key that leaked stays leaked.
    pub(crate) fn revoke_key(&mut self, id: PrincipalId, received: Timestamp) {
        let revoked = earliest(&mut self.revoked_keys, id, received);
        for record in self.principals.get_mut(&id).into_iter().flatten() {
            Arc::make_mut(record).revoked = Some(revoked);
        }
    }

    /// Takes a key's right to speak for the organisation.
    pub(crate) fn revoke_issuer(&mut self, id: PrincipalId, received: Timestamp) {
        let revoked = earliest(&mut self.revoked_issuers, id, received);
        for record in self.issuers.get_mut(&id).into_iter().flatten() {
            record.revoked = Some(revoked);
        }
    }

    /// Takes a statement's effect. What was granted from a grant falls with it, because decisions
    /// walk the chain.
    pub(crate) fn revoke_statement(&mut self, id: Hash, received: Timestamp) {
        let is_known = self.revoked.contains_key(&id);
        earliest(&mut self.revoked, id, received);
        if is_known {
            return;
        }
        if let Some(fact) = self.grants.get(&id) {
            self.grant_index.remove(fact);
            self.ended_grants.insert(fact);
        }
        if let Some(fact) = self.denies.get(&id) {
            self.deny_index.remove(fact);
            self.ended_denies.insert(fact);
        }
    }
}

/// What is revoked more than once is revoked since the first time.
fn earliest<K: Ord + std::hash::Hash + Clone>(
    revoked: &mut SharedMap<K, Timestamp>,
    key: K,
    received: Timestamp,
) -> Timestamp {
    let known = revoked.or_insert(key, received);
    *known = received.min(*known);
    *known
}
