//! Gets a whole log from the node, and whatever else somebody needs who will be offline.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use sekisho::audit::{LogFolder, Note};
use sekisho::{
    Client, Followed, OrgName, PrincipalId, Profile, QueryError, RefusalCode, StatementIndex,
};
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_proto::{LogEntry, LogName, Statement, StatementBody, StatementKind};
use sekisho_tlog::{Tree, leaf_hash};

use crate::access::document;

/// How long the node may take for the next part of a log.
const PART_MAX: Duration = Duration::from_secs(20);
/// Entries of the access log asked for at once.
const ACCESSES_MAX: u32 = 100;

/// A log, and statements from elsewhere that it hangs on.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) entries: Vec<Bytes>,
    note: Note,
    elsewhere: Vec<Statement>,
}

impl Fetched {
    pub(super) fn files(&self) -> Result<LogFolder> {
        LogFolder::of(&self.entries, &self.note, &self.elsewhere)
            .context("log: wanted entries that its files can hold")
    }
}

/// Everything up to the node's present checkpoint.
pub(super) async fn log(client: &Client, profile: &Profile, log: &LogName) -> Result<Fetched> {
    let note = note(client, log).await?;
    let checkpoint = note.checkpoint()?;
    let size = usize::try_from(checkpoint.size)?;
    let (entries, elsewhere) = match log {
        LogName::Control(organisation) => {
            let entries = control_entries(client, organisation, size).await?;
            let elsewhere = of_others(client, organisation, &entries).await?;
            (entries, elsewhere)
        }
        LogName::Access(_) => {
            let entries = access_entries(client, size).await?;
            (entries, proof_of(client, &PrincipalId::of(&profile.node_key)).await?)
        }
    };
    let tree: Tree = entries.iter().map(|entry| leaf_hash(entry)).collect();
    ensure!(
        tree.root() == checkpoint.root,
        "log {log}: wanted entries with the root {} of its checkpoint at {size} entries, found {}",
        checkpoint.root,
        tree.root()
    );
    Ok(Fetched { entries, note, elsewhere })
}

/// The node's present checkpoint.
pub(super) async fn note(client: &Client, log: &LogName) -> Result<Note> {
    let question = Question::Checkpoint { log: log.clone(), old_size: 0 };
    match client.query(question).await.with_context(|| format!("log {log}"))? {
        AnswerBody::Checkpoint { note, .. } => Ok(Note::parse(&note)?),
        AnswerBody::Statements(_)
        | AnswerBody::KeyHeader(_)
        | AnswerBody::ExpectedSequence(_)
        | AnswerBody::Json(_)
        | AnswerBody::Inclusion { .. }
        | AnswerBody::Errand(_)
        | AnswerBody::Errands(_) => {
            bail!("log {log}: wanted a checkpoint, found something else")
        }
    }
}

/// The statements that prove a key; none where the node knows none.
pub(super) async fn proof_of(client: &Client, id: &PrincipalId) -> Result<Vec<Statement>> {
    match client.query(Question::Principal(*id)).await {
        Ok(AnswerBody::Statements(encoded)) => {
            Ok(encoded.iter().map(|bytes| Statement::decode(bytes)).collect::<Result<_, _>>()?)
        }
        Ok(_) => bail!("principal {id}: wanted statements, found something else"),
        Err(QueryError::Refused(refusal)) if refusal.code == RefusalCode::NotFound => {
            Ok(Vec::new())
        }
        Err(cause) => Err(cause.into()),
    }
}

async fn control_entries(
    client: &Client,
    organisation: &OrgName,
    size: usize,
) -> Result<Vec<Bytes>> {
    let mut follower = client.follow(organisation.clone(), StatementIndex::ZERO);
    let mut entries = Vec::with_capacity(size);
    while entries.len() < size {
        let part = tokio::time::timeout(PART_MAX, follower.next()).await;
        let part = part.with_context(|| {
            format!("log of {organisation}: wanted {size} entries, found {}", entries.len())
        })??;
        entries.extend(part.iter().map(entry_of));
    }
    entries.truncate(size);
    Ok(entries)
}

fn entry_of(followed: &Followed) -> Bytes {
    let statement = followed.statement.encode().into();
    LogEntry { received: followed.received, statement }.encode().into()
}

/// What the log's peerings and delegations hang on: who speaks for the other organisations.
async fn of_others(
    client: &Client,
    organisation: &OrgName,
    entries: &[Bytes],
) -> Result<Vec<Statement>> {
    let mut others: Vec<OrgName> = Vec::new();
    for entry in entries {
        let entry = LogEntry::decode(entry)?;
        let statement = Statement::decode(&entry.statement)?;
        let StatementBody::Peering(peering) = statement.body() else { continue };
        for party in &peering.parties {
            if party.organisation != *organisation && !others.contains(&party.organisation) {
                others.push(party.organisation.clone());
            }
        }
    }
    let mut statements = Vec::new();
    for other in others {
        let mut follower = client.follow(other, StatementIndex::ZERO);
        loop {
            let Ok(part) = tokio::time::timeout(PART_MAX, follower.next()).await else { break };
            // A former peer's log is not ours to read any more, and need not be.
            let Ok(part) = part else { break };
            if part.is_empty() {
                break;
            }
            let told = part.into_iter().map(|followed| followed.statement);
            statements.extend(told.filter(|statement| speaks_of_people(statement.kind())));
        }
    }
    Ok(statements)
}

/// Whether a statement may be needed to see who may sign for another organisation.
const fn speaks_of_people(kind: StatementKind) -> bool {
    match kind {
        StatementKind::OrgRoot
        | StatementKind::Issuer
        | StatementKind::Principal
        | StatementKind::Role
        | StatementKind::Grant => true,
        StatementKind::Deny
        | StatementKind::Revoke
        | StatementKind::StreamDescriptor
        | StatementKind::EpochAnnounce
        | StatementKind::KeyGrant
        | StatementKind::Peering
        | StatementKind::Erasure => false,
    }
}

async fn access_entries(client: &Client, size: usize) -> Result<Vec<Bytes>> {
    let mut entries: Vec<Bytes> = Vec::with_capacity(size);
    while entries.len() < size {
        let from = u64::try_from(entries.len())?;
        let question = Question::Accesses { subject: None, from, max: ACCESSES_MAX };
        let answer = document(client, question).await?;
        let part = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(!part.is_empty(), "access log: wanted {size} entries, found {from}");
        for one in part {
            let digits = one.get("entry").and_then(|entry| entry.as_str()).unwrap_or_default();
            entries.push(HEXLOWER.decode(digits.as_bytes())?.into());
        }
    }
    entries.truncate(size);
    Ok(entries)
}
