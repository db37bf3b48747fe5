//! The access log: that somebody was let at something is on the disk before they are.
//!
//! A session, a range of kept records, an erasure and a question about others wait here until they
//! are recorded, and are refused where that fails: nothing is let through unrecorded. Whoever waits
//! shares a transaction with all others that do. Keys that were given follow the control log, which
//! has them already: they are recorded after it, each once, whatever happens between.
//!
//! Publishing and live delivery never come here.

mod reading;
pub(crate) mod receipts;
pub(crate) mod releases;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sekisho_proto::{AccessRecord, LogName, OrgName, PrincipalId, RefusalCode, StatementIndex};
use sekisho_store::{Keyed as _, KeyedError, SecretError, Secrets};
use sekisho_tlog::Checkpoint;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::companion::{Companion, label};
use super::merkle_log::MerkleLog;
use super::metrics;
use super::refusal::Refusal;
use crate::engine::KeyedStore;

pub(crate) use reading::Access;
pub(crate) use writer::Erased;
use writer::{Job, Writer};

/// Jobs that wait to be recorded: as many sessions begin at once when a large fleet comes back.
const WAITING_MAX: usize = 4_096;
/// How long somebody waits for a place among them: a disk that takes longer does not work.
const PATIENCE: Duration = Duration::from_secs(10);
/// Leaves read at once when the tree is rebuilt.
const LEAVES_PER_PAGE: usize = 16_384;
/// How far the control log's key grants have been recorded.
const RELEASES_BLOB: &str = "access/releases";

/// Why the access log cannot be opened.
#[derive(Debug, Error)]
pub enum AccessLogError {
    /// The log cannot be read.
    #[error("access log: cannot be read")]
    Read(#[from] KeyedError),
    /// The subjects' keys cannot be used.
    #[error("access log: keys of its subjects")]
    Secrets(#[from] SecretError),
    /// The system gave no thread.
    #[error("access log: wanted a thread of its own")]
    Thread(#[source] std::io::Error),
}

/// The way to the log, for all that record something, and what can be read of it.
#[derive(Debug)]
pub(crate) struct AccessLog {
    log: MerkleLog,
    jobs: mpsc::Sender<Job>,
    secrets: Arc<Secrets>,
    keyed: Arc<KeyedStore>,
    /// Why the last access that was to be recorded was not.
    fault: Arc<Mutex<Option<String>>>,
}

/// Accesses that are counted as waiting until this is dropped: also where whoever asks gives up.
struct Waiting(u64);

impl Waiting {
    fn begin(records: u64) -> Self {
        metrics::access_waits(records);
        Self(records)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::access_waited(self.0);
    }
}

impl AccessLog {
    /// Rebuilds the tree from what is stored and starts the thread that writes. It ends with the
    /// last that holds this.
    pub(super) fn open(
        organisation: &OrgName,
        keyed: Arc<KeyedStore>,
        secrets: Secrets,
    ) -> Result<Self, AccessLogError> {
        let name = LogName::Access(organisation.clone());
        let log = MerkleLog::new(name.clone(), []);
        loop {
            let page = keyed.leaves(&name, log.size(), LEAVES_PER_PAGE)?;
            if page.is_empty() {
                break;
            }
            log.extend(page.into_iter().map(|leaf| leaf.hash));
        }
        let secrets = Arc::new(secrets);
        let fault = Arc::new(Mutex::new(None));
        let (sender, jobs) = mpsc::channel(WAITING_MAX);
        let writer = Writer {
            log: log.clone(),
            keyed: Arc::clone(&keyed),
            companion: Companion::new(Arc::clone(&secrets)),
            jobs,
            fault: Arc::clone(&fault),
        };
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        thread.spawn(move || writer.run()).map_err(AccessLogError::Thread)?;
        Ok(Self { log, jobs: sender, secrets, keyed, fault })
    }

    /// The log as what it states and proves about itself.
    pub(super) const fn log(&self) -> &MerkleLog {
        &self.log
    }

    /// How the log is, in a few figures.
    pub(super) fn status(&self) -> Value {
        let Checkpoint { size, root, .. } = self.log.checkpoint();
        json!({ "size": size, "root": root.to_string(), "fault": self.fault() })
    }

    /// Why the last access that was to be recorded was not.
    fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records an access; on return it would survive a power cut. Tells its index in the log.
    ///
    /// # Errors
    /// It could not be recorded: the access must not take place.
    pub(crate) async fn note(&self, record: AccessRecord) -> Result<u64, Refusal> {
        self.note_all(vec![record], None).await
    }

    /// Records accesses, all or none.
    ///
    /// # Errors
    /// As [`AccessLog::note`].
    pub(crate) async fn note_together(&self, records: Vec<AccessRecord>) -> Result<(), Refusal> {
        self.note_all(records, None).await.map(drop)
    }

    /// Records accesses, all or none, and with them how far the control log has been gone through.
    async fn note_all(
        &self,
        records: Vec<AccessRecord>,
        mark: Option<StatementIndex>,
    ) -> Result<u64, Refusal> {
        let (done, recorded) = oneshot::channel();
        let _waiting = Waiting::begin(records.len() as u64);
        self.ask(Job::Note { records, mark, done }).await?;
        recorded.await.unwrap_or_else(|_gone| Err(Refusal::stopping()))
    }

    /// Destroys what is kept of a subject's accesses; `by` is the record that this was done.
    ///
    /// # Errors
    /// It could not be recorded, and nothing was destroyed; or the disk refused, and it must be
    /// asked for again.
    pub(crate) async fn erase(
        &self,
        subject: &PrincipalId,
        by: AccessRecord,
    ) -> Result<Erased, Refusal> {
        let (done, erased) = oneshot::channel();
        self.ask(Job::Erase { subject: label(subject), by, done }).await?;
        erased.await.unwrap_or_else(|_gone| Err(Refusal::stopping()))
    }

    /// Ends the thread after everything asked before.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.ask(Job::Stop { done }).await.is_ok() {
            // Dropped when the thread has let go of everything.
            drop(stopped.await);
        }
    }

    async fn ask(&self, job: Job) -> Result<(), Refusal> {
        match timeout(PATIENCE, self.jobs.send(job)).await {
            Ok(sent) => sent.map_err(|_gone| Refusal::stopping()),
            Err(_elapsed) => {
                let why = format!(
                    "wanted a place within {} s among {WAITING_MAX} that wait to be recorded, found none",
                    PATIENCE.as_secs()
                );
                Err(Refusal::new(RefusalCode::TooMany, "access log", why))
            }
        }
    }
}

#[cfg(test)]
mod tests;
