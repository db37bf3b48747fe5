//! A public key that was checked once: of the right length, a point in its one encoding, and not
//! weak. Under a weak key (a point of low order) one signature fits almost every message.

mod low_order;

use ed25519_dalek::{self as dalek, Verifier as _};
use sekisho_proto::{PrincipalId, PublicKey};

/// The low byte of 2^255 - 19, the field's prime; its other bytes are 0xff and the last is 0x7f.
const PRIME_LOW_BYTE: u8 = 0xed;

/// A parsed Ed25519 public key that is not weak.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    key: dalek::VerifyingKey,
    public_key: PublicKey,
    id: PrincipalId,
}

/// A public key, for signatures or for sealing, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is too short or too long.
    #[error("{thing}: wanted {wanted} bytes, found {found}")]
    Length {
        /// Which key.
        thing: &'static str,
        /// Bytes.
        wanted: usize,
        /// Bytes.
        found: usize,
    },
    /// It is no point of the curve, or not in its one encoding.
    #[error("{thing}: wanted a point in its one encoding, found {found}")]
    Malformed {
        /// Which key.
        thing: &'static str,
        /// Its fingerprint.
        found: String,
    },
    /// It is a point of low order: anybody can forge under it, or predict what is sealed to it.
    #[error("{thing}: wanted a point of large order, found the weak {found}")]
    Weak {
        /// Which key.
        thing: &'static str,
        /// Its fingerprint.
        found: String,
    },
    /// The suite seals nothing and so has no keys.
    #[error("{thing}: wanted a suite that seals, found {suite}")]
    NoKem {
        /// Which key.
        thing: &'static str,
        /// The suite.
        suite: sekisho_proto::Suite,
    },
}

impl VerifyingKey {
    /// Checks a public key.
    ///
    /// # Errors
    ///
    /// It is not a point, not in its one encoding, or weak.
    pub fn parse(public_key: &PublicKey) -> Result<Self, KeyError> {
        let thing = "verifying key";
        let malformed = || KeyError::Malformed { thing, found: public_key.short() };
        if !is_canonical(public_key.as_bytes()) {
            return Err(malformed());
        }
        let key = dalek::VerifyingKey::from_bytes(public_key.as_bytes())
            .map_err(|_not_a_point| malformed())?;
        if key.is_weak() {
            return Err(KeyError::Weak { thing, found: public_key.short() });
        }
        Ok(Self { key, public_key: *public_key, id: PrincipalId::of(public_key) })
    }

    /// Checks the bytes of a public key.
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::parse`], or they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let public_key = PublicKey::try_from(bytes).map_err(|_wrong_length| KeyError::Length {
            thing: "verifying key",
            wanted: PublicKey::LENGTH,
            found: bytes.len(),
        })?;
        Self::parse(&public_key)
    }

    /// The public half of a key pair, which needs no checks.
    pub(crate) const fn of_pair(
        key: dalek::VerifyingKey,
        public_key: PublicKey,
        id: PrincipalId,
    ) -> Self {
        Self { key, public_key, id }
    }

    /// Whose key it is.
    #[must_use]
    pub const fn id(&self) -> PrincipalId {
        self.id
    }

    /// The key as it travels.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The one place where a signature is judged: see [`mod@crate::verify`].
    ///
    /// It takes what the library's `verify_strict` takes (`docs/decisions/0024`), which decodes R to
    /// learn whether it is of low order: a square root, a fifth of the work. What `verify` takes has
    /// an R that equals, byte for byte, a point that was calculated and encoded in the one canonical
    /// way, so R's bytes tell the same; and `self` is not weak.
    #[expect(clippy::disallowed_methods, reason = "here it is held to strictness")]
    #[inline(never)] // It is what `cargo xtask instructions` leaves out.
    pub(crate) fn is_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = dalek::Signature::from_bytes(signature);
        !low_order::contains(signature.r_bytes()) && self.key.verify(message, &signature).is_ok()
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({})", self.public_key.short())
    }
}

/// Whether the y coordinate is below the field's prime. The library takes others as well (ZIP-215),
/// which would give one key two identities.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *low < PRIME_LOW_BYTE || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

#[cfg(test)]
mod tests;
