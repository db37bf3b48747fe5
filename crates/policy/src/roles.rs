//! Who has which role, and since when: somebody has a role by name, or as one of an organisation
//! that has it, for as long as a statement in force says so.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use sekisho_proto::{Grantee, Hash, OrgName, PrincipalName, RoleName, Timestamp};

use crate::{
    grant_index::{Holder, Holding},
    organisation::Organisation,
    shared_map::SharedMap,
    view::View,
};

/// A statement that somebody has a role.
#[derive(Debug)]
pub(crate) struct RoleFact {
    pub(crate) id: Hash,
    pub(crate) received: Timestamp,
    pub(crate) role: RoleName,
    pub(crate) member: Grantee,
    pub(crate) until: Option<Timestamp>,
}

/// A role that a holder has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Membership<'a> {
    /// The statement in force that lasts longest.
    pub(crate) fact: &'a Arc<RoleFact>,
    /// Since when the holder has had the role without a gap: what is given to a role is given to
    /// each member from then on.
    pub(crate) since: Timestamp,
}

/// Every membership there ever was, by member.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleTable {
    principals: SharedMap<PrincipalName, Vec<Arc<RoleFact>>>,
    everybody: BTreeMap<OrgName, Vec<Arc<RoleFact>>>,
    /// By role and the members' organisation.
    members: BTreeMap<RoleName, BTreeMap<OrgName, SharedMap<Hash, Arc<RoleFact>>>>,
}

impl RoleTable {
    pub(crate) fn insert(&mut self, fact: &Arc<RoleFact>) {
        match &fact.member {
            Grantee::Principal(name) => {
                self.principals.or_default(name.clone()).push(Arc::clone(fact));
            }
            Grantee::Organisation(name) => {
                self.everybody.entry(name.clone()).or_default().push(Arc::clone(fact));
            }
            // A role has no roles: the decoder refuses it.
            Grantee::Role(_) => return,
        }
        let of_role = self.members.entry(fact.role.clone()).or_default();
        let of_organisation = of_role.entry(fact.member.organisation().clone()).or_default();
        of_organisation.insert(fact.id, Arc::clone(fact));
    }

    /// Every statement there ever was about members of a role.
    pub(crate) fn members(&self, role: &RoleName) -> impl Iterator<Item = &Arc<RoleFact>> {
        let organisations = self.members.get(role).into_iter().flat_map(BTreeMap::values);
        organisations.flat_map(SharedMap::values)
    }

    /// Those about members of one organisation.
    pub(crate) fn members_of<'a>(
        &'a self,
        role: &RoleName,
        organisation: &OrgName,
    ) -> impl Iterator<Item = &'a Arc<RoleFact>> {
        let facts = self.members.get(role).and_then(|all| all.get(organisation));
        facts.into_iter().flat_map(SharedMap::values)
    }

    fn by_name<'a>(&'a self, name: &PrincipalName) -> impl Iterator<Item = &'a Arc<RoleFact>> {
        self.principals.get(name).into_iter().flatten()
    }

    fn by_organisation<'a>(&'a self, name: &OrgName) -> impl Iterator<Item = &'a Arc<RoleFact>> {
        self.everybody.get(name).into_iter().flatten()
    }
}

impl Organisation {
    /// A holder with the roles that it has here.
    pub(crate) fn holding<'a, 'h>(&'a self, view: View<'_>, holder: Holder<'h>) -> Holding<'a, 'h> {
        Holding { holder, roles: self.memberships(view, holder) }
    }

    /// How a holder has a role, if it does.
    pub(crate) fn membership(
        &self,
        view: View<'_>,
        role: &RoleName,
        holder: Holder<'_>,
    ) -> Option<Membership<'_>> {
        self.memberships(view, holder).into_iter().find(|held| held.fact.role == *role)
    }

    /// Whether a right speaks of a principal.
    pub(crate) fn means(&self, view: View<'_>, grantee: &Grantee, name: &PrincipalName) -> bool {
        match grantee {
            Grantee::Principal(_) | Grantee::Organisation(_) => grantee.covers(name),
            Grantee::Role(role) => self.membership(view, role, Holder::Principal(name)).is_some(),
        }
    }

    fn memberships(&self, view: View<'_>, holder: Holder<'_>) -> Vec<Membership<'_>> {
        if self.roles.members.is_empty() {
            return Vec::new();
        }
        let mut facts: Vec<&Arc<RoleFact>> = match holder {
            Holder::Principal(name) => {
                let everybody = self.roles.by_organisation(name.organisation());
                self.roles.by_name(name).chain(everybody).collect()
            }
            Holder::Named(name) => self.roles.by_name(name).collect(),
            Holder::Everybody(name) => self.roles.by_organisation(name).collect(),
            Holder::AnybodyOf(name) => return self.roles_among(view, name),
        };
        facts.sort_by(|one, other| {
            (&one.role, Reverse(one.received)).cmp(&(&other.role, Reverse(other.received)))
        });
        facts
            .chunk_by(|one, other| one.role == other.role)
            .filter_map(|of_one_role| self.unbroken(view, of_one_role))
            .collect()
    }

    /// The roles that somebody of an organisation has; who, is another question.
    fn roles_among(&self, view: View<'_>, organisation: &OrgName) -> Vec<Membership<'_>> {
        let of_role = self.roles.members.values().filter_map(|all| all.get(organisation));
        let first = |facts: &'_ SharedMap<Hash, Arc<RoleFact>>| -> Option<Hash> {
            facts.values().find(|fact| self.has_role(view, fact)).map(|fact| fact.id)
        };
        of_role
            .filter_map(|facts| {
                let fact = facts.get(&first(facts)?)?;
                Some(Membership { fact, since: fact.received })
            })
            .collect()
    }

    /// From statements about one holder and role, the newest first: whether one is in force, and
    /// since when one was without a gap.
    fn unbroken<'a>(
        &self,
        view: View<'_>,
        newest_first: &[&'a Arc<RoleFact>],
    ) -> Option<Membership<'a>> {
        let end = |fact: &RoleFact| fact.until.unwrap_or(Timestamp::MAX);
        let in_force = newest_first.iter().filter(|fact| self.has_role(view, fact));
        let fact = in_force.clone().max_by_key(|fact| end(fact))?;
        let mut since = in_force.map(|fact| fact.received).min()?;
        for earlier in newest_first.iter().filter(|fact| view.knows(fact.received)) {
            let revoked = self.revoked(view, &earlier.id).unwrap_or(Timestamp::MAX);
            if end(earlier).min(revoked) >= since {
                since = since.min(earlier.received);
            }
        }
        Some(Membership { fact, since })
    }

    /// Whether a statement that somebody has a role is in force.
    pub(crate) fn has_role(&self, view: View<'_>, fact: &RoleFact) -> bool {
        view.knows(fact.received)
            && self.revoked(view, &fact.id).is_none()
            && !view.has_passed(fact.until)
    }
}
