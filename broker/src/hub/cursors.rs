//! Where subscribers are: read at once, written in batches, since an acknowledgement has no answer
//! and must not cost a flush of the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use sekisho_proto::{CursorName, Position, PrincipalId};
use sekisho_store::{Cursor, Keyed, KeyedChange, KeyedError};
use tracing::error;

/// Cursors changed and not yet written, at most; then they are written out of turn.
const CHANGED_MAX: usize = 1_024;

/// The shard's view of all cursors.
#[derive(Debug)]
pub(crate) struct Cursors<K> {
    keyed: Arc<K>,
    changed: BTreeMap<(PrincipalId, CursorName), Position>,
}

impl<K: Keyed> Cursors<K> {
    pub(crate) fn new(keyed: Arc<K>) -> Self {
        Self { keyed, changed: BTreeMap::new() }
    }

    /// Why nothing can be kept any more, where that is so.
    pub(crate) fn poisoned(&self) -> Option<&str> {
        self.keyed.poisoned()
    }

    /// Where a cursor is; `None` where it was never moved.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn position(
        &self,
        principal: PrincipalId,
        name: &CursorName,
    ) -> Result<Option<Position>, KeyedError> {
        if let Some(position) = self.changed.get(&(principal, name.clone())) {
            return Ok(Some(*position));
        }
        let found = self.keyed.cursor(&principal, name);
        found.inspect_err(|fault| error!(%fault, "a cursor could not be read"))
    }

    pub(crate) fn store(&mut self, principal: PrincipalId, name: CursorName, position: Position) {
        self.changed.insert((principal, name), position);
        if self.changed.len() >= CHANGED_MAX {
            self.flush();
        }
    }

    /// Makes every change durable; what could not be written is tried again the next time.
    pub(crate) fn flush(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let changes: Vec<KeyedChange> = self
            .changed
            .iter()
            .map(|((principal, name), position)| {
                let (principal, position) = (*principal, *position);
                KeyedChange::SetCursor(Cursor { principal, name: name.clone(), position })
            })
            .collect();
        match self.keyed.apply(&changes) {
            Ok(()) => self.changed.clear(),
            Err(fault) => error!(%fault, cursors = changes.len(), "cursors could not be stored"),
        }
    }
}
