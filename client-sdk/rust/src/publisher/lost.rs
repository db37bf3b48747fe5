//! What a node's refusal of an envelope means for the publisher: whether waiting, sending again or
//! nothing helps. What nothing helps is lost, and loss is a value that is counted and told.

use sekisho_proto::{BootId, RefusalCode, Sequence};
use thiserror::Error;

use crate::refusal::Refusal;

/// Envelopes that were published here and that the node will never take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{envelopes} envelopes of boot {boot} from sequence {sequence} are lost")]
pub struct Lost {
    /// The run of the publisher they belong to.
    pub boot: BootId,
    /// The first of them.
    pub sequence: Sequence,
    /// How many.
    pub envelopes: u64,
    /// How many samples they carried.
    pub samples: u64,
    /// What the node said about the first.
    #[source]
    pub refusal: Refusal,
}

impl Lost {
    pub(crate) fn count(&mut self, samples: u32) {
        self.envelopes = self.envelopes.saturating_add(1);
        self.samples = self.samples.saturating_add(u64::from(samples));
    }
}

/// What helps against a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// It is stored already.
    Stored,
    /// Sending again from where the node says, with the key header.
    Resend,
    /// Sending again later.
    Wait,
    /// Nothing.
    None,
}

impl Remedy {
    pub(crate) fn of(code: RefusalCode) -> Self {
        match code {
            RefusalCode::Replayed => Self::Stored,
            RefusalCode::SequenceGap
            | RefusalCode::KeyHeaderMissing
            | RefusalCode::EpochUnknown => Self::Resend,
            RefusalCode::ClockAhead
            | RefusalCode::RateLimited
            | RefusalCode::StorageFull
            | RefusalCode::Draining
            | RefusalCode::TooMany
            | RefusalCode::Internal => Self::Wait,
            RefusalCode::Malformed
            | RefusalCode::Oversized
            | RefusalCode::NonCanonical
            | RefusalCode::UnknownVersion
            | RefusalCode::UnexpectedFrame
            | RefusalCode::UnknownKey
            | RefusalCode::Revoked
            | RefusalCode::WeakKey
            | RefusalCode::BadSignature
            | RefusalCode::NotPermitted
            | RefusalCode::WrongPublisher
            | RefusalCode::ForeignTopic
            | RefusalCode::Equivocation
            | RefusalCode::Expired
            | RefusalCode::EpochRetired
            | RefusalCode::NotFound
            | RefusalCode::AlreadyExists
            | RefusalCode::BadStatement
            | RefusalCode::BadEnrolment => Self::None,
        }
    }
}
