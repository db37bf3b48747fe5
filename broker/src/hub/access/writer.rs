//! The thread that writes the access log: it takes whatever waits, makes all of it durable with one
//! transaction, and only then lets go of those who wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sekisho_proto::{AccessEntry, AccessRecord, Hash, StatementIndex};
use sekisho_store::{Keyed as _, KeyedChange, Leaf, SealedRecord};
use sekisho_tlog::leaf_hash;
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use super::RELEASES_BLOB;
use crate::engine::KeyedStore;
use crate::hub::companion::{Companion, label};
use crate::hub::merkle_log::MerkleLog;
use crate::hub::refusal::Refusal;
use crate::hub::{metrics, unstored};

/// Jobs that share a transaction: bounds how long the first of them waits, at most a file each.
const GROUP_MAX: usize = 256;

/// Something for the thread to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Record accesses, all or none.
    Note {
        records: Vec<AccessRecord>,
        /// How far the control log has been gone through with them.
        mark: Option<StatementIndex>,
        /// The index of the first.
        done: oneshot::Sender<Result<u64, Refusal>>,
    },
    /// Destroy what is kept of a subject.
    Erase { subject: Hash, by: AccessRecord, done: oneshot::Sender<Result<Erased, Refusal>> },
    /// End. Never answered: the sender is dropped with the thread's state.
    Stop { done: oneshot::Sender<()> },
}

/// What was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Erased {
    /// The entry of the access log that says so.
    pub(crate) index: u64,
    /// Whether there was a key.
    pub(crate) key: bool,
    /// Records that it opened, or that were left from before.
    pub(crate) records: u64,
}

/// Accesses that wait to be recorded.
#[derive(Debug)]
struct Note {
    records: Vec<AccessRecord>,
    mark: Option<StatementIndex>,
    done: oneshot::Sender<Result<u64, Refusal>>,
}

/// What one transaction writes.
#[derive(Debug, Default)]
struct Batch {
    leaves: Vec<Leaf>,
    sealed: Vec<SealedRecord>,
    mark: Option<StatementIndex>,
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) log: MerkleLog,
    pub(super) keyed: Arc<KeyedStore>,
    pub(super) companion: Companion,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) fault: Arc<Mutex<Option<String>>>,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut group = Vec::new();
        while let Some(first) = self.jobs.blocking_recv() {
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Note { records, mark, done } => group.push(Note { records, mark, done }),
                    Job::Erase { subject, by, done } => {
                        self.settle(&mut group);
                        answer(done, self.erase(subject, by));
                    }
                    Job::Stop { done } => {
                        self.settle(&mut group);
                        drop(self);
                        drop(done);
                        return;
                    }
                }
                next = if group.len() < GROUP_MAX { self.jobs.try_recv().ok() } else { None };
            }
            self.settle(&mut group);
        }
    }

    /// Records all that wait; one whose subject's key is damaged holds up nobody else.
    fn settle(&mut self, group: &mut Vec<Note>) {
        if group.is_empty() {
            return;
        }
        let labels = group.iter().flat_map(|note| &note.records).map(|record| label(&record.id));
        let unprepared = self.companion.prepare(labels);
        let mut batch = Batch::default();
        let (mut kept, mut fault) = (Vec::new(), None);
        for note in group.drain(..) {
            let first = self.log.size().saturating_add(batch.leaves.len() as u64);
            match self.gather(&note, first, &unprepared, &mut batch) {
                Ok(()) => kept.push((first, note)),
                Err(refusal) => {
                    fault = Some(refusal.to_string());
                    answer(note.done, Err(refusal));
                }
            }
        }
        let stored = self.store(batch);
        fault = stored.as_ref().err().map(ToString::to_string).or(fault);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        for (first, note) in kept {
            if stored.is_ok() {
                note.records.iter().for_each(|record| metrics::access_logged(record.kind));
            }
            answer(note.done, stored.clone().map(|()| first));
        }
    }

    /// Seals the records of one that waits, and adds them to the batch as a whole.
    fn gather(
        &mut self,
        note: &Note,
        first: u64,
        unprepared: &BTreeMap<Hash, Refusal>,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (mut leaves, mut sealed) = (Vec::new(), Vec::new());
        for (index, record) in (first..).zip(&note.records) {
            let subject = label(&record.id);
            if let Some(refusal) = unprepared.get(&subject) {
                return Err(refusal.clone());
            }
            let access = self.companion.seal(&subject, &record.encode())?;
            let hour = AccessEntry::hour_of(record.time);
            let entry = AccessEntry { kind: record.kind, hour, commitment: access.commitment };
            let entry = Bytes::from(entry.encode());
            leaves.push(Leaf { hash: leaf_hash(&entry), entry });
            sealed.push(SealedRecord { subject, index, sealed: access.sealed.into() });
        }
        batch.leaves.append(&mut leaves);
        batch.sealed.append(&mut sealed);
        batch.mark = note.mark.or(batch.mark);
        Ok(())
    }

    fn store(&self, batch: Batch) -> Result<(), Refusal> {
        let Batch { leaves, sealed, mark } = batch;
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf.hash).collect();
        if hashes.is_empty() && mark.is_none() {
            return Ok(());
        }
        let (log, first) = (self.log.name().clone(), self.log.size());
        let mut changes = vec![KeyedChange::AppendLeaves { log, first, leaves }];
        changes.extend(sealed.into_iter().map(KeyedChange::PutSealed));
        changes.extend(mark.map(|mark| {
            let bytes = Bytes::copy_from_slice(&mark.value().to_be_bytes());
            KeyedChange::PutBlob(RELEASES_BLOB.to_owned(), bytes)
        }));
        self.keyed.apply(&changes).map_err(|fault| unstored("access log", &fault))?;
        self.log.extend(hashes);
        Ok(())
    }

    /// Says first that it is done, then does it: a record without the deed is harmless, and it is
    /// asked for again.
    fn erase(&mut self, subject: Hash, by: AccessRecord) -> Result<Erased, Refusal> {
        let (done, mut recorded) = oneshot::channel();
        self.settle(&mut vec![Note { records: vec![by], mark: None, done }]);
        let index = recorded.try_recv().unwrap_or_else(|_unanswered| Err(Refusal::stopping()))?;
        let key = self.companion.destroy(&subject)?;
        let refused = |fault| unstored("access log", &fault);
        let records = self.keyed.sealed_of(&subject, 0, usize::MAX).map_err(refused)?.len() as u64;
        self.keyed.apply(&[KeyedChange::RemoveSealed { subject }]).map_err(refused)?;
        Ok(Erased { index, key, records })
    }
}

fn answer<T>(done: oneshot::Sender<T>, answer: T) {
    if done.send(answer).is_err() {
        debug!("whoever wanted an access recorded did not wait");
    }
}
