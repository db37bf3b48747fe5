//! `diff`: what a statement would change, before anybody signs it.

use anyhow::Result;
use clap::{Args, Subcommand};
use sekisho::clock;
use serde_json::{Value, json};

use crate::command::Common;
use crate::command::revoke::RevokeTerms;
use crate::command::role::RoleTerms;
use crate::command::signing::{Author, Proposal, Speech};
use crate::command::statement::{DenyTerms, GrantTerms};
use crate::exit::Exit;
use crate::output;
use crate::preview::{Changed, Effect};

/// Show what a statement would open and close; nothing is signed.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sekisho diff grant park@santander subscribe,decrypt 'fujisawa/truck/+/air' --dir fujisawa
  sekisho diff role family hanako@fujisawa --lang ja --dir fujisawa
  sekisho diff revoke truck-17@fujisawa --json --dir fujisawa

Exact for the topics that the node knows today (of more than 1,000, the first), for every principal \
that it knows.")]
pub(crate) enum Diff {
    /// Of a right that somebody would be given.
    Grant(GrantDiff),
    /// Of something that somebody would be forbidden.
    Deny(DenyDiff),
    /// Of a role that somebody would be given.
    Role(RoleDiff),
    /// Of a statement or principal that would end.
    Revoke(RevokeDiff),
}

/// A grant.
#[derive(Debug, Args)]
pub(crate) struct GrantDiff {
    #[command(flatten)]
    terms: GrantTerms,
    #[command(flatten)]
    speech: Speech,
    #[command(flatten)]
    common: Common,
}

/// A deny.
#[derive(Debug, Args)]
pub(crate) struct DenyDiff {
    #[command(flatten)]
    terms: DenyTerms,
    #[command(flatten)]
    speech: Speech,
    #[command(flatten)]
    common: Common,
}

/// A role.
#[derive(Debug, Args)]
pub(crate) struct RoleDiff {
    #[command(flatten)]
    terms: RoleTerms,
    #[command(flatten)]
    speech: Speech,
    #[command(flatten)]
    common: Common,
}

/// A revocation.
#[derive(Debug, Args)]
pub(crate) struct RevokeDiff {
    #[command(flatten)]
    terms: RevokeTerms,
    #[command(flatten)]
    speech: Speech,
    #[command(flatten)]
    common: Common,
}

impl Diff {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Grant(diff) => {
                diff.terms.check(clock::now())?;
                let author = Author::open(&diff.common, diff.terms.owner()).await?;
                let body = diff.terms.body(clock::now());
                let proposals = vec![author.weighed(body).await?];
                tell(author, &proposals, diff.speech).await
            }
            Self::Deny(diff) => {
                let author = Author::open(&diff.common, diff.terms.owner()).await?;
                let body = diff.terms.body(clock::now());
                let proposals = vec![author.weighed(body).await?];
                tell(author, &proposals, diff.speech).await
            }
            Self::Role(diff) => {
                let author = Author::at_home(&diff.common).await?;
                let body = diff.terms.body(author.organisation(), clock::now())?;
                let proposals = vec![author.weighed(body).await?];
                tell(author, &proposals, diff.speech).await
            }
            Self::Revoke(diff) => {
                let author = Author::at_home(&diff.common).await?;
                let proposals = diff.terms.proposals(&author).await?;
                tell(author, &proposals, diff.speech).await
            }
        }
    }
}

async fn tell(author: Author, proposals: &[Proposal], speech: Speech) -> Result<Exit> {
    author.client.close().await;
    for proposal in proposals {
        let effect = proposal.effect().unwrap_or_default();
        let preview = proposal.preview(speech.lang());
        if author.json {
            let mut answer = proposal.diff.clone();
            if let Value::Object(fields) = &mut answer {
                fields.insert("preview".to_owned(), json!(preview.text));
                fields.insert("warnings".to_owned(), json!(preview.warnings));
            }
            output::json(&answer);
            continue;
        }
        output::prose(&preview.text);
        preview.warnings.iter().for_each(|warning| output::prose(warning));
        proposal.note_faults();
        let rows = rows(&effect);
        if !rows.is_empty() {
            output::line("");
            output::table(&["", "WHO", "MAY", "ON"], &rows);
        }
    }
    Ok(Exit::Done)
}

/// What opens, then what closes.
fn rows(effect: &Effect) -> Vec<Vec<String>> {
    let row = |sign: &str, change: &Changed| {
        let who = change.principal.to_string();
        vec![sign.to_owned(), who, change.actions.to_string(), change.topic.to_string()]
    };
    let opened = effect.opened.iter().map(|change| row("+", change));
    opened.chain(effect.closed.iter().map(|change| row("-", change))).collect()
}
