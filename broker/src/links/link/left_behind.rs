//! Key headers that came with records which were not let in. A peer attaches each once: the records
//! behind such a one name it and do not bring it.

use std::collections::HashMap;

use bytes::Bytes;
use sekisho_federation::Taken;
use sekisho_proto::{Envelope, KeyHeaderId, limits};

/// How many are kept, of at most 2 KiB each; beyond it all are given up, and a record
/// whose key header is gone is refused.
const KEPT_MAX: usize = 1_024;

/// Those of one link, while it lasts. Nothing is said of them yet: the door looks at each as if it
/// had come with the record that it is attached to.
#[derive(Debug, Default)]
pub(super) struct LeftBehind(HashMap<KeyHeaderId, Bytes>);

impl LeftBehind {
    /// Keeps the key header of a record that was not let in.
    pub(super) fn keep(&mut self, record: &Taken) {
        let Some(encoded) = &record.key_header else { return };
        if encoded.len() > limits::KEY_HEADER_BYTES_MAX {
            return;
        }
        let Some(id) = named_by(record) else { return };
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        // A copy: what arrived is a part of its frame, which would be kept with it.
        self.0.insert(id, Bytes::copy_from_slice(encoded));
    }

    /// The record with the key header that it names, where it brought none.
    pub(super) fn attached(&self, record: &Taken) -> Taken {
        let mut record = record.clone();
        if record.key_header.is_none() && !self.0.is_empty() {
            record.key_header = named_by(&record).and_then(|id| self.0.get(&id).cloned());
        }
        record
    }
}

fn named_by(record: &Taken) -> Option<KeyHeaderId> {
    Envelope::decode(record.envelope.clone()).ok()?.header().key_header
}
