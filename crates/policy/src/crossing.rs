//! What lies between an asker and a topic before any grant is read: who the asker is, and whether
//! anything may pass between the organisations at all.

use std::{sync::Arc, time::Duration};

use sekisho_proto::{Action, OrgName, PrincipalId, StreamClass, Timestamp};

use crate::{
    Crossing, Denial, FRESHNESS_MAX, Missing, Policy, PrincipalRecord, Recipient, Subject,
    grant_index::Object, organisation::Organisation, peering::PeeringFact, view::View,
};

impl Policy {
    /// What is said about a key, and by which organisation. This organisation's word comes first:
    /// no other can take over one of its keys.
    pub(crate) fn record(
        &self,
        view: View<'_>,
        id: &PrincipalId,
    ) -> Option<(&Organisation, &Arc<PrincipalRecord>)> {
        let find = |organisation: &OrgName| {
            let organisation = self.trusted(organisation)?;
            Some((organisation, organisation.principal(view, id)?))
        };
        find(&self.own).or_else(|| self.organisations.keys().find_map(find))
    }

    /// The principal behind a key, where it may act at all.
    pub(crate) fn standing_in(
        &self,
        view: View<'_>,
        id: &PrincipalId,
    ) -> Result<&Arc<PrincipalRecord>, Missing> {
        let (home, record) = self.record(view, id).ok_or(Missing::UnknownPrincipal)?;
        self.stands(view, home, record).map(|()| record)
    }

    /// Whether a principal of an organisation may act at all.
    pub(crate) fn stands(
        &self,
        view: View<'_>,
        home: &Organisation,
        record: &PrincipalRecord,
    ) -> Result<(), Missing> {
        in_force_at_home(view, home, record)?;
        if home.name != self.own {
            if let Some(own) = self.trusted(&self.own) {
                not_revoked_by(own, view, &record.id)?;
            }
            self.peering(view, &home.name).ok_or_else(|| self.no_peering(&home.name))?;
        }
        Ok(())
    }

    /// The peering with an organisation that is in force. Only the newest that has begun counts:
    /// a new contract replaces the old one, and ending it does not bring the old one back.
    pub(crate) fn peering(
        &self,
        view: View<'_>,
        organisation: &OrgName,
    ) -> Option<&Arc<PeeringFact>> {
        let all = self.peerings.get(organisation)?;
        let newest = all.iter().rev().find(|peering| peering.has_begun(view))?;
        (newest.is_in_force(view) && !self.is_ended(view, newest)).then_some(newest)
    }

    pub(crate) fn no_peering(&self, organisation: &OrgName) -> Missing {
        Missing::NoPeering { own: self.own.clone(), organisation: organisation.clone() }
    }

    /// The organisation that owns an object.
    pub(crate) fn owner(&self, object: Object<'_>) -> Result<&Organisation, Missing> {
        let organisation = object.organisation();
        self.trusted(organisation)
            .ok_or_else(|| Missing::UnknownOrganisation { organisation: organisation.clone() })
    }

    /// The peerings that an action on an object has to keep to, for somebody of the organisation
    /// `taker`: each with the party that exports, and whether the object must travel on.
    ///
    /// # Errors
    ///
    /// A peering that would be needed is not in force.
    pub(crate) fn bridges(
        &self,
        view: View<'_>,
        action: Action,
        owner: &OrgName,
        taker: &OrgName,
    ) -> Result<Vec<Bridge<'_>>, Missing> {
        let mut bridges = Vec::new();
        if *owner != self.own {
            let peering = self.peering(view, owner).ok_or_else(|| self.no_peering(owner))?;
            let travels_on = is_reading(action) && *taker != self.own && taker != owner;
            if is_reading(action) || action == Action::Publish {
                bridges.push(Bridge { peering, exporter: owner.clone(), travels_on });
            }
        } else if *taker != self.own {
            let peering = self.peering(view, taker).ok_or_else(|| self.no_peering(taker))?;
            if is_reading(action) {
                let exporter = self.own.clone();
                bridges.push(Bridge { peering, exporter, travels_on: false });
            }
        }
        Ok(bridges)
    }

    /// Whether the peerings let an action on an object pass for somebody of an organisation.
    pub(crate) fn crossing(
        &self,
        view: View<'_>,
        action: Action,
        object: Object<'_>,
        taker: &OrgName,
    ) -> Result<(), Missing> {
        let owner = object.organisation();
        if *owner == self.own && *taker == self.own {
            return Ok(());
        }
        for bridge in self.bridges(view, action, owner, taker)? {
            bridge.peering.covers(&bridge.exporter, object)?;
            if bridge.travels_on && !bridge.peering.is_onward(&bridge.exporter) {
                return Err(Missing::NotOnward { owner: owner.clone(), via: self.own.clone() });
            }
        }
        Ok(())
    }

    /// Whether the statements of the organisations that are concerned are fresh enough to go by;
    /// open topics are never too stale. Asked last: who is told so has the right otherwise.
    pub(crate) fn fresh(
        &self,
        view: View<'_>,
        owner: &Organisation,
        taker: &OrgName,
        object: Object<'_>,
    ) -> Result<(), Missing> {
        if self.heard.is_empty() || !view.is_live() {
            return Ok(());
        }
        if let Object::Topic(topic) = object
            && self.class_of(topic) == StreamClass::Open
        {
            return Ok(());
        }
        for organisation in [&owner.name, taker] {
            let heard = self.heard.get(organisation).filter(|_heard| *organisation != self.own);
            let stale = |heard: &&Timestamp| {
                let too_old = FRESHNESS_MAX.saturating_add(Duration::from_micros(1));
                view.has_reached(heard.saturating_add(too_old))
            };
            if let Some(heard) = heard.filter(stale) {
                let organisation = organisation.clone();
                return Err(Missing::Stale { organisation, heard: *heard });
            }
        }
        Ok(())
    }

    /// An owner may block a key that others still trust.
    pub(crate) fn blocked_by_owner(
        &self,
        view: View<'_>,
        owner: &Organisation,
        record: &PrincipalRecord,
    ) -> Result<(), Missing> {
        not_revoked_by(owner, view, &record.id)
    }

    pub(crate) fn subject(&self, id: &PrincipalId) -> Subject {
        self.principal(id)
            .map_or(Subject::Key(*id), |record| Subject::Principal(record.name.clone()))
    }

    pub(crate) fn refuse(
        &self,
        recipient: &Recipient,
        object: Object<'_>,
        missing: Missing,
    ) -> Denial {
        let subject = match recipient {
            Recipient::Principal(id) => self.subject(id),
            Recipient::Peer(organisation) => Subject::Peer(organisation.clone()),
        };
        Denial::new(subject, Action::Subscribe, object.as_str(), missing)
    }
}

/// A peering that something has to pass.
#[derive(Debug)]
pub(crate) struct Bridge<'a> {
    pub(crate) peering: &'a Arc<PeeringFact>,
    /// The party whose exports and whose other's imports must cover it.
    pub(crate) exporter: OrgName,
    /// Whether it goes on to a third organisation from here.
    pub(crate) travels_on: bool,
}

impl Bridge<'_> {
    /// What it lets pass.
    pub(crate) fn bounds(&self) -> Crossing {
        let (exporter, importer) = self.peering.sides(&self.exporter);
        Crossing {
            peering: self.peering.id,
            exports: exporter.exports.clone(),
            imports: importer.imports.clone(),
        }
    }
}

/// Whether an action takes data or knowledge of it out of a topic.
fn is_reading(action: Action) -> bool {
    match action {
        Action::Subscribe | Action::History | Action::Decrypt | Action::Discover => true,
        Action::Publish | Action::Grant | Action::Bridge | Action::Administer => false,
    }
}

/// Whether a principal's own organisation stands by it: neither revoked there nor run out.
pub(crate) fn in_force_at_home(
    view: View<'_>,
    home: &Organisation,
    record: &PrincipalRecord,
) -> Result<(), Missing> {
    not_revoked_by(home, view, &record.id)?;
    match record.until.filter(|until| view.has_reached(*until)) {
        Some(until) => Err(Missing::PrincipalEnded { until }),
        None => Ok(()),
    }
}

fn not_revoked_by(
    organisation: &Organisation,
    view: View<'_>,
    id: &PrincipalId,
) -> Result<(), Missing> {
    match organisation.revoked_key(view, id) {
        Some(revoked) => {
            Err(Missing::Revoked { id: *id, organisation: organisation.name.clone(), revoked })
        }
        None => Ok(()),
    }
}
