//! Keeps sealed envelopes until the node has them: in memory, bounded, or in a spool on disk, where
//! they outlive the process. Either way it is a log that is appended to, read from an index and
//! forgotten up to an index.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use sekisho_proto::KeyHeaderId;

use super::{
    outbox::Entry,
    sealing::Sealed,
    spool::{Kept, Spool, SpoolError},
};

/// See the module.
pub(crate) enum Backlog {
    Memory(MemoryQueue),
    Spool(Box<Spool>),
}

/// What was read of a backlog.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) entries: Vec<Entry>,
    /// The index to go on from.
    pub(crate) next: u64,
    /// Entries before it that cannot be read any more.
    pub(crate) damaged: u64,
}

impl Backlog {
    /// Keeps envelopes and the key headers they name, durably where there is a spool.
    pub(crate) async fn push(&mut self, sealed: Vec<Sealed>) -> Result<Kept, SpoolError> {
        match self {
            Self::Memory(queue) => {
                let count = sealed.len();
                queue.push(sealed);
                Ok(Kept { count, obstacle: None })
            }
            Self::Spool(spool) => spool.push(sealed).await,
        }
    }

    /// Entries from an index on, at most `max`.
    pub(crate) async fn read(&mut self, from: u64, max: usize) -> Result<Stretch, SpoolError> {
        match self {
            Self::Memory(queue) => Ok(queue.read(from, max)),
            Self::Spool(spool) => spool.read(from, max).await,
        }
    }

    /// An encoded key header that an entry names.
    pub(crate) async fn key_header(
        &mut self,
        id: KeyHeaderId,
    ) -> Result<Option<Bytes>, SpoolError> {
        match self {
            Self::Memory(queue) => Ok(queue.key_headers.get(&id).cloned()),
            Self::Spool(spool) => spool.key_header(id).await,
        }
    }

    /// Everything before this index is settled.
    pub(crate) async fn forget(&mut self, before: u64) -> Result<(), SpoolError> {
        match self {
            Self::Memory(queue) => {
                queue.forget(before);
                Ok(())
            }
            Self::Spool(spool) => spool.forget(before).await,
        }
    }

    /// Makes known to a later run what is settled.
    pub(crate) async fn save(&mut self) -> Result<(), SpoolError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Spool(spool) => spool.save().await,
        }
    }

    /// Index of the next entry.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Memory(queue) => queue.end,
            Self::Spool(spool) => spool.end(),
        }
    }

    /// Whether it takes more at the moment.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Self::Memory(queue) => queue.bytes < queue.bytes_max,
            Self::Spool(_) => true,
        }
    }
}

/// Envelopes in memory.
#[derive(Debug)]
pub(crate) struct MemoryQueue {
    entries: VecDeque<Entry>,
    key_headers: BTreeMap<KeyHeaderId, Bytes>,
    end: u64,
    bytes: usize,
    bytes_max: usize,
}

impl MemoryQueue {
    /// Takes entries until they are more than `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let (entries, key_headers) = (VecDeque::new(), BTreeMap::new());
        Self { entries, key_headers, end: 0, bytes: 0, bytes_max }
    }

    fn push(&mut self, sealed: Vec<Sealed>) {
        for one in sealed {
            if let (Some(id), Some(key_header)) = (one.key_header_id, &one.key_header) {
                let encoded = || key_header.encoded().clone();
                self.key_headers.entry(id).or_insert_with(encoded);
            }
            self.bytes = self.bytes.saturating_add(one.envelope.len());
            self.entries.push_back(one.into_entry(self.end));
            self.end = self.end.saturating_add(1);
        }
    }

    fn read(&self, from: u64, max: usize) -> Stretch {
        let start = self.entries.partition_point(|entry| entry.index < from);
        let entries: Vec<Entry> = self.entries.iter().skip(start).take(max).cloned().collect();
        let next = entries.last().map_or(from, |entry| entry.index.saturating_add(1));
        Stretch { entries, next, damaged: 0 }
    }

    fn forget(&mut self, before: u64) {
        while self.entries.front().is_some_and(|entry| entry.index < before) {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes = self.bytes.saturating_sub(entry.envelope.len());
            }
        }
        if self.entries.is_empty() && self.key_headers.len() > KEY_HEADERS_IDLE_MAX {
            self.key_headers.clear();
        }
    }
}

/// Key headers kept while nothing waits: the next envelope brings its own again.
const KEY_HEADERS_IDLE_MAX: usize = 4;
