//! The newest records, kept in memory so that readers near the head touch no disk.

use std::{collections::VecDeque, mem::size_of, sync::Arc};

use sekisho_proto::PrincipalId;

use crate::StoredRecord;

/// A record's memory beside its envelope, bytes: itself, its counters, its place in the queue and
/// what the allocator adds to three blocks.
const RECORD_OVERHEAD_BYTES: usize = size_of::<StoredRecord>() + 64;

#[derive(Debug)]
pub(crate) struct Tail {
    records: VecDeque<Arc<StoredRecord>>,
    bytes: usize,
    bytes_max: usize,
}

impl Tail {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { records: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(crate) fn push(&mut self, record: Arc<StoredRecord>) {
        self.bytes = self.bytes.saturating_add(memory_bytes(&record));
        self.records.push_back(record);
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(memory_bytes(&oldest));
        }
    }

    pub(crate) fn get(&self, position: u64) -> Option<Arc<StoredRecord>> {
        let at = self.records.partition_point(|record| record.position.value() < position);
        self.records.get(at).filter(|record| record.position.value() == position).cloned()
    }

    /// Forgets records that retention has dropped.
    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        let bytes = &mut self.bytes;
        self.records.retain(|record| {
            let kept = keep(record.position.value());
            if !kept {
                *bytes = bytes.saturating_sub(memory_bytes(record));
            }
            kept
        });
    }
}

fn memory_bytes(record: &StoredRecord) -> usize {
    let hops = record.hops.len().saturating_mul(size_of::<PrincipalId>());
    record.envelope.len().saturating_add(hops).saturating_add(RECORD_OVERHEAD_BYTES)
}
