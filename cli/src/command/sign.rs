//! `sign` and `state`: a statement that several root keys sign, each where it is kept, and that one
//! of those who were asked to carry it submits.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use sekisho::Statement;
use serde_json::json;

use crate::access::Access;
use crate::command::issuer::{submit, tell_file};
use crate::command::{Common, node};
use crate::exit::Exit;
use crate::motion::Motion;
use crate::{ask, fault, output};

/// Add a root key's signature to a statement's file. Needs no node and no network.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho sign mayor.statement --root /media/stick/root-1.key
  sekisho sign mayor.statement --root root-2.key --yes

It shows what the statement says, from the statement's own bytes, and asks before it signs.")]
pub(crate) struct Sign {
    /// The file, as `sekisho issuer add --out` wrote it.
    file: PathBuf,
    /// The root key's file, or its PKCS #11 URI (docs/keys.md); may be repeated.
    #[arg(long = "root", value_name = "FILE", required = true)]
    roots: Vec<PathBuf>,
    #[command(flatten)]
    consent: Consent,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Whether somebody is asked.
#[derive(Debug, Args)]
struct Consent {
    /// Do not ask: what it says was read before.
    #[arg(long, short)]
    yes: bool,
}

/// Submit a statement that enough root keys have signed, or a letter about the node's key.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sekisho state mayor.statement --dir fujisawa

Whoever may connect may submit it: what counts are the signatures.")]
pub(crate) struct State {
    /// The file, as `sekisho issuer add --out` wrote it and `sekisho sign` signed it.
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

impl Sign {
    pub(crate) fn run(self) -> Result<Exit> {
        let mut motion = Motion::load(&self.file)?;
        output::aside(motion.words()?);
        output::aside(format!("root: {}", motion.root()));
        if !self.consent.yes {
            if !ask::somebody_is_there() {
                return Err(fault::usage(
                    "wanted --yes from somebody who has read what the statement says, found \
                     nobody to ask",
                ));
            }
            if !ask::confirm("sign this?")? {
                return Err(fault::no("not signed"));
            }
        }
        motion.sign(&self.roots)?;
        motion.replace(&self.file)?;
        tell_file(&motion, &self.file, self.json)?;
        Ok(Exit::Done)
    }
}

impl State {
    pub(crate) async fn run(self) -> Result<Exit> {
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("{}: read", self.file.display()))?;
        let access = Access::of(&self.common)?;
        if let Some(letter) = node::parse(&text)? {
            return self.submit_letter(&access, &letter).await;
        }
        let motion = Motion::parse(&text).with_context(|| self.file.display().to_string())?;
        let (wanted, found) = (access.profile.root, motion.root());
        ensure!(
            found == wanted,
            "{}: wanted the root {wanted}, found {found}",
            self.file.display()
        );
        motion.ensure_complete()?;
        let client = access.connect().await?;
        submit(&motion, &client, self.common.json).await?;
        client.close().await;
        Ok(Exit::Done)
    }

    /// What a letter about the node's key says and the node was not there to hear.
    async fn submit_letter(&self, access: &Access, letter: &[Statement]) -> Result<Exit> {
        let client = access.connect().await?;
        for statement in letter {
            let index = client.state(statement).await?;
            let (id, kind) = (statement.id(), statement.kind().name());
            if self.common.json {
                output::json(&json!({ "statement": id.to_string(), "index": index.value() }));
            } else {
                output::line(format!("{kind} {id} stands at {index} in the control log"));
            }
        }
        client.close().await;
        Ok(Exit::Done)
    }
}
