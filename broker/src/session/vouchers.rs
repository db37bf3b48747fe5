//! What this node will vouch for to a peer's node that carries envelopes home: signed in the session's
//! task when an envelope came through the door, said when it is durable.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sekisho_proto::{Frame, RefusalCode, Signature, frame};

/// Numbers from here on are the node's own: no two envelopes share one, whatever numbers a peer
/// gives them, so that no answer to one is taken for another's.
const FIRST: u64 = 1 << 63;

/// Envelopes of one session that were carried home and have no answer.
#[derive(Debug, Default)]
pub(crate) struct Vouchers {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    issued: u64,
    envelopes: BTreeMap<u64, Voucher>,
}

#[derive(Debug)]
struct Voucher {
    request: u64,
    signature: Option<Signature>,
}

impl Vouchers {
    /// The number under which a carried envelope is asked about from here on.
    pub(super) fn enter(&self, request: u64) -> u64 {
        let mut waiting = self.lock();
        let number = FIRST + waiting.issued;
        waiting.issued += 1;
        waiting.envelopes.insert(number, Voucher { request, signature: None });
        number
    }

    /// It came through the door.
    pub(super) fn sign(&self, number: u64, signature: Signature) {
        if let Some(voucher) = self.lock().envelopes.get_mut(&number) {
            voucher.signature = Some(signature);
        }
    }

    /// An answer as the peer is told it, under its own number. What is stored, now or before, is
    /// vouched for where that was signed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest answers something else")]
    pub(crate) fn turn(&self, frame: Frame) -> Frame {
        let asked = match &frame {
            Frame::Published(published) => published.request,
            Frame::Refused(refused) => refused.request,
            // Of an envelope that goes on from here: its own home's word.
            Frame::Vouched(vouched) => vouched.request,
            _ => return frame,
        };
        let Some(Voucher { request, signature }) = self.lock().envelopes.remove(&asked) else {
            return frame;
        };
        match (frame, signature) {
            (Frame::Published(published), Some(signature)) => {
                let offset = Some(published.offset);
                Frame::Vouched(frame::Vouched { request, offset, signature })
            }
            // Without the sequence that is expected, it may be stored or not: nobody knows any more.
            (Frame::Refused(refused), Some(signature))
                if refused.code == RefusalCode::Replayed && refused.expected_sequence.is_some() =>
            {
                Frame::Vouched(frame::Vouched { request, offset: None, signature })
            }
            (Frame::Published(published), None) => {
                Frame::Published(frame::Published { request, ..published })
            }
            (Frame::Vouched(vouched), _) => Frame::Vouched(frame::Vouched { request, ..vouched }),
            (Frame::Refused(refused), _) => Frame::Refused(frame::Refused { request, ..refused }),
            (other, _) => other,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
