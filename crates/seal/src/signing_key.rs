//! A private Ed25519 key: whoever holds it is the principal. Wiped from memory when dropped, never
//! printed.

use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use ed25519_dalek::{self as dalek, Signer as _};
use sekisho_proto::{PrincipalId, PublicKey, Signature};
use zeroize::Zeroizing;

use crate::{Entropy, EntropyError, VerifyingKey, entropy::draw};

/// PKCS#8 version 1 of an Ed25519 key up to the seed: RFC 8410 §7.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A private Ed25519 key.
#[derive(Clone)]
pub struct SigningKey {
    key: dalek::SigningKey,
    /// The same key for the library that signs in half the time.
    quick: Option<Arc<Ed25519KeyPair>>,
    public_key: PublicKey,
    id: PrincipalId,
}

impl SigningKey {
    /// Draws a new key.
    ///
    /// # Errors
    ///
    /// The source of randomness failed.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self::from_seed(&*draw(entropy)?))
    }

    /// The key of a seed: RFC 8032's private key, 32 secret bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = dalek::SigningKey::from_bytes(seed);
        let public_key = PublicKey::new(key.verifying_key().to_bytes());
        let quick = Ed25519KeyPair::from_seed_and_public_key(seed, public_key.as_bytes()).ok();
        let quick = quick.map(Arc::new);
        Self { key, quick, public_key, id: PrincipalId::of(&public_key) }
    }

    /// The seed, to be written to a key file.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The public half, ready to verify with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::of_pair(self.key.verifying_key(), self.public_key, self.id)
    }

    /// Who signs with it.
    #[must_use]
    pub const fn id(&self) -> PrincipalId {
        self.id
    }

    /// The key as PKCS#8 in DER, as TLS libraries take it.
    #[must_use]
    pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let mut der = Zeroizing::new(Vec::with_capacity(PKCS8_PREFIX.len().saturating_add(32)));
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(self.key.as_bytes());
        der
    }

    /// Signs a message: deterministic, as in RFC 8032. What is signed must begin with the context
    /// string of its kind, so that no signature of one kind can be passed off as another's.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let quick = self.quick.as_ref().and_then(|key| key.try_sign(message).ok());
        let quick = quick.and_then(|signature| Signature::try_from(signature.as_ref()).ok());
        quick.unwrap_or_else(|| self.sign_slowly(message))
    }

    /// The same, by the library that verifies.
    fn sign_slowly(&self, message: &[u8]) -> Signature {
        Signature::new(self.key.sign(message).to_bytes())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(of {})", self.public_key.short())
    }
}

#[cfg(test)]
mod tests;
