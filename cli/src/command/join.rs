//! `join`: a newcomer makes keys, proves its token, and becomes a principal.

use std::cell::Cell;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use sekisho::{
    EnrolError, Enrolled, IDENTITY_FILE, Identity, JoinToken, KeyFile, OsEntropy, PROFILE_FILE,
    Profile, clock,
};
use sekisho_seal::KeyKind;
use serde_json::json;
use tokio::time::timeout;

use crate::access::Access;
use crate::exit::Exit;
use crate::output;

/// Use a token: make keys, prove the token, wait to be admitted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho join token-file --dir truck-17
  sekisho join sekisho-join-v1.… --dir truck-17
  ssh city-hall sekisho enrol truck-17 --json | jq -r .token | sekisho join - --dir truck-17

The private keys never leave DIR. Where joining was interrupted, the same command goes on with the
keys that are there.")]
pub(crate) struct Join {
    /// The token, or the name of a file with it, or - to read it from standard input.
    token: String,
    /// The folder to make for keys and profile.
    #[arg(long)]
    dir: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// How long a newcomer waits before somebody is told what it waits for.
const PATIENCE: Duration = Duration::from_secs(3);

impl Join {
    pub(crate) async fn run(self) -> Result<Exit> {
        let token = JoinToken::parse(read_token(&self.token)?.trim())?;
        let dir = &self.dir;
        let taken = dir.join(PROFILE_FILE).exists();
        ensure!(!taken, "{}: wanted a new folder, found a profile in it", dir.display());
        let (name, expires) = (token.name.clone(), token.expires);
        if expires <= clock::now() {
            return Err(EnrolError::Expired { name, expires }.into());
        }
        let (identity, resumed) = keys(dir, &token)?;
        let fingerprint = identity.id().short();
        output::aside(format!("{name}, key {fingerprint}: asking {} …", token.address));
        let profile = Profile {
            principal: name.clone(),
            root: token.root,
            node: token.address.clone(),
            node_key: token.node_key,
        };
        match ask(&token, &identity).await {
            Ok(_enrolled) => {}
            // It may have been admitted before, and never heard of it.
            Err(EnrolError::Declined { name, why }) => {
                let admitted = resumed && is_admitted(dir, &profile, &identity).await;
                ensure!(admitted, EnrolError::Declined { name, why });
            }
            Err(cause) => return Err(cause.into()),
        }
        profile.save(dir)?;
        if self.json {
            let (principal, id) = (name.to_string(), identity.id().to_string());
            output::json(&json!({ "principal": principal, "id": id, "dir": dir }));
        } else {
            output::line(format!("joined as {name}; keys and profile are in {}", dir.display()));
        }
        Ok(Exit::Done)
    }
}

/// Asks to be admitted. A steward that admits whoever proves the token does so within a second or
/// two; when it takes longer, somebody has to be told.
async fn ask(token: &JoinToken, identity: &Arc<Identity>) -> Result<Enrolled, EnrolError> {
    let waits = Cell::new(false);
    let mut joining = Box::pin(sekisho::join(token, identity, |_why| waits.set(true)));
    if let Ok(joined) = timeout(PATIENCE, &mut joining).await {
        return joined;
    }
    if waits.get() {
        let (name, key) = (token.name.name(), identity.id().short());
        output::aside(format!("to admit it there: sekisho enrol --approve {name} --key {key}"));
    }
    let _sign = output::waiting("waiting …");
    joining.await
}

/// The keys in the folder, or new ones, and whether they were there. They are kept before they are
/// shown: a token that was approved for them is of no use with others.
fn keys(dir: &Path, token: &JoinToken) -> Result<(Arc<Identity>, bool)> {
    let path = dir.join(IDENTITY_FILE);
    if path.exists() {
        let file = KeyFile::load(&path)?;
        let (wanted, found) = (&token.name, &file.name);
        ensure!(found == wanted, "{}: wanted keys of {wanted}, found {found}'s", path.display());
        return Ok((Arc::new(file.identity), true));
    }
    let mut folder = DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{}: make the folder", dir.display()))?;
    let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new())?;
    let (kind, name) = (KeyKind::Principal(token.kind), token.name.clone());
    KeyFile { kind, name, identity: identity.clone() }.create(&path)?;
    Ok((Arc::new(identity), false))
}

async fn is_admitted(dir: &Path, profile: &Profile, identity: &Arc<Identity>) -> bool {
    let access =
        Access { dir: dir.to_owned(), profile: profile.clone(), identity: Arc::clone(identity) };
    match access.connect().await {
        Ok(client) => {
            client.close().await;
            true
        }
        Err(_refused) => false,
    }
}

/// A token is a secret: it may come from a file or a pipe and need not stand in the process list.
fn read_token(text: &str) -> Result<String> {
    if text == "-" {
        return std::io::read_to_string(std::io::stdin()).context("standard input");
    }
    if text.starts_with("sekisho-join") {
        return Ok(text.to_owned());
    }
    std::fs::read_to_string(text).with_context(|| format!("{text}: wanted a token or its file"))
}
