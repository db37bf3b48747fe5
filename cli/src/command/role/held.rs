//! Who has which role, and what is granted to roles and denied them: as it stands in the log.

use anyhow::Result;
use sekisho_policy::Policy;
use sekisho_proto::statement::{Deny, Grant};
use sekisho_proto::{Filter, Grantee, Hash, OrgName, RoleName, StatementBody, Timestamp};
use serde_json::{Value, json};

use crate::fault;

/// See the module. Everything in it is in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) members: Vec<Member>,
    pub(super) grants: Vec<(RoleName, Grant)>,
    pub(super) denies: Vec<(RoleName, Deny)>,
}

/// Somebody who has a role.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) role: RoleName,
    pub(super) member: Grantee,
    pub(super) until: Option<Timestamp>,
    pub(super) statement: Hash,
}

impl Held {
    pub(super) fn of(policy: &Policy, organisation: &OrgName, now: Timestamp) -> Self {
        let mut held = Self::default();
        for logged in policy.log(organisation) {
            let statement = logged.statement.id();
            if policy.is_in_force(organisation, &statement, now) {
                held.take(logged.statement.body(), statement);
            }
        }
        let by_name = |one: &Member| (one.role.clone(), one.member.clone());
        held.members.sort_by_key(by_name);
        held
    }

    fn take(&mut self, body: &StatementBody, statement: Hash) {
        match body {
            StatementBody::Role(role) => self.members.push(Member {
                role: role.role.clone(),
                member: role.member.clone(),
                until: role.until,
                statement,
            }),
            StatementBody::Grant(grant) => {
                if let Grantee::Role(role) = &grant.grantee {
                    self.grants.push((role.clone(), grant.clone()));
                }
            }
            StatementBody::Deny(deny) => {
                if let Grantee::Role(role) = &deny.grantee {
                    self.denies.push((role.clone(), deny.clone()));
                }
            }
            StatementBody::OrgRoot(_)
            | StatementBody::Issuer(_)
            | StatementBody::Principal(_)
            | StatementBody::Revoke(_)
            | StatementBody::StreamDescriptor(_)
            | StatementBody::EpochAnnounce(_)
            | StatementBody::KeyGrant(_)
            | StatementBody::Peering(_)
            | StatementBody::Erasure(_) => {}
        }
    }

    /// Whether a grant to a role stands that says the same.
    pub(super) fn stands(&self, wanted: &Grant) -> bool {
        self.grants.iter().any(|(_role, grant)| {
            grant.grantee == wanted.grantee
                && grant.actions == wanted.actions
                && grant.filter == wanted.filter
                && grant.until == wanted.until
                && grant.history_from == wanted.history_from
        })
    }

    /// Whether the roles of these grants are used for these topics alone: else those who have them
    /// elsewhere would get rights here, and the other way about.
    ///
    /// # Errors
    /// One is used elsewhere.
    pub(super) fn check_elsewhere(&self, grants: &[Grant], tree: &Filter) -> Result<()> {
        let named = |role: &RoleName| {
            grants.iter().any(|grant| grant.grantee == Grantee::Role(role.clone()))
        };
        let elsewhere =
            |(role, grant): &&(RoleName, Grant)| named(role) && !tree.contains(&grant.filter);
        if let Some((role, grant)) = self.grants.iter().find(elsewhere) {
            let found = &grant.filter;
            return Err(fault::usage(format!(
                "{role}: wanted a role with rights in {tree} alone, found one with rights on \
                 {found}; give the new roles names of their own with --as"
            )));
        }
        Ok(())
    }
}

impl Member {
    pub(super) fn document(&self) -> Value {
        json!({
            "role": self.role.as_str(),
            "member": self.member.to_string(),
            "until": self.until.map(|until| until.to_string()),
            "statement": self.statement.to_string(),
        })
    }
}
