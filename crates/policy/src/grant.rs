//! Grants and denies as the log holds them, and what a grant may be handed on as.

use std::sync::Arc;

use sekisho_proto::{
    Action, Actions, Grantee, Hash, OrgName, PrincipalId, Timestamp,
    statement::{Deny, Grant},
};

use crate::Missing;

/// Grants between an issuer's and the last one handed on from it. A chain is walked on every
/// decision; organisations that need more than owner, department, team and person are not known.
pub(crate) const DELEGATION_DEPTH_MAX: u32 = 8;

/// A grant that was logged.
#[derive(Debug)]
pub(crate) struct GrantFact {
    pub(crate) id: Hash,
    pub(crate) received: Timestamp,
    pub(crate) grant: Grant,
    pub(crate) basis: Basis,
}

/// What gave the signer of a grant the right to give it.
#[derive(Debug, Clone)]
pub(crate) enum Basis {
    /// The signer is an issuer of the topics' owner.
    Issuer(PrincipalId),
    /// The signer holds the grant `parent` and hands a part of it on.
    Delegated { grantor: PrincipalId, parent: Arc<GrantFact>, depth: u32 },
}

impl Basis {
    /// How many times the right was handed on.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Self::Issuer(_) => 0,
            Self::Delegated { depth, .. } => *depth,
        }
    }
}

/// A deny that was logged.
#[derive(Debug)]
pub(crate) struct DenyFact {
    pub(crate) id: Hash,
    pub(crate) received: Timestamp,
    pub(crate) deny: Deny,
}

impl DenyFact {
    pub(crate) fn as_missing(&self) -> Missing {
        Missing::Denied { statement: self.id, filter: self.deny.filter.clone() }
    }

    /// Whether the deny forbids the action. Who may not subscribe may not replay either: otherwise
    /// history would be the way around every deny.
    pub(crate) fn blocks(&self, action: Action) -> bool {
        let actions = self.deny.actions;
        actions.contains(action)
            || (action == Action::History && actions.contains(Action::Subscribe))
    }
}

/// Whether holding these actions is enough to hand on rights at all.
fn may_delegate(actions: Actions) -> bool {
    actions.contains(Action::Grant) || actions.contains(Action::Administer)
}

/// In what a grant exceeds the one it would be handed on from; `None` where it does not.
pub(crate) fn excess(child: &Grant, parent: &Grant, grantor_org: &OrgName) -> Option<&'static str> {
    if !may_delegate(parent.actions) {
        return Some("a grant with the action grant or administer");
    }
    if let Some(action) = Action::ALL
        .into_iter()
        .find(|action| child.actions.contains(*action) && !parent.actions.contains(*action))
    {
        return Some(match action {
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
            Action::History => "history",
            Action::Decrypt => "decrypt",
            Action::Discover => "discover",
            Action::Grant => "grant",
            Action::Bridge => "bridge",
            Action::Administer => "administer",
        });
    }
    if !parent.filter.contains(&child.filter) {
        return Some("a filter that contains it");
    }
    if exceeds_period(child, parent) {
        return Some("a period as long");
    }
    if exceeds_history(child, parent) {
        return Some("history as old and as new");
    }
    if exceeds_rate(child, parent) {
        return Some("a rate as high");
    }
    let stays = match &child.grantee {
        // Whoever has the role: of what organisation is the owner's to say.
        Grantee::Role(_) => false,
        Grantee::Principal(_) | Grantee::Organisation(_) => {
            child.grantee.organisation() == grantor_org
                || child.grantee.organisation() == &child.organisation
        }
    };
    if !parent.onward && (child.onward || (grantor_org != &child.organisation && !stays)) {
        return Some("onward");
    }
    None
}

fn exceeds_period(child: &Grant, parent: &Grant) -> bool {
    let longer = match (child.until, parent.until) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(child), Some(parent)) => child > parent,
    };
    longer || child.from < parent.from
}

/// History reaches from `history_from` to the grant's beginning, so a later beginning is more of it
/// unless the grantor may read what came since as well.
fn exceeds_history(child: &Grant, parent: &Grant) -> bool {
    if !child.actions.contains(Action::History) {
        return false;
    }
    let older = match (child.history_from, parent.history_from) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(child), Some(parent)) => child < parent,
    };
    older || (child.from > parent.from && !parent.actions.contains(Action::Subscribe))
}

fn exceeds_rate(child: &Grant, parent: &Grant) -> bool {
    if !child.actions.contains(Action::Publish) {
        return false;
    }
    match (child.rate_per_s, parent.rate_per_s) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(child), Some(parent)) => child > parent,
    }
}
