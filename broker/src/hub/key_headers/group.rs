//! Key headers that are stored together. A fleet that sets off, or a new epoch, brings one for each
//! publisher within a moment; flushed one after the other they would hold up each other's envelopes.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sekisho_proto::KeyHeader;
use sekisho_store::{Keyed, KeyedChange, StoredKeyHeader};

use crate::hub::refusal::Refusal;
use crate::hub::unstored;

/// Writes waiting key headers, all in one flush.
#[derive(Debug, Default)]
pub(super) struct Group {
    waiting: Mutex<Vec<Waiting>>,
    /// Held while one writes: whoever comes then is written by the next.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    key_headers: Vec<KeyHeader>,
    outcome: Arc<OnceLock<Result<(), Refusal>>>,
}

impl Group {
    /// Makes key headers durable, with all that wait at the time. Blocks.
    pub(super) fn store(
        &self,
        keyed: &impl Keyed,
        key_headers: &[KeyHeader],
    ) -> Result<(), Refusal> {
        let outcome = Arc::new(OnceLock::new());
        let waiting = Waiting { key_headers: key_headers.to_vec(), outcome: Arc::clone(&outcome) };
        lock(&self.waiting).push(waiting);
        let _turn = lock(&self.turn);
        if let Some(done) = outcome.get() {
            return done.clone();
        }
        let group = std::mem::take(&mut *lock(&self.waiting));
        let changes: Vec<_> =
            group.iter().flat_map(|one| one.key_headers.iter().map(change)).collect();
        let stored = keyed.apply(&changes).map_err(|fault| unstored("key header", &fault));
        for one in group {
            // Nobody else sets it: each is in one group.
            drop(one.outcome.set(stored.clone()));
        }
        stored
    }
}

fn change(found: &KeyHeader) -> KeyedChange {
    let (topic, encoded) = (found.content().topic.clone(), found.encoded().clone());
    KeyedChange::PutKeyHeader(found.id(), StoredKeyHeader { topic, encoded, idle_since: None })
}

/// What the locks guard is whole between any two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
