//! Key headers that nothing new names any more, and that go when the last record that names them is
//! gone: each start of a publisher brings one, and they would take all room there is.
//!
//! What was idle and is named again is stored anew, as in use, before the envelope that names it.
//! So the disk says of no key header that it is idle while somebody counts on it, also after a
//! crash.

use std::sync::PoisonError;

use sekisho_proto::{Filter, KeyHeaderId, Position, Topic};
use sekisho_store::{Keyed as _, KeyedChange, KeyedError, RecordReader, StoredKeyHeader};

use super::{CHANGED_AT_ONCE, KeyHeaders};

/// Of a topic that keeps no more records than these it is looked up what they name: retention leaves
/// the last one of a topic, however old it is.
const FEW_RECORDS: u64 = 8;

/// Goes through all key headers once, some at a time.
#[derive(Debug)]
pub(in crate::hub) struct Sweep {
    /// The log's head when it began.
    head: Position,
    after: Option<KeyHeaderId>,
}

impl KeyHeaders {
    /// Begins a sweep. To be called in equal intervals, longer than any envelope is on its way to the
    /// log: what was named since the last but one is in use.
    pub(in crate::hub) fn begin_sweep(&self, reader: &impl RecordReader) -> Sweep {
        let _alone = self.erasing.write().unwrap_or_else(PoisonError::into_inner);
        self.uses.begin_turn();
        Sweep { head: reader.head(), after: None }
    }

    /// Notes of some what has become idle, and forgets what was idle and is in no record any more: of
    /// its topic nothing is kept that was written before. Tells how many are gone; none once all
    /// have been looked at. Blocks on the disk, and others that want to store key headers with it.
    pub(in crate::hub) fn sweep_some(
        &self,
        sweep: &mut Sweep,
        reader: &impl RecordReader,
    ) -> Result<Option<usize>, KeyedError> {
        let some = self.keyed.key_headers_after(sweep.after.as_ref(), CHANGED_AT_ONCE)?;
        let Some((last, _header)) = some.last() else { return Ok(None) };
        sweep.after = Some(*last);
        let steps = some.iter().filter_map(|(id, header)| sweep.step(*id, header, reader));
        self.take(steps.collect()).map(Some)
    }

    /// Takes the steps, but for what is in use; how many are gone.
    fn take(&self, mut steps: Vec<(KeyHeaderId, KeyedChange)>) -> Result<usize, KeyedError> {
        steps.retain(|(id, _change)| !self.uses.has(id));
        if steps.is_empty() {
            return Ok(0);
        }
        let _alone = self.erasing.write().unwrap_or_else(PoisonError::into_inner);
        steps.retain(|(id, _change)| !self.uses.has(id));
        let (ids, changes): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        // Also where the change fails: it may be on the disk all the same.
        for id in ids {
            self.cached.remove(&id);
        }
        self.keyed.apply(&changes)?;
        let is_gone = |change: &&KeyedChange| matches!(change, KeyedChange::RemoveKeyHeader(_));
        Ok(changes.iter().filter(is_gone).count())
    }
}

impl Sweep {
    fn step(
        &self,
        id: KeyHeaderId,
        header: &StoredKeyHeader,
        reader: &impl RecordReader,
    ) -> Option<(KeyHeaderId, KeyedChange)> {
        let Some(since) = header.idle_since else {
            return Some((id, KeyedChange::SetKeyHeaderIdle(id, self.head)));
        };
        let is_gone = reader.first_position(&header.topic).is_none_or(|first| first >= since)
            || is_in_none_of_few(id, &header.topic, reader);
        is_gone.then_some((id, KeyedChange::RemoveKeyHeader(id)))
    }
}

/// Whether a topic keeps few records, and all of them name others.
fn is_in_none_of_few(id: KeyHeaderId, topic: &Topic, reader: &impl RecordReader) -> bool {
    let Some(state) = reader.topics(&Filter::from(topic)).pop() else { return false };
    if state.records > FEW_RECORDS {
        return false;
    }
    let read = reader.read_topic(topic, state.first_offset, usize::MAX, usize::MAX);
    read.is_ok_and(|read| {
        // What cannot be read may name it.
        let is_whole = read.records.len() as u64 >= state.records;
        is_whole && read.records.iter().all(|record| record.key_header != Some(id))
    })
}
