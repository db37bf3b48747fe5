//! Two ways to find the rights that may concern a question: the index of what is in force, and the
//! list of all there ever was, for questions about the past.

use std::{ops::ControlFlow, sync::Arc};

use sekisho_proto::{Timestamp, Topic};

use crate::{
    grant::{DenyFact, GrantFact},
    grant_index::{Holder, Object},
    organisation::Organisation,
};

/// Where grants and denies are looked up.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// The index of those that are not revoked: live decisions.
    Index,
    /// All that ever spoke of one topic: questions about the past.
    Listed { grants: Vec<&'a Arc<GrantFact>>, denies: Vec<&'a Arc<DenyFact>> },
}

impl<'a> Source<'a> {
    pub(crate) fn listed(organisation: &'a Organisation, topic: &Topic) -> Self {
        let grants = organisation.grants.values();
        let denies = organisation.denies.values();
        Self::Listed {
            grants: grants.filter(|fact| fact.grant.filter.matches(topic)).collect(),
            denies: denies.filter(|fact| fact.deny.filter.matches(topic)).collect(),
        }
    }

    pub(crate) fn grants(
        &self,
        owner: &'a Organisation,
        holder: Holder<'_>,
        object: Object<'_>,
        now: Timestamp,
        visit: &mut dyn FnMut(&'a Arc<GrantFact>) -> ControlFlow<()>,
    ) {
        match self {
            Self::Index => {
                owner.grant_index.visit(holder, object, now, visit);
            }
            Self::Listed { grants, .. } => {
                let meant = |fact: &&&Arc<GrantFact>| holder.is_meant_by(&fact.grant.grantee);
                let _flow = grants.iter().filter(meant).try_for_each(|fact| visit(fact));
            }
        }
    }

    pub(crate) fn denies(
        &self,
        owner: &'a Organisation,
        holder: Holder<'_>,
        object: Object<'_>,
        now: Timestamp,
        visit: &mut dyn FnMut(&'a Arc<DenyFact>) -> ControlFlow<()>,
    ) {
        match self {
            Self::Index => {
                owner.deny_index.visit(holder, object, now, visit);
            }
            Self::Listed { denies, .. } => {
                let meant = |fact: &&&Arc<DenyFact>| holder.is_meant_by(&fact.deny.grantee);
                let _flow = denies.iter().filter(meant).try_for_each(|fact| visit(fact));
            }
        }
    }
}
