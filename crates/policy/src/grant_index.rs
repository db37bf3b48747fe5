//! Grants and denies by whom they speak of and by filter, so that a decision looks at what may
//! concern it and not at every right of the organisation.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use sekisho_proto::{Filter, Grantee, Hash, OrgName, PrincipalName, Timestamp, Topic};

use crate::{
    filter_trie::FilterTrie,
    grant::{DenyFact, GrantFact},
    shared_map::SharedMap,
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

/// The facts of one kind that are not revoked.
#[derive(Debug)]
pub(crate) struct GrantIndex<F> {
    principals: SharedMap<PrincipalName, FilterTrie<Arc<F>>>,
    everybody: BTreeMap<OrgName, FilterTrie<Arc<F>>>,
    /// Whatever speaks of anybody of an organisation other than the topics' owner: what a peer's
    /// node is asked by.
    organisations: BTreeMap<OrgName, FilterTrie<Arc<F>>>,
}

impl<F> Default for GrantIndex<F> {
    fn default() -> Self {
        Self {
            principals: SharedMap::default(),
            everybody: BTreeMap::new(),
            organisations: BTreeMap::new(),
        }
    }
}

impl<F> Clone for GrantIndex<F> {
    fn clone(&self) -> Self {
        Self {
            principals: self.principals.clone(),
            everybody: self.everybody.clone(),
            organisations: self.organisations.clone(),
        }
    }
}

/// Whose facts are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder<'a> {
    /// What speaks of this principal: by name, or as one of its organisation.
    Principal(&'a PrincipalName),
    /// What speaks of every principal of this organisation.
    Everybody(&'a OrgName),
    /// What speaks of some principal of this organisation, which is not the owner, or of every one.
    AnybodyOf(&'a OrgName),
}

impl Holder<'_> {
    pub(crate) fn is_meant_by(self, grantee: &Grantee) -> bool {
        match self {
            Self::Principal(name) => grantee.covers(name),
            Self::Everybody(organisation) => {
                matches!(grantee, Grantee::Organisation(meant) if meant == organisation)
            }
            Self::AnybodyOf(organisation) => grantee.organisation() == organisation,
        }
    }
}

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
        };
        [Some(own), foreign].into_iter().flatten()
    }

    /// Shows every fact that speaks of the holder and the object, those that have run out last
    /// and at most one of these per filter, until `visit` breaks. Returns how many nodes of the
    /// index were looked at.
    pub(crate) fn visit<'a>(
        &'a self,
        holder: Holder<'_>,
        object: Object<'_>,
        now: Timestamp,
        visit: &mut dyn FnMut(&'a Arc<F>) -> ControlFlow<()>,
    ) -> usize {
        let tries = match holder {
            Holder::Principal(name) => {
                [self.principals.get(name), self.everybody.get(name.organisation())]
            }
            Holder::Everybody(organisation) => [self.everybody.get(organisation), None],
            Holder::AnybodyOf(organisation) => [self.organisations.get(organisation), None],
        };
        let mut visited = 0;
        let mut show = |values: &'a [Arc<F>]| {
            for fact in values {
                if object.is_touched_by(fact.filter()) {
                    visit(fact)?;
                }
                if fact.until().is_some_and(|until| until <= now) {
                    break;
                }
            }
            ControlFlow::Continue(())
        };
        for trie in tries.into_iter().flatten() {
            let flow = match object {
                Object::Topic(topic) => trie.matching(topic, &mut show, &mut visited),
                Object::Filter(filter) => trie.overlapping(filter, &mut show, &mut visited),
            };
            if flow.is_break() {
                break;
            }
        }
        visited
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
