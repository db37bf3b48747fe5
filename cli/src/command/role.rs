//! `role`: who has which role, what each role may do, and whole sets of roles from a template.

use std::str::FromStr;

use anyhow::Result;
use clap::{Args, Subcommand};
use sekisho::clock;
use sekisho_proto::limits::STATEMENTS_PER_STATE_MAX;
use sekisho_proto::statement::{RevokeTarget, Role as RoleStatement};
use sekisho_proto::{Filter, Grantee, OrgName, RoleName, StatementBody, Timestamp};
use serde_json::{Value, json};

use crate::command::Common;
use crate::command::revoke::{Patience, conclude, revocation};
use crate::command::signing::{Author, Signing};
use crate::command::statement::day_or_time;
use crate::exit::Exit;
use crate::replay::replayed;
use crate::{fault, output};

mod held;
mod matrix;
mod template;

use held::Held;
use template::Template;

/// Give and take roles, and see what each may do.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sekisho role apply home-monitoring --tree fujisawa/home/12 --yes --dir fujisawa
  sekisho role assign family hanako@fujisawa --until 2027-01-01 --dir fujisawa
  sekisho role matrix --dir fujisawa
  sekisho role end family hanako@fujisawa --reason 'moved out' --dir fujisawa

A role is a name, role/family@fujisawa, that grants and denies can speak of; whoever has it may what \
is granted to it. Rights are given to a role with `sekisho grant role/family@fujisawa …`.")]
pub(crate) enum Role {
    /// Give somebody a role.
    Assign(Assign),
    /// Take a role away from somebody.
    End(End),
    /// Who has which role.
    List(List),
    /// What each role may do, on which topics.
    Matrix(Matrix),
    /// Print a template of roles, to be used as it is or changed.
    Template(Print),
    /// Grant a template's rights to its roles, below a topic.
    Apply(Apply),
}

/// Whom to give a role.
#[derive(Debug, Args)]
pub(crate) struct Assign {
    #[command(flatten)]
    terms: RoleTerms,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// What is said of a role.
#[derive(Debug, Args)]
pub(crate) struct RoleTerms {
    /// The role, such as family.
    role: RoleText,
    /// Who: name@organisation, or *@organisation for everybody there.
    member: Grantee,
    /// Until when: a day (UTC) or RFC 3339; default until revoked.
    #[arg(long, value_parser = day_or_time)]
    until: Option<Timestamp>,
}

/// From whom to take a role.
#[derive(Debug, Args)]
pub(crate) struct End {
    /// The role, such as family.
    role: RoleText,
    /// Who has it.
    member: Grantee,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// Nothing but where.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    common: Common,
}

/// Of which topics.
#[derive(Debug, Args)]
pub(crate) struct Matrix {
    /// Only what is below this topic, such as fujisawa/home/12.
    #[arg(long, value_name = "TOPIC")]
    tree: Option<Tree>,
    #[command(flatten)]
    common: Common,
}

/// Which template.
#[derive(Debug, Args)]
pub(crate) struct Print {
    /// Its name.
    #[arg(default_value = template::HOME_MONITORING)]
    name: String,
}

/// Which template, and where.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The name of a template that is built in, or a file.
    template: String,
    /// The topic below which its parts are, such as fujisawa/home/12.
    #[arg(long, value_name = "TOPIC")]
    tree: Tree,
    /// What the roles' names begin with, such as home-12 for role/home-12.family@fujisawa.
    #[arg(long = "as", value_name = "PREFIX", default_value = "")]
    prefix: String,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// A role as people write it: family, family@fujisawa or role/family@fujisawa.
#[derive(Debug, Clone)]
struct RoleText {
    name: String,
    organisation: Option<OrgName>,
}

impl FromStr for RoleText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let short = text.strip_prefix("role/").unwrap_or(text);
        let (name, organisation) = match short.split_once('@') {
            Some((name, organisation)) => (name, Some(organisation)),
            None => (short, None),
        };
        let organisation = organisation.map(str::parse).transpose();
        let organisation: Option<OrgName> = organisation.map_err(|error| format!("{error}"))?;
        Ok(Self { name: name.to_owned(), organisation })
    }
}

impl RoleText {
    /// The role of one's own organisation; others' are theirs to give.
    fn of(&self, own: &OrgName) -> Result<RoleName> {
        if let Some(other) = self.organisation.as_ref().filter(|other| *other != own) {
            return Err(fault::usage(format!("role: wanted one of {own}, found one of {other}")));
        }
        RoleName::new(&self.name, own).map_err(|error| fault::usage(error.to_string()))
    }
}

/// A topic below which others are; as an argument also written with its `/#`.
#[derive(Debug, Clone)]
pub(super) struct Tree(Filter);

impl FromStr for Tree {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let tree = format!("{}/#", text.trim_end_matches("/#"));
        tree.parse().map(Self).map_err(|error| format!("{error}"))
    }
}

impl Tree {
    /// Everything in it.
    pub(super) fn filter(&self) -> &Filter {
        &self.0
    }

    /// A part of it, such as `alarm/#`.
    pub(super) fn part(&self, part: &str) -> Result<Filter> {
        let root = self.0.as_str().trim_end_matches('#');
        format!("{root}{part}").parse().map_err(|error| fault::usage(format!("{error}")))
    }
}

impl RoleTerms {
    pub(crate) fn body(self, own: &OrgName, now: Timestamp) -> Result<StatementBody> {
        if let Grantee::Role(role) = &self.member {
            return Err(fault::usage(format!(
                "member: wanted a principal or an organisation, found {role}"
            )));
        }
        let (role, member) = (self.role.of(own)?, self.member);
        let until = self.until;
        Ok(StatementBody::Role(RoleStatement { role, member, issued: now, until }))
    }
}

impl Role {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Assign(assign) => {
                let author = Author::at_home(&assign.common).await?;
                let body = assign.terms.body(author.organisation(), clock::now())?;
                author.conclude(body, &assign.signing).await
            }
            Self::End(end) => end.run().await,
            Self::List(list) => list.run().await,
            Self::Matrix(matrix) => matrix.run().await,
            Self::Template(print) => {
                output::line(Template::text(&print.name)?.trim_end());
                Ok(Exit::Done)
            }
            Self::Apply(apply) => apply.run().await,
        }
    }
}

impl End {
    async fn run(self) -> Result<Exit> {
        let author = Author::at_home(&self.common).await?;
        let role = self.role.of(author.organisation())?;
        let policy = replayed(&author.access, &author.client).await?;
        let held = Held::of(&policy, author.organisation(), clock::now());
        let given = held.members.iter().filter(|one| one.role == role && one.member == self.member);
        let mut proposals = Vec::new();
        for one in given {
            let target = RevokeTarget::Statement(one.statement);
            let body = revocation(author.organisation(), target, &self.reason, clock::now());
            proposals.push(author.weigh(body).await);
        }
        if proposals.is_empty() {
            let member = &self.member;
            return Err(fault::no(format!(
                "{role}: wanted it held by {member}, found that it is not"
            )));
        }
        conclude(author, &proposals, &self.signing, self.patience).await
    }
}

impl List {
    async fn run(self) -> Result<Exit> {
        let author = Author::at_home(&self.common).await?;
        let policy = replayed(&author.access, &author.client).await?;
        author.client.close().await;
        let held = Held::of(&policy, author.organisation(), clock::now());
        if self.common.json {
            output::json(&held.members.iter().map(held::Member::document).collect());
            return Ok(Exit::Done);
        }
        if held.members.is_empty() {
            output::line("nobody has a role");
            return Ok(Exit::Done);
        }
        let row = |one: &held::Member| {
            let until = one.until.map_or_else(|| "–".to_owned(), |until| until.to_string());
            vec![one.role.name().to_owned(), one.member.to_string(), output::moment(&until)]
        };
        let rows: Vec<_> = held.members.iter().map(row).collect();
        output::table(&["ROLE", "WHO", "UNTIL"], &rows);
        Ok(Exit::Done)
    }
}

impl Matrix {
    async fn run(self) -> Result<Exit> {
        let author = Author::at_home(&self.common).await?;
        let policy = replayed(&author.access, &author.client).await?;
        author.client.close().await;
        let held = Held::of(&policy, author.organisation(), clock::now());
        let matrix = matrix::Matrix::of(&held, self.tree.as_ref().map(Tree::filter));
        if self.common.json {
            output::json(&matrix.document());
        } else {
            matrix.print();
        }
        Ok(Exit::Done)
    }
}

impl Apply {
    async fn run(self) -> Result<Exit> {
        let template = Template::load(&self.template)?;
        let author = Author::open(&self.common, self.tree.filter().organisation()).await?;
        let policy = replayed(&author.access, &author.client).await?;
        let now = clock::now();
        let held = Held::of(&policy, author.organisation(), now);
        let mut bodies = template.grants(&self.tree, &self.prefix, now)?;
        held.check_elsewhere(&bodies, self.tree.filter())?;
        let all = bodies.len();
        bodies.retain(|grant| !held.stands(grant));
        if bodies.len() < all {
            let known = u64::try_from(all - bodies.len())?;
            output::aside(format!("{} of it stand already", output::count(known, "grant")));
        }
        if bodies.len() > STATEMENTS_PER_STATE_MAX {
            let found = bodies.len();
            return Err(fault::usage(format!(
                "template: wanted at most {STATEMENTS_PER_STATE_MAX} grants, as all of them are \
                 made or none, found {found}"
            )));
        }
        let mut proposals = Vec::with_capacity(bodies.len());
        for grant in bodies {
            proposals.push(author.weigh(StatementBody::Grant(grant)).await);
        }
        if proposals.is_empty() {
            author.client.close().await;
            return Ok(Exit::Done);
        }
        let stated = author.propose(&proposals, &self.signing).await?;
        author.client.close().await;
        let Some(standing) = stated else { return Ok(Exit::No) };
        if self.common.json {
            let one = |one: &crate::command::signing::Standing| {
                json!({
                    "statement": one.statement.id().to_string(),
                    "index": one.index.value(),
                })
            };
            output::json(&standing.iter().map(one).collect::<Value>());
        } else {
            let grants = output::count(u64::try_from(standing.len())?, "grant");
            output::line(format!("{grants} to roles stand in the control log"));
            output::line("next: sekisho role assign ROLE WHO");
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests;
