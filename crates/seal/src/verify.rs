//! The one place where signatures are judged.
//!
//! Verifiers of Ed25519 disagree on edge cases, and two nodes that disagree whether a message is
//! genuine are no federation: so everything is judged by `verify_strict` (RFC 8032, with weak keys,
//! a weak or differently encoded R and an unreduced S refused) under a [`VerifyingKey`] that was
//! checked beforehand, one signature at a time and never in batches.

use sekisho_proto::{
    Envelope, Hash, Header, KeyHeader, PrincipalId, PublicKey, Signature, StatementVerifier,
};

use crate::VerifyingKey;

/// A signature that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The thing names another publisher than the key's holder.
    #[error("{thing}: wanted one of publisher {wanted}, found one of {found}")]
    Publisher {
        /// What was verified.
        thing: &'static str,
        /// Whose key was given.
        wanted: PrincipalId,
        /// Who is named.
        found: PrincipalId,
    },
    /// The signature is not one of the publisher over these bytes.
    #[error("{thing} of publisher {publisher}: wanted its signature, found one that does not fit")]
    Signature {
        /// What was verified.
        thing: &'static str,
        /// Who is named.
        publisher: PrincipalId,
    },
}

/// An envelope whose publisher did sign it. Nothing else makes one but [`verify`]:
///
/// ```compile_fail,E0451
/// fn forge(envelope: sekisho_proto::Envelope) -> sekisho_seal::Verified {
///     let hash = envelope.hash();
///     sekisho_seal::Verified { envelope, hash }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    envelope: Envelope,
    hash: Hash,
}

impl Verified {
    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The envelope, the proof given up.
    #[must_use]
    pub fn into_envelope(self) -> Envelope {
        self.envelope
    }

    /// What the publisher said about the body.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.envelope.header()
    }

    /// [`Envelope::hash`], computed once.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }
}

/// A key header whose publisher did sign it. Nothing else makes one but [`verify_key_header`]:
///
/// ```compile_fail,E0451
/// fn forge(key_header: sekisho_proto::KeyHeader) -> sekisho_seal::VerifiedKeyHeader {
///     sekisho_seal::VerifiedKeyHeader { key_header }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedKeyHeader {
    key_header: KeyHeader,
}

impl VerifiedKeyHeader {
    /// The key header.
    #[must_use]
    pub const fn key_header(&self) -> &KeyHeader {
        &self.key_header
    }

    /// The key header, the proof given up.
    #[must_use]
    pub fn into_key_header(self) -> KeyHeader {
        self.key_header
    }
}

/// Checks that the key's holder published the envelope.
///
/// # Errors
///
/// The envelope names another publisher, or the signature does not hold.
pub fn verify(envelope: Envelope, key: &VerifyingKey) -> Result<Verified, VerifyError> {
    let signed = envelope.signed_bytes();
    judge("envelope", envelope.header().publisher, &signed, envelope.signature(), key)?;
    Ok(Verified { envelope, hash: Hash::of(&signed) })
}

/// Checks that the key's holder published the key header.
///
/// # Errors
///
/// The key header names another publisher, or the signature does not hold.
pub fn verify_key_header(
    key_header: KeyHeader,
    key: &VerifyingKey,
) -> Result<VerifiedKeyHeader, VerifyError> {
    let signed = key_header.signing_input();
    let publisher = key_header.content().publisher;
    judge("key header", publisher, &signed, key_header.signature(), key)?;
    Ok(VerifiedKeyHeader { key_header })
}

fn judge(
    thing: &'static str,
    publisher: PrincipalId,
    signed: &[u8],
    signature: &Signature,
    key: &VerifyingKey,
) -> Result<(), VerifyError> {
    if publisher != key.id() {
        return Err(VerifyError::Publisher { thing, wanted: key.id(), found: publisher });
    }
    if !key.is_signed(signed, signature.as_bytes()) {
        return Err(VerifyError::Signature { thing, publisher });
    }
    Ok(())
}

/// Judges the signatures of statements, and of anything else whose key is not parsed yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct StrictVerifier;

impl StatementVerifier for StrictVerifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::parse(key).is_ok_and(|key| key.is_signed(message, signature.as_bytes()))
    }

    fn acceptable(&self, key: &PublicKey) -> bool {
        VerifyingKey::parse(key).is_ok()
    }
}

#[cfg(test)]
mod tests;
