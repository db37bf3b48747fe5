//! Applying a statement: its signatures and the authority behind them are checked, then it is
//! logged and takes effect. A statement that is refused changes nothing.

use std::sync::Arc;

use sekisho_proto::{
    Filter, Grantee, Hash, OrgName, PrincipalId, PrincipalName, Statement, StatementBody,
    StatementIndex, StatementVerifier, Timestamp,
    limits::CLOCK_AHEAD_MAX,
    statement::{Deny, Grant, Issuer, OrgRoot, PeeringParty, Principal, Role, StreamDescriptor},
};

use crate::{
    Applied, IssuerRecord, Policy, PrincipalRecord, StatementError,
    arrival::Arrival,
    authority::{Entry, Maker, Signers},
    grant::{DenyFact, GrantFact},
    organisation::{Organisation, Root},
    roles::RoleFact,
    view::View,
};

/// Who else than an issuer decides about everything of an organisation.
pub(crate) const EVERYTHING: &str = "an issuer, or a principal that may administer everything";

/// Organisations that may be known without anybody vouching for them: those that a peering is
/// being agreed on with.
const NOT_PINNED_MAX: usize = 16;

/// Statements kept of each of them: a root and the issuers that may sign the peering.
const NOT_PINNED_STATEMENTS_MAX: usize = 64;

/// In whose log a statement is, and where there.
type Place = (OrgName, StatementIndex);

impl Policy {
    /// Applies a statement that was received, or logged by its owner's node, at `received`. One
    /// that is known is not applied again.
    ///
    /// Of an organisation that nobody vouches for, the root and its issuers are taken and kept, but
    /// give no right until a peering that both parties' issuers signed, or a
    /// [`pin`](Self::pin), names that root.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it; nothing was changed.
    pub fn apply(
        &mut self,
        statement: &Statement,
        received: Timestamp,
        verifier: &dyn StatementVerifier,
    ) -> Result<Applied, StatementError> {
        self.apply_as(Arrival::Logged, statement, received, verifier)
    }

    /// Applies a statement that somebody showed by itself, whoever that is: at which place of its
    /// log it is, nobody said. It counts as received when it was issued, since those who signed it
    /// had the right to then; and of several about one thing the last issued is in force, in
    /// whatever order they come. Only what was signed by a key that is known to be revoked is
    /// refused though it may be older: that key, too, may say any time.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub fn learn(
        &mut self,
        statement: &Statement,
        verifier: &dyn StatementVerifier,
    ) -> Result<Applied, StatementError> {
        self.apply_as(Arrival::Learned, statement, statement.body().issued(), verifier)
    }

    fn apply_as(
        &mut self,
        arrival: Arrival,
        statement: &Statement,
        received: Timestamp,
        verifier: &dyn StatementVerifier,
    ) -> Result<Applied, StatementError> {
        let id = statement.id();
        let before = self.places(statement, &id);
        let Some(known) = applied_at(&before, false) else {
            self.take(arrival, statement, received, verifier)?;
            return self.taken(statement, &id, &before).ok_or_else(|| {
                let (kind, organisation) = (statement.kind(), self.own.clone());
                StatementError::UnknownOrganisation { kind, organisation }
            });
        };
        if self.is_missing_in_a_log(statement, &before)
            && self.take(arrival, statement, received, verifier).is_ok()
        {
            return Ok(self.taken(statement, &id, &before).unwrap_or(known));
        }
        Ok(known)
    }

    /// In which logs a statement is that was not there before.
    fn taken(&mut self, statement: &Statement, id: &Hash, before: &[Place]) -> Option<Applied> {
        let mut places = self.places(statement, id);
        places.retain(|place| !before.contains(place));
        let applied = applied_at(&places, true)?;
        self.note_change();
        Some(applied)
    }

    fn take(
        &mut self,
        arrival: Arrival,
        statement: &Statement,
        received: Timestamp,
        verifier: &dyn StatementVerifier,
    ) -> Result<(), StatementError> {
        let kind = statement.kind();
        // Whatever is logged must be readable by everybody who follows the log.
        let statement = Statement::decode(&statement.encode())
            .map_err(|source| StatementError::Malformed { kind, source })?;
        let issued = statement.body().issued();
        if issued > received.saturating_add(CLOCK_AHEAD_MAX) {
            return Err(StatementError::ClockAhead { kind, received, issued });
        }
        let (id, statement) = (statement.id(), Arc::new(statement));
        let entry = Entry { statement: &statement, id, received, arrival, verifier };
        match statement.body() {
            StatementBody::OrgRoot(body) => self.apply_root(&entry, body),
            StatementBody::Issuer(body) => self.apply_issuer(&entry, body),
            StatementBody::Principal(body) => self.apply_principal(&entry, body),
            StatementBody::Grant(body) => self.apply_grant(&entry, body),
            StatementBody::Deny(body) => self.apply_deny(&entry, body),
            StatementBody::Revoke(body) => self.apply_revoke(&entry, body),
            StatementBody::StreamDescriptor(body) => self.apply_descriptor(&entry, body),
            StatementBody::EpochAnnounce(body) => self.apply_epoch(&entry, body),
            StatementBody::KeyGrant(body) => self.apply_key_grant(&entry, body),
            StatementBody::Peering(body) => self.apply_peering(&entry, body),
            StatementBody::Role(body) => self.apply_role(&entry, body),
            StatementBody::Erasure(body) => self.apply_erasure(&entry, body),
        }
    }

    /// Whether a peering of two others is still missing in the log of one that has come to be
    /// trusted since: what it says and what ends it is looked for there.
    fn is_missing_in_a_log(&self, statement: &Statement, known: &[Place]) -> bool {
        let StatementBody::Peering(body) = statement.body() else { return false };
        body.sides(&self.own).is_none()
            && body.parties.iter().any(|PeeringParty { organisation, .. }| {
                self.trusted(organisation).is_some()
                    && known.iter().all(|(log, _index)| log != organisation)
            })
    }

    /// Where a statement is logged, in this organisation's log first.
    fn places(&self, statement: &Statement, id: &Hash) -> Vec<Place> {
        let mut places: Vec<Place> = statement
            .organisations()
            .into_iter()
            .filter_map(|organisation| {
                let index = self.organisations.get(organisation)?.index.get(id)?;
                Some((organisation.clone(), *index))
            })
            .collect();
        places.sort_by_key(|(organisation, _index)| *organisation != self.own);
        places
    }

    fn apply_root(&mut self, entry: &Entry<'_>, body: &OrgRoot) -> Result<(), StatementError> {
        let name = &body.organisation;
        let found = entry.statement.body_hash();
        let known = self.trusted(name).map(|known| known.root.fingerprint);
        let pinned = self.pins.get(name).copied();
        if let Some(wanted) = known.or(pinned).filter(|wanted| *wanted != found) {
            let organisation = name.clone();
            return Err(StatementError::RootMismatch { organisation, wanted, found });
        }
        for key in &body.keys {
            entry.acceptable(key)?;
        }
        if pinned.is_none() {
            self.room_for_another(name)?;
        }
        let root = Root {
            statement: entry.id,
            fingerprint: found,
            keys: body.keys.iter().map(|key| (PrincipalId::of(key), *key)).collect(),
            threshold: usize::try_from(body.threshold).unwrap_or(usize::MAX),
        };
        let mut organisation = Organisation::new(name.clone(), root, pinned.is_some());
        self.by_root(&organisation, entry)?;
        organisation.append(entry);
        self.organisations.insert(name.clone(), Arc::new(organisation));
        Ok(())
    }

    fn room_for_another(&self, name: &OrgName) -> Result<(), StatementError> {
        let waiting = |known: &&Arc<Organisation>| !known.is_pinned && known.name != *name;
        if self.organisations.values().filter(waiting).count() < NOT_PINNED_MAX {
            return Ok(());
        }
        let organisation = name.clone();
        Err(StatementError::TooManyNotPinned { organisation, limit: NOT_PINNED_MAX })
    }

    fn apply_issuer(&mut self, entry: &Entry<'_>, body: &Issuer) -> Result<(), StatementError> {
        let organisation = self.known(entry, body.name.organisation())?;
        if !organisation.is_pinned && organisation.log.len() >= NOT_PINNED_STATEMENTS_MAX {
            let (organisation, limit) = (organisation.name.clone(), NOT_PINNED_STATEMENTS_MAX);
            return Err(StatementError::TooManyNotPinned { organisation, limit });
        }
        entry.acceptable(&body.public_key)?;
        self.by_root(organisation, entry)?;
        let id = PrincipalId::of(&body.public_key);
        let issuers = organisation.issuers.get(&id);
        let is_revoked =
            issuers.and_then(|all| all.last()).is_some_and(|last| last.revoked.is_some());
        if is_revoked && entry.arrival == Arrival::Logged {
            return Err(StatementError::KeyRevoked { kind: entry.kind(), id });
        }
        let record = IssuerRecord {
            name: body.name.clone(),
            id,
            public_key: body.public_key,
            until: body.until,
            statement: entry.id,
            received: entry.received,
            revoked: None,
        };
        let arrival = entry.arrival;
        self.log_in(body.name.organisation(), entry, |organisation| {
            organisation.insert_issuer(arrival, record);
        });
        Ok(())
    }

    fn apply_principal(
        &mut self,
        entry: &Entry<'_>,
        body: &Principal,
    ) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, body.name.organisation())?;
        self.by_issuer(organisation, entry)?;
        entry.acceptable(&body.public_key)?;
        let id = PrincipalId::of(&body.public_key);
        // Of what is only learned, the statement may well have come before the revocation.
        if entry.arrival == Arrival::Logged && organisation.revoked_keys.contains_key(&id) {
            return Err(StatementError::KeyRevoked { kind: entry.kind(), id });
        }
        self.key_is_free(&id, &body.name)?;
        let kem_public_key = body.kem_public_key.clone();
        let record = PrincipalRecord {
            name: body.name.clone(),
            kind: body.kind,
            id,
            public_key: body.public_key,
            kem_suite: body.kem_suite,
            kem_public_key: (!kem_public_key.is_empty()).then_some(kem_public_key),
            attested: body.attested,
            issued: body.issued,
            until: body.until,
            statement: entry.id,
            received: entry.received,
            revoked: None,
        };
        let namers = self.namers.or_default(id);
        if !namers.contains(body.name.organisation()) {
            namers.push(body.name.organisation().clone());
        }
        let arrival = entry.arrival;
        self.log_in(body.name.organisation(), entry, |organisation| {
            organisation.insert_principal(arrival, record);
        });
        Ok(())
    }

    /// In its organisation, a key is one principal's. What other organisations say about a key of
    /// this one is refused; they cannot keep this one from naming its keys. Nor can one of them have
    /// another's log refused by naming a key of that one first: both statements are in order, and
    /// the key is who was heard of first.
    fn key_is_free(&self, id: &PrincipalId, name: &PrincipalName) -> Result<(), StatementError> {
        let view = View::live(Timestamp::MAX);
        let holders = [&self.own, name.organisation()].into_iter();
        let holders = holders.filter_map(|holder| self.organisations.get(holder));
        let mut others = holders.filter_map(|known| known.principal(view, id));
        match others.find(|record| record.name != *name) {
            Some(record) => {
                let (name, holder) = (name.clone(), record.name.clone());
                Err(StatementError::KeyTaken { id: *id, name, holder })
            }
            None => Ok(()),
        }
    }

    fn apply_grant(&mut self, entry: &Entry<'_>, body: &Grant) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        if let Some(until) = body.until.filter(|until| *until <= body.from) {
            return Err(StatementError::EmptyPeriod { kind: entry.kind(), from: body.from, until });
        }
        let basis = self.basis(organisation, entry, body)?;
        let (id, received) = (entry.id, entry.received);
        let fact = Arc::new(GrantFact { id, received, grant: body.clone(), basis });
        self.log_in(&body.organisation, entry, |organisation| organisation.insert_grant(fact));
        Ok(())
    }

    fn apply_deny(&mut self, entry: &Entry<'_>, body: &Deny) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        let wanted = "an issuer, or a principal that may administer or grant all of it";
        let maker = self.maker(organisation, entry, wanted, |record| {
            self.held(organisation, record, &body.filter, Some(body.actions), entry.received)
        })?;
        let (id, received) = (entry.id, entry.received);
        let fact = Arc::new(DenyFact { id, received, deny: body.clone() });
        self.log_made(&body.organisation, entry, maker, |organisation| {
            organisation.insert_deny(fact);
        });
        Ok(())
    }

    /// Somebody has a role. Whoever may say so decides about all that the role is ever given, so
    /// it takes an issuer, or a principal that administers everything; and nobody takes a role.
    fn apply_role(&mut self, entry: &Entry<'_>, body: &Role) -> Result<(), StatementError> {
        let name = body.role.organisation();
        let organisation = self.pinned(entry, name)?;
        if let Some(until) = body.until.filter(|until| *until <= body.issued) {
            return Err(StatementError::EmptyPeriod {
                kind: entry.kind(),
                from: body.issued,
                until,
            });
        }
        let everything = Filter::everything(name);
        let maker = self.maker(organisation, entry, EVERYTHING, |record| {
            self.held(organisation, record, &everything, None, entry.received)
        })?;
        if let Maker::Holder(_) = maker
            && let Some(member) = self.signer_among(entry, &body.member)
        {
            return Err(StatementError::OwnRole { member, role: body.role.clone() });
        }
        let fact = RoleFact {
            id: entry.id,
            received: entry.received,
            role: body.role.clone(),
            member: body.member.clone(),
            until: body.until,
        };
        self.log_made(name, entry, maker, |organisation| organisation.insert_role(fact));
        Ok(())
    }

    /// Whoever signed it and is meant by it.
    fn signer_among(&self, entry: &Entry<'_>, meant: &Grantee) -> Option<PrincipalName> {
        let view = View::live(Timestamp::MAX);
        entry.statement.signatures().iter().find_map(|signed| {
            let (_home, record) = self.record(view, &signed.signer)?;
            meant.covers(&record.name).then(|| record.name.clone())
        })
    }

    fn apply_descriptor(
        &mut self,
        entry: &Entry<'_>,
        body: &StreamDescriptor,
    ) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        let filter = (&body.topic).into();
        let wanted = "an issuer, or a principal that may administer the topic";
        let maker = self.maker(organisation, entry, wanted, |record| {
            self.held(organisation, record, &filter, None, entry.received)
        })?;
        let (id, arrival, received) = (entry.id, entry.arrival, entry.received);
        self.log_made(&body.organisation, entry, maker, |organisation| {
            let all = organisation.descriptors.or_default(body.topic.clone());
            arrival.enter(all, (received, id), |age| *age);
        });
        Ok(())
    }

    fn by_issuer(
        &self,
        organisation: &Organisation,
        entry: &Entry<'_>,
    ) -> Result<Signers, StatementError> {
        let signers = self.signers(organisation, entry)?;
        if signers.issuers.is_empty() {
            return Err(entry.not_authorised(organisation, "an issuer"));
        }
        Ok(signers)
    }

    /// The organisation of a statement, whether or not anybody vouches for it.
    fn known(&self, entry: &Entry<'_>, name: &OrgName) -> Result<&Organisation, StatementError> {
        self.organisations.get(name).map(|known| &**known).ok_or_else(|| {
            let organisation = name.clone();
            StatementError::UnknownOrganisation { kind: entry.kind(), organisation }
        })
    }

    pub(crate) fn pinned(
        &self,
        entry: &Entry<'_>,
        name: &OrgName,
    ) -> Result<&Organisation, StatementError> {
        let organisation = self.known(entry, name)?;
        if organisation.is_pinned {
            return Ok(organisation);
        }
        Err(StatementError::NotPinned { kind: entry.kind(), organisation: name.clone() })
    }

    /// Appends a statement that was judged to be in order, and lets it take effect.
    pub(crate) fn log_in(
        &mut self,
        name: &OrgName,
        entry: &Entry<'_>,
        effect: impl FnOnce(&mut Organisation),
    ) {
        if let Some(organisation) = self.organisations.get_mut(name) {
            let organisation = Arc::make_mut(organisation);
            organisation.append(entry);
            effect(organisation);
        }
    }

    /// The same, and what let its maker make it.
    pub(crate) fn log_made(
        &mut self,
        name: &OrgName,
        entry: &Entry<'_>,
        maker: Maker,
        effect: impl FnOnce(&mut Organisation),
    ) {
        self.log_in(name, entry, |organisation| {
            if let Some(grant) = maker.grant() {
                organisation.made_by.insert(entry.id, grant);
            }
            effect(organisation);
        });
    }
}

/// None where a statement is in no log.
fn applied_at(places: &[Place], is_new: bool) -> Option<Applied> {
    let ((organisation, index), others) = places.split_first()?;
    let (organisation, index) = (organisation.clone(), *index);
    Some(Applied { organisation, index, other: others.first().cloned(), is_new })
}
