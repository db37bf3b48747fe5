//! Statements: signed sentences of policy. What is signed is kept verbatim beside what it says.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, Hash, OrgName, PrincipalId, PublicKey, Signature,
    decode::Fields,
    envelope::length_prefix,
    limits::{SIGNATURES_MAX, STATEMENT_BYTES_MAX},
    wire,
};

mod access;
mod action;
mod body;
mod epoch;
mod erasure;
mod identity;
mod peering;
mod role;
mod stream;

pub use access::{Deny, Grant, Revoke, RevokeTarget};
pub use action::{Action, Actions};
pub use body::{StatementBody, StatementKind};
pub use epoch::{EpochAnnounce, KeyGrant};
pub use erasure::{Erased, Erasure};
pub(crate) use identity::kem_key_fits;
pub use identity::{Issuer, OrgRoot, Principal, PrincipalKind};
pub use peering::{Peering, PeeringBudget, PeeringParty, Transit};
pub use role::Role;
pub use stream::{Location, StreamClass, StreamDescriptor, Transducer};

const FIELDS: Fields = Fields("statement");

/// Who checks signatures for those who must not know any cryptography.
pub trait StatementVerifier {
    /// Whether the key made this signature over exactly this message.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;

    /// Whether the key is a point of full order: a key that may be given rights.
    fn acceptable(&self, key: &PublicKey) -> bool;
}

/// One signature under a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementSignature {
    /// Whose.
    pub signer: PrincipalId,
    /// Not checked by anybody yet.
    pub signature: Signature,
}

/// A statement as it was received: well formed, nothing said about its signatures or about what
/// their makers may state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    body: StatementBody,
    body_bytes: Bytes,
    signatures: Vec<StatementSignature>,
}

impl Statement {
    /// A statement that nobody has signed yet.
    #[must_use]
    pub fn unsigned(body: StatementBody) -> Self {
        let body_bytes = body.encode().into();
        Self { body, body_bytes, signatures: Vec::new() }
    }

    /// Parses an encoded statement, its body included.
    ///
    /// # Errors
    ///
    /// It is larger than [`STATEMENT_BYTES_MAX`], not a statement, not in its one encoding, or a
    /// field is out of its range.
    pub fn decode(encoded: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_shared(&Bytes::copy_from_slice(encoded))
    }

    fn decode_shared(encoded: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::Statement = wire::decode_canonical(FIELDS.0, STATEMENT_BYTES_MAX, encoded)?;
        FIELDS.at_most("signatures", SIGNATURES_MAX, wire.signatures.len())?;
        let body = StatementBody::decode(FIELDS.number("kind", wire.kind)?, &wire.body)?;
        let signatures = wire
            .signatures
            .iter()
            .map(|signature| {
                Ok(StatementSignature {
                    signer: FIELDS.fixed("signer", &signature.signer)?,
                    signature: FIELDS.fixed("signature", &signature.signature)?,
                })
            })
            .collect::<Result<Vec<_>, DecodeError>>()?;
        let ascending = signatures.is_sorted_by(|left, right| left.signer < right.signer);
        FIELDS.require("signatures", "ascending signers", ascending, "others")?;
        Ok(Self { body, body_bytes: wire.body, signatures })
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &StatementBody {
        &self.body
    }

    /// What it says, as it is signed.
    #[must_use]
    pub fn body_bytes(&self) -> &Bytes {
        &self.body_bytes
    }

    /// The signatures, by ascending signer.
    #[must_use]
    pub fn signatures(&self) -> &[StatementSignature] {
        &self.signatures
    }

    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> StatementKind {
        self.body.kind()
    }

    /// Every organisation in whose control log it belongs: one, or both of a peering.
    #[must_use]
    pub fn organisations(&self) -> Vec<&OrgName> {
        self.body.organisations()
    }

    /// What every signature covers: the kind's context, the body's length as 64 bits big endian
    /// and the body.
    #[must_use]
    pub fn signing_input(&self) -> Vec<u8> {
        let context = self.kind().context();
        [context.as_bytes(), &length_prefix(&self.body_bytes), &self.body_bytes].concat()
    }

    /// SHA-256 of [`signing_input`](Self::signing_input): the statement's identity, whoever signed.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash::of(&self.signing_input())
    }

    /// SHA-256 of the body alone: of an `OrgRoot`, the fingerprint that others pin.
    #[must_use]
    pub fn body_hash(&self) -> Hash {
        Hash::of(&self.body_bytes)
    }

    /// The statement with one more signature, in place of an earlier one of the same signer.
    #[must_use]
    pub fn with_signature(mut self, signer: PrincipalId, signature: Signature) -> Self {
        let new = StatementSignature { signer, signature };
        match self.signatures.binary_search_by_key(&signer, |known| known.signer) {
            Ok(found) => {
                if let Some(known) = self.signatures.get_mut(found) {
                    *known = new;
                }
            }
            Err(place) => self.signatures.insert(place, new),
        }
        self
    }

    /// The bytes to send and keep.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|known| wire::Signature {
            signer: Bytes::copy_from_slice(known.signer.as_ref()),
            signature: Bytes::copy_from_slice(known.signature.as_ref()),
        });
        wire::Statement {
            kind: self.kind().number(),
            body: self.body_bytes.clone(),
            signatures: signatures.collect(),
        }
        .encode_to_vec()
    }
}

#[cfg(test)]
mod tests;
