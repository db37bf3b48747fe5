//! Turns bodies into sealed and signed envelopes, each chained to the one before it. Holds the
//! publisher's place: which boot, which sequence, which hash comes next.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_proto::{
    BootId, ContentType, Envelope, Hash, KeyHeader, KeyHeaderId, Scope, Sequence, Timestamp, Topic,
    limits::HEADER_BYTES_MAX,
};
use sekisho_seal::{
    Entropy, EntropyError, EpochPublic, HeaderDraft, Identity, SealError, Sealer, sign_open,
};

use super::outbox::Entry;
use crate::entropy::draw_boot;

/// Room an envelope needs beside its header and body, bytes: a signature of 64, an authentication
/// tag of 16, and the lengths of three fields, rounded up.
const ENVELOPE_OVERHEAD_BYTES: usize = 128;

/// How a topic's envelopes are to be protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Signed only: the topic's owner declared it open.
    Open,
    /// Sealed to the readers of an epoch.
    Sealed(EpochPublic),
}

/// What the publisher says of all its envelopes.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) topic: Topic,
    pub(crate) scope: Scope,
}

/// An envelope ready to be kept and sent.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) boot: BootId,
    pub(crate) sequence: Sequence,
    pub(crate) hash: Hash,
    pub(crate) samples: u32,
    pub(crate) envelope: Bytes,
    pub(crate) key_header: Option<KeyHeader>,
    /// As the envelope names it: hashing the key header for each would cost more than its copy.
    pub(crate) key_header_id: Option<KeyHeaderId>,
}

impl Sealed {
    /// The envelope at its place in the backlog.
    pub(crate) fn into_entry(self, index: u64) -> Entry {
        Entry {
            index,
            boot: self.boot,
            sequence: self.sequence,
            samples: self.samples,
            envelope: self.envelope,
            key_header: self.key_header_id,
        }
    }
}

/// Why nothing could be sealed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// The envelope could not be made.
    #[error("envelope: wanted it sealed and signed")]
    Seal(#[from] SealError),
    /// The source of randomness failed.
    #[error("boot id: wanted random bytes")]
    Entropy(#[from] EntropyError),
}

enum Seal {
    Open,
    Sealed(Box<Sealer>),
}

/// One boot of a publisher on a topic, under one protection at a time.
pub(crate) struct Stamp {
    identity: Arc<Identity>,
    terms: Terms,
    protection: Protection,
    seal: Seal,
    boot: BootId,
    next: Sequence,
    previous: Option<Hash>,
}

impl Stamp {
    /// A new boot.
    pub(crate) fn new(
        identity: Arc<Identity>,
        terms: Terms,
        protection: Protection,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, SealingError> {
        let boot = draw_boot(entropy)?;
        let seal = seal_for(&identity, &terms.topic, boot, &protection, entropy)?;
        Ok(Self { identity, terms, protection, seal, boot, next: Sequence::ZERO, previous: None })
    }

    /// Goes on in another boot, from sequence 0.
    pub(crate) fn reboot(&mut self, entropy: &mut dyn Entropy) -> Result<(), SealingError> {
        self.protect_in_new_boot(self.protection.clone(), entropy)
    }

    /// Goes on in the same boot under another protection.
    pub(crate) fn protect(
        &mut self,
        protection: Protection,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SealingError> {
        let topic = &self.terms.topic;
        self.seal = seal_for(&self.identity, topic, self.boot, &protection, entropy)?;
        self.protection = protection;
        Ok(())
    }

    /// Goes on in another boot, from sequence 0, under another protection.
    pub(crate) fn protect_in_new_boot(
        &mut self,
        protection: Protection,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SealingError> {
        let (identity, terms) = (Arc::clone(&self.identity), self.terms.clone());
        *self = Self::new(identity, terms, protection, entropy)?;
        Ok(())
    }

    pub(crate) fn protection(&self) -> &Protection {
        &self.protection
    }

    pub(crate) fn boot(&self) -> BootId {
        self.boot
    }

    /// Sequence of the next envelope.
    pub(crate) fn next(&self) -> Sequence {
        self.next
    }

    /// Seals and signs the next envelope. After an error the boot is of no more use.
    pub(crate) fn seal(
        &mut self,
        body: &[u8],
        content_type: ContentType,
        sample_count: u32,
        time: Timestamp,
    ) -> Result<Sealed, SealingError> {
        let draft = HeaderDraft {
            sequence: self.next,
            time,
            previous: self.previous,
            content_type,
            sample_count,
            flags: 0,
            expiry_s: 0,
            scope: self.terms.scope,
        };
        let (envelope, key_header): (Envelope, _) = match &mut self.seal {
            Seal::Open => {
                let (signing, topic) = (self.identity.signing(), self.terms.topic.clone());
                (sign_open(signing, topic, self.boot, draft, body)?, None)
            }
            Seal::Sealed(sealer) => (sealer.seal(draft, body)?, Some(sealer.key_header().clone())),
        };
        let sealed = Sealed {
            boot: self.boot,
            sequence: self.next,
            hash: envelope.hash(),
            samples: sample_count,
            key_header_id: envelope.header().key_header,
            envelope: envelope.encoded().clone(),
            key_header,
        };
        self.previous = Some(sealed.hash);
        self.next = self.next.next();
        Ok(sealed)
    }
}

/// The longest body that fits into an envelope of so many bytes.
pub(crate) fn body_bytes_max(envelope_bytes_max: usize) -> usize {
    envelope_bytes_max.saturating_sub(HEADER_BYTES_MAX + ENVELOPE_OVERHEAD_BYTES)
}

fn seal_for(
    identity: &Identity,
    topic: &Topic,
    boot: BootId,
    protection: &Protection,
    entropy: &mut dyn Entropy,
) -> Result<Seal, SealingError> {
    match protection {
        Protection::Open => Ok(Seal::Open),
        Protection::Sealed(epoch) => {
            let sealer = Sealer::new(identity.signing(), topic.clone(), boot, epoch, entropy)?;
            Ok(Seal::Sealed(Box::new(sealer)))
        }
    }
}
