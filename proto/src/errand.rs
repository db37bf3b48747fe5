//! Errands: what an administrator asks of a steward, and the answer. A node carries both and can
//! neither read nor change them: the asker signs what it has sealed to the steward, the steward
//! signs what it has sealed to the asker.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, ErrandId, Hash, OrgName, PrincipalId, Signature, Timestamp,
    decode::Fields,
    envelope::length_prefix,
    limits::{ERRAND_ANSWER_BYTES_MAX, ERRAND_BYTES_MAX, ERRAND_LIFETIME_MAX, PROTOCOL_VERSION},
    wire,
};

mod outcome;
mod task;

pub use outcome::{ErrandOutcome, InvitationStanding, ListedInvitation};
pub use task::{AdmissionBy, ErrandTask, InviteTask, Office, TaskSecret};

/// What an errand's signature covers begins with this.
pub const ERRAND_CONTEXT: &[u8] = b"sekisho-errand-v1\0";

/// What the signature of an errand's answer covers begins with this.
pub const ERRAND_ANSWER_CONTEXT: &[u8] = b"sekisho-errand-answer-v1\0";

const FIELDS: Fields = Fields("errand");
const CONTENT: Fields = Fields("errand content");
const ANSWER: Fields = Fields("errand answer");
const ANSWER_CONTENT: Fields = Fields("errand answer content");

/// Lengths of an encapsulation, bytes: X25519's and X-Wing's.
const ENCAPSULATIONS: [usize; 2] = [32, 1120];

/// The signed part of an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandContent {
    /// Whose steward is asked.
    pub organisation: OrgName,
    /// Drawn by the asker: by this people and logs name it.
    pub id: ErrandId,
    /// Who asks, and signs.
    pub asker: PrincipalId,
    /// The steward that can open it.
    pub steward: PrincipalId,
    /// When it was made.
    pub issued: Timestamp,
    /// Until when it may be begun, exclusive; at most an hour after it was made.
    pub until: Timestamp,
    /// The KEM's output for the steward.
    pub encapsulation: Bytes,
    /// An encoded [`ErrandTask`], sealed.
    pub sealed: Bytes,
}

impl ErrandContent {
    /// The bytes to be signed and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::ErrandContent {
            version: PROTOCOL_VERSION,
            organisation: self.organisation.to_string(),
            id: Bytes::copy_from_slice(self.id.as_ref()),
            asker: Bytes::copy_from_slice(self.asker.as_ref()),
            steward: Bytes::copy_from_slice(self.steward.as_ref()),
            issued_us: self.issued.as_micros(),
            until_us: self.until.as_micros(),
            encapsulation: self.encapsulation.clone(),
            sealed: self.sealed.clone(),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::ErrandContent = wire::decode_canonical(CONTENT.0, ERRAND_BYTES_MAX, bytes)?;
        CONTENT.version(wire.version)?;
        let length = wire.encapsulation.len();
        let fits = ENCAPSULATIONS.contains(&length);
        CONTENT.require("encapsulation", "the length of a sealing suite", fits, length)?;
        let (issued, until) =
            (Timestamp::from_micros(wire.issued_us), Timestamp::from_micros(wire.until_us));
        let lasts = issued < until && until <= issued.saturating_add(ERRAND_LIFETIME_MAX);
        CONTENT.require("until_us", "up to an hour after issued_us", lasts, until)?;
        Ok(Self {
            organisation: CONTENT.parse("organisation", &wire.organisation)?,
            id: CONTENT.fixed("id", &wire.id)?,
            asker: CONTENT.fixed("asker", &wire.asker)?,
            steward: CONTENT.fixed("steward", &wire.steward)?,
            issued,
            until,
            encapsulation: wire.encapsulation,
            sealed: wire.sealed,
        })
    }
}

/// An errand as it was received: well formed, nothing said about its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    content: ErrandContent,
    content_bytes: Bytes,
    signature: Signature,
    encoded: Bytes,
}

impl Errand {
    /// Parses an encoded errand, its content included.
    ///
    /// # Errors
    ///
    /// It is larger than [`ERRAND_BYTES_MAX`], not an errand, not in its one encoding, of another
    /// version, or a field is out of its range.
    pub fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        let wire: wire::Errand = wire::decode_canonical(FIELDS.0, ERRAND_BYTES_MAX, &encoded)?;
        let content = ErrandContent::decode(&wire.content)?;
        let signature = FIELDS.fixed("signature", &wire.signature)?;
        Ok(Self { content, content_bytes: wire.content, signature, encoded })
    }

    /// Puts an errand together from its encoded content and the signature over it.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn assemble(
        content_bytes: impl Into<Bytes>,
        signature: Signature,
    ) -> Result<Self, DecodeError> {
        let signature = Bytes::copy_from_slice(signature.as_ref());
        let wire = wire::Errand { content: content_bytes.into(), signature };
        Self::decode(wire.encode_to_vec().into())
    }

    /// What the asker says in the open.
    #[must_use]
    pub fn content(&self) -> &ErrandContent {
        &self.content
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
        errand_signing_input(&self.content_bytes)
    }

    /// SHA-256 of [`signing_input`](Self::signing_input): which errand it is, whatever its id.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.signing_input())
    }
}

/// What an errand's signature covers: [`ERRAND_CONTEXT`], the content's length as 64 bits big
/// endian and the content.
#[must_use]
pub fn errand_signing_input(content: &[u8]) -> Vec<u8> {
    [ERRAND_CONTEXT, &length_prefix(content), content].concat()
}

/// The signed part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandAnswerContent {
    /// Whose steward answers.
    pub organisation: OrgName,
    /// The errand's id.
    pub errand: ErrandId,
    /// [`Errand::hash`] of the errand.
    pub hash: Hash,
    /// Who asked.
    pub asker: PrincipalId,
    /// Who answers, and signs.
    pub steward: PrincipalId,
    /// When it was made.
    pub issued: Timestamp,
    /// The KEM's output for the asker; empty where it is not sealed.
    pub encapsulation: Bytes,
    /// An encoded [`ErrandOutcome`], sealed; one that is not sealed can be a refusal only.
    pub sealed: Bytes,
}

impl ErrandAnswerContent {
    /// The bytes to be signed and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::ErrandAnswerContent {
            version: PROTOCOL_VERSION,
            organisation: self.organisation.to_string(),
            errand: Bytes::copy_from_slice(self.errand.as_ref()),
            hash: Bytes::copy_from_slice(self.hash.as_ref()),
            asker: Bytes::copy_from_slice(self.asker.as_ref()),
            steward: Bytes::copy_from_slice(self.steward.as_ref()),
            issued_us: self.issued.as_micros(),
            encapsulation: self.encapsulation.clone(),
            sealed: self.sealed.clone(),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = ANSWER_CONTENT;
        let wire: wire::ErrandAnswerContent =
            wire::decode_canonical(fields.0, ERRAND_ANSWER_BYTES_MAX, bytes)?;
        fields.version(wire.version)?;
        let length = wire.encapsulation.len();
        let fits = length == 0 || ENCAPSULATIONS.contains(&length);
        fields.require("encapsulation", "none, or the length of a sealing suite", fits, length)?;
        Ok(Self {
            organisation: fields.parse("organisation", &wire.organisation)?,
            errand: fields.fixed("errand", &wire.errand)?,
            hash: fields.fixed("hash", &wire.hash)?,
            asker: fields.fixed("asker", &wire.asker)?,
            steward: fields.fixed("steward", &wire.steward)?,
            issued: Timestamp::from_micros(wire.issued_us),
            encapsulation: wire.encapsulation,
            sealed: wire.sealed,
        })
    }
}

/// An answer as it was received: well formed, nothing said about its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandAnswer {
    content: ErrandAnswerContent,
    content_bytes: Bytes,
    signature: Signature,
    encoded: Bytes,
}

impl ErrandAnswer {
    /// Parses an encoded answer, its content included.
    ///
    /// # Errors
    ///
    /// It is larger than [`ERRAND_ANSWER_BYTES_MAX`], not an answer, not in its one encoding, of
    /// another version, or a field is out of its range.
    pub fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        let wire: wire::ErrandAnswer =
            wire::decode_canonical(ANSWER.0, ERRAND_ANSWER_BYTES_MAX, &encoded)?;
        let content = ErrandAnswerContent::decode(&wire.content)?;
        let signature = ANSWER.fixed("signature", &wire.signature)?;
        Ok(Self { content, content_bytes: wire.content, signature, encoded })
    }

    /// Puts an answer together from its encoded content and the signature over it.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn assemble(
        content_bytes: impl Into<Bytes>,
        signature: Signature,
    ) -> Result<Self, DecodeError> {
        let signature = Bytes::copy_from_slice(signature.as_ref());
        let wire = wire::ErrandAnswer { content: content_bytes.into(), signature };
        Self::decode(wire.encode_to_vec().into())
    }

    /// What the steward says in the open.
    #[must_use]
    pub fn content(&self) -> &ErrandAnswerContent {
        &self.content
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
        errand_answer_signing_input(&self.content_bytes)
    }
}

/// What the signature of an answer covers: [`ERRAND_ANSWER_CONTEXT`], the content's length as 64
/// bits big endian and the content.
#[must_use]
pub fn errand_answer_signing_input(content: &[u8]) -> Vec<u8> {
    [ERRAND_ANSWER_CONTEXT, &length_prefix(content), content].concat()
}

#[cfg(test)]
mod tests;
