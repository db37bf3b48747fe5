//! Holds a node to one history. A checkpoint is believed where the log's node signed it, lately;
//! where it goes on from the last one that was believed; and, where there is a policy, where enough
//! witnesses cosigned it. A key that a steward gives is used only where the log holds the statement
//! that gives it.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use sekisho_proto::{
    Hash, LogEntry, LogName, OrgName, PublicKey, Statement, Timestamp,
    frame::{AnswerBody, Question, Which},
};
use sekisho_seal::StrictVerifier;
use sekisho_tlog::{
    Checkpoint, Known, Note, NoteError, NoteKey, NoteKeyKind, TlogPolicy, Verdict, judge,
    leaf_hash, verify_inclusion,
};

use super::{
    error::TrustError,
    notebook::{Kept, Notebook},
};
use crate::{clock, connection::Endpoint, query::QueryError, session::link::Link};

/// The file with the policy of witnesses, in a principal's folder.
pub const WITNESSES_FILE: &str = "witnesses.policy";

/// How old a node's own checkpoint may be: the age at which nodes, too, stop believing each other.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a statement may be known before the checkpoint that holds it is.
const INCLUSION_LATE: Duration = Duration::from_secs(5);

/// Between two looks at whether a checkpoint has come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Others with the same folder that may come in between before that is an error.
const OVERTAKEN_MAX: usize = 8;

/// Why a log could not be checked.
#[derive(Debug)]
pub(crate) enum Unchecked {
    /// What the node shows is not believed.
    Trust(TrustError),
    /// The node was not heard.
    Query(QueryError),
}

impl From<TrustError> for Unchecked {
    fn from(cause: TrustError) -> Self {
        Self::Trust(cause)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Logs {
    organisation: OrgName,
    node_key: PublicKey,
    notebook: Arc<Notebook>,
    policy: Option<TlogPolicy>,
    /// One check at a time: each goes on from the one before.
    turn: tokio::sync::Mutex<()>,
}

/// Which log, signed by whom.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) log: LogName,
    pub(crate) node_key: PublicKey,
}

impl Logs {
    /// The logs that a node shows, with what is kept of them and who must have witnessed them where
    /// there is a folder.
    pub(crate) fn open(endpoint: &Endpoint, folder: Option<&Path>) -> Result<Self, TrustError> {
        let (notebook, policy) = match folder {
            Some(folder) => (Notebook::in_folder(folder), read_policy(folder)?),
            None => (Notebook::default(), None),
        };
        Ok(Self {
            organisation: endpoint.organisation.clone(),
            node_key: endpoint.node_key,
            notebook: Arc::new(notebook),
            policy,
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The control log of the organisation whose node it is.
    pub(crate) fn own(&self) -> Source {
        Source { log: LogName::Control(self.organisation.clone()), node_key: self.node_key }
    }

    /// Asks the node for its checkpoint and believes it, or says why not. What is believed is
    /// durable when this returns.
    pub(crate) async fn check(
        &self,
        source: &Source,
        link: &Link,
        timeout: Duration,
    ) -> Result<Known, Unchecked> {
        let _turn = self.turn.lock().await;
        for _ in 0..OVERTAKEN_MAX {
            let last = self.notebook.last(&source.log)?.map(|note| known_of(&note)).transpose()?;
            let (note, consistency) = ask(source, last, link, timeout).await?;
            let believed = self.judge(source, last.as_ref(), &note, &consistency, clock::now())?;
            if believed.verdict == Verdict::Same {
                return Ok(believed.known);
            }
            match self.keep(source, last, believed.note).await? {
                Kept::Done => return Ok(believed.known),
                Kept::Overtaken => {}
            }
        }
        Err(Unchecked::Query(QueryError::Timeout { waited: timeout }))
    }

    async fn keep(
        &self,
        source: &Source,
        last: Option<Known>,
        note: Note,
    ) -> Result<Kept, Unchecked> {
        let (notebook, log) = (Arc::clone(&self.notebook), source.log.clone());
        let keeping =
            tokio::task::spawn_blocking(move || notebook.keep(&log, last.as_ref(), &note));
        match keeping.await {
            Ok(kept) => Ok(kept?),
            Err(_runtime_ends) => Err(Unchecked::Query(QueryError::Closed)),
        }
    }

    /// Whether a checkpoint is to be believed, by what is known.
    fn judge(
        &self,
        source: &Source,
        last: Option<&Known>,
        note: &str,
        consistency: &[Hash],
        now: Timestamp,
    ) -> Result<Believed, TrustError> {
        let log = || source.log.clone();
        let (note, checkpoint, key) = signed(source, note)?;
        let is_own = *source.log.organisation() == self.organisation;
        // Another organisation's log comes over a link that may have been down for a while.
        if is_own {
            is_fresh(source, &note, now)?;
        }
        let verdict = judge(last, &checkpoint, consistency)
            .map_err(|cause| TrustError::Rewritten { log: log(), source: Box::new(cause) })?;
        if let Some(policy) = &self.policy
            && (is_own || policy.logs().any(|listed| *listed == key))
        {
            // A node may date its own checkpoint as it likes; what witnesses signed long ago does not
            // say that there is nothing newer.
            let checked = if is_own {
                let since = now.saturating_sub(AGE_MAX);
                policy.check_since(&key, &note, &StrictVerifier, since)
            } else {
                policy.check_of(&key, &note, &StrictVerifier)
            };
            checked.map_err(|cause| TrustError::Quorum { log: log(), source: Box::new(cause) })?;
        }
        Ok(Believed { verdict, known: Known::from(&checkpoint), note })
    }

    /// Checks that a log holds a statement: by a proof that leads to a checkpoint that is believed.
    /// A statement may be known a moment before the checkpoint that holds it.
    pub(crate) async fn includes(
        &self,
        source: &Source,
        statement: &Hash,
        link: &Link,
        timeout: Duration,
    ) -> Result<(), Unchecked> {
        let mut missing = None;
        let asking = async {
            let mut known = match self.notebook.last(&source.log)? {
                Some(note) => known_of(&note)?,
                None => self.check(source, link, timeout).await?,
            };
            loop {
                match proves(source, statement, known, link, timeout).await {
                    Err(Unchecked::Trust(cause @ TrustError::NotIncluded { .. })) => {
                        missing = Some(cause);
                    }
                    decided => return decided,
                }
                let newer = self.check(source, link, timeout).await?;
                if newer.size == known.size {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                known = newer;
            }
        };
        match (tokio::time::timeout(INCLUSION_LATE, asking).await, missing) {
            (Ok(decided), _) => decided,
            (Err(_elapsed), Some(missing)) => Err(Unchecked::Trust(missing)),
            (Err(_elapsed), None) => Err(Unchecked::Query(QueryError::Timeout { waited: timeout })),
        }
    }
}

impl Logs {
    /// Checks that what was followed of a log from its beginning is the beginning of what is
    /// trusted of it; returns what is trusted. A statement may be told a moment before the
    /// checkpoint that holds it.
    pub(crate) async fn begins_with(
        &self,
        source: &Source,
        followed: &Known,
        link: &Link,
        timeout: Duration,
    ) -> Result<Known, Unchecked> {
        let log = || source.log.clone();
        let mut seen = 0;
        let looking = async {
            loop {
                let trusted = self.check(source, link, timeout).await?;
                seen = trusted.size;
                if trusted.size < followed.size {
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
                let (note, consistency) = ask(source, Some(*followed), link, timeout).await?;
                let (_note, checkpoint, _key) = signed(source, &note)?;
                let rewritten = |cause| {
                    let source = Box::new(cause);
                    Unchecked::Trust(TrustError::Rewritten { log: log(), source })
                };
                judge(Some(followed), &checkpoint, &consistency).map_err(rewritten)?;
                // It may have grown between the two questions.
                if checkpoint.size == trusted.size {
                    judge(Some(&trusted), &checkpoint, &[]).map_err(rewritten)?;
                    return Ok(trusted);
                }
            }
        };
        match tokio::time::timeout(INCLUSION_LATE, looking).await {
            Ok(decided) => decided,
            Err(_elapsed) if seen < followed.size => {
                let (log, wanted, found) = (log(), followed.size, seen);
                Err(TrustError::NotSigned { log, wanted, found }.into())
            }
            Err(_elapsed) => Err(Unchecked::Query(QueryError::Timeout { waited: timeout })),
        }
    }

    /// How many entries of a log are trusted, as far as is known without asking.
    pub(crate) fn trusted_size(&self, source: &Source) -> Result<u64, TrustError> {
        let last = self.notebook.last(&source.log)?;
        Ok(last.map(|note| known_of(&note)).transpose()?.map_or(0, |known| known.size))
    }
}

struct Believed {
    verdict: Verdict,
    known: Known,
    note: Note,
}

fn known_of(note: &Note) -> Result<Known, TrustError> {
    super::notebook::known(note, Path::new("in memory"))
}

/// What was last trusted of a log by whoever's folder it is.
pub(crate) fn last_trusted(folder: &Path, log: &LogName) -> Result<Option<Known>, TrustError> {
    Notebook::in_folder(folder).last(log)?.map(|note| known_of(&note)).transpose()
}

fn read_policy(folder: &Path) -> Result<Option<TlogPolicy>, TrustError> {
    let path = folder.join(WITNESSES_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => {
            let source = Arc::new(cause);
            return Err(TrustError::Kept { path, action: "read the witness policy", source });
        }
    };
    match TlogPolicy::parse(&text) {
        Ok(policy) => Ok(Some(policy)),
        Err(source) => Err(TrustError::Policy { path, source }),
    }
}

/// The note and what it states, where the log's node signed it, and that node's key.
fn signed(source: &Source, note: &str) -> Result<(Note, Checkpoint, NoteKey), TrustError> {
    let read = || -> Result<_, NoteError> {
        let note = Note::parse(note)?;
        let key = NoteKey::new(source.log.to_string(), NoteKeyKind::Log, source.node_key)?;
        let checkpoint = note.checkpoint_of(&key, &StrictVerifier)?;
        Ok((note, checkpoint, key))
    };
    read().map_err(|cause| TrustError::Checkpoint {
        log: source.log.clone(),
        node_key: source.node_key,
        source: Box::new(cause),
    })
}

/// Whether the node has said lately that this is still its newest.
fn is_fresh(source: &Source, note: &Note, now: Timestamp) -> Result<(), TrustError> {
    let log = || source.log.clone();
    let name = format!("sekisho/{}/node", source.log.organisation());
    let dated = NoteKey::new(name, NoteKeyKind::Cosigner, source.node_key)
        .map_err(NoteError::from)
        .and_then(|key| note.verify(&key, &StrictVerifier))
        .map_err(|cause| TrustError::Undated { log: log(), source: Box::new(cause) })?;
    let found = dated.time.unwrap_or(Timestamp::EPOCH);
    if found.saturating_add(AGE_MAX) < now {
        return Err(TrustError::Frozen { log: log(), age_max: AGE_MAX, now, found });
    }
    Ok(())
}

async fn ask(
    source: &Source,
    last: Option<Known>,
    link: &Link,
    timeout: Duration,
) -> Result<(String, Vec<Hash>), Unchecked> {
    let log = || source.log.clone();
    let old_size = last.map_or(0, |last| last.size);
    match link.query(Question::Checkpoint { log: log(), old_size }, timeout).await {
        Ok(AnswerBody::Checkpoint { note, consistency }) => Ok((note, consistency)),
        Ok(_) | Err(QueryError::WrongAnswer) => {
            Err(TrustError::WrongAnswer { log: log(), wanted: "a checkpoint" }.into())
        }
        Err(QueryError::Refused(refusal)) if !refusal.code.is_passing() => {
            Err(TrustError::NoCheckpoint { log: log(), refusal }.into())
        }
        Err(cause) => Err(Unchecked::Query(cause)),
    }
}

/// Asks for a proof in the tree that is known, and follows it.
async fn proves(
    source: &Source,
    statement: &Hash,
    known: Known,
    link: &Link,
    timeout: Duration,
) -> Result<(), Unchecked> {
    let (log, statement, size) = (source.log.clone(), *statement, known.size);
    let which = Which::Statement(statement);
    match link.query(Question::Inclusion { log: log.clone(), which, size }, timeout).await {
        Ok(AnswerBody::Inclusion { index, entry, path }) => {
            is_entry_of(&log, statement, &entry)?;
            verify_inclusion(&leaf_hash(&entry), index, size, &known.root, &path).map_err(|cause| {
                let source = Box::new(cause);
                TrustError::Inclusion { log, statement, source }.into()
            })
        }
        Ok(_) | Err(QueryError::WrongAnswer) => {
            Err(TrustError::WrongAnswer { log, wanted: "a proof of inclusion" }.into())
        }
        Err(QueryError::Refused(refusal)) if !refusal.code.is_passing() => {
            let refusal = Box::new(refusal);
            Err(TrustError::NotIncluded { log, statement, size, refusal }.into())
        }
        Err(cause) => Err(Unchecked::Query(cause)),
    }
}

fn is_entry_of(log: &LogName, statement: Hash, entry: &Bytes) -> Result<(), TrustError> {
    let read = LogEntry::decode(entry).and_then(|entry| Statement::decode(&entry.statement));
    let source = match read {
        Ok(found) if found.id() == statement => return Ok(()),
        Ok(_) => None,
        Err(cause) => Some(Box::new(cause)),
    };
    Err(TrustError::OtherEntry { log: log.clone(), statement, source })
}
