//! How far back and forward somebody may open a topic tree: of which of its epochs a steward may
//! hand them the key.

use std::{ops::ControlFlow, sync::Arc};

use sekisho_proto::{Action, Filter, Grantee, PrincipalKind, Timestamp};

use crate::{
    Policy, PrincipalRecord,
    grant::GrantFact,
    grant_index::{Holder, Object},
    organisation::Organisation,
    right::Given,
    roles::Membership,
    view::View,
};

/// Which part of a tree's past and future somebody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Since when.
    pub since: Timestamp,
    /// Until when, exclusive; `None` until revoked.
    pub until: Option<Timestamp>,
    /// For what, in the owner's words.
    pub purpose: String,
}

impl Reach {
    /// Whether it reaches into a time.
    #[must_use]
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.since < to && self.until.is_none_or(|until| from < until)
    }
}

impl Policy {
    /// Which part of a topic tree's past and future a principal may read. By name that begins with
    /// the grant; as one of many, when the principal was enrolled; and where there is a right to
    /// history as far back as that goes. `None` where no grant to decrypt is in force.
    #[must_use]
    pub fn reach(&self, record: &PrincipalRecord, tree: &Filter, now: Timestamp) -> Option<Reach> {
        let view = View::live(now);
        let owner = self.trusted(tree.organisation())?;
        let (holder, object) = (Holder::Principal(&record.name), Object::Filter(tree));
        let mut facts: Vec<(&Arc<GrantFact>, Option<Membership<'_>>)> = Vec::new();
        owner.visit_grants(&owner.holding(view, holder), object, view, &mut |fact, role| {
            if self.in_force(view, owner, fact).is_ok() {
                facts.push((fact, role));
            }
            ControlFlow::Continue(())
        });
        let no_history = self.is_denied_history(view, owner, record, object);
        let of =
            |action| facts.iter().filter(move |(fact, _role)| fact.grant.actions.contains(action));
        let mut reach: Option<Reach> = None;
        for (fact, role) in of(Action::Decrypt) {
            let (given, grant) = (Given { fact, role: *role }, &fact.grant);
            let began = match grant.grantee {
                Grantee::Principal(_) => grant.from,
                Grantee::Organisation(_) => grant.from.max(self.joined(record, owner)),
                Grantee::Role(_) => given.from().max(self.joined(record, owner)),
            };
            let until = given.until();
            let history = of(Action::History)
                .filter(|(older, _role)| !no_history && older.grant.filter.overlaps(&grant.filter))
                .map(|(older, _role)| older.grant.history_from.unwrap_or(Timestamp::MIN))
                .min();
            let since = history.map_or(began, |history| history.min(began));
            let longer =
                reach.get_or_insert_with(|| Reach { since, until, purpose: grant.purpose.clone() });
            longer.since = longer.since.min(since);
            longer.until = longer.until.zip(until).map(|(one, other)| one.max(other));
        }
        reach
    }

    fn is_denied_history(
        &self,
        view: View<'_>,
        owner: &Organisation,
        record: &PrincipalRecord,
        object: Object<'_>,
    ) -> bool {
        let holder = Holder::Principal(&record.name);
        let mut denied = false;
        owner.visit_denies(&owner.holding(view, holder), object, view, &mut |fact, _role| {
            denied = owner.revoked(view, &fact.id).is_none() && fact.blocks(Action::History);
            if denied { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        denied
    }

    /// When the name was first enrolled, with whichever key. A peer's steward stands for all of its
    /// people, those who were there before it as well.
    fn joined(&self, record: &PrincipalRecord, owner: &Organisation) -> Timestamp {
        let home = record.name.organisation();
        if record.kind == PrincipalKind::Steward && *home != owner.name {
            return Timestamp::MIN;
        }
        let Some(home) = self.trusted(home) else { return record.received };
        let ids = home.names.get(record.name.name()).into_iter().flatten();
        let first = ids.filter_map(|id| Some(home.principals.get(id)?.first()?.received));
        first.min().unwrap_or(record.received)
    }
}
