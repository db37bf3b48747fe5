//! What lies between an asker and a topic before any grant is read: who the asker is, and whether
//! anything may pass between the organisations at all.

use std::{sync::Arc, time::Duration};

use sekisho_proto::{Action, Filter, OrgName, PrincipalId, StreamClass, Timestamp};

use crate::{
    Crossing, Denial, FRESHNESS_MAX, Missing, Policy, PrincipalRecord, Recipient, Subject,
    grant_index::Object,
    organisation::Organisation,
    peering::{PeeringFact, newest_begun},
    route::Way,
    view::View,
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
        find(&self.own).or_else(|| self.namers.get(id)?.iter().find_map(find))
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
            self.way(view, &home.name)?;
        }
        Ok(())
    }

    /// The peering with an organisation that is in force.
    pub(crate) fn peering(
        &self,
        view: View<'_>,
        organisation: &OrgName,
    ) -> Option<&Arc<PeeringFact>> {
        let all = self.peerings.get(organisation)?;
        let newest = newest_begun(view, all)?;
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

    /// The contracts that an action on topics of `owner` has to keep to, for somebody of the
    /// organisation `taker`: each alternative with all that it has to pass.
    ///
    /// # Errors
    ///
    /// A contract that would be needed is not in force, or does not speak of the owner.
    pub(crate) fn bridges(
        &self,
        view: View<'_>,
        action: Action,
        owner: &OrgName,
        taker: &OrgName,
    ) -> Result<Vec<Vec<Bridge<'_>>>, Missing> {
        let reads = is_reading(action);
        if *owner == self.own {
            if *taker == self.own {
                return Ok(vec![Vec::new()]);
            }
            if reads {
                return self.bridges_out(view, taker);
            }
            return self.way(view, taker).map(|_way| vec![Vec::new()]);
        }
        let way = self.way(view, owner)?;
        if reads && *taker != self.own && taker != owner {
            return self.bridges_through(view, owner, &way, taker).map(|bridges| vec![bridges]);
        }
        let crosses = reads || action == Action::Publish;
        Ok(vec![if crosses { bridges_in(owner, &way, &self.own) } else { Vec::new() }])
    }

    /// From this organisation to another: under the contract with it, or through any peer that
    /// passes its statements on to here.
    fn bridges_out(
        &self,
        view: View<'_>,
        taker: &OrgName,
    ) -> Result<Vec<Vec<Bridge<'_>>>, Missing> {
        let exports = |contract, travels_on| Bridge {
            contract,
            owner: self.own.clone(),
            passes: Passes::Exports { travels_on },
        };
        if let Some(contract) = self.peering(view, taker) {
            return Ok(vec![vec![exports(contract, false)]]);
        }
        let mut missing = self.no_peering(taker);
        let mut ways = Vec::new();
        for way in self.transit_ways(view, taker) {
            // How that peer deals with the taker is known where its log says so.
            let onward = way
                .and_then(|way| self.contract_of(view, way.via(), taker).map(|known| (way, known)));
            match onward {
                Ok((way, known)) => {
                    let mut bridges = vec![exports(way.contract, true)];
                    bridges.extend(known.map(|contract| self.transit_bridge(contract, &self.own)));
                    ways.push(bridges);
                }
                Err(why) => missing = why,
            }
        }
        if ways.is_empty() { Err(missing) } else { Ok(ways) }
    }

    /// From one other organisation through this one to a third: only what the owner sends here
    /// itself, so that nothing travels further than it was let.
    fn bridges_through<'a>(
        &'a self,
        view: View<'_>,
        owner: &OrgName,
        way: &Way<'a>,
        taker: &OrgName,
    ) -> Result<Vec<Bridge<'a>>, Missing> {
        let contract = self.peering(view, taker).ok_or_else(|| self.no_peering(taker))?;
        if way.transit.is_some() {
            return Err(self.not_passed_on(owner, taker));
        }
        let passes = Passes::Exports { travels_on: true };
        let incoming = Bridge { contract: way.contract, owner: owner.clone(), passes };
        Ok(vec![incoming, self.transit_bridge(contract, owner)])
    }

    /// What `contract.ours` passes on of an organisation to the other party.
    fn transit_bridge<'a>(&self, contract: &'a PeeringFact, owner: &OrgName) -> Bridge<'a> {
        let transit = self.passed_on(&contract.ours, owner);
        let filters = transit.map_or(&[][..], |transit| &transit.filters);
        let (via, taker) = (&contract.ours.organisation, &contract.theirs.organisation);
        Bridge { contract, owner: owner.clone(), passes: Passes::Transit { filters, via, taker } }
    }

    fn not_passed_on(&self, owner: &OrgName, taker: &OrgName) -> Missing {
        let (owner, via, taker) = (owner.clone(), self.own.clone(), taker.clone());
        Missing::NotPassedOn { owner, via, taker }
    }

    /// Whether the contracts let an action on an object pass for somebody of an organisation.
    pub(crate) fn crossing(
        &self,
        view: View<'_>,
        action: Action,
        object: Object<'_>,
        taker: &OrgName,
    ) -> Result<(), Missing> {
        self.crossed(view, action, object, taker).map(|_bridges| ())
    }

    /// What lets an action on an object pass: the contracts of the first alternative that does.
    ///
    /// # Errors
    ///
    /// What the first alternative lacks.
    pub(crate) fn crossed(
        &self,
        view: View<'_>,
        action: Action,
        object: Object<'_>,
        taker: &OrgName,
    ) -> Result<Vec<Bridge<'_>>, Missing> {
        let mut missing = None;
        for bridges in self.bridges(view, action, object.organisation(), taker)? {
            match bridges.iter().try_for_each(|bridge| bridge.lets_pass(object)) {
                Ok(()) => return Ok(bridges),
                Err(why) => missing = missing.or(Some(why)),
            }
        }
        Err(missing.unwrap_or_else(|| self.no_peering(taker)))
    }

    /// Whether something of this organisation's may go to the node of a peer for a third organisation.
    pub(crate) fn crossing_by(
        &self,
        view: View<'_>,
        via: &OrgName,
        object: Object<'_>,
        third: &OrgName,
    ) -> Result<(), Missing> {
        let by = |bridges: &Vec<Bridge<'_>>| {
            bridges.first().is_some_and(|first| first.contract.theirs.organisation == *via)
        };
        let ways = self.bridges_out(view, third)?;
        let bridges = ways.into_iter().find(by).ok_or_else(|| self.no_peering(third))?;
        bridges.iter().try_for_each(|bridge| bridge.lets_pass(object))
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
        let concerned = [&owner.name, taker].into_iter().filter(|name| **name != self.own);
        // Whoever passes statements on is concerned as well: its log ends what it may pass on.
        let via = |name: &OrgName| self.way(view, name).ok().map(|way| way.via());
        let vias: Vec<&OrgName> = concerned.clone().filter_map(via).collect();
        for organisation in concerned.chain(vias) {
            let heard = self.heard.get(organisation);
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

/// A contract that something has to pass.
#[derive(Debug)]
pub(crate) struct Bridge<'a> {
    pub(crate) contract: &'a PeeringFact,
    /// Whose topics they are.
    owner: OrgName,
    passes: Passes<'a>,
}

/// Which part of a contract speaks of it.
#[derive(Debug)]
enum Passes<'a> {
    /// What the owner, one of both parties, exports and the other imports.
    Exports {
        /// Whether it goes on to a third organisation.
        travels_on: bool,
    },
    /// What one party passes on to the other.
    Transit { filters: &'a [Filter], via: &'a OrgName, taker: &'a OrgName },
}

impl Bridge<'_> {
    fn lets_pass(&self, object: Object<'_>) -> Result<(), Missing> {
        match &self.passes {
            Passes::Exports { travels_on } => {
                self.contract.covers(&self.owner, object)?;
                if *travels_on && !self.is_open() {
                    let (_exporter, via) = self.contract.sides(&self.owner);
                    let (owner, via) = (self.owner.clone(), via.organisation.clone());
                    return Err(Missing::NotOnward { owner, via });
                }
                Ok(())
            }
            Passes::Transit { filters, via, taker } => {
                if filters.iter().any(|filter| object.is_touched_by(filter)) {
                    return Ok(());
                }
                let (via, taker) = ((*via).clone(), (*taker).clone());
                Err(Missing::NotPassedOn { owner: self.owner.clone(), via, taker })
            }
        }
    }

    /// Whether anything passes at all.
    pub(crate) fn is_open(&self) -> bool {
        match &self.passes {
            Passes::Exports { travels_on } => !travels_on || self.contract.is_onward(&self.owner),
            Passes::Transit { filters, .. } => !filters.is_empty(),
        }
    }

    /// What it lets pass.
    pub(crate) fn bounds(&self) -> Crossing {
        let (exports, imports) = match &self.passes {
            Passes::Exports { .. } => {
                let (exporter, importer) = self.contract.sides(&self.owner);
                (exporter.exports.clone(), importer.imports.clone())
            }
            Passes::Transit { filters, .. } => (filters.to_vec(), filters.to_vec()),
        };
        Crossing { peering: self.contract.id, exports, imports }
    }
}

/// From another organisation to `own`: what its node exports, or a peer passes on; and then, where
/// it is known here, under the contract of the two as well.
fn bridges_in<'a>(owner: &OrgName, way: &Way<'a>, own: &'a OrgName) -> Vec<Bridge<'a>> {
    let exports = |contract, travels_on| Bridge {
        contract,
        owner: owner.clone(),
        passes: Passes::Exports { travels_on },
    };
    let Some(transit) = way.transit else { return vec![exports(way.contract, false)] };
    let (via, filters) = (way.via(), transit.filters.as_slice());
    let passes = Passes::Transit { filters, via, taker: own };
    let incoming = Bridge { contract: way.contract, owner: owner.clone(), passes };
    way.origin.map(|origin| exports(origin, true)).into_iter().chain([incoming]).collect()
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
