//! What each role may do on which topics, as a grid: a row for each filter that a grant speaks of,
//! a column for each role.

use std::collections::BTreeSet;

use sekisho_proto::{Action, Actions, Filter, RoleName};
use serde_json::{Value, json};

use super::held::Held;
use crate::output;

/// See the module.
#[derive(Debug)]
pub(super) struct Matrix<'h> {
    held: &'h Held,
    roles: Vec<RoleName>,
    rows: Vec<Filter>,
}

/// The letter of an action in a cell.
const fn letter(action: Action) -> char {
    match action {
        Action::Publish => 'p',
        Action::Subscribe => 's',
        Action::History => 'h',
        Action::Decrypt => 'd',
        Action::Discover => 'f',
        Action::Grant => 'g',
        Action::Bridge => 'b',
        Action::Administer => 'a',
    }
}

const LEGEND: &str = "\
p publish  s subscribe  h history  d decrypt  f find  g grant  b bridge  a administer
Whoever has no role and no grant of their own may do nothing.";

impl<'h> Matrix<'h> {
    /// Of everything, or of what is within some topics.
    pub(super) fn of(held: &'h Held, tree: Option<&Filter>) -> Self {
        let within = |filter: &Filter| tree.is_none_or(|tree| tree.contains(filter));
        let granted = held.grants.iter().map(|(_role, grant)| &grant.filter);
        let denied = held.denies.iter().map(|(_role, deny)| &deny.filter);
        let rows: BTreeSet<Filter> =
            granted.chain(denied).filter(|filter| within(filter)).cloned().collect();
        let touches = |filter: &Filter| tree.is_none_or(|tree| tree.overlaps(filter));
        let granted = held.grants.iter().filter(|(_role, grant)| touches(&grant.filter));
        let mut roles: BTreeSet<RoleName> = granted.map(|(role, _grant)| role.clone()).collect();
        if tree.is_none() {
            roles.extend(held.members.iter().map(|member| member.role.clone()));
        }
        Self { held, roles: roles.into_iter().collect(), rows: rows.into_iter().collect() }
    }

    /// What a role may do on every topic of a filter.
    pub(super) fn cell(&self, role: &RoleName, filter: &Filter) -> Actions {
        let granted = self
            .held
            .grants
            .iter()
            .filter(|(holder, grant)| holder == role && grant.filter.contains(filter));
        let granted = granted.fold(Actions::NONE, |all, (_role, grant)| all.union(grant.actions));
        let denied = self
            .held
            .denies
            .iter()
            .filter(|(holder, deny)| holder == role && deny.filter.overlaps(filter));
        let denied = denied.fold(Actions::NONE, |all, (_role, deny)| all.union(deny.actions));
        // Who may not subscribe has no history either.
        let denied = if denied.contains(Action::Subscribe) {
            denied.union(Action::History.into())
        } else {
            denied
        };
        granted.iter().filter(|action| !denied.contains(*action)).collect()
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let text = |actions: Actions| {
            let letters: String = actions.iter().map(letter).collect();
            if letters.is_empty() { "–".to_owned() } else { letters }
        };
        let row = |filter: &Filter| {
            let cells = self.roles.iter().map(|role| text(self.cell(role, filter)));
            std::iter::once(filter.to_string()).chain(cells).collect()
        };
        self.rows.iter().map(row).collect()
    }

    pub(super) fn print(&self) {
        if self.rows.is_empty() {
            output::line("no role may do anything");
            return;
        }
        let names = self.roles.iter().map(RoleName::name);
        let headings: Vec<&str> = std::iter::once("TOPICS").chain(names).collect();
        output::table(&headings, &self.cells());
        output::line("");
        output::prose(LEGEND);
    }

    pub(super) fn document(&self) -> Value {
        let cell = |filter: &Filter, role: &RoleName| {
            json!({
                "role": role.as_str(),
                "topics": filter.as_str(),
                "actions": self.cell(role, filter).to_string(),
            })
        };
        let rows = self.rows.iter();
        rows.flat_map(|filter| self.roles.iter().map(move |role| cell(filter, role))).collect()
    }
}

#[cfg(test)]
mod tests {
    use sekisho_proto::{StatementBody, Timestamp};

    use super::super::template::Template;
    use super::super::{Tree, held::Held};
    use super::*;

    fn home() -> Held {
        let template = Template::load(super::super::template::HOME_MONITORING).unwrap();
        let tree: Tree = "fujisawa/home/12".parse().unwrap();
        let grants = template.grants(&tree, "", Timestamp::EPOCH).unwrap();
        let mut held = Held::default();
        for grant in grants {
            let StatementBody::Grant(grant) = StatementBody::from(grant) else { continue };
            let sekisho_proto::Grantee::Role(role) = &grant.grantee else { continue };
            held.grants.push((role.clone(), grant.clone()));
        }
        held
    }

    #[test]
    fn a_wide_grant_counts_in_every_row_and_a_deny_takes_from_it() {
        let mut held = home();
        let administrator: RoleName = "role/administrator@fujisawa".parse().unwrap();
        let health: Filter = "fujisawa/home/12/health/#".parse().unwrap();
        let cell = |held: &Held| Matrix::of(held, None).cell(&administrator, &health);
        assert_eq!(cell(&held).to_string(), "discover,administer");
        held.denies.push((
            administrator.clone(),
            sekisho_proto::statement::Deny {
                organisation: "fujisawa".parse().unwrap(),
                grantee: administrator.clone().into(),
                actions: Action::Discover.into(),
                filter: "fujisawa/home/+/health/heart".parse().unwrap(),
                reason: String::new(),
                issued: Timestamp::EPOCH,
            },
        ));
        assert_eq!(cell(&held).to_string(), "administer");
    }

    #[test]
    fn only_what_is_within_the_topics_asked_for_is_shown() {
        let held = home();
        let tree: Filter = "fujisawa/home/12/alarm/#".parse().unwrap();
        let matrix = Matrix::of(&held, Some(&tree));
        assert_eq!(matrix.rows, std::slice::from_ref(&tree));
        let other: Filter = "fujisawa/home/13/#".parse().unwrap();
        assert!(Matrix::of(&held, Some(&other)).rows.is_empty());
    }
}
