//! What a reader does: from a verified key header and the epoch's seed, open the envelopes that
//! name that header. One decapsulation per publisher's session, then symmetric work only.
//!
//! What is opened was verified before: every reader of the epoch knows the key, so that only the
//! signature tells who wrote the body. A body that somebody else signed again does not open,
//! because the key and the associated data are bound to publisher, boot, topic and epoch.

use std::fmt::Display;

use sekisho_proto::{Header, KeyHeaderContent, KeyHeaderId, Suite};

use crate::{
    EpochKeyPair, KemError, Verified, VerifiedKeyHeader,
    stream_key::{Refused, Stream, StreamKey},
};

/// Something that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key header is sealed otherwise than the epoch.
    #[error("key header {key_header}: wanted the epoch's suite {wanted}, found {found}")]
    Suite {
        /// The key header.
        key_header: KeyHeaderId,
        /// The epoch's.
        wanted: Suite,
        /// The key header's.
        found: Suite,
    },
    /// The encapsulation does not open.
    #[error(transparent)]
    Kem(#[from] KemError),
    /// What the epoch's seed makes of the key header is not what it commits to: the header is for
    /// another epoch's key, or made up.
    #[error("key header {key_header}: wanted the key it commits to, found another")]
    Commitment {
        /// The key header.
        key_header: KeyHeaderId,
    },
    /// The envelope is of another stream than the key header.
    #[error("envelope: {field}: wanted {wanted} as in its key header, found {found}")]
    Stream {
        /// What differs.
        field: &'static str,
        /// The key header's.
        wanted: String,
        /// The envelope's.
        found: String,
    },
    /// The body is not what was sealed under this header and sequence.
    #[error(
        "body of {found} bytes: wanted one sealed under key header {key_header}, found another"
    )]
    Body {
        /// The key header.
        key_header: KeyHeaderId,
        /// Bytes.
        found: usize,
    },
}

/// Opens the envelopes that one key header is for.
pub struct Opener {
    content: KeyHeaderContent,
    id: KeyHeaderId,
    key: StreamKey,
}

impl Opener {
    /// Recovers the publisher's key and checks that the key header commits to it.
    ///
    /// # Errors
    ///
    /// The key header is of another suite or epoch than the keys, or was made up.
    pub fn new(
        key_header: &VerifiedKeyHeader,
        epoch_keys: &EpochKeyPair,
    ) -> Result<Self, OpenError> {
        let key_header = key_header.key_header();
        let (content, id) = (key_header.content().clone(), key_header.id());
        let (wanted, found) = (epoch_keys.suite(), content.suite);
        if wanted != found {
            return Err(OpenError::Suite { key_header: id, wanted, found });
        }
        let KeyHeaderContent { suite, ref topic, epoch, publisher, boot, .. } = content;
        let stream = Stream { suite, topic, epoch, publisher, boot };
        let key = StreamKey::recover(&stream, epoch_keys, &content.encapsulation)?;
        if !key.is_committed(&content.commitment) {
            return Err(OpenError::Commitment { key_header: id });
        }
        Ok(Self { content, id, key })
    }

    /// Which key header's envelopes it opens.
    #[must_use]
    pub const fn key_header_id(&self) -> KeyHeaderId {
        self.id
    }

    /// Opens an envelope's body.
    ///
    /// # Errors
    ///
    /// The envelope is of another stream than the key header, or its body does not open.
    pub fn open(&self, envelope: &Verified) -> Result<Vec<u8>, OpenError> {
        let header = envelope.header();
        self.check(header)?;
        let envelope = envelope.envelope();
        let body = envelope.body();
        self.key
            .open(header.sequence, envelope.header_bytes(), body)
            .map_err(|Refused| OpenError::Body { key_header: self.id, found: body.len() })
    }

    fn check(&self, header: &Header) -> Result<(), OpenError> {
        let content = &self.content;
        if header.key_header != Some(self.id) {
            let found = header.key_header.map_or_else(|| "none".to_owned(), |id| id.to_string());
            let wanted = self.id.to_string();
            return Err(OpenError::Stream { field: "key header", wanted, found });
        }
        same("suite", &content.suite, &header.suite)?;
        same("topic", &content.topic, &header.topic)?;
        same("epoch", &content.epoch, &header.epoch)?;
        same("publisher", &content.publisher, &header.publisher)?;
        same("boot", &content.boot, &header.boot)
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("key_header", &self.id).finish_non_exhaustive()
    }
}

fn same<T: PartialEq + Display>(
    field: &'static str,
    wanted: &T,
    found: &T,
) -> Result<(), OpenError> {
    if wanted == found {
        return Ok(());
    }
    Err(OpenError::Stream { field, wanted: wanted.to_string(), found: found.to_string() })
}

#[cfg(test)]
mod tests;
