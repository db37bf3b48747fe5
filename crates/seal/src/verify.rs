//! The one place where signatures are judged.
//!
//! Verifiers of Ed25519 disagree on edge cases, and two nodes that disagree whether a message is
//! genuine are no federation: so everything is judged by the rule of `verify_strict` (RFC 8032, with
//! weak keys, a weak or differently encoded R and an unreduced S refused) under a [`VerifyingKey`]
//! that was checked beforehand, one signature at a time and never in batches.

use sekisho_proto::{
    DecodeError, Envelope, Hash, Header, KeyHeader, PrincipalId, PublicKey, Signature,
    StatementVerifier,
};

use crate::{SigningKey, VerifyingKey};

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
    /// The envelope names another attester than the key's holder, or the publisher signs itself.
    #[error("envelope of publisher {publisher}: wanted {wanted}, found {found}")]
    Attester {
        /// Who is named as the publisher.
        publisher: PrincipalId,
        /// Who should have signed.
        wanted: String,
        /// Who is named.
        found: String,
    },
    /// The signature is not one of the attester over these bytes.
    #[error("envelope attested by {attester}: wanted its signature, found one that does not fit")]
    Attestation {
        /// Who is named.
        attester: PrincipalId,
    },
}

/// An envelope that did come from its publisher: signed by it, or attested by whoever the header
/// names. Nothing else makes one but [`verify`], [`verify_attested`] and [`attest`]:
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
/// The envelope names another publisher, somebody attests for it, or the signature does not hold.
pub fn verify(envelope: Envelope, key: &VerifyingKey) -> Result<Verified, VerifyError> {
    if let Some(attester) = envelope.header().attester {
        let wanted = "one that its publisher signed".to_owned();
        return Err(other_attester(envelope.header(), wanted, attester.to_string()));
    }
    let signed = envelope.signed_bytes();
    judge("envelope", envelope.header().publisher, &signed, envelope.signature(), key)?;
    Ok(Verified { envelope, hash: Hash::of(&signed) })
}

/// Checks that the key's holder attests that the publisher published the envelope. Whether it may
/// is for the policy to say.
///
/// # Errors
///
/// The envelope names another attester or none, or the signature does not hold.
pub fn verify_attested(envelope: Envelope, key: &VerifyingKey) -> Result<Verified, VerifyError> {
    let attester = check_attester(envelope.header(), key.id())?;
    let signed = envelope.signed_bytes();
    if !key.is_signed(&signed, envelope.signature().as_bytes()) {
        return Err(VerifyError::Attestation { attester });
    }
    Ok(Verified { envelope, hash: Hash::of(&signed) })
}

/// Why nothing could be attested.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The header names another attester.
    #[error(transparent)]
    Attester(#[from] VerifyError),
    /// The result is no envelope that anybody would accept.
    #[error(transparent)]
    Message(#[from] DecodeError),
}

/// What stands for a signature that its attester has not made yet. Nobody's key makes it.
const OUTSTANDING: Signature = Signature::new([0; 64]);

/// Puts an open envelope together in place of its publisher, as the header says. Whoever holds the
/// attester's key need not verify itself, nor sign before the envelope leaves for somebody who
/// verifies: until [`sign_attested`] the signature is [outstanding](is_outstanding).
///
/// # Errors
///
/// The header names another attester or none, or the envelope would be too large.
pub fn attest(signing: &SigningKey, header: Header, body: &[u8]) -> Result<Verified, AttestError> {
    check_attester(&header, signing.id())?;
    let envelope = Envelope::compose(header, body, OUTSTANDING)?;
    let hash = envelope.hash();
    Ok(Verified { envelope, hash })
}

/// Whether an envelope was attested and is not signed yet.
#[must_use]
pub fn is_outstanding(envelope: &Envelope) -> bool {
    envelope.header().attester.is_some() && *envelope.signature() == OUTSTANDING
}

/// Makes the signature of an envelope that this key attests: always the same.
///
/// # Errors
///
/// The header names another attester or none.
pub fn sign_attested(signing: &SigningKey, envelope: &Envelope) -> Result<Envelope, AttestError> {
    check_attester(envelope.header(), signing.id())?;
    let signature = signing.sign(&envelope.signed_bytes());
    let (header, body) = (envelope.header_bytes().clone(), envelope.body().clone());
    Ok(Envelope::assemble(header, body, signature)?)
}

fn check_attester(header: &Header, key: PrincipalId) -> Result<PrincipalId, VerifyError> {
    let named = header.attester.filter(|attester| *attester == key);
    named.ok_or_else(|| {
        let found = header.attester.map_or_else(|| "none".to_owned(), |found| found.to_string());
        other_attester(header, format!("one attested by {key}"), found)
    })
}

fn other_attester(header: &Header, wanted: String, found: String) -> VerifyError {
    VerifyError::Attester { publisher: header.publisher, wanted, found }
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
