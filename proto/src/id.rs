//! Identities, hashes and keys of fixed length.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest as _, Sha256};

use crate::ParseError;

/// Bytes of an id that are shown where the whole would be too long to read.
const SHORT_BYTES: usize = 8;

/// The DER of an Ed25519 SubjectPublicKeyInfo up to the key: RFC 8410 §4.
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal, $thing:literal, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Length, bytes.
            pub const LENGTH: usize = $length;

            /// Any bytes of the right length are accepted.
            #[must_use]
            pub const fn new(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The first eight bytes in hexadecimal: a fingerprint for people, never for a machine.
            #[must_use]
            pub fn short(&self) -> String {
                data_encoding::HEXLOWER.encode(self.0.get(..SHORT_BYTES).unwrap_or(&self.0))
            }
        }

        impl From<[u8; $length]> for $name {
            fn from(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                <[u8; $length]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_wrong_length| ParseError::bytes($thing, $wanted, bytes.len()))
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bytes = HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .map_err(|_not_hex| ParseError::text($thing, "hexadecimal digits", text))?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}…)", stringify!($name), self.short())
            }
        }
    };
}

fixed_bytes! {
    /// A principal's identity: SHA-256 of its key's SubjectPublicKeyInfo.
    PrincipalId, 32, "principal id", "32 bytes"
}

fixed_bytes! {
    /// A raw Ed25519 public key. Nothing is said about its strength: only parsing it as a verifying
    /// key tells whether it is one.
    PublicKey, 32, "public key", "32 bytes"
}

fixed_bytes! {
    /// One run of a publisher, drawn at random.
    BootId, 16, "boot id", "16 bytes"
}

fixed_bytes! {
    /// Which key header tells how an envelope is sealed.
    KeyHeaderId, 16, "key header id", "16 bytes"
}

fixed_bytes! {
    /// Which one-time token an enrolment uses.
    TokenId, 16, "token id", "16 bytes"
}

fixed_bytes! {
    /// Which errand, drawn by its asker.
    ErrandId, 16, "errand id", "16 bytes"
}

fixed_bytes! {
    /// What one side of a login draws for this connection alone.
    LoginNonce, 32, "login nonce", "32 bytes"
}

fixed_bytes! {
    /// A SHA-256 digest.
    Hash, 32, "hash", "32 bytes"
}

fixed_bytes! {
    /// An Ed25519 signature.
    Signature, 64, "signature", "64 bytes"
}

impl PrincipalId {
    /// The identity of whoever holds this key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(Sha256::digest(key.spki_der()).into())
    }
}

impl PublicKey {
    /// Length of the key's SubjectPublicKeyInfo, bytes.
    pub const SPKI_LENGTH: usize = 44;

    /// The key's SubjectPublicKeyInfo in DER (RFC 8410 §4), as TLS raw public keys carry it.
    #[must_use]
    pub fn spki_der(&self) -> [u8; Self::SPKI_LENGTH] {
        let mut der = [0; Self::SPKI_LENGTH];
        let (prefix, key) = der.split_at_mut(SPKI_PREFIX.len());
        prefix.copy_from_slice(&SPKI_PREFIX);
        key.copy_from_slice(&self.0);
        der
    }

    /// The key in a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    ///
    /// It is not the one DER encoding of an Ed25519 key of 32 bytes.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, ParseError> {
        der.strip_prefix(&SPKI_PREFIX).map_or_else(
            || {
                Err(ParseError::bytes(
                    "public key",
                    "an Ed25519 SubjectPublicKeyInfo of 44 bytes",
                    der.len(),
                ))
            },
            Self::try_from,
        )
    }
}

impl Hash {
    /// SHA-256 of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl KeyHeaderId {
    /// The first 16 bytes of a hash.
    pub(crate) fn of(hash: &Hash) -> Self {
        let mut id = [0; Self::LENGTH];
        for (to, from) in id.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        Self(id)
    }
}

#[cfg(test)]
mod tests;
