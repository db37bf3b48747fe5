//! How topics and statements of another organisation come here: from its own node, under a peering
//! with it, or through a peer that passes them on.

use sekisho_proto::{
    OrgName, Timestamp,
    statement::{PeeringParty, Transit},
};

use crate::{
    Missing, PeeringView, Policy,
    peering::{PeeringFact, newest_begun},
    view::View,
};

/// How topics of an organisation come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The owner of the topics.
    pub organisation: OrgName,
    /// Whose node sends them: the owner's own, or a peer's that passes them on.
    pub via: OrgName,
    /// The contract as the link to that node needs it. Where a peer passes them on, it is the
    /// contract with that peer: `theirs` is the peer's side but for the root, which is the
    /// owner's; `ours.imports` is what the peer passes on; nothing is exported.
    pub view: PeeringView,
}

impl Route {
    /// Whether it is the owner's own node that sends them.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.organisation == self.via
    }
}

/// The contract by which an organisation is known here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) contract: &'a PeeringFact,
    /// What its other party passes on of the organisation; `None` where it is the organisation.
    pub(crate) transit: Option<&'a Transit>,
    /// The contract of the organisation with the one that passes it on, where it is known here.
    pub(crate) origin: Option<&'a PeeringFact>,
}

impl<'a> Way<'a> {
    /// Whose node it comes from.
    pub(crate) fn via(&self) -> &'a OrgName {
        &self.contract.theirs.organisation
    }
}

impl Policy {
    /// How topics of every other organisation come here, by organisation: one route for each, which
    /// is in force. A peering with the owner wins over whoever passes them on; of several of those
    /// the first by name.
    #[must_use]
    pub fn routes(&self, now: Timestamp) -> Vec<Route> {
        let mut owners: Vec<&OrgName> = self.peerings.keys().chain(self.transits.keys()).collect();
        owners.sort_unstable();
        owners.dedup();
        owners.into_iter().filter_map(|owner| self.route(owner, now)).collect()
    }

    /// How topics of an organisation come here; `None` where no contract in force brings them.
    #[must_use]
    pub fn route(&self, owner: &OrgName, now: Timestamp) -> Option<Route> {
        let way = self.way(View::live(now), owner).ok()?;
        let mut view = PeeringView::of(way.contract);
        let via = view.organisation.clone();
        if let Some(transit) = way.transit {
            view.organisation = owner.clone();
            view.theirs.root = transit.root;
            view.theirs.exports.clone_from(&transit.filters);
            view.theirs.imports.clear();
            view.theirs.passes_on.clear();
            view.theirs.carries_home.clear();
            view.ours.imports.clone_from(&transit.filters);
            view.ours.exports.clear();
            view.ours.passes_on.clear();
            view.ours.carries_home.clear();
        }
        Some(Route { organisation: owner.clone(), via, view })
    }

    /// Whether the node of `to` is shown an organisation's control log and checkpoints here: a
    /// contract in force with `to` says that this node passes them on.
    #[must_use]
    pub fn passes_on(&self, to: &OrgName, owner: &OrgName, now: Timestamp) -> bool {
        let contract = self.peering(View::live(now), to);
        contract.is_some_and(|contract| self.passed_on(&contract.ours, owner).is_some())
    }

    /// The way from another organisation to this one.
    ///
    /// # Errors
    ///
    /// There is none: no contract in force.
    pub(crate) fn way(&self, view: View<'_>, organisation: &OrgName) -> Result<Way<'_>, Missing> {
        if let Some(contract) = self.peering(view, organisation) {
            return Ok(Way { contract, transit: None, origin: None });
        }
        self.transit_ways(view, organisation)
            .reduce(|first, next| first.or_else(|missing| next.map_err(|_other| missing)))
            .unwrap_or_else(|| Err(self.no_peering(organisation)))
    }

    /// Every peer that passes an organisation on under a contract in force, by name, and why it may
    /// not where it is known here that their own contract is over.
    pub(crate) fn transit_ways<'a, 'v>(
        &'a self,
        view: View<'v>,
        organisation: &'v OrgName,
    ) -> impl Iterator<Item = Result<Way<'a>, Missing>> + use<'a, 'v> {
        let vias = self.transits.get(organisation).into_iter().flatten();
        vias.filter_map(move |via| {
            let contract = self.peering(view, via)?;
            let transit = self.passed_on(&contract.theirs, organisation)?;
            let origin = self.contract_of(view, organisation, via);
            Some(origin.map(|origin| Way { contract, transit: Some(transit), origin }))
        })
    }

    /// The newest contracts that vouch for another organisation's root: the one with it, and one with
    /// the first peer by name that passes it on and whose contract was not revoked.
    pub(crate) fn vouching(&self, organisation: &OrgName) -> impl Iterator<Item = &PeeringFact> {
        let newest = |other: &OrgName| self.peerings.get(other).and_then(|all| all.last());
        let vias = self.transits.get(organisation).into_iter().flatten();
        let passing = vias.filter_map(newest).find(|contract| {
            self.passed_on(&contract.theirs, organisation).is_some()
                && !self.is_ended(View::live(Timestamp::MAX), contract)
        });
        newest(organisation).into_iter().chain(passing).map(|contract| &**contract)
    }

    /// The organisations that a contract ever had a peer pass on.
    pub(crate) fn behind(&self, via: &OrgName) -> impl Iterator<Item = &OrgName> {
        let passing = self.transits.iter().filter(|(_third, vias)| vias.contains(via));
        passing.map(|(third, _vias)| third)
    }

    /// What a party of one of this organisation's contracts passes on of an organisation.
    pub(crate) fn passed_on<'p>(
        &self,
        party: &'p PeeringParty,
        organisation: &OrgName,
    ) -> Option<&'p Transit> {
        let root = self.pins.get(organisation)?;
        let named = |transit: &&Transit| transit.organisation == *organisation;
        party.passes_on.iter().find(named).filter(|transit| transit.root == *root)
    }

    /// The contract in force of two other organisations, as the log of the first one has it: it
    /// signed that. `None` where nothing is known of one.
    ///
    /// # Errors
    ///
    /// There was one, and none is in force.
    pub(crate) fn contract_of(
        &self,
        view: View<'_>,
        organisation: &OrgName,
        other: &OrgName,
    ) -> Result<Option<&PeeringFact>, Missing> {
        let known = self.trusted(organisation).and_then(|known| known.peerings.get(other));
        let Some(all) = known.filter(|all| all.iter().any(|fact| view.knows(fact.received))) else {
            return Ok(None);
        };
        let newest = newest_begun(view, all)
            .filter(|fact| fact.is_in_force(view) && !self.is_ended(view, fact));
        match newest {
            Some(fact) => Ok(Some(fact)),
            None => {
                Err(Missing::NoPeering { own: organisation.clone(), organisation: other.clone() })
            }
        }
    }
}
