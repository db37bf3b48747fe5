//! `revoke`: takes a statement or a principal back, and says when that holds everywhere.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use sekisho::clock;
use sekisho_proto::frame::Question;
use sekisho_proto::statement::{Revoke, RevokeTarget};
use sekisho_proto::{Hash, OrgName, PrincipalId, PrincipalName, StatementBody, Timestamp};
use serde_json::Value;

use crate::access::document;
use crate::command::Common;
use crate::command::question::part;
use crate::command::signing::{Author, Proposal, Signing, Standing};
use crate::exit::Exit;
use crate::{fault, output};

mod effect;

use effect::{Outcome, Watch};

/// Take back a statement, or all that a principal may do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho revoke truck-17@fujisawa --reason stolen --dir fujisawa
  sekisho revoke 231cb43d79ec71c7062a9005814aa85e06ae09be9accf806868e8e8cb8468528 --dir fujisawa

A revoked key stays revoked: to come back, the principal joins again with a new token.

Waits until its sessions are cut, the topics that it could open are sealed to new keys, and every \
peer has applied it, and says when. Ends with 5 where the statement stands and one of these was not \
confirmed in time: peers that are cut off apply it when they are back.")]
pub(crate) struct RevokeCommand {
    #[command(flatten)]
    terms: RevokeTerms,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// What a revocation says.
#[derive(Debug, Args)]
pub(crate) struct RevokeTerms {
    /// The statement's id (64 hexadecimal digits) or the principal's name (name@organisation).
    target: Target,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
}

/// How long it is watched until it holds.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Patience {
    /// End as soon as the statement stands.
    #[arg(long)]
    no_wait: bool,
    /// How long to wait until it holds everywhere, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// What a revocation is about.
#[derive(Debug, Clone)]
enum Target {
    Statement(Hash),
    Principal(PrincipalName),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Statement(id));
        }
        let name = text.parse().map(Self::Principal);
        name.map_err(|_error| "wanted 64 hexadecimal digits or name@organisation".to_owned())
    }
}

/// The end of something, stated by an organisation.
pub(crate) fn revocation(
    organisation: &OrgName,
    target: RevokeTarget,
    reason: &str,
    now: Timestamp,
) -> StatementBody {
    let (organisation, reason) = (organisation.clone(), reason.to_owned());
    StatementBody::Revoke(Revoke { organisation, target, reason, issued: now })
}

impl RevokeTerms {
    /// What has to be stated, each with what it would do. Somebody who joined twice has two keys.
    pub(crate) async fn proposals(&self, author: &Author) -> Result<Vec<Proposal>> {
        let targets = match &self.target {
            Target::Statement(id) => vec![RevokeTarget::Statement(*id)],
            Target::Principal(name) => {
                keys_of(author, name).await?.into_iter().map(RevokeTarget::Principal).collect()
            }
        };
        let mut proposals = Vec::with_capacity(targets.len());
        for target in targets {
            let body = revocation(author.organisation(), target, &self.reason, clock::now());
            proposals.push(author.weigh(body).await);
        }
        Ok(proposals)
    }
}

/// Every key of a name that is not revoked.
async fn keys_of(author: &Author, name: &PrincipalName) -> Result<BTreeSet<PrincipalId>> {
    let question = Question::What { principal: name.clone(), at: None };
    let found = document(&author.client, question).await?;
    let listed = part(&found, "keys").as_array().map(Vec::as_slice).unwrap_or_default();
    let keys: BTreeSet<PrincipalId> =
        listed.iter().filter_map(|key| key.as_str()?.parse().ok()).collect();
    if keys.is_empty() {
        return Err(fault::no(format!(
            "{name}: wanted a principal that joined and is not revoked, found none"
        )));
    }
    // Whose keys they are is not the node's to say.
    for key in &keys {
        let found = author.client.name_of(*key).await?;
        if found.as_ref() != Some(name) {
            let found = found.map_or_else(|| "nobody's".to_owned(), |other| other.to_string());
            let short = key.short();
            return Err(fault::no(format!("key {short}: wanted one of {name}, found {found}")));
        }
    }
    Ok(keys)
}

impl RevokeCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        let author = Author::at_home(&self.common).await?;
        let proposals = self.terms.proposals(&author).await?;
        conclude(author, &proposals, &self.signing, self.patience).await
    }
}

/// States what takes something from somebody, watches it take effect, and ends the session.
pub(crate) async fn conclude(
    author: Author,
    proposals: &[Proposal],
    signing: &Signing,
    patience: Patience,
) -> Result<Exit> {
    let watch = Watch::prepare(&author, proposals).await;
    let Some(standing) = author.propose(proposals, signing).await? else {
        author.client.close().await;
        return Ok(Exit::No);
    };
    let is_one_document = author.json && is_deny(proposals) && !patience.no_wait;
    if !is_one_document {
        standing.iter().for_each(|one| one.tell(author.json));
    }
    if patience.no_wait {
        author.client.close().await;
        return Ok(Exit::Done);
    }
    let most = Duration::from_secs(patience.timeout);
    let Outcome { is_confirmed, document } = watch.wait(&author, &standing, most).await?;
    author.client.close().await;
    if is_one_document {
        output::json(&together(standing.iter().map(Standing::document).chain([document])));
    } else if author.json {
        output::json(&document);
    }
    Ok(if is_confirmed { Exit::Done } else { Exit::Unconfirmed })
}

/// A deny is one statement: programs are told of it and of what came of it in one document. Of a
/// name all keys are revoked, and each of them is told for itself.
fn is_deny(proposals: &[Proposal]) -> bool {
    matches!(proposals, [Proposal { body: StatementBody::Deny(_), .. }])
}

/// All fields of documents in one.
fn together(documents: impl Iterator<Item = Value>) -> Value {
    let fields = documents.filter_map(|document| match document {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    });
    Value::Object(fields.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_about_a_statement_or_a_principal() {
        let id = "ab".repeat(32);
        assert!(matches!(id.parse(), Ok(Target::Statement(_))));
        assert!(matches!("truck-17@fujisawa".parse(), Ok(Target::Principal(_))));
        assert!("truck-17".parse::<Target>().unwrap_err().contains("name@organisation"));
    }
}
