//! `root`: what everybody pins, how many keys it has, and whether a stick still holds one of them.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use sekisho::{Fingerprint, PrincipalId};
use sekisho_proto::statement::OrgRoot;
use sekisho_proto::{Statement, StatementBody};
use serde_json::json;

use crate::access::Access;
use crate::command::Common;
use crate::command::issuer::proof_of;
use crate::exit::Exit;
use crate::output;
use crate::root_key::RootKey;

/// Show the organisation's root: its fingerprint, its keys, and which of them are in files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho root --dir fujisawa
  sekisho root --key /media/stick/root-2.key --dir fujisawa

Look at every stick once a year: a root whose keys cannot be read can name and end nobody.")]
pub(crate) struct Root {
    /// A file that should hold one of the root's keys; may be repeated.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Root {
    pub(crate) async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let client = access.connect().await?;
        let proof = proof_of(&client, access.identity.id()).await?;
        client.close().await;
        let statement = proof.iter().find(|one| one.body_hash() == access.profile.root);
        let Some(StatementBody::OrgRoot(root)) = statement.map(Statement::body) else {
            let own = access.profile.principal.organisation();
            bail!("answer of the node: wanted the root of {own}, found none that fits")
        };
        let files = self.files(root)?;
        let ids: Vec<PrincipalId> = root.keys.iter().map(PrincipalId::of).collect();
        let file_of = |id| files.iter().find(|(found, _)| *found == id).map(|(_, path)| path);
        if self.common.json {
            let keys = ids.iter().map(|id| json!({ "key": id.to_string(), "file": file_of(*id) }));
            output::json(&json!({
                "organisation": root.organisation.as_str(),
                "root": access.profile.root.to_string(),
                "threshold": root.threshold,
                "keys": keys.collect::<Vec<_>>(),
            }));
            return Ok(Exit::Done);
        }
        let (organisation, wanted, count) = (&root.organisation, root.threshold, ids.len());
        output::line(format!("root of {organisation}: {}", access.profile.root));
        output::line(format!("{wanted} of its {count} keys must sign"));
        let row = |id: &PrincipalId| {
            let file =
                file_of(*id).map_or_else(|| "–".to_owned(), |path| path.display().to_string());
            vec![Fingerprint::of(id).to_string(), file]
        };
        output::table(&["KEY", "FILE"], &ids.iter().map(row).collect::<Vec<_>>());
        Ok(Exit::Done)
    }

    /// Each file and whose key it holds.
    fn files(&self, root: &OrgRoot) -> Result<Vec<(PrincipalId, &PathBuf)>> {
        let (organisation, count) = (&root.organisation, root.keys.len());
        let mut files = Vec::new();
        for path in &self.keys {
            let key = RootKey::open(path)?.public_key();
            ensure!(
                root.keys.contains(&key),
                "{}: wanted one of the {count} root keys of {organisation}, found another key",
                path.display()
            );
            files.push((PrincipalId::of(&key), path));
        }
        Ok(files)
    }
}
