//! Applying what begins and ends an agreement: peerings, which two organisations sign, and
//! revocations, which must never be easier than what they undo.

use std::sync::Arc;

use sekisho_proto::{
    Filter, Hash, OrgName, PrincipalId, PrincipalName, StatementBody, StatementKind, Timestamp,
    statement::{Peering, PeeringParty, Revoke, RevokeTarget, Transit},
};

use crate::{
    Missing, Policy, PrincipalRecord, StatementError,
    application::EVERYTHING,
    authority::{Entry, Signers},
    organisation::Organisation,
    peering::{PeeringFact, enter},
    view::View,
};

/// What an organisation's node is called where only a contract names its key.
const NODE: &str = "node";

/// Which parties signed a peering.
#[derive(Debug, Default)]
struct Signed {
    by: Vec<OrgName>,
    /// A signer that is no issuer of either, as far as is known here.
    stranger: Option<PrincipalId>,
}

impl Policy {
    /// A peering takes effect, in both logs, once an issuer of each party signed it. One of two
    /// other organisations is only kept in their logs: it gives no right here, and takes what comes
    /// through one of them from the other when it is over.
    pub(crate) fn apply_peering(
        &mut self,
        entry: &Entry<'_>,
        body: &Peering,
    ) -> Result<(), StatementError> {
        let kind = entry.kind();
        if let Some(until) = body.until.filter(|until| *until <= body.from) {
            return Err(StatementError::EmptyPeriod { kind, from: body.from, until });
        }
        let signed = self.parties_signed(entry, body)?;
        match body.sides(&self.own) {
            None => self.note_foreign_peering(entry, body, &signed),
            Some((ours, theirs)) => {
                self.check_own_peering(entry, body, &signed)?;
                self.node_is_theirs(ours, theirs)?;
                for transit in ours.passes_on.iter().chain(&theirs.passes_on) {
                    self.check_pin(&transit.organisation, transit.root)?;
                }
                self.take_peering(entry, PeeringFact::of(entry, body, (ours, theirs)))
            }
        }
    }

    fn parties_signed(&self, entry: &Entry<'_>, body: &Peering) -> Result<Signed, StatementError> {
        let message = entry.statement.signing_input();
        let view = View::live(entry.received);
        let [left, right] = &body.parties;
        let mut found = Signed::default();
        for signed in entry.statement.signatures() {
            let issuer = |party: &PeeringParty| {
                let known = self.organisations.get(&party.organisation)?;
                Some((known.name.clone(), known.issuer(view, &signed.signer)?))
            };
            let Some((organisation, issuer)) = issuer(left).or_else(|| issuer(right)) else {
                found.stranger = Some(signed.signer);
                continue;
            };
            if !entry.verifier.verify(&issuer.public_key, &message, &signed.signature) {
                let (kind, signer) = (entry.kind(), signed.signer);
                return Err(StatementError::BadSignature { kind, signer });
            }
            if !found.by.contains(&organisation) {
                found.by.push(organisation);
            }
        }
        Ok(found)
    }

    fn check_own_peering(
        &self,
        entry: &Entry<'_>,
        body: &Peering,
        signed: &Signed,
    ) -> Result<(), StatementError> {
        let kind = entry.kind();
        let mut parties = body.parties.each_ref();
        parties.sort_by_key(|party| party.organisation != self.own);
        for party in parties {
            let organisation = &party.organisation;
            let unsigned = entry.statement.signatures().len() < body.parties.len();
            let Some(known) = self.organisations.get(organisation) else {
                if unsigned {
                    let organisation = organisation.clone();
                    return Err(StatementError::MissingSignature { organisation });
                }
                let organisation = organisation.clone();
                return Err(StatementError::UnknownOrganisation { kind, organisation });
            };
            if party.root != known.root.fingerprint {
                let (wanted, found) = (known.root.fingerprint, party.root);
                let organisation = organisation.clone();
                return Err(StatementError::RootMismatch { organisation, wanted, found });
            }
            entry.acceptable(&party.node_key)?;
            if signed.by.contains(organisation) {
                continue;
            }
            return Err(match signed.stranger {
                Some(signer) => {
                    StatementError::UnknownSigner { kind, signer, why: Missing::UnknownPrincipal }
                }
                None => StatementError::MissingSignature { organisation: organisation.clone() },
            });
        }
        match signed.stranger {
            Some(signer) => {
                Err(StatementError::UnknownSigner { kind, signer, why: Missing::UnknownPrincipal })
            }
            None => Ok(()),
        }
    }

    /// A key that the contract makes the other's node is nobody's here: whoever holds it would
    /// lose its own rights and be taken for that node.
    fn node_is_theirs(
        &self,
        ours: &PeeringParty,
        theirs: &PeeringParty,
    ) -> Result<(), StatementError> {
        let id = PrincipalId::of(&theirs.node_key);
        let own = self.trusted(&self.own);
        let held = own.and_then(|own| own.principal(View::live(Timestamp::MAX), &id));
        let node_of = |organisation: &OrgName| {
            PrincipalName::new(NODE, organisation).map_err(|_no_name| {
                let organisation = organisation.clone();
                StatementError::UnknownOrganisation { kind: StatementKind::Peering, organisation }
            })
        };
        let holder = match held {
            Some(record) => record.name.clone(),
            None if theirs.node_key == ours.node_key => node_of(&self.own)?,
            None => return Ok(()),
        };
        Err(StatementError::KeyTaken { id, name: node_of(&theirs.organisation)?, holder })
    }

    /// A contract vouches for the root of its other party and for the roots of those whom that one
    /// passes on. They stay trusted when it is over, as what was stated then must stay checkable;
    /// without a contract in force nothing they say gives a right.
    fn take_peering(&mut self, entry: &Entry<'_>, fact: PeeringFact) -> Result<(), StatementError> {
        let other = &fact.theirs.organisation;
        for Transit { organisation, root, .. } in &fact.theirs.passes_on {
            self.pin(organisation, *root)?;
            self.transits.entry(organisation.clone()).or_default().insert(other.clone());
        }
        self.pins.insert(other.clone(), fact.theirs.root);
        for organisation in [&fact.ours.organisation, other] {
            self.log_in(organisation, entry, |organisation| organisation.is_pinned = true);
        }
        enter(self.peerings.entry(other.clone()).or_default(), Arc::new(fact));
        Ok(())
    }

    fn note_foreign_peering(
        &mut self,
        entry: &Entry<'_>,
        body: &Peering,
        signed: &Signed,
    ) -> Result<(), StatementError> {
        let is_trusted = |name: &&OrgName| self.trusted(name).is_some();
        let logs: Vec<OrgName> = signed.by.iter().filter(is_trusted).cloned().collect();
        if logs.is_empty() {
            let [left, _right] = &body.parties;
            let organisation = left.organisation.clone();
            return Err(StatementError::MissingSignature { organisation });
        }
        for name in logs {
            let Some(sides) = body.sides(&name) else { continue };
            if self.is_known(&name, &entry.id) {
                continue;
            }
            let other = sides.1.organisation.clone();
            let fact = Arc::new(PeeringFact::of(entry, body, sides));
            self.log_in(&name, entry, |organisation| {
                enter(organisation.peerings.entry(other).or_default(), fact);
            });
        }
        Ok(())
    }

    pub(crate) fn apply_revoke(
        &mut self,
        entry: &Entry<'_>,
        body: &Revoke,
    ) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        let signers = self.signers(organisation, entry)?;
        let by_root = signers.roots >= organisation.root.threshold;
        let received = entry.received;
        match body.target {
            RevokeTarget::Principal(id) => {
                if !by_root && signers.issuers.is_empty() {
                    return Err(entry.not_authorised(organisation, "an issuer"));
                }
                let is_issuer = organisation.issuers.contains_key(&id);
                let is_principal = organisation.principals.contains_key(&id);
                if is_issuer && !is_principal && !by_root {
                    return Err(entry.not_authorised(organisation, "the root"));
                }
                self.log_in(&body.organisation, entry, |organisation| {
                    organisation.revoke_key(id, received);
                    if by_root {
                        organisation.revoke_issuer(id, received);
                    }
                });
            }
            RevokeTarget::Statement(target) => {
                self.may_revoke(organisation, entry, &signers, by_root, &target)?;
                self.log_in(&body.organisation, entry, |organisation| {
                    end_statement(organisation, target, received);
                });
            }
        }
        Ok(())
    }

    fn may_revoke(
        &self,
        organisation: &Organisation,
        entry: &Entry<'_>,
        signers: &Signers,
        by_root: bool,
        target: &Hash,
    ) -> Result<(), StatementError> {
        let Some(logged) = organisation.statement(target) else {
            let organisation = organisation.name.clone();
            return Err(StatementError::UnknownTarget { organisation, target: *target });
        };
        let by_issuer = by_root || !signers.issuers.is_empty();
        let view = View::live(entry.received);
        let own = |record: &Arc<PrincipalRecord>| {
            logged.statement.signatures().iter().any(|signed| signed.signer == record.id)
        };
        let (may, wanted) = match logged.statement.body() {
            StatementBody::OrgRoot(_) | StatementBody::Revoke(_) | StatementBody::Erasure(_) => {
                return Err(StatementError::NotRevocable { target: logged.statement.kind() });
            }
            StatementBody::Issuer(_) => (by_root, "the root"),
            StatementBody::Principal(_) | StatementBody::Peering(_) => (by_issuer, "an issuer"),
            StatementBody::Role(role) => {
                // Whoever has a role keeps the denies that come with it.
                let everything = Filter::everything(&organisation.name);
                let may = |record: &Arc<PrincipalRecord>| {
                    !role.member.covers(&record.name)
                        && self
                            .held(organisation, record, &everything, None, entry.received)
                            .is_some()
                };
                (by_issuer || signers.principals_of(organisation).any(may), EVERYTHING)
            }
            StatementBody::EpochAnnounce(_) | StatementBody::KeyGrant(_) => {
                (by_issuer || signers.has_steward_of(organisation), "an issuer or a steward")
            }
            StatementBody::Grant(grant) => {
                let may = |record: &Arc<PrincipalRecord>| {
                    let actions = Some(grant.actions);
                    self.held(organisation, record, &grant.filter, actions, entry.received)
                        .is_some()
                };
                let by_principal = signers.principals.iter().any(own)
                    || signers.principals_of(organisation).any(may);
                (by_issuer || by_principal, "an issuer, the grantor or an administrator")
            }
            StatementBody::Deny(deny) => {
                // Who is denied something does not lift the deny.
                let may = |record: &Arc<PrincipalRecord>| {
                    let actions = own(record).then_some(deny.actions);
                    !organisation.means(view, &deny.grantee, &record.name)
                        && self
                            .held(organisation, record, &deny.filter, actions, entry.received)
                            .is_some()
                };
                let by_principal = signers.principals_of(organisation).any(may);
                (by_issuer || by_principal, "an issuer or an administrator")
            }
            StatementBody::StreamDescriptor(descriptor) => {
                let filter = (&descriptor.topic).into();
                let may = |record: &Arc<PrincipalRecord>| {
                    self.held(organisation, record, &filter, None, entry.received).is_some()
                };
                let by_principal = signers.principals_of(organisation).any(may);
                (by_issuer || by_principal, "an issuer or an administrator")
            }
        };
        if may { Ok(()) } else { Err(entry.not_authorised(organisation, wanted)) }
    }
}

/// Takes the effect of a statement that is in the log.
fn end_statement(organisation: &mut Organisation, target: Hash, received: Timestamp) {
    let Some(logged) = organisation.statement(&target) else { return };
    let statement = Arc::clone(&logged.statement);
    organisation.revoke_statement(target, received);
    match statement.body() {
        StatementBody::Issuer(issuer) => {
            organisation.revoke_issuer(PrincipalId::of(&issuer.public_key), received);
        }
        StatementBody::Principal(principal) => {
            organisation.revoke_key(PrincipalId::of(&principal.public_key), received);
        }
        StatementBody::EpochAnnounce(epoch) => organisation.epochs.remove(&epoch.tree, &target),
        StatementBody::OrgRoot(_)
        | StatementBody::Grant(_)
        | StatementBody::Deny(_)
        | StatementBody::Revoke(_)
        | StatementBody::StreamDescriptor(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Peering(_)
        | StatementBody::Role(_)
        | StatementBody::Erasure(_) => {}
    }
}
