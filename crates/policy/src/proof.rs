//! What somebody who trusts only a root needs to see to believe a statement: every statement it
//! hangs on, in the order in which they can be applied.

use std::{cmp::Reverse, collections::BTreeSet};

use sekisho_proto::{
    Action, Epoch, Filter, Grantee, Hash, OrgName, PrincipalId, Statement, StatementBody,
    Timestamp, Topic,
};

use crate::{
    Policy,
    grant::{Basis, GrantFact},
    grant_index::Holder,
    lookup::descriptor_id,
    organisation::{LoggedStatement, Organisation},
    peering::PeeringFact,
    view::View,
};

/// Grants of one organisation by which the principal of another publishes, in one proof.
const GUEST_GRANTS_MAX: usize = 32;

impl Policy {
    /// The statements that prove who a key is, to somebody who trusts this organisation's root:
    /// root, issuer, principal, and for another organisation's the contract that vouches for it, with
    /// it or with a peer that passes it on; and by what other organisations than its own let it publish
    /// on their topics, the newest 32 grants of each.
    /// Empty where nobody who is trusted names the key. Revocations are left out: they say what a
    /// key may not do any more, not whose it was.
    ///
    /// They apply in this order with each one's own time of issue as the time of receipt.
    #[must_use]
    pub fn proof_of_principal(&self, id: &PrincipalId) -> Vec<&Statement> {
        let mut proof = Proof::new(self);
        proof.add_principal(id);
        proof.add_as_guest(id);
        proof.statements
    }

    /// The statements that prove how a topic is protected at a time: what its owner says about it,
    /// and what it is sealed to. Empty where there is neither.
    #[must_use]
    pub fn proof_of_epoch(&self, topic: &Topic, now: Timestamp) -> Vec<&Statement> {
        let mut proof = Proof::new(self);
        if let Some(organisation) = self.trusted(topic.organisation()) {
            if let Some(descriptor) = descriptor_id(organisation, topic) {
                proof.add(organisation, descriptor);
            }
            if let Some(fact) = organisation.epochs.current(topic, now) {
                proof.add(organisation, &fact.id);
            }
        }
        proof.statements
    }

    /// The statements that prove a reader's key grants for one epoch of a tree; empty where there
    /// are none. Where a peer passes the owner's log on, also who signs that log.
    #[must_use]
    pub fn proof_of_key_grants(
        &self,
        reader: &PrincipalId,
        tree: &Filter,
        epoch: Epoch,
    ) -> Vec<&Statement> {
        let mut proof = Proof::new(self);
        for statement in self.key_grants(reader, tree, epoch) {
            let StatementBody::KeyGrant(grant) = statement.body() else { continue };
            if grant.organisation != *tree.organisation() {
                // It counts where the reader is one of those who hand it on.
                proof.add_principal(reader);
            }
            if let Some(organisation) = self.trusted(&grant.organisation) {
                proof.add(organisation, &statement.id());
                // Whose node no contract here names: what it signs of its log is believed by this.
                if self.transits.contains_key(&grant.organisation)
                    && let Some(node) = self.node_of(&grant.organisation)
                {
                    proof.add(organisation, &node.statement);
                }
            }
        }
        proof.statements
    }

    /// The statements that any statement of an organisation's log hangs on, and itself; empty where
    /// it is not in that log.
    #[must_use]
    pub fn proof_of_statement(&self, organisation: &OrgName, id: &Hash) -> Vec<&Statement> {
        let mut proof = Proof::new(self);
        if let Some(organisation) = self.trusted(organisation) {
            proof.add(organisation, id);
        }
        proof.statements
    }
}

pub(crate) struct Proof<'a> {
    policy: &'a Policy,
    seen: BTreeSet<Hash>,
    pub(crate) statements: Vec<&'a Statement>,
}

impl<'a> Proof<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        Self { policy, seen: BTreeSet::new(), statements: Vec::new() }
    }

    fn add_principal(&mut self, id: &PrincipalId) {
        let view = View::live(Timestamp::MAX);
        if let Some((organisation, record)) = self.policy.record(view, id) {
            self.add(organisation, &record.statement);
        }
    }

    /// Adds what lets a principal publish on topics of other organisations than its own.
    fn add_as_guest(&mut self, id: &PrincipalId) {
        let policy = self.policy;
        let Some((home, record)) = policy.record(View::live(Timestamp::MAX), id) else { return };
        let others = policy.organisations().filter(|name| **name != home.name);
        for organisation in others.filter_map(|name| policy.trusted(name)) {
            // Also what has run out since: it held for what was published then.
            let view = View::live(Timestamp::MIN);
            let holding = organisation.holding(view, Holder::Principal(&record.name));
            let mut grants = organisation.grants_of(&holding);
            grants.retain(|(fact, _role)| fact.grant.actions.contains(Action::Publish));
            grants.sort_by_key(|(fact, _role)| Reverse(fact.received));
            for (fact, role) in grants.into_iter().take(GUEST_GRANTS_MAX) {
                if let Some(role) = role {
                    self.add(organisation, &role.fact.id);
                }
                self.add(organisation, &fact.id);
            }
        }
    }

    /// Adds what a statement hangs on, then the statement.
    fn add(&mut self, organisation: &'a Organisation, id: &Hash) {
        let Some(logged) = organisation.statement(id) else { return };
        if !self.seen.insert(*id) {
            return;
        }
        self.add_organisation(organisation);
        let is_root = *id == organisation.root.statement;
        let is_peering = matches!(logged.statement.body(), StatementBody::Peering(_));
        if !is_root && !is_peering {
            self.add_signers(organisation, logged);
        }
        if let Some(fact) = organisation.grants.get(id)
            && let Basis::Delegated { grantor, parent, .. } = &fact.basis
        {
            self.add_held(organisation, parent, &[*grantor], logged.received);
        }
        if let Some(held) = organisation.made_by.get(id).and_then(|id| organisation.grants.get(id))
        {
            let signers = logged.statement.signatures().iter().map(|signed| signed.signer);
            self.add_held(organisation, held, &signers.collect::<Vec<_>>(), logged.received);
        }
        self.statements.push(&logged.statement);
    }

    /// Adds a grant that signers made something by, and where it speaks of a role, what says that
    /// they had it then.
    fn add_held(
        &mut self,
        organisation: &'a Organisation,
        held: &GrantFact,
        signers: &[PrincipalId],
        then: Timestamp,
    ) {
        self.add(organisation, &held.id);
        let Grantee::Role(role) = &held.grant.grantee else { return };
        for signer in signers {
            let record = self.policy.record(View::live(Timestamp::MAX), signer);
            let Some((_home, record)) = record else { continue };
            let holder = Holder::Principal(&record.name);
            if let Some(membership) = organisation.membership(View::at(then), role, holder) {
                self.add(organisation, &membership.fact.id);
            }
        }
    }

    fn add_signers(&mut self, organisation: &'a Organisation, logged: &LoggedStatement) {
        for signed in logged.statement.signatures() {
            // One key may be several: what a statement needs of them is for its kind to say.
            let issuer = organisation.issuers.get(&signed.signer);
            if let Some(issuer) = issuer.and_then(|records| records.last()) {
                self.add(organisation, &issuer.statement);
            }
            self.add_principal(&signed.signer);
        }
    }

    /// Adds an organisation's root, and for another than this one the contracts that vouch for it.
    fn add_organisation(&mut self, organisation: &'a Organisation) {
        let policy = self.policy;
        if organisation.name != policy.own {
            for contract in policy.vouching(&organisation.name) {
                self.add_peering(contract);
            }
        }
        self.add_root(organisation);
    }

    /// Adds a contract of this organisation after both roots and the issuers who signed it.
    pub(crate) fn add_peering(&mut self, contract: &PeeringFact) {
        let policy = self.policy;
        let Some(own) = policy.trusted(&policy.own) else { return };
        let other = policy.trusted(&contract.theirs.organisation);
        let (Some(logged), Some(other)) = (own.statement(&contract.id), other) else { return };
        if !self.seen.insert(contract.id) {
            return;
        }
        for party in [own, other] {
            self.add_root(party);
            for signed in logged.statement.signatures() {
                let issuer = party.issuers.get(&signed.signer).and_then(|records| records.last());
                if let Some(statement) =
                    issuer.and_then(|issuer| party.statement(&issuer.statement))
                    && self.seen.insert(statement.statement.id())
                {
                    self.statements.push(&statement.statement);
                }
            }
        }
        self.statements.push(&logged.statement);
    }

    fn add_root(&mut self, organisation: &'a Organisation) {
        if let Some(logged) = organisation.statement(&organisation.root.statement)
            && self.seen.insert(organisation.root.statement)
        {
            self.statements.push(&logged.statement);
        }
    }
}
