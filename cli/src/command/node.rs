//! `node`: what the node knows of itself; a new key for it, and how everybody who pins the old one learns of
//! it without trusting whoever brings the news.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use sekisho::{
    Client, Fingerprint, Identity, KeyFile, OsEntropy, PROFILE_FILE, PrincipalId, Profile,
    PublicKey, clock,
};
use sekisho_broker::{config::Config, genesis};
use sekisho_policy::Policy;
use sekisho_proto::statement::{Revoke, RevokeTarget};
use sekisho_proto::{PrincipalKind, PrincipalName, Statement, StatementBody};
use sekisho_seal::{KeyKind, StrictVerifier};
use serde_json::json;

use crate::access::Access;
use crate::command::Common;
use crate::command::issuer::proof_of;
use crate::exit::Exit;
use crate::organisation::{self, ADMINISTRATOR, STEWARD, principal, signed};
use crate::{armour, fault, output};

mod figures;
mod restored;

use figures::{Epochs, Refusals, Sessions, Storage};
use restored::Restored;

const NAME: &str = "NODE KEY";

/// Ask the node about itself; replace its key, and accept a new one.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sekisho node sessions --dir fujisawa
  sekisho node refusals --max 20 --dir fujisawa
  sekisho node epochs --dir fujisawa
  sekisho node storage 'fujisawa/truck/#' --levels 3 --dir fujisawa
  sekisho node replace-key --reason stolen --dir fujisawa
  sekisho node accept node-key.letter --dir truck-17
  sekisho node restored --dir fujisawa

Every profile, token and contract names the node's key. After it was replaced:
  1. restart the node, and the steward;
  2. everybody who joined runs `sekisho node accept` with the letter, which proves the new key from
     the root that they pinned; tokens that were not used yet are made anew;
  3. each peer is sent a new contract: `sekisho peer invite`, as the first time. Until then the
     link to it is down. Where the old key was stolen, `sekisho peer end` it first.")]
pub(crate) enum NodeCommand {
    /// Who is connected, by what, since when, what passes and what they read.
    Sessions(Sessions),
    /// What was refused lately, and whom.
    Refusals(Refusals),
    /// How each tree of topics is sealed, who holds keys, and what was erased.
    Epochs(Epochs),
    /// What is kept, by trees of topics; the disk, the logs and the limits in force.
    Storage(Storage),
    /// Make a new key, state it, revoke the old one, and write the letter for everybody else.
    ReplaceKey(ReplaceKey),
    /// Pin the new key of a letter, where it is proven and the one pinned so far was revoked.
    Accept(Accept),
    /// Once, before it starts with a `data/` from a backup: records go on behind all that was published
    /// since the backup was made.
    Restored(Restored),
}

/// Why, and where the letter goes.
#[derive(Debug, Args)]
pub(crate) struct ReplaceKey {
    /// Why, for those who read it later.
    #[arg(long, default_value = "replaced by a new key")]
    reason: String,
    /// The letter to write; default DIR/node-key.letter.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Which letter.
#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// The letter that `sekisho node replace-key` wrote.
    letter: PathBuf,
    /// The folder made by `sekisho join`, or a steward's or administrator's.
    #[arg(long, default_value = ".", env = "SEKISHO_DIR", hide_env_values = true)]
    dir: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl NodeCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Sessions(command) => command.run().await,
            Self::Refusals(command) => command.run().await,
            Self::Epochs(command) => command.run().await,
            Self::Storage(command) => command.run().await,
            Self::ReplaceKey(command) => command.run().await,
            Self::Accept(command) => command.run(),
            Self::Restored(command) => command.run(),
        }
    }
}

impl ReplaceKey {
    async fn run(self) -> Result<Exit> {
        let dir = &self.common.dir;
        organisation::check(dir)?;
        let path = Config::load(dir)?.key;
        let access = Access::of(&self.common)?;
        let own = access.profile.principal.organisation();
        let name = PrincipalName::new("node", own)?;
        let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new())?;
        let file = KeyFile { kind: KeyKind::Principal(PrincipalKind::Node), name, identity };
        let now = clock::now();
        let issuer = access.identity.signing();
        let old = access.profile.node_key;
        let named = signed(principal(&file, PrincipalKind::Node, now).into(), issuer);
        let ended = signed(
            StatementBody::Revoke(Revoke {
                organisation: own.clone(),
                target: RevokeTarget::Principal(PrincipalId::of(&old)),
                reason: self.reason.clone(),
                issued: now,
            }),
            issuer,
        );
        let client = reached(&access).await?;
        let mut letter = match &client {
            Some(client) => proof_of(client, access.identity.id()).await?,
            None => genesis::read(&Config::load(dir)?.genesis)?,
        };
        letter.retain(|one| {
            matches!(one.body(), StatementBody::OrgRoot(_) | StatementBody::Issuer(_))
        });
        letter.extend([named.clone(), ended.clone()]);
        let new = proven(&letter, &access.profile)?;
        let kept = self.out.clone().unwrap_or_else(|| dir.join("node-key.letter"));
        write(&kept, &letter)?;
        let fresh = beside(&path, "new");
        file.create(&fresh)?;
        let is_stated = client.is_some();
        if let Some(client) = client {
            for statement in [&named, &ended] {
                client.state(statement).await?;
            }
            client.close().await;
        }
        put_in_place(&path, &fresh, &old)?;
        for folder in [ADMINISTRATOR, STEWARD] {
            pin(&dir.join(folder), new)?;
        }
        self.tell(new, &kept, is_stated);
        Ok(Exit::Done)
    }

    fn tell(&self, new: PublicKey, letter: &Path, is_stated: bool) {
        let (dir, letter) = (self.common.dir.display(), letter.display());
        let fingerprint = Fingerprint::of(&PrincipalId::of(&new));
        if self.common.json {
            output::json(&json!({
                "node_key": new.to_string(),
                "letter": letter.to_string(),
                "stated": is_stated,
            }));
            return;
        }
        output::line(format!("the node's new key is {fingerprint}; the letter is {letter}"));
        output::line("next:");
        output::line(format!("  restart the node and the steward of {dir}"));
        if !is_stated {
            output::line(format!(
                "  sekisho state {letter} --dir {dir}    (the node was not there to hear it)"
            ));
        }
        output::line(format!("  everybody who joined: sekisho node accept {letter} --dir FOLDER"));
        output::line("  each peer: a new contract; `sekisho peer invite` begins it");
    }
}

impl Accept {
    fn run(self) -> Result<Exit> {
        let own = self.dir.join(PROFILE_FILE).exists();
        let dir = if own { self.dir.clone() } else { self.dir.join(ADMINISTRATOR) };
        let profile = Profile::load(&dir)?;
        let text = fs::read_to_string(&self.letter)
            .with_context(|| format!("{}: read", self.letter.display()))?;
        let letter = parse(&text)?.with_context(|| {
            format!(
                "{}: wanted a block -----BEGIN SEKISHO NODE KEY-----, found none",
                self.letter.display()
            )
        })?;
        let new = proven(&letter, &profile)?;
        pin(&dir, new)?;
        if self.json {
            output::json(&json!({ "node_key": new.to_string() }));
        } else {
            let fingerprint = Fingerprint::of(&PrincipalId::of(&new));
            let who = &profile.principal;
            output::line(format!("{who} now expects its node to have the key {fingerprint}"));
        }
        Ok(Exit::Done)
    }
}

/// The statements of a letter; `None` where the text holds none.
pub(crate) fn parse(text: &str) -> Result<Option<Vec<Statement>>> {
    let found = armour::parse("letter about a node's key", [NAME], text)?;
    Ok(found.map(|(_name, statements)| statements))
}

/// The key that a letter makes the node's, where its statements lead there from the root that the
/// profile pins, and end the key that the profile pins so far: an old letter takes nobody back.
fn proven(letter: &[Statement], profile: &Profile) -> Result<PublicKey> {
    let own = profile.principal.organisation();
    let mut policy = Policy::new(own.clone(), profile.root);
    let mut new = None;
    let mut is_ended = false;
    let old = PrincipalId::of(&profile.node_key);
    for statement in letter {
        let applied = policy.apply(statement, statement.body().issued(), &StrictVerifier);
        let kind = statement.kind().name();
        applied
            .with_context(|| format!("letter about a node's key: its {kind} is not believed"))?;
        if let StatementBody::Principal(named) = statement.body()
            && named.kind == PrincipalKind::Node
        {
            new = Some(named.public_key);
        }
        if let StatementBody::Revoke(revoke) = statement.body() {
            is_ended |= revoke.target == RevokeTarget::Principal(old);
        }
    }
    let new = new.context("letter about a node's key: wanted a node's key in it, found none")?;
    if new == profile.node_key {
        return Err(fault::no("the profile expects this key already"));
    }
    let pinned = Fingerprint::of(&old);
    ensure!(
        is_ended,
        "letter about a node's key: wanted it to revoke {pinned}, which the profile expects so \
         far, found that it does not: is it an older letter?"
    );
    let record = policy.principal(&PrincipalId::of(&new));
    ensure!(
        record.is_some_and(|record| record.revoked.is_none()),
        "letter about a node's key: wanted a key in force, found it revoked"
    );
    Ok(new)
}

/// A connection to the node, or none where it is not there to be reached.
async fn reached(access: &Access) -> Result<Option<Client>> {
    match access.connect().await {
        Ok(client) => Ok(Some(client)),
        Err(cause) if fault::exit_of(&cause) == Exit::Unreachable => {
            output::aside(fault::sentence(&cause));
            output::aside("going on without the node");
            Ok(None)
        }
        Err(cause) => Err(cause),
    }
}

fn write(path: &Path, letter: &[Statement]) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file =
        made.with_context(|| format!("{}: wanted to make a new file", path.display()))?;
    let text = armour::print(NAME, &letter.iter().collect::<Vec<_>>());
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("{}: write", path.display()))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The new key's file takes the old one's place. The old one stays beside it: while the node was
/// not restarted, it is the key that it runs with.
fn put_in_place(path: &Path, fresh: &Path, old: &PublicKey) -> Result<()> {
    if path.exists() {
        let kept = beside(path, &format!("old-{}", PrincipalId::of(old).short()));
        fs::rename(path, &kept).with_context(|| format!("{}: rename", path.display()))?;
    }
    fs::rename(fresh, path).with_context(|| format!("{}: rename", fresh.display()))
}

/// Pins a node's key in a folder's profile, where there is one.
fn pin(dir: &Path, node_key: PublicKey) -> Result<()> {
    if !dir.join(PROFILE_FILE).exists() {
        return Ok(());
    }
    let profile = Profile { node_key, ..Profile::load(dir)? };
    Ok(profile.save(dir)?)
}
