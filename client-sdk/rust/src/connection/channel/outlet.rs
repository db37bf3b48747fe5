//! What one stream sends over the channel: frames gathered into batches, which the task that writes
//! takes in turn.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use sekisho_proto::Frame;

use super::Membership;
use crate::framing::StreamError;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outlet {
    membership: Arc<Membership>,
    batch: Vec<Bytes>,
    bytes: usize,
}

impl Outlet {
    pub(super) fn new(membership: Arc<Membership>) -> Self {
        Self { membership, batch: Vec::new(), bytes: 0 }
    }

    /// Adds a frame; tells how many bytes wait to be flushed.
    pub(crate) fn gather(&mut self, frame: &Frame) -> usize {
        if matches!(frame, Frame::Unsubscribe(_)) {
            self.membership.has_left.store(true, Ordering::Relaxed);
        }
        let encoded = Bytes::from(frame.encode());
        self.bytes = self.bytes.saturating_add(encoded.len());
        self.batch.push(encoded);
        self.bytes
    }

    pub(crate) async fn flush(&mut self) -> Result<(), StreamError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        let shared = &self.membership.keeper.shared;
        let sent = shared.ended.run_until_cancelled(shared.outgoing.send(batch)).await;
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(shared.reason()),
        }
    }

    /// The channel ends with its control stream; a subscription has said that it ends, or does when
    /// both its halves are dropped.
    pub(crate) fn end(&mut self) {
        self.batch.clear();
        if self.membership.subscription.is_none() {
            self.membership.keeper.shared.finishing.cancel();
        }
    }

    /// Resolves when the node is done as well.
    pub(crate) async fn finished(&self) {
        if self.membership.subscription.is_none() {
            let why = self.membership.keeper.shared.closed().await;
            tracing::trace!(?why, "channel finished");
        }
    }
}
