//! `issuer`: who speaks for the organisation, which only its root says.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use sekisho::{Client, Fingerprint, PrincipalId, clock};
use sekisho_policy::{IssuerRecord, Policy, PrincipalRecord};
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_proto::statement::{Issuer, Revoke, RevokeTarget};
use sekisho_proto::{PrincipalName, Statement, StatementBody, Timestamp};
use sekisho_seal::StrictVerifier;
use serde_json::json;

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::enrol::name_in;
use crate::command::question::part;
use crate::exit::Exit;
use crate::motion::Motion;
use crate::replay::replayed;
use crate::{fault, output};

/// Name, list and end those who speak for the organisation.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sekisho issuer list --dir fujisawa
  sekisho issuer add mayor --root /media/stick/root.key --dir fujisawa
  sekisho issuer end administrator --root /media/stick/root.key --reason lost --dir mayor

Where the root has several keys, they need never be on one machine:
  sekisho issuer add mayor --out mayor.statement --dir fujisawa
  sekisho sign mayor.statement --root root-1.key      (one keeper)
  sekisho sign mayor.statement --root root-3.key      (another)
  sekisho state mayor.statement --dir fujisawa")]
pub(crate) enum IssuerCommand {
    /// Let somebody who has joined speak for the organisation; the root signs.
    Add(Add),
    /// Everybody who speaks or spoke for it.
    List(List),
    /// End somebody's office, and revoke the key; the root signs.
    End(End),
}

/// The root's signatures, and where they go.
#[derive(Debug, Args)]
struct Signing {
    /// A root key's file; repeated where several must sign.
    #[arg(long = "root", value_name = "FILE")]
    roots: Vec<PathBuf>,
    /// Write the statement to this new file instead, with the signatures so far.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Whom to let speak.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The name of somebody who has joined, such as mayor.
    name: String,
    /// Only the key with this fingerprint, as its owner's `sekisho join` shows it.
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<Fingerprint>,
    /// Until when: RFC 3339; default until the root ends it.
    #[arg(long)]
    until: Option<Timestamp>,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// No terms.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    common: Common,
}

/// Whose office to end.
#[derive(Debug, Args)]
pub(crate) struct End {
    /// The issuer's name, such as administrator.
    name: String,
    /// Where the name has several keys: only the one with this fingerprint.
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<Fingerprint>,
    /// End the office only: the key stays a principal's, with its grants.
    #[arg(long)]
    keep_principal: bool,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

impl IssuerCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::End(command) => command.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> Result<Exit> {
        self.signing.check()?;
        let access = Access::of(&self.common)?;
        let name = name_in(access.profile.principal.organisation(), &self.name)?;
        let client = access.connect().await?;
        let (root, record) = joined(&access, &client, &name).await?;
        if let Some(wanted) = self.key.as_ref().filter(|key| !key.is_of(&record.id)) {
            let found = Fingerprint::of(&record.id);
            return Err(fault::no(format!("{name}: wanted the key {wanted}, found {found}")));
        }
        let body = StatementBody::Issuer(Issuer {
            name: name.clone(),
            public_key: record.public_key,
            issued: clock::now(),
            until: self.until,
        });
        let motion = Motion::new(root, Vec::new(), body)?;
        let stated = self.signing.finish(motion, &client, self.common.json).await?;
        client.close().await;
        if stated && !self.common.json {
            let everything = format!("'{}/#'", name.organisation());
            output::aside(format!(
                "an issuer that is to use the administrator's commands is given that right by an \
                 issuer, itself included:\n  sekisho grant {name} administer,discover,grant \
                 {everything}"
            ));
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let client = access.connect().await?;
        let policy = replayed(&access, &client).await?;
        client.close().await;
        let own = access.profile.principal.organisation();
        let mut issuers: Vec<&IssuerRecord> = policy.issuers(own).collect();
        issuers
            .sort_by(|left, right| (&left.name, left.received).cmp(&(&right.name, right.received)));
        if self.common.json {
            output::json(&issuers.into_iter().map(document_of).collect());
            return Ok(Exit::Done);
        }
        let row = |issuer: &IssuerRecord| {
            let moment = |time: Timestamp| output::moment(&time.to_string());
            vec![
                issuer.name.to_string(),
                Fingerprint::of(&issuer.id).to_string(),
                moment(issuer.received),
                issuer.until.map_or_else(|| "–".to_owned(), moment),
                standing(issuer),
            ]
        };
        let rows: Vec<Vec<String>> = issuers.into_iter().map(row).collect();
        output::table(&["ISSUER", "FINGERPRINT", "SINCE", "UNTIL", "STANDING"], &rows);
        Ok(Exit::Done)
    }
}

fn standing(issuer: &IssuerRecord) -> String {
    match (issuer.revoked, issuer.until) {
        (Some(revoked), _) => format!("ended {}", output::moment(&revoked.to_string())),
        (None, Some(until)) if until <= clock::now() => "ran out".to_owned(),
        (None, _) => "in force".to_owned(),
    }
}

fn document_of(issuer: &IssuerRecord) -> serde_json::Value {
    json!({
        "name": issuer.name.to_string(),
        "key": issuer.id.to_string(),
        "since": issuer.received.to_string(),
        "until": issuer.until.map(|until| until.to_string()),
        "ended": issuer.revoked.map(|ended| ended.to_string()),
        "in_force": standing(issuer) == "in force",
        "statement": issuer.statement.to_string(),
    })
}

impl End {
    async fn run(self) -> Result<Exit> {
        self.signing.check()?;
        let access = Access::of(&self.common)?;
        let own = access.profile.principal.organisation().clone();
        let name = name_in(&own, &self.name)?;
        let client = access.connect().await?;
        let policy = replayed(&access, &client).await?;
        let issuers: Vec<&IssuerRecord> = policy
            .issuers(&own)
            .filter(|issuer| issuer.name == name && issuer.revoked.is_none())
            .filter(|issuer| self.key.as_ref().is_none_or(|key| key.is_of(&issuer.id)))
            .collect();
        let issuer = match issuers.as_slice() {
            [one] => *one,
            [] => {
                let words = format!("{name}: wanted an issuer, found none: sekisho issuer list");
                return Err(fault::no(words));
            }
            several => {
                let keys: Vec<String> =
                    several.iter().map(|one| Fingerprint::of(&one.id).to_string()).collect();
                let keys = keys.join(", ");
                let words =
                    format!("{name}: wanted one issuer, found several; choose with --key: {keys}");
                return Err(fault::usage(words));
            }
        };
        let target = if self.keep_principal {
            RevokeTarget::Statement(issuer.statement)
        } else {
            RevokeTarget::Principal(issuer.id)
        };
        let body = StatementBody::Revoke(Revoke {
            organisation: own.clone(),
            target,
            reason: self.reason,
            issued: clock::now(),
        });
        let logged = policy.log(&own).iter().map(|logged| &*logged.statement);
        let root = logged.clone().find(|one| matches!(one.body(), StatementBody::OrgRoot(_)));
        let root = root.cloned().context("control log: wanted the root's statement, found none")?;
        let context = logged.filter(|one| one.id() == issuer.statement).cloned().collect();
        let motion = Motion::new(root, context, body)?;
        self.signing.finish(motion, &client, self.common.json).await?;
        client.close().await;
        Ok(Exit::Done)
    }
}

impl Signing {
    /// Whether there is anything to do with what will be made.
    fn check(&self) -> Result<()> {
        if self.roots.is_empty() && self.out.is_none() {
            return Err(fault::usage(
                "wanted --root with a root key's file, or --out with a file that the keepers of \
                 the root's keys sign, found neither",
            ));
        }
        Ok(())
    }

    /// Signs, and submits it or writes it down; whether it stands.
    async fn finish(&self, mut motion: Motion, client: &Client, json: bool) -> Result<bool> {
        motion.sign(&self.roots)?;
        if let Some(path) = &self.out {
            motion.create(path)?;
            tell_file(&motion, path, json)?;
            return Ok(false);
        }
        motion.ensure_complete()?;
        submit(&motion, client, json).await?;
        Ok(true)
    }
}

/// Says what a file of a statement needs next.
pub(crate) fn tell_file(motion: &Motion, path: &std::path::Path, json: bool) -> Result<()> {
    if !json {
        return motion.tell(path);
    }
    let (found, wanted) = motion.signatures()?;
    let statement = motion.statement().id().to_string();
    output::json(&json!({
        "file": path, "statement": statement, "signatures": found, "wanted": wanted,
    }));
    Ok(())
}

/// States what enough keys signed.
pub(crate) async fn submit(motion: &Motion, client: &Client, json: bool) -> Result<()> {
    let index = client.state(motion.statement()).await?;
    let id = motion.statement().id();
    if json {
        output::json(&json!({ "statement": id.to_string(), "index": index.value() }));
    } else {
        output::line(motion.words()?);
        output::line(format!("stands at {index} in the control log, as {id}"));
    }
    Ok(())
}

/// The root's statement and the newest key of a name, as statements prove both.
async fn joined(
    access: &Access,
    client: &Client,
    name: &PrincipalName,
) -> Result<(Statement, PrincipalRecord)> {
    let none = || fault::no(format!("{name}: wanted somebody who has joined, found nobody"));
    let id: PrincipalId = if *name == access.profile.principal {
        access.identity.id()
    } else {
        let question = Question::What { principal: name.clone(), at: None };
        let found = document(client, question).await?;
        part(&found, "id").as_str().and_then(|id| id.parse().ok()).ok_or_else(none)?
    };
    let proof = proof_of(client, id).await?;
    let own = access.profile.principal.organisation();
    let mut policy = Policy::new(own.clone(), access.profile.root);
    for statement in &proof {
        policy.learn(statement, &StrictVerifier)?;
    }
    let record = policy.principal(&id).filter(|record| record.name == *name);
    let record = record.cloned().ok_or_else(none)?;
    if record.revoked.is_some() {
        return Err(fault::no(format!("{name}: wanted a key in force, found it revoked")));
    }
    let root = proof.into_iter().find(|one| matches!(one.body(), StatementBody::OrgRoot(_)));
    let root = root.context("answer of the node: wanted the root's statement, found none")?;
    Ok((root, record))
}

/// What proves a key to be a principal's, from the root down.
pub(crate) async fn proof_of(client: &Client, id: PrincipalId) -> Result<Vec<Statement>> {
    let AnswerBody::Statements(encoded) = client.query(Question::Principal(id)).await? else {
        bail!("answer of the node: wanted statements, found something else")
    };
    encoded.iter().map(|bytes| Ok(Statement::decode(bytes)?)).collect()
}
