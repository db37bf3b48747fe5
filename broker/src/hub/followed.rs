//! The peers' control logs as their nodes showed them: the leaves by which this node knows that a log
//! still is the one it was, and proves to its own people what is in it.
//!
//! What is applied of such a log is in the policy, where the order may be another one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_federation::{FollowedEntry, SignedCheckpoint};
use sekisho_proto::{Hash, LogName, OrgName, StatementIndex, Timestamp};
use sekisho_store::{Keyed as _, KeyedChange, KeyedError, Leaf};
use sekisho_tlog::{Frontier, Note};
use tokio::sync::watch;

use super::merkle_log::MerkleLog;
use crate::engine::KeyedStore;

/// Leaves read at once.
const LEAVES_PER_PAGE: usize = 16_384;
const TIME_BYTES: usize = 8;
const ID_BYTES: usize = 32;

/// All of them. Writing blocks on the disk.
#[derive(Debug)]
pub(crate) struct Followed {
    keyed: Arc<KeyedStore>,
    logs: Mutex<BTreeMap<OrgName, FollowedLog>>,
    /// Held until both the disk and the tree have what is appended: appending is in turn, and whoever
    /// only looks does not wait for the disk.
    writing: Mutex<()>,
    /// Woken whenever an entry or a checkpoint is kept.
    kept: watch::Sender<()>,
}

/// One peer's control log.
#[derive(Debug, Clone)]
pub(crate) struct FollowedLog {
    /// Its tree.
    pub(crate) log: MerkleLog,
    /// The newest checkpoint that was cosigned here, with that cosignature.
    pub(crate) note: Option<Note>,
    /// Where each statement is.
    places: Arc<Mutex<HashMap<Hash, u64>>>,
}

/// An entry as its organisation's log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptEntry {
    /// When that organisation's node logged it.
    pub(crate) received: Timestamp,
    /// The statement's id.
    pub(crate) statement: Hash,
    /// The statement, where the one that was applied here under that id has other signatures.
    pub(crate) encoded: Option<Bytes>,
}

impl FollowedLog {
    /// The place of a statement, by its id.
    pub(crate) fn place_of(&self, statement: &Hash) -> Option<u64> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(statement).copied()
    }

    fn insert(&self, leaf: Hash, statement: Hash) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(statement, self.log.size());
        self.log.extend([leaf]);
    }
}

impl Followed {
    pub(super) fn new(keyed: Arc<KeyedStore>) -> Self {
        Self {
            keyed,
            logs: Mutex::default(),
            writing: Mutex::default(),
            kept: watch::Sender::new(()),
        }
    }

    /// Woken whenever more of any of them is kept.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.kept.subscribe()
    }

    /// A peer's log as far as it is kept; of one that was never followed, it is empty.
    pub(crate) fn of(&self, peer: &OrgName) -> Result<FollowedLog, KeyedError> {
        self.find(peer, |_read| true)
    }

    /// The same for whoever asks: names of logs that nobody follows are not remembered.
    pub(crate) fn shown(&self, peer: &OrgName) -> Result<FollowedLog, KeyedError> {
        self.find(peer, |read| read.log.size() > 0)
    }

    fn find(
        &self,
        peer: &OrgName,
        is_remembered: impl FnOnce(&FollowedLog) -> bool,
    ) -> Result<FollowedLog, KeyedError> {
        let mut logs = self.lock();
        if let Some(known) = logs.get(peer) {
            return Ok(known.clone());
        }
        let read = self.read(peer)?;
        if is_remembered(&read) {
            logs.insert(peer.clone(), read.clone());
        }
        Ok(read)
    }

    /// Where to go on.
    pub(super) fn frontier(&self, peer: &OrgName) -> Result<Frontier, KeyedError> {
        Ok(Frontier::from(&self.of(peer)?.log))
    }

    /// Keeps entries; `first` is the place of the first of them. The statements of those that are
    /// found elsewhere, bit for bit, are not kept twice.
    pub(super) fn append(
        &self,
        peer: &OrgName,
        first: StatementIndex,
        entries: &[FollowedEntry],
        is_elsewhere: impl Fn(&FollowedEntry) -> bool,
    ) -> Result<(), KeyedError> {
        let followed = self.of(peer)?;
        let _in_turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let leaves = entries.iter().map(|entry| leaf_of(entry, is_elsewhere(entry))).collect();
        let (log, first) = (LogName::Control(peer.clone()), first.value());
        self.keyed.apply(&[KeyedChange::AppendLeaves { log, first, leaves }])?;
        for FollowedEntry { leaf, statement, .. } in entries {
            followed.insert(*leaf, *statement);
        }
        self.kept.send_replace(());
        Ok(())
    }

    /// Whether everything that a checkpoint covers is kept, and is what it says.
    pub(super) fn covers(&self, signed: &SignedCheckpoint) -> Result<bool, KeyedError> {
        let log = self.of(signed.log.organisation())?.log;
        let kept = log.checkpoint_at(signed.checkpoint.size);
        Ok(kept.is_some_and(|kept| kept == signed.checkpoint))
    }

    /// What is to be changed on the disk to keep a checkpoint.
    pub(super) fn note_change(log: &LogName, note: &Note) -> KeyedChange {
        KeyedChange::PutBlob(note_name(log), note.to_string().into())
    }

    /// The checkpoint is on the disk.
    pub(super) fn noted(&self, peer: &OrgName, note: Note) {
        if let Some(known) = self.lock().get_mut(peer) {
            known.note = Some(note);
        }
        self.kept.send_replace(());
    }

    /// Forgets a log: another organisation has the name now.
    pub(super) fn forget(&self, peer: &OrgName) -> Result<(), KeyedError> {
        let _in_turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let log = LogName::Control(peer.clone());
        let note = KeyedChange::RemoveBlob(note_name(&log));
        self.keyed.apply(&[KeyedChange::RemoveLeaves(log), note])?;
        self.lock().remove(peer);
        Ok(())
    }

    /// Entries of a log from `index` on. Blocks on the disk.
    pub(crate) fn entries(
        &self,
        peer: &OrgName,
        index: u64,
        max: usize,
    ) -> Result<Vec<KeptEntry>, KeyedError> {
        let leaves = self.keyed.leaves(&LogName::Control(peer.clone()), index, max)?;
        Ok(leaves.iter().map_while(|leaf| parse_entry(&leaf.entry)).collect())
    }

    fn read(&self, peer: &OrgName) -> Result<FollowedLog, KeyedError> {
        let name = LogName::Control(peer.clone());
        let note = self.keyed.blob(&note_name(&name))?;
        let note = note.and_then(|text| Note::parse(&String::from_utf8_lossy(&text)).ok());
        let log = MerkleLog::new(name.clone(), []);
        let followed = FollowedLog { log, note, places: Arc::default() };
        loop {
            let page = self.keyed.leaves(&name, followed.log.size(), LEAVES_PER_PAGE)?;
            if page.is_empty() {
                return Ok(followed);
            }
            for leaf in page {
                // An entry that cannot be read cannot be found by its id; the tree needs only hashes.
                let statement = parse_entry(&leaf.entry).map_or(leaf.hash, |one| one.statement);
                followed.insert(leaf.hash, statement);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrgName, FollowedLog>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note_name(log: &LogName) -> String {
    format!("checkpoint/{log}")
}

/// The time and the statement's id, and behind them the statement itself where it is not in the
/// peer's log as it was applied.
fn leaf_of(entry: &FollowedEntry, is_elsewhere: bool) -> Leaf {
    let time = entry.received.as_micros().to_be_bytes();
    let encoded: &[u8] = if is_elsewhere { &[] } else { &entry.encoded };
    let entry_bytes = [&time[..], entry.statement.as_bytes(), encoded].concat();
    Leaf { hash: entry.leaf, entry: Bytes::from(entry_bytes) }
}

fn parse_entry(bytes: &Bytes) -> Option<KeptEntry> {
    let (time, rest) = bytes.split_first_chunk::<TIME_BYTES>()?;
    let (id, encoded) = rest.split_first_chunk::<ID_BYTES>()?;
    Some(KeptEntry {
        received: Timestamp::from_micros(i64::from_be_bytes(*time)),
        statement: Hash::new(*id),
        encoded: (!encoded.is_empty()).then(|| bytes.slice_ref(encoded)),
    })
}

#[cfg(test)]
mod tests;
