//! Grants and denies by whom they speak of and by filter, so that a decision looks at what may
//! concern it and not at every right of the organisation.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use sekisho_proto::{Filter, Grantee, Hash, OrgName, PrincipalName, RoleName, Timestamp, Topic};

use crate::{
    filter_trie::FilterTrie,
    grant::{DenyFact, GrantFact},
    roles::Membership,
    shared_map::SharedMap,
    view::View,
};

/// What the index needs of a fact.
pub(crate) trait Indexed {
    fn id(&self) -> Hash;
    fn grantee(&self) -> &Grantee;
    fn filter(&self) -> &Filter;
    /// When it ends; `None` where it does not.
    fn until(&self) -> Option<Timestamp>;
}

impl Indexed for GrantFact {
    fn id(&self) -> Hash {
        self.id
    }

    fn grantee(&self) -> &Grantee {
        &self.grant.grantee
    }

    fn filter(&self) -> &Filter {
        &self.grant.filter
    }

    fn until(&self) -> Option<Timestamp> {
        self.grant.until
    }
}

impl Indexed for DenyFact {
    fn id(&self) -> Hash {
        self.id
    }

    fn grantee(&self) -> &Grantee {
        &self.deny.grantee
    }

    fn filter(&self) -> &Filter {
        &self.deny.filter
    }

    fn until(&self) -> Option<Timestamp> {
        None
    }
}

/// Facts of one kind.
#[derive(Debug)]
pub(crate) struct GrantIndex<F> {
    principals: SharedMap<PrincipalName, FilterTrie<Arc<F>>>,
    everybody: BTreeMap<OrgName, FilterTrie<Arc<F>>>,
    roles: BTreeMap<RoleName, FilterTrie<Arc<F>>>,
    /// Whatever speaks of anybody of an organisation other than the topics' owner, but of roles:
    /// what a peer's node is asked by.
    organisations: BTreeMap<OrgName, FilterTrie<Arc<F>>>,
}

impl<F> Default for GrantIndex<F> {
    fn default() -> Self {
        Self {
            principals: SharedMap::default(),
            everybody: BTreeMap::new(),
            roles: BTreeMap::new(),
            organisations: BTreeMap::new(),
        }
    }
}

impl<F> Clone for GrantIndex<F> {
    fn clone(&self) -> Self {
        Self {
            principals: self.principals.clone(),
            everybody: self.everybody.clone(),
            roles: self.roles.clone(),
            organisations: self.organisations.clone(),
        }
    }
}

/// Whose facts are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder<'h> {
    /// What speaks of this principal: by name, as one of its organisation, or by a role.
    Principal(&'h PrincipalName),
    /// What speaks of this principal by name, or by a role that it has by name.
    Named(&'h PrincipalName),
    /// What speaks of every principal of this organisation.
    Everybody(&'h OrgName),
    /// What speaks of some principal of this organisation, which is not the owner, or of every one.
    AnybodyOf(&'h OrgName),
}

/// A holder with its roles.
#[derive(Debug, Clone)]
pub(crate) struct Holding<'a, 'h> {
    pub(crate) holder: Holder<'h>,
    pub(crate) roles: Vec<Membership<'a>>,
}

/// Is shown a fact, and the role by which it speaks of the holder.
pub(crate) type Visit<'v, 'a, F> =
    dyn FnMut(&'a Arc<F>, Option<Membership<'a>>) -> ControlFlow<()> + 'v;

/// Which topics are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Object<'a> {
    /// This one.
    Topic(&'a Topic),
    /// Any of these.
    Filter(&'a Filter),
}

impl<'a> Object<'a> {
    pub(crate) fn organisation(self) -> &'a OrgName {
        match self {
            Self::Topic(topic) => topic.organisation(),
            Self::Filter(filter) => filter.organisation(),
        }
    }

    pub(crate) fn as_str(self) -> &'a str {
        match self {
            Self::Topic(topic) => topic.as_str(),
            Self::Filter(filter) => filter.as_str(),
        }
    }

    /// Whether a filter speaks of it, or of a part of it.
    pub(crate) fn is_touched_by(self, filter: &Filter) -> bool {
        match self {
            Self::Topic(topic) => filter.matches(topic),
            Self::Filter(wanted) => filter.overlaps(wanted),
        }
    }

    /// Whether a filter speaks of all of it.
    pub(crate) fn is_covered_by(self, filter: &Filter) -> bool {
        match self {
            Self::Topic(topic) => filter.matches(topic),
            Self::Filter(wanted) => filter.contains(wanted),
        }
    }
}

impl<F: Indexed> GrantIndex<F> {
    pub(crate) fn insert(&mut self, fact: &Arc<F>) {
        for trie in self.tries_mut(fact) {
            let values = trie.values_mut(fact.filter());
            // Longest first: a look-up stops at the first that has run out.
            let place = values.partition_point(|other| !ends_before(other.until(), fact.until()));
            values.insert(place, Arc::clone(fact));
        }
    }

    pub(crate) fn remove(&mut self, fact: &F) {
        for trie in self.tries_mut(fact) {
            trie.values_mut(fact.filter()).retain(|other| other.id() != fact.id());
        }
    }

    fn tries_mut(&mut self, fact: &F) -> impl Iterator<Item = &mut FilterTrie<Arc<F>>> {
        let organisation = fact.grantee().organisation();
        let foreign = (organisation != fact.filter().organisation())
            .then(|| self.organisations.entry(organisation.clone()).or_default());
        let own = match fact.grantee() {
            Grantee::Principal(name) => self.principals.or_default(name.clone()),
            Grantee::Organisation(name) => self.everybody.entry(name.clone()).or_default(),
            Grantee::Role(name) => self.roles.entry(name.clone()).or_default(),
        };
        [Some(own), foreign].into_iter().flatten()
    }

    /// Shows every fact that speaks of the holder and the object, of each filter the longest first,
    /// and of those that have run out only one, until `visit` breaks. Adds the nodes of the index
    /// that were looked at to `visited`.
    pub(crate) fn visit<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
        object: Object<'_>,
        view: View<'_>,
        visit: &mut Visit<'_, 'a, F>,
        visited: &mut usize,
    ) -> ControlFlow<()> {
        for (trie, role) in self.tries(holding) {
            let mut show = |values: &'a [Arc<F>]| {
                for fact in values {
                    if object.is_touched_by(fact.filter()) {
                        visit(fact, role)?;
                    }
                    if view.has_passed(fact.until()) {
                        break;
                    }
                }
                ControlFlow::Continue(())
            };
            match object {
                Object::Topic(topic) => trie.matching(topic, &mut show, visited)?,
                Object::Filter(filter) => trie.overlapping(filter, &mut show, visited)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Every fact that speaks of the holder, whatever of.
    pub(crate) fn of<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
    ) -> Vec<(&'a Arc<F>, Option<Membership<'a>>)> {
        let mut facts = Vec::new();
        for (trie, role) in self.tries(holding) {
            trie.each(&mut |values| facts.extend(values.iter().map(|fact| (fact, role))));
        }
        facts
    }

    /// Every fact that speaks of a role.
    pub(crate) fn of_role(&self, role: &RoleName) -> Vec<&Arc<F>> {
        let mut facts = Vec::new();
        if let Some(trie) = self.roles.get(role) {
            trie.each(&mut |values| facts.extend(values));
        }
        facts
    }

    fn tries<'a>(
        &'a self,
        holding: &Holding<'a, '_>,
    ) -> impl Iterator<Item = (&'a FilterTrie<Arc<F>>, Option<Membership<'a>>)> {
        let direct = match holding.holder {
            Holder::Principal(name) => {
                [self.principals.get(name), self.everybody.get(name.organisation())]
            }
            Holder::Named(name) => [self.principals.get(name), None],
            Holder::Everybody(organisation) => [self.everybody.get(organisation), None],
            Holder::AnybodyOf(organisation) => [self.organisations.get(organisation), None],
        };
        let by_role = holding
            .roles
            .iter()
            .filter_map(|held| Some((self.roles.get(&held.fact.role)?, Some(*held))));
        direct.into_iter().flatten().map(|trie| (trie, None)).chain(by_role)
    }
}

fn ends_before(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one < other,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests;
