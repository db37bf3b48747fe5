//! What a publisher does: seal a body so that only readers of the epoch open it, then sign the
//! sealed envelope so that everybody, brokers included, can tell whose it is.
//!
//! How the key comes about is in the documentation of [`Sealer`]'s counterpart, [`Opener`].
//!
//! [`Opener`]: crate::Opener

use sekisho_proto::{
    BootId, ContentType, DecodeError, Envelope, Epoch, Filter, Hash, Header, KeyHeader,
    KeyHeaderContent, KeyHeaderId, PrincipalId, Scope, Sequence, Suite, Timestamp, Topic,
    envelope_signing_input, key_header_signing_input, limits::ENVELOPES_PER_KEY_MAX,
};

use crate::{
    Entropy, EpochPublic, KemError, SigningKey,
    stream_key::{Refused, Stream, StreamKey},
};

/// Something that could not be sealed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The epoch is one of other topics.
    #[error("topic {topic}: wanted one of the epoch's tree {tree}, found another")]
    Topic {
        /// What was to be sealed.
        topic: Topic,
        /// What the epoch is for.
        tree: Box<Filter>,
    },
    /// No key could be agreed with the epoch's readers.
    #[error(transparent)]
    Kem(#[from] KemError),
    /// The sequence does not grow: the same nonce would be used twice.
    #[error("sequence on {topic}: wanted more than {last}, found {found}")]
    Sequence {
        /// The sealer's topic.
        topic: Topic,
        /// The last one sealed.
        last: Sequence,
        /// The one that was to be sealed.
        found: Sequence,
    },
    /// The key was used as often as it may be: a new boot or epoch is needed.
    #[error("key header {key_header}: wanted at most {limit} envelopes, found one more")]
    Exhausted {
        /// Whose key it is.
        key_header: KeyHeaderId,
        /// Envelopes.
        limit: u64,
    },
    /// The AEAD takes no body as long as this.
    #[error("body on {topic}: wanted one that the AEAD takes, found {found} bytes")]
    Body {
        /// The sealer's topic.
        topic: Topic,
        /// Bytes.
        found: usize,
    },
    /// The result is no envelope or key header that anybody would accept.
    #[error(transparent)]
    Message(#[from] DecodeError),
}

/// What the publisher decides about one envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderDraft {
    /// Number within (publisher, boot, topic), from 0, without gaps.
    pub sequence: Sequence,
    /// When it was made, by the publisher's clock.
    pub time: Timestamp,
    /// Hash of the envelope before it; `None` with the first of a boot.
    pub previous: Option<Hash>,
    /// What the body is.
    pub content_type: ContentType,
    /// How many samples the body holds; 0 where it holds something else.
    pub sample_count: u32,
    /// See [`Header::flags`].
    pub flags: u32,
    /// Seconds in which it is worth delivering; 0 = for ever.
    pub expiry_s: u32,
    /// How far it may travel.
    pub scope: Scope,
}

impl HeaderDraft {
    fn complete(
        self,
        topic: Topic,
        publisher: PrincipalId,
        boot: BootId,
        (suite, epoch, key_header): (Suite, Epoch, Option<KeyHeaderId>),
    ) -> Header {
        let Self { sequence, time, previous, content_type, sample_count, flags, expiry_s, scope } =
            self;
        Header {
            suite,
            topic,
            publisher,
            boot,
            sequence,
            time,
            epoch,
            key_header,
            previous,
            content_type,
            sample_count,
            flags,
            expiry_s,
            scope,
            attester: None,
        }
    }
}

/// Seals and signs the envelopes of one publisher on one topic in one epoch and boot.
pub struct Sealer {
    signing: SigningKey,
    topic: Topic,
    boot: BootId,
    suite: Suite,
    epoch: Epoch,
    key_header: KeyHeader,
    key_header_id: KeyHeaderId,
    key: StreamKey,
    last: Option<Sequence>,
    left: u64,
}

impl Sealer {
    /// Agrees a new key with the readers of the epoch and signs the key header that tells them.
    ///
    /// # Errors
    ///
    /// The epoch is not of the topic's tree, or the source of randomness failed.
    pub fn new(
        signing: &SigningKey,
        topic: Topic,
        boot: BootId,
        epoch: &EpochPublic,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, SealError> {
        if !epoch.tree().matches(&topic) {
            return Err(SealError::Topic { topic, tree: Box::new(epoch.tree().clone()) });
        }
        let (suite, publisher) = (epoch.suite(), signing.id());
        let stream = Stream { suite, topic: &topic, epoch: epoch.epoch(), publisher, boot };
        let (encapsulation, key) = StreamKey::make(&stream, epoch.key(), entropy)?;
        let content = KeyHeaderContent {
            suite,
            topic: topic.clone(),
            epoch: epoch.epoch(),
            publisher,
            boot,
            encapsulation: encapsulation.into(),
            commitment: *key.commitment(),
        };
        let content = content.encode();
        let signature = signing.sign(&key_header_signing_input(&content));
        let key_header = KeyHeader::assemble(content, signature)?;
        Ok(Self {
            signing: signing.clone(),
            topic,
            boot,
            suite,
            epoch: epoch.epoch(),
            key_header_id: key_header.id(),
            key_header,
            key,
            last: None,
            left: ENVELOPES_PER_KEY_MAX,
        })
    }

    /// What readers need to open the envelopes; to be published with the first of them.
    #[must_use]
    pub const fn key_header(&self) -> &KeyHeader {
        &self.key_header
    }

    /// The epoch that is sealed to.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Seals a body and signs the envelope.
    ///
    /// # Errors
    ///
    /// The sequence is not above that of the last envelope sealed here, the key was used 2^32
    /// times, or the envelope would be too large.
    pub fn seal(&mut self, draft: HeaderDraft, body: &[u8]) -> Result<Envelope, SealError> {
        let sequence = draft.sequence;
        self.reserve(sequence)?;
        let sealed_by = (self.suite, self.epoch, Some(self.key_header_id));
        let header = draft.complete(self.topic.clone(), self.signing.id(), self.boot, sealed_by);
        let sealed = self
            .key
            .seal(sequence, &header.encode(), body)
            .map_err(|Refused| SealError::Body { topic: self.topic.clone(), found: body.len() })?;
        sign(&self.signing, header, &sealed)
    }

    /// Uses up a nonce, also where sealing then fails.
    fn reserve(&mut self, sequence: Sequence) -> Result<(), SealError> {
        if let Some(last) = self.last.filter(|last| sequence <= *last) {
            return Err(SealError::Sequence { topic: self.topic.clone(), last, found: sequence });
        }
        self.left = self.left.checked_sub(1).ok_or(SealError::Exhausted {
            key_header: self.key_header_id,
            limit: ENVELOPES_PER_KEY_MAX,
        })?;
        self.last = Some(sequence);
        Ok(())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("topic", &self.topic)
            .field("epoch", &self.epoch)
            .field("key_header", &self.key_header_id)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// Signs an envelope whose body everybody on the way may read: for topics declared open.
///
/// # Errors
///
/// The envelope would be too large.
pub fn sign_open(
    signing: &SigningKey,
    topic: Topic,
    boot: BootId,
    draft: HeaderDraft,
    body: &[u8],
) -> Result<Envelope, SealError> {
    let open = (Suite::Open, Epoch::ZERO, None);
    let header = draft.complete(topic, signing.id(), boot, open);
    sign(signing, header, body)
}

fn sign(signing: &SigningKey, header: Header, body: &[u8]) -> Result<Envelope, SealError> {
    let signature = signing.sign(&envelope_signing_input(&header.encode(), body));
    Ok(Envelope::compose(header, body, signature)?)
}

#[cfg(test)]
mod tests;
