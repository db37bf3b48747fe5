//! What one organisation's log says so far. It records what others have judged to be in order, and
//! keeps every fact with the time it was logged, so that the past can still be asked.

use std::{collections::BTreeMap, sync::Arc};

use sekisho_proto::{
    Epoch, Filter, Hash, OrgName, PrincipalId, PublicKey, Statement, StatementIndex, Timestamp,
    Topic,
};

use crate::{
    epochs::EpochTable,
    grant::{DenyFact, GrantFact},
    grant_index::GrantIndex,
    principal::{IssuerRecord, PrincipalRecord},
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
    pub(crate) issuers: BTreeMap<PrincipalId, Vec<IssuerRecord>>,
    pub(crate) principals: SharedMap<PrincipalId, Vec<Arc<PrincipalRecord>>>,
    /// By the part of the name before the `@`, oldest first.
    pub(crate) names: SharedMap<Box<str>, Vec<PrincipalId>>,
    pub(crate) grants: SharedMap<Hash, Arc<GrantFact>>,
    pub(crate) denies: SharedMap<Hash, Arc<DenyFact>>,
    pub(crate) grant_index: GrantIndex<GrantFact>,
    pub(crate) deny_index: GrantIndex<DenyFact>,
    pub(crate) descriptors: SharedMap<Topic, Vec<Hash>>,
    pub(crate) epochs: EpochTable,
    pub(crate) key_grants: SharedMap<KeyGrantKey, Vec<Hash>>,
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
            issuers: BTreeMap::new(),
            principals: SharedMap::default(),
            names: SharedMap::default(),
            grants: SharedMap::default(),
            denies: SharedMap::default(),
            grant_index: GrantIndex::default(),
            deny_index: GrantIndex::default(),
            descriptors: SharedMap::default(),
            epochs: EpochTable::default(),
            key_grants: SharedMap::default(),
        }
    }

    pub(crate) fn append(
        &mut self,
        statement: &Arc<Statement>,
        received: Timestamp,
    ) -> StatementIndex {
        let index = StatementIndex::new(self.log.len() as u64);
        self.index.insert(statement.id(), index);
        self.log.push(LoggedStatement { statement: Arc::clone(statement), received });
        index
    }

    pub(crate) fn statement(&self, id: &Hash) -> Option<&LoggedStatement> {
        let index = self.index.get(id)?;
        self.log.get(usize::try_from(index.value()).ok()?)
    }

    /// When a statement's revocation was logged, as far as the view knows.
    pub(crate) fn revoked(&self, view: View, id: &Hash) -> Option<Timestamp> {
        self.revoked.get(id).copied().filter(|received| view.knows_revocation(*received))
    }

    /// When a key's revocation was logged, as far as the view knows.
    pub(crate) fn revoked_key(&self, view: View, id: &PrincipalId) -> Option<Timestamp> {
        self.revoked_keys.get(id).copied().filter(|received| view.knows_revocation(*received))
    }

    /// What the newest statement known about a key says, whether or not it is in force.
    pub(crate) fn principal(&self, view: View, id: &PrincipalId) -> Option<&Arc<PrincipalRecord>> {
        self.principals.get(id)?.iter().rev().find(|record| view.knows(record.received))
    }

    /// The issuer behind a key, where it may speak for the organisation.
    pub(crate) fn issuer(&self, view: View, id: &PrincipalId) -> Option<&IssuerRecord> {
        let record = self.issuers.get(id)?.last()?;
        let revoked = record.revoked.is_some_and(|revoked| view.knows_revocation(revoked));
        let ended = record.until.is_some_and(|until| until <= view.now());
        (!revoked && !ended).then_some(record)
    }

    pub(crate) fn insert_principal(&mut self, record: PrincipalRecord) {
        let name: Box<str> = record.name.name().into();
        let ids = self.names.or_default(name);
        ids.retain(|id| *id != record.id);
        ids.push(record.id);
        self.principals.or_default(record.id).push(Arc::new(record));
    }

    pub(crate) fn insert_grant(&mut self, fact: Arc<GrantFact>) {
        self.grant_index.insert(&fact);
        self.grants.insert(fact.id, fact);
    }

    pub(crate) fn insert_deny(&mut self, fact: Arc<DenyFact>) {
        self.deny_index.insert(&fact);
        self.denies.insert(fact.id, fact);
    }

    /// Takes a key's right to be a principal; for good, since a key that leaked stays leaked.
    pub(crate) fn revoke_key(&mut self, id: PrincipalId, received: Timestamp) {
        let revoked = *self.revoked_keys.or_insert(id, received);
        for record in self.principals.get_mut(&id).into_iter().flatten() {
            Arc::make_mut(record).revoked = Some(revoked);
        }
    }

    /// Takes a key's right to speak for the organisation.
    pub(crate) fn revoke_issuer(&mut self, id: PrincipalId, received: Timestamp) {
        for record in self.issuers.get_mut(&id).into_iter().flatten() {
            record.revoked.get_or_insert(received);
        }
    }

    /// Takes a statement's effect. What was granted from a grant falls with it, because decisions
    /// walk the chain.
    pub(crate) fn revoke_statement(&mut self, id: Hash, received: Timestamp) {
        self.revoked.or_insert(id, received);
        if let Some(fact) = self.grants.get(&id) {
            self.grant_index.remove(fact);
        }
        if let Some(fact) = self.denies.get(&id) {
            self.deny_index.remove(fact);
        }
    }
}
