//! Who may be given the key of a topic tree, and by whom: an owner's steward gives it to its own
//! people, to those of peers whom a grant names, and, where a grant speaks of everybody of a peer,
//! to that peer's stewards, who hand it on to their people. So an owner need not know who works for
//! a peer, nor seal a key to each of them.

use std::{collections::BTreeSet, sync::Arc};

use sekisho_proto::{
    Action, Filter, Grantee, OrgName, PrincipalId, PrincipalKind, PrincipalName, StatementBody,
    Timestamp, statement::Grant,
};

use crate::{
    Policy, PrincipalRecord,
    grant_index::{Holder, Object},
    organisation::Organisation,
    right::{Asked, Question},
    view::View,
};

/// Whom the grants in question speak of.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    /// In order.
    names: Vec<&'a PrincipalName>,
    organisations: BTreeSet<&'a OrgName>,
}

impl<'a> Candidates<'a> {
    /// Everybody that such a grant of an organisation ever spoke of, by a role also who had it once.
    pub(crate) fn of(owner: &'a Organisation, concerns: impl Fn(&Grant) -> bool) -> Self {
        let mut found = Self { names: Vec::new(), organisations: BTreeSet::new() };
        let mut roles = BTreeSet::new();
        // In the order of the log they lie side by side in memory, which the index's do not.
        for logged in &owner.log {
            let StatementBody::Grant(grant) = logged.statement.body() else { continue };
            if concerns(grant) {
                if let Grantee::Role(role) = &grant.grantee {
                    roles.insert(role);
                }
                found.add(&grant.grantee);
            }
        }
        for member in roles.into_iter().flat_map(|role| owner.roles.members(role)) {
            found.add(&member.member);
        }
        found.names.sort_unstable();
        found.names.dedup();
        found
    }

    fn add(&mut self, grantee: &'a Grantee) {
        match grantee {
            Grantee::Principal(name) => self.names.push(name),
            Grantee::Organisation(name) => {
                self.organisations.insert(name);
            }
            // Its members are added instead.
            Grantee::Role(_) => {}
        }
    }
}

impl Policy {
    /// The principals in force to whom the steward of a topic tree's owner gives the key, by name:
    /// those with a grant to decrypt that overlaps the tree, unless a deny touches any of it. Of a
    /// peer these are those whom a grant names, or names the role of, and where a grant speaks of
    /// everybody of it its stewards. What a key opens is the whole tree: choose trees no wider than
    /// grants.
    ///
    /// Of another organisation's tree: everybody who may have the key, whoever gives it.
    #[must_use]
    pub fn decrypt_readers(&self, tree: &Filter, now: Timestamp) -> Vec<&PrincipalRecord> {
        let view = View::live(now);
        let Some(owner) = self.trusted(tree.organisation()) else { return Vec::new() };
        let candidates = Candidates::of(owner, |grant| {
            grant.actions.contains(Action::Decrypt) && grant.filter.overlaps(tree)
        });
        let mut readers = Vec::new();
        for home in self.organisations.values().filter(|known| known.is_pinned) {
            let is_given = |record: &&PrincipalRecord| {
                if owner.name != self.own || home.name == self.own {
                    let holder = Holder::Principal(&record.name);
                    return self.reads_tree(view, owner, tree, record, holder);
                }
                let everybody = Holder::Everybody(&home.name);
                self.reads_tree(view, owner, tree, record, Holder::Named(&record.name))
                    || (record.kind == PrincipalKind::Steward
                        && self.reads_tree(view, owner, tree, record, everybody))
            };
            readers.extend(self.standing_of(view, home, &candidates).into_iter().filter(is_given));
        }
        readers.sort_by(|left, right| (&left.name, left.id).cmp(&(&right.name, right.id)));
        readers.dedup_by_key(|record| record.id);
        readers
    }

    /// The principals in force of this organisation, by name, to whom its stewards hand on the key of
    /// another organisation's tree: those who may decrypt something of it because everybody here
    /// may, and whom its owner does not give the key to itself.
    #[must_use]
    pub fn handed_on_readers(&self, tree: &Filter, now: Timestamp) -> Vec<&PrincipalRecord> {
        let view = View::live(now);
        let Some(owner) = self.trusted(tree.organisation()) else { return Vec::new() };
        let everybody = Holder::Everybody(&self.own);
        let object = Object::Filter(tree);
        let question = Question { view, owner, object, asked: Asked::TreeKey };
        if owner.name == self.own || self.right(&question, everybody).is_err() {
            return Vec::new();
        }
        let people = self.principals(&self.own).into_iter();
        people
            .filter(|record| self.standing_in(view, &record.id).is_ok())
            .filter(|record| record.kind != PrincipalKind::Steward)
            .filter(|record| self.reads_tree(view, owner, tree, record, everybody))
            .filter(|record| {
                !self.reads_tree(view, owner, tree, record, Holder::Named(&record.name))
            })
            .collect()
    }

    /// Whether somebody who was given the key of a topic tree, by its owner or by whoever handed it
    /// on, may still have it: a grant to decrypt overlaps the tree, and no deny touches any of it.
    #[must_use]
    pub fn may_hold_key(&self, holder: &PrincipalId, tree: &Filter, now: Timestamp) -> bool {
        let view = View::live(now);
        let Some(owner) = self.trusted(tree.organisation()) else { return false };
        self.standing_in(view, holder).is_ok_and(|record| {
            self.reads_tree(view, owner, tree, record, Holder::Principal(&record.name))
        })
    }

    /// Whether a principal in force may have a tree's key because of what is granted to a holder.
    fn reads_tree(
        &self,
        view: View<'_>,
        owner: &Organisation,
        tree: &Filter,
        record: &PrincipalRecord,
        granted: Holder<'_>,
    ) -> bool {
        let object = Object::Filter(tree);
        let question = Question { view, owner, object, asked: Asked::TreeKey };
        let denied = Holder::Principal(&record.name);
        self.crossing(view, Action::Decrypt, object, record.name.organisation()).is_ok()
            && self.blocked_by_owner(view, owner, record).is_ok()
            && self.right_between(&question, granted, denied).is_ok()
    }

    /// The candidates of an organisation that are in force, by name.
    pub(crate) fn standing_of<'a>(
        &'a self,
        view: View<'_>,
        home: &'a Organisation,
        candidates: &Candidates<'a>,
    ) -> Vec<&'a PrincipalRecord> {
        let newest = |records: &'a Vec<Arc<PrincipalRecord>>| {
            records.iter().rev().find(|record| view.knows(record.received))
        };
        let all: Vec<_> = if candidates.organisations.contains(&home.name) {
            home.principals.values().filter_map(newest).collect()
        } else {
            let names = candidates.names.iter();
            let of_home = names.filter(|name| *name.organisation() == home.name);
            let ids = of_home.filter_map(|name| home.names.get(name.name())).flatten();
            ids.filter_map(|id| home.principal(view, id)).collect()
        };
        // Several organisations may claim a key; whose it is, is settled for all questions alike.
        let is_theirs = |record: &PrincipalRecord| {
            home.name == self.own
                || self.record(view, &record.id).is_some_and(|(found, _)| found.name == home.name)
        };
        let mut standing: Vec<&PrincipalRecord> = all
            .into_iter()
            .map(|record| &**record)
            .filter(|record| is_theirs(record) && self.stands(view, home, record).is_ok())
            .collect();
        standing
            .sort_unstable_by(|left, right| (&left.name, left.id).cmp(&(&right.name, right.id)));
        standing
    }
}
