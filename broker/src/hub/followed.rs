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

use super::merkle_log::MerkleLog;
use crate::engine::KeyedStore;

/// Leaves read at once.
const LEAVES_PER_PAGE: usize = 16_384;
const TIME_BYTES: usize = 8;

/// All of them. Writing blocks on the disk.
#[derive(Debug)]
pub(crate) struct Followed {
    keyed: Arc<KeyedStore>,
    logs: Mutex<BTreeMap<OrgName, FollowedLog>>,
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
        Self { keyed, logs: Mutex::default() }
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

    /// Keeps entries; `first` is the place of the first of them.
    pub(super) fn append(
        &self,
        peer: &OrgName,
        first: StatementIndex,
        entries: &[FollowedEntry],
    ) -> Result<(), KeyedError> {
        let followed = self.of(peer)?;
        // Held until both the disk and the tree have them: they are appended in turn.
        let _in_turn = self.lock();
        let leaves = entries.iter().map(leaf_of).collect();
        let (log, first) = (LogName::Control(peer.clone()), first.value());
        self.keyed.apply(&[KeyedChange::AppendLeaves { log, first, leaves }])?;
        for FollowedEntry { leaf, statement, .. } in entries {
            followed.insert(*leaf, *statement);
        }
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
    }

    /// Forgets a log: another organisation has the name now.
    pub(super) fn forget(&self, peer: &OrgName) -> Result<(), KeyedError> {
        let mut logs = self.lock();
        let log = LogName::Control(peer.clone());
        let note = KeyedChange::RemoveBlob(note_name(&log));
        self.keyed.apply(&[KeyedChange::RemoveLeaves(log), note])?;
        logs.remove(peer);
        Ok(())
    }

    /// When the peer logged an entry, and the statement's id.
    pub(crate) fn entry(
        &self,
        peer: &OrgName,
        index: u64,
    ) -> Result<Option<(Timestamp, Hash)>, KeyedError> {
        let leaves = self.keyed.leaves(&LogName::Control(peer.clone()), index, 1)?;
        Ok(leaves.first().and_then(|leaf| parse_entry(&leaf.entry)))
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
                let statement = parse_entry(&leaf.entry).map_or(leaf.hash, |(_time, id)| id);
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

/// The time and the statement's id; the statement is in the peer's log as it was applied.
fn leaf_of(entry: &FollowedEntry) -> Leaf {
    let time = entry.received.as_micros().to_be_bytes();
    let entry_bytes = [&time[..], entry.statement.as_bytes()].concat();
    Leaf { hash: entry.leaf, entry: Bytes::from(entry_bytes) }
}

fn parse_entry(bytes: &[u8]) -> Option<(Timestamp, Hash)> {
    let (time, id) = bytes.split_first_chunk::<TIME_BYTES>()?;
    let time = Timestamp::from_micros(i64::from_be_bytes(*time));
    Some((time, Hash::new(id.try_into().ok()?)))
}

#[cfg(test)]
mod tests;
