//! How one publisher seals to one epoch: made once per (topic, epoch, boot) and sent ahead of the
//! envelopes that name it.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    BootId, DecodeError, Epoch, Hash, KeyHeaderId, PrincipalId, Signature, Suite, Topic,
    decode::Fields,
    envelope::length_prefix,
    limits::{KEY_HEADER_BYTES_MAX, PROTOCOL_VERSION},
    wire,
};

/// What a key header's signature covers begins with this.
pub const KEY_HEADER_CONTEXT: &[u8] = b"sekisho-key-header-v1\0";

const FIELDS: Fields = Fields("key header");
const CONTENT: Fields = Fields("key header content");

/// The signed part of a key header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHeaderContent {
    /// The KEM and AEAD; never [`Suite::Open`].
    pub suite: Suite,
    /// The topic of the envelopes.
    pub topic: Topic,
    /// The epoch to whose public key the root key is encapsulated.
    pub epoch: Epoch,
    /// Who seals.
    pub publisher: PrincipalId,
    /// The publisher's run.
    pub boot: BootId,
    /// The KEM's output, as long as the suite says.
    pub encapsulation: Bytes,
    /// Ties the envelopes' key to this header: checked before the key is used.
    pub commitment: [u8; 32],
}

impl KeyHeaderContent {
    /// The bytes to be signed and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::KeyHeaderContent {
            version: PROTOCOL_VERSION,
            suite: self.suite.number(),
            topic: self.topic.as_str().to_owned(),
            epoch: self.epoch.value(),
            publisher: Bytes::copy_from_slice(self.publisher.as_ref()),
            boot: Bytes::copy_from_slice(self.boot.as_ref()),
            encapsulation: self.encapsulation.clone(),
            commitment: Bytes::copy_from_slice(&self.commitment),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::KeyHeaderContent =
            wire::decode_canonical(CONTENT.0, KEY_HEADER_BYTES_MAX, bytes)?;
        CONTENT.version(wire.version)?;
        let suite: Suite = CONTENT.number("suite", wire.suite)?;
        let length = wire.encapsulation.len();
        let fits = suite.encapsulation_bytes() == Some(length);
        CONTENT.require("encapsulation", "the length of a sealing suite", fits, length)?;
        CONTENT.require("epoch", "1 or more", wire.epoch > 0, wire.epoch)?;
        Ok(Self {
            suite,
            topic: CONTENT.parse("topic", &wire.topic)?,
            epoch: Epoch::new(wire.epoch),
            publisher: CONTENT.fixed("publisher", &wire.publisher)?,
            boot: CONTENT.fixed("boot", &wire.boot)?,
            encapsulation: wire.encapsulation,
            commitment: *CONTENT.fixed::<Hash>("commitment", &wire.commitment)?.as_bytes(),
        })
    }
}

/// A key header as it was received: well formed, nothing said about its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHeader {
    content: KeyHeaderContent,
    content_bytes: Bytes,
    signature: Signature,
    encoded: Bytes,
}

impl KeyHeader {
    /// Parses an encoded key header, its content included.
    ///
    /// # Errors
    ///
    /// It is larger than [`KEY_HEADER_BYTES_MAX`], not a key header, not in its one encoding, of
    /// another version, or a field is out of its range.
    pub fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        let wire: wire::KeyHeader =
            wire::decode_canonical(FIELDS.0, KEY_HEADER_BYTES_MAX, &encoded)?;
        let content = KeyHeaderContent::decode(&wire.content)?;
        let signature = FIELDS.fixed("signature", &wire.signature)?;
        Ok(Self { content, content_bytes: wire.content, signature, encoded })
    }

    /// Puts a key header together from its encoded content and the signature over it.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn assemble(
        content_bytes: impl Into<Bytes>,
        signature: Signature,
    ) -> Result<Self, DecodeError> {
        let signature = Bytes::copy_from_slice(signature.as_ref());
        let wire = wire::KeyHeader { content: content_bytes.into(), signature };
        Self::decode(wire.encode_to_vec().into())
    }

    /// What the publisher says.
    #[must_use]
    pub fn content(&self) -> &KeyHeaderContent {
        &self.content
    }

    /// The content as it was signed.
    #[must_use]
    pub fn content_bytes(&self) -> &Bytes {
        &self.content_bytes
    }

    /// The signature, not checked by anybody yet.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The whole as it was received, to be passed on verbatim.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// What the signature covers.
    #[must_use]
    pub fn signing_input(&self) -> Vec<u8> {
        key_header_signing_input(&self.content_bytes)
    }

    /// The first 16 bytes of SHA-256 of [`signing_input`](Self::signing_input): by this, envelopes
    /// name the key header.
    #[must_use]
    pub fn id(&self) -> KeyHeaderId {
        KeyHeaderId::of(&Hash::of(&self.signing_input()))
    }
}

/// What a key header's signature covers: [`KEY_HEADER_CONTEXT`], the content's length as 64 bits
/// big endian and the content.
#[must_use]
pub fn key_header_signing_input(content: &[u8]) -> Vec<u8> {
    [KEY_HEADER_CONTEXT, &length_prefix(content), content].concat()
}

#[cfg(test)]
mod tests;
