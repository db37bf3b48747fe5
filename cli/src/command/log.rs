//! `log`: an organisation's logs for those who check rather than believe.

mod fetch;
mod prove;
mod verify;

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use sekisho::audit::TlogPolicy;
use sekisho::{OrgName, PROFILE_FILE, Profile, PublicKey, clock};
use sekisho_tlog::{NoteKey, NoteKeyKind};
use serde_json::json;

use self::prove::Prove;
use self::verify::Verify;
use crate::access::Access;
use crate::command::Common;
use crate::exit::Exit;
use crate::organisation::{ADMINISTRATOR, CONFIGURATION, STEWARD};
use crate::output;

/// Check what an organisation's logs hold, and show it to others.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sekisho log export /srv/www/fujisawa --dir fujisawa
  sekisho log verify /srv/www/fujisawa --root FINGERPRINT
  sekisho log prove STATEMENT --out grant.tlog-proof --dir fujisawa
  sekisho log prove --access 12 --out access.tlog-proof --dir fujisawa
  sekisho log verify grant.tlog-proof --root FINGERPRINT --policy witnesses.policy

The control log holds every statement, the access log a commitment for every access. Formats are \
those of c2sp.org: tlog-tiles, tlog-checkpoint, tlog-cosignature, tlog-policy and tlog-proof.")]
pub(crate) enum Log {
    Export(Export),
    Verify(Verify),
    Prove(Prove),
    Checkpoint(Checkpoint),
    Policy(Policy),
}

/// Write a log as static files that any web server can serve and anybody can verify.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The folder to write to; it is made where it is not there.
    folder: PathBuf,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// Print what the log holds now, as its node and its witnesses have signed it.
#[derive(Debug, Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// Print a policy that asks for the cosignatures of the peers in force.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sekisho log policy --dir fujisawa > dashboard/witnesses.policy

A client that finds witnesses.policy in its folder takes no checkpoint without that quorum.")]
pub(crate) struct Policy {
    /// How many peers must have cosigned; default is more than half of them.
    #[arg(long)]
    quorum: Option<usize>,
    #[command(flatten)]
    common: Common,
}

/// Which log.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// Whose; default is your own organisation's.
    #[arg(long)]
    organisation: Option<OrgName>,
    /// The log of accesses rather than that of statements; for administrators.
    #[arg(long, conflicts_with = "organisation")]
    access: bool,
}

impl Log {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Export(command) => command.run().await,
            Self::Verify(command) => command.run(),
            Self::Prove(command) => command.run().await,
            Self::Checkpoint(command) => command.run().await,
            Self::Policy(command) => command.run().await,
        }
    }
}

impl Export {
    async fn run(self) -> Result<Exit> {
        let Self { folder, which, common } = self;
        check_public(&folder)?;
        let access = Access::of(&common)?;
        let client = access.connect().await?;
        let log = which.log(&access.profile);
        let fetched = fetch::log(&client, &access.profile, &log).await?;
        client.close().await;
        let (size, written) = (fetched.entries.len(), fetched.files()?.write(&folder)?);
        if common.json {
            let folder = folder.display().to_string();
            let document = json!({
                "log": log.to_string(), "folder": folder, "entries": size, "files": written,
            });
            output::json(&document);
        } else {
            output::line(format!(
                "{log}: {size} entries in {written} files below {}",
                folder.display()
            ));
        }
        Ok(Exit::Done)
    }
}

/// What is exported is for everybody: it does not go where secrets are, as these would go along.
fn check_public(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => {
            return Err(fault).with_context(|| format!("{}: read the folder", folder.display()));
        }
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("{}: read the folder", folder.display()))?;
        let name = entry.file_name();
        ensure!(
            !is_private(Path::new(&name)),
            "{}: wanted a folder of its own, as everybody may read what is exported; found {} in it",
            folder.display(),
            name.display()
        );
    }
    Ok(())
}

/// Whether a name is that of a key, or of what lies beside keys.
fn is_private(name: &Path) -> bool {
    let beside = [CONFIGURATION, PROFILE_FILE, ADMINISTRATOR, STEWARD, "keys", "key.pem"];
    beside.iter().any(|one| name == Path::new(one))
        || name.extension().is_some_and(|extension| extension == "key")
}

impl Checkpoint {
    async fn run(self) -> Result<Exit> {
        let Self { which, common } = self;
        let access = Access::of(&common)?;
        let client = access.connect().await?;
        let log = which.log(&access.profile);
        let note = fetch::note(&client, &log).await?;
        client.close().await;
        if common.json {
            let checkpoint = note.checkpoint()?;
            let signed: Vec<&str> = note.signatures().iter().map(|line| line.name()).collect();
            output::json(&json!({
                "log": checkpoint.origin,
                "size": checkpoint.size,
                "root": checkpoint.root.to_string(),
                "signed": signed,
                "note": note.to_string(),
            }));
        } else {
            output::line(note.to_string().trim_end());
        }
        Ok(Exit::Done)
    }
}

impl Policy {
    async fn run(self) -> Result<Exit> {
        let Self { quorum, common } = self;
        let access = Access::of(&common)?;
        let client = access.connect().await?;
        let log = Which { organisation: None, access: false }.log(&access.profile);
        let fetched = fetch::log(&client, &access.profile, &log).await?;
        client.close().await;
        let read = sekisho::audit::read_log(&fetched.files()?, access.profile.root, None, None)?;
        let now = clock::now();
        let peers = read.policy.peers();
        let in_force = peers.iter().filter(|peer| peer.is_in_force(now));
        let witness = |organisation: &OrgName, key: &PublicKey| -> Result<(String, NoteKey)> {
            let name = format!("sekisho/{organisation}/node");
            Ok((organisation.to_string(), NoteKey::new(name, NoteKeyKind::Cosigner, *key)?))
        };
        let witnesses: Vec<(String, NoteKey)> = in_force
            .map(|peer| witness(&peer.organisation, &peer.theirs.node_key))
            .collect::<Result<_>>()?;
        let threshold =
            quorum.unwrap_or(if witnesses.is_empty() { 0 } else { witnesses.len() / 2 + 1 });
        ensure!(
            threshold <= witnesses.len(),
            "--quorum: wanted at most {}, the number of peers in force, found {threshold}",
            witnesses.len()
        );
        let key = NoteKey::new(log.to_string(), NoteKeyKind::Log, access.profile.node_key)?;
        let policy = TlogPolicy::of(key, witnesses, threshold).context("policy of witnesses")?;
        if common.json {
            output::json(&json!({ "policy": policy.to_string(), "quorum": threshold }));
        } else {
            output::line(policy.to_string().trim_end());
        }
        Ok(Exit::Done)
    }
}

impl Which {
    fn log(&self, profile: &Profile) -> sekisho_proto::LogName {
        let own = profile.principal.organisation();
        match (&self.organisation, self.access) {
            (_, true) => sekisho_proto::LogName::Access(own.clone()),
            (Some(organisation), false) => sekisho_proto::LogName::Control(organisation.clone()),
            (None, false) => sekisho_proto::LogName::Control(own.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_not_exported_to_where_secrets_are() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        check_public(&place("new")).unwrap();
        for private in
            ["sekisho.toml", "profile.toml", "identity.key", "node.key", "key.pem", "keys"]
        {
            fs::write(place(private), "").unwrap();
            let said = check_public(folder.path()).unwrap_err().to_string();
            assert!(said.contains(&format!("found {private} in it")), "{said}");
            fs::remove_file(place(private)).unwrap();
        }
        // An earlier export is gone over.
        fs::create_dir(place("tile")).unwrap();
        fs::write(place("checkpoint"), "").unwrap();
        check_public(folder.path()).unwrap();
    }
}
