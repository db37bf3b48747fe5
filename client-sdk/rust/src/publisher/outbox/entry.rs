//! What the outbox holds and says.

use bytes::Bytes;
use sekisho_proto::{BootId, KeyHeaderId, Offset, Sequence};

/// One sealed envelope as it waits to be accepted.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its place in the backlog; grows with every entry.
    pub(crate) index: u64,
    pub(crate) boot: BootId,
    pub(crate) sequence: Sequence,
    pub(crate) samples: u32,
    pub(crate) envelope: Bytes,
    pub(crate) key_header: Option<KeyHeaderId>,
}

/// What the driver is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this envelope, with its key header where asked, then call [`Outbox::handle_sent`](super::Outbox::handle_sent).
    Send { index: u64, envelope: Bytes, with_key_header: Option<KeyHeaderId> },
    /// Ask the node what it expects next of this boot, then call [`Outbox::handle_head`](super::Outbox::handle_head).
    AskHead { boot: BootId },
    /// Wait as long as the back-off says, then call [`Outbox::handle_waited`](super::Outbox::handle_waited).
    BackOff,
    /// Wait for an answer, an entry or a connection.
    Wait,
}

/// What was accepted since it was last taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) envelopes: u64,
    pub(crate) samples: u64,
    pub(crate) last_offset: Option<Offset>,
}

impl Accepted {
    pub(super) fn count(&mut self, samples: u32, offset: Option<Offset>) {
        self.envelopes = self.envelopes.saturating_add(1);
        self.samples = self.samples.saturating_add(u64::from(samples));
        self.last_offset = offset.or(self.last_offset);
    }
}
