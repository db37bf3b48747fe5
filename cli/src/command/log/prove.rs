//! `log prove`: one entry of a log in one file, for somebody who has nothing but the fingerprint of
//! the organisation's root.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::Args;
use data_encoding::HEXLOWER;
use sekisho::audit::{LogProof, OpenedRecord};
use sekisho::{Client, Hash, PrincipalId};
use sekisho_proto::frame::{AnswerBody, Question, Which};
use sekisho_proto::{LogEntry, LogName, Statement};
use serde_json::{Value, json};

use super::fetch;
use crate::access::{Access, document};
use crate::command::Common;
use crate::exit::Exit;
use crate::{fault, output};

/// Make a file that proves to anybody, offline, what a log holds.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The statement's id, 64 hexadecimal digits.
    #[arg(required_unless_present = "access", conflicts_with = "access")]
    statement: Option<Hash>,
    /// An entry of the access log by its index; for administrators.
    #[arg(long, value_name = "INDEX")]
    access: Option<u64>,
    /// The file to write; standard output where there is none.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Prove {
    pub(super) async fn run(self) -> Result<Exit> {
        let Self { statement, access: index, out, common } = self;
        let access = Access::of(&common)?;
        let client = access.connect().await?;
        let own = access.profile.principal.organisation().clone();
        let (log, which) = match (statement, index) {
            (Some(id), _) => (LogName::Control(own), Which::Statement(id)),
            (None, Some(index)) => (LogName::Access(own), Which::Index(index)),
            (None, None) => return Err(fault::usage("wanted a statement's id or --access INDEX")),
        };
        let node = PrincipalId::of(&access.profile.node_key);
        let proof = make(&client, &log, which, &node).await?;
        client.close().await;
        // Nobody is shown a proof that does not hold.
        proof.verify(access.profile.root, None)?;
        let text = proof.encode();
        match &out {
            Some(path) => {
                fs::write(path, &text).with_context(|| format!("{}: write", path.display()))?;
                if common.json {
                    let (file, bytes) = (path.display().to_string(), text.len());
                    output::json(&json!({ "file": file, "bytes": bytes, "index": proof.index }));
                } else {
                    output::line(format!("{}: {} bytes", path.display(), text.len()));
                }
            }
            None if common.json => output::json(&json!({ "proof": text, "index": proof.index })),
            None => output::line(text.trim_end()),
        }
        Ok(Exit::Done)
    }
}

async fn make(
    client: &Client,
    log: &LogName,
    which: Which,
    node: &PrincipalId,
) -> Result<LogProof> {
    let note = fetch::note(client, log).await?;
    let size = note.checkpoint()?.size;
    let question = Question::Inclusion { log: log.clone(), which, size };
    let answer = client.query(question).await.with_context(|| format!("log {log}"))?;
    let AnswerBody::Inclusion { index, entry, path } = answer else {
        bail!("log {log}: wanted a proof of inclusion, found something else");
    };
    let mut statements = fetch::proof_of(client, node).await?;
    let opened = match log {
        LogName::Control(_) => {
            add_signers(client, &entry, &mut statements).await?;
            None
        }
        LogName::Access(_) => opened(client, index).await?,
    };
    Ok(LogProof { entry, statements, opened, index, path, note })
}

/// Those who signed the statement that is proven, each proven from the root.
async fn add_signers(
    client: &Client,
    entry: &Bytes,
    statements: &mut Vec<Statement>,
) -> Result<()> {
    let statement = Statement::decode(&LogEntry::decode(entry)?.statement)?;
    for signed in statement.signatures() {
        for one in fetch::proof_of(client, &signed.signer).await? {
            if one.id() != statement.id() && !statements.contains(&one) {
                statements.push(one);
            }
        }
    }
    Ok(())
}

/// What an entry of the access log commits to; none where that was erased.
async fn opened(client: &Client, index: u64) -> Result<Option<OpenedRecord>> {
    let question = Question::Accesses { subject: None, from: index, max: 1 };
    let answer = document(client, question).await?;
    let Some(found) = answer.as_array().and_then(|entries| entries.first()) else {
        bail!("access log: wanted entry {index}, found none");
    };
    let text = |field: &str| found.get(field).and_then(Value::as_str);
    let (Some(record), Some(opening)) = (text("record_bytes"), text("opening")) else {
        return Ok(None);
    };
    let record = HEXLOWER.decode(record.as_bytes())?.into();
    Ok(Some(OpenedRecord { record, opening: opening.parse()? }))
}
