//! Who signed a statement, and whether they may state it. Nothing is changed here.

use std::{ops::ControlFlow, sync::Arc};

use sekisho_proto::{
    Action, Actions, Filter, Grantee, Hash, PrincipalId, PrincipalKind, PublicKey, Statement,
    StatementKind, StatementVerifier, Timestamp, statement::Grant,
};

use crate::{
    Missing, Policy, PrincipalRecord, StatementError,
    arrival::Arrival,
    crossing::in_force_at_home,
    grant::{Basis, DELEGATION_DEPTH_MAX, GrantFact, excess},
    grant_index::{Holder, Object},
    organisation::Organisation,
    right::Given,
    view::View,
};

/// A statement on its way into a log.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) statement: &'a Arc<Statement>,
    pub(crate) id: Hash,
    pub(crate) received: Timestamp,
    pub(crate) arrival: Arrival,
    pub(crate) verifier: &'a dyn StatementVerifier,
}

impl Entry<'_> {
    pub(crate) fn kind(&self) -> StatementKind {
        self.statement.kind()
    }

    /// # Errors
    ///
    /// [`StatementError::WeakKey`].
    pub(crate) fn acceptable(&self, key: &PublicKey) -> Result<(), StatementError> {
        if self.verifier.acceptable(key) {
            return Ok(());
        }
        Err(StatementError::WeakKey { kind: self.kind(), key: *key })
    }

    pub(crate) fn not_authorised(
        &self,
        organisation: &Organisation,
        wanted: &'static str,
    ) -> StatementError {
        let organisation = organisation.name.clone();
        StatementError::NotAuthorised { kind: self.kind(), organisation, wanted }
    }
}

/// Everybody whose valid signature is under a statement, by what they are to the organisation in
/// whose log it belongs. One key may be several.
#[derive(Debug, Default)]
pub(crate) struct Signers {
    /// Distinct root keys.
    pub(crate) roots: usize,
    pub(crate) issuers: Vec<PrincipalId>,
    /// Of this and of other organisations.
    pub(crate) principals: Vec<Arc<PrincipalRecord>>,
}

/// What lets somebody make a statement about an organisation's topics.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Maker {
    /// It speaks for the organisation.
    Issuer,
    /// It holds this grant.
    Holder(Hash),
}

impl Maker {
    /// The grant that a statement is made by.
    pub(crate) fn grant(self) -> Option<Hash> {
        match self {
            Self::Issuer => None,
            Self::Holder(grant) => Some(grant),
        }
    }
}

impl Signers {
    pub(crate) fn has_steward_of(&self, organisation: &Organisation) -> bool {
        self.principals_of(organisation).any(|record| record.kind == PrincipalKind::Steward)
    }

    /// The organisation's own principals. Whatever takes rights is theirs alone to state, since a
    /// follower may not know anybody else's keys and must not miss it.
    pub(crate) fn principals_of<'a>(
        &'a self,
        organisation: &'a Organisation,
    ) -> impl Iterator<Item = &'a Arc<PrincipalRecord>> {
        self.principals.iter().filter(|record| *record.name.organisation() == organisation.name)
    }
}

impl Policy {
    /// Checks every signature under a statement.
    ///
    /// # Errors
    ///
    /// A signature is by nobody in force, or is not theirs.
    pub(crate) fn signers(
        &self,
        organisation: &Organisation,
        entry: &Entry<'_>,
    ) -> Result<Signers, StatementError> {
        let message = entry.statement.signing_input();
        let kind = entry.kind();
        let mut signers = Signers::default();
        for signed in entry.statement.signatures() {
            let signer = signed.signer;
            let root = organisation.root.keys.get(&signer).copied();
            let issuer = organisation.issuer(View::live(entry.received), &signer);
            let principal = self.signing_principal(organisation, &signer, entry.received);
            let issuer_key = issuer.map(|issuer| issuer.public_key);
            let principal_key = principal.as_ref().ok().map(|record| record.public_key);
            let Some(key) = root.or(issuer_key).or(principal_key) else {
                let why = principal.err().unwrap_or(Missing::UnknownPrincipal);
                let why = why_no_issuer(organisation, &signer).unwrap_or(why);
                return Err(StatementError::UnknownSigner { kind, signer, why });
            };
            if !entry.verifier.verify(&key, &message, &signed.signature) {
                return Err(StatementError::BadSignature { kind, signer });
            }
            signers.roots += usize::from(root.is_some());
            signers.issuers.extend(issuer.map(|issuer| issuer.id));
            signers.principals.extend(principal.ok().map(Arc::clone));
        }
        Ok(signers)
    }

    fn signing_principal(
        &self,
        organisation: &Organisation,
        signer: &PrincipalId,
        received: Timestamp,
    ) -> Result<&Arc<PrincipalRecord>, Missing> {
        let live = View::live(received);
        let (home, record) = self.record(live, signer).ok_or(Missing::UnknownPrincipal)?;
        if home.name == organisation.name {
            // Its own log needs no contract with us: it is older than any.
            return in_force_at_home(live, home, record).map(|()| record);
        }
        self.standing_in(View::across_logs(received), signer)
    }

    /// # Errors
    ///
    /// Fewer distinct root keys signed than the organisation wants.
    pub(crate) fn by_root(
        &self,
        organisation: &Organisation,
        entry: &Entry<'_>,
    ) -> Result<(), StatementError> {
        let found = self.signers(organisation, entry)?.roots;
        let wanted = organisation.root.threshold;
        if found >= wanted {
            return Ok(());
        }
        let organisation = organisation.name.clone();
        Err(StatementError::Threshold { kind: entry.kind(), organisation, wanted, found })
    }

    /// What gives the signers of a grant the right to give it.
    ///
    /// # Errors
    ///
    /// None of them has it.
    pub(crate) fn basis(
        &self,
        organisation: &Organisation,
        entry: &Entry<'_>,
        grant: &Grant,
    ) -> Result<Basis, StatementError> {
        let signers = self.signers(organisation, entry)?;
        if let Some(issuer) = signers.issuers.first() {
            return Ok(Basis::Issuer(*issuer));
        }
        let mut first = None;
        for record in &signers.principals {
            match self.delegation(organisation, record, grant, entry.received) {
                Ok(basis) => return Ok(basis),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        let wanted = "an issuer, or a principal that holds what it grants";
        Err(first.unwrap_or_else(|| entry.not_authorised(organisation, wanted)))
    }

    /// The longest grant that a principal may hand this one on from.
    fn delegation(
        &self,
        organisation: &Organisation,
        record: &PrincipalRecord,
        grant: &Grant,
        received: Timestamp,
    ) -> Result<Basis, StatementError> {
        let grantor = record.name.clone();
        if grant.grantee == Grantee::Principal(grantor.clone()) {
            return Err(StatementError::SelfGrant { grantor });
        }
        let delegating = grant.actions.union(Actions::of(&[Action::Grant, Action::Administer]));
        if let Some(deny) = denied(organisation, record, &grant.filter, delegating, received) {
            return Err(StatementError::GrantorDenied { grantor, deny });
        }
        let view = View::live(received);
        let mut lacks = "the action grant or administer, in force";
        let mut parent: Option<Given<'_>> = None;
        let holding = organisation.holding(view, Holder::Principal(&record.name));
        let object = Object::Filter(&grant.filter);
        organisation.visit_grants(&holding, object, view, &mut |fact, role| {
            if self.in_force(view, organisation, fact).is_err() {
                return ControlFlow::Continue(());
            }
            let given = Given { fact, role };
            match excess(grant, &given.held(), grantor.organisation()) {
                Some(more) => lacks = more,
                None if fact.basis.depth() >= DELEGATION_DEPTH_MAX => {
                    lacks = "fewer grants between it and an issuer's";
                }
                None if parent.is_none_or(|best| given.outlasts(&best)) => parent = Some(given),
                None => {}
            }
            ControlFlow::Continue(())
        });
        let parent = parent.ok_or(StatementError::Exceeds { grantor, wanted: lacks })?.fact;
        let depth = parent.basis.depth() + 1;
        Ok(Basis::Delegated { grantor: record.id, parent: Arc::clone(parent), depth })
    }

    /// The grant by which a principal may state something about a filter: one to administer all of
    /// it, or to grant on all of it together with every action of `all`.
    pub(crate) fn held<'a>(
        &self,
        organisation: &'a Organisation,
        record: &PrincipalRecord,
        filter: &Filter,
        all: Option<Actions>,
        received: Timestamp,
    ) -> Option<&'a Arc<GrantFact>> {
        let stating = Actions::of(&[Action::Grant, Action::Administer]);
        if denied(organisation, record, filter, stating, received).is_some() {
            return None;
        }
        let view = View::live(received);
        let mut found = None;
        let holding = organisation.holding(view, Holder::Principal(&record.name));
        organisation.visit_grants(&holding, Object::Filter(filter), view, &mut |fact, _role| {
            let held = fact.grant.actions;
            let by_grant = held.contains(Action::Grant)
                && all.is_some_and(|actions| held.contains_all(actions));
            let gives = (held.contains(Action::Administer) || by_grant)
                && fact.grant.filter.contains(filter)
                && self.in_force(view, organisation, fact).is_ok();
            if gives {
                found = Some(fact);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// Who of the signers may state something: an issuer, or else one of the organisation's own
    /// principals, by the grant that `held` finds.
    ///
    /// # Errors
    ///
    /// Nobody.
    pub(crate) fn maker<'a>(
        &self,
        organisation: &'a Organisation,
        entry: &Entry<'_>,
        wanted: &'static str,
        held: impl Fn(&PrincipalRecord) -> Option<&'a Arc<GrantFact>>,
    ) -> Result<Maker, StatementError> {
        let signers = self.signers(organisation, entry)?;
        if !signers.issuers.is_empty() {
            return Ok(Maker::Issuer);
        }
        let by_grant = signers.principals_of(organisation).find_map(|record| held(record));
        let fact = by_grant.ok_or_else(|| entry.not_authorised(organisation, wanted))?;
        Ok(Maker::Holder(fact.id))
    }
}

/// The first deny of any of the actions to a principal on any of the filter.
fn denied(
    organisation: &Organisation,
    record: &PrincipalRecord,
    filter: &Filter,
    actions: Actions,
    received: Timestamp,
) -> Option<Hash> {
    let mut found = None;
    let view = View::live(received);
    let holding = organisation.holding(view, Holder::Principal(&record.name));
    let object = Object::Filter(filter);
    organisation.visit_denies(&holding, object, view, &mut |fact, _role| {
        if actions.iter().any(|action| fact.blocks(action)) {
            found = Some(fact.id);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found
}

/// Why a key that was an issuer's is none.
fn why_no_issuer(organisation: &Organisation, signer: &PrincipalId) -> Option<Missing> {
    let record = organisation.issuers.get(signer)?.last()?;
    match (record.revoked, record.until) {
        (Some(revoked), _) => {
            let organisation = organisation.name.clone();
            Some(Missing::Revoked { id: *signer, organisation, revoked })
        }
        (None, Some(until)) => Some(Missing::PrincipalEnded { until }),
        (None, None) => None,
    }
}
