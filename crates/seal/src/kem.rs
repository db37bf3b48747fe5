//! Key encapsulation: how a secret reaches the holder of a private key, by HPKE in base mode
//! (RFC 9180) over one of two KEMs.
//!
//! | Suites | KEM (HPKE id) | Private | Public | Encapsulation |
//! |---|---|---|---|---|
//! | `x25519-*` | DHKEM(X25519, HKDF-SHA256) (0x0020) | 32 | 32 | 32 |
//! | `xwing-*` | X-Wing (0x647a) | 32 | 1216 | 1120 |
//!
//! The KDF is HKDF-SHA256 (0x0001) with both. A key pair is made from 32 random bytes, its *seed*,
//! which is the KEM's private key as it stands: X25519's scalar (clamped when used), X-Wing's
//! decapsulation key. `DeriveKeyPair` is not used.
//!
//! Stricter than X-Wing asks for: an X25519 part of low order is refused in a public key and in an
//! encapsulation of either KEM, because no honest sender makes one.

use hpke::{
    Deserializable as _, HpkeError, Kem, OpModeR, OpModeS, Serializable as _,
    aead::{AesGcm256, ExportOnlyAead},
    kdf::HkdfSha256,
    kem::{X25519HkdfSha256, XWing},
};
use sekisho_proto::Suite;
use zeroize::Zeroizing;

use crate::{
    Entropy, EntropyError, KeyError,
    entropy::{Drawn, draw},
};

mod low_order;

const PUBLIC: &str = "kem public key";
const SEED_BYTES: usize = 32;

/// A secret that a KEM could not hand over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KemError {
    /// The source of randomness failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The encapsulation has not the length that the key's suite demands, or is no group element.
    #[error("encapsulation: wanted one of {wanted} bytes for {suite}, found {found} bytes")]
    Encapsulation {
        /// The suite of the key it was opened with.
        suite: Suite,
        /// Bytes.
        wanted: usize,
        /// Bytes.
        found: usize,
    },
    /// The encapsulation holds a point of low order, so that the secret would be known to anybody.
    #[error("encapsulation: wanted a point of large order, found a weak one")]
    Weak,
    /// The sealed bytes were not made for this key and this context.
    #[error("sealed bytes: wanted some that this key opens, found {found} others")]
    Sealed {
        /// Bytes.
        found: usize,
    },
    /// The suite seals nothing.
    #[error("suite: wanted one that seals, found {suite}")]
    NotSealing {
        /// The suite.
        suite: Suite,
    },
    /// The HPKE library refused what was checked before.
    #[error("key encapsulation: wanted a checked input to be accepted, found {found}")]
    Library {
        /// What it said.
        found: HpkeError,
    },
    /// The key derivation refused lengths that it must accept.
    #[error("key derivation: wanted 32 bytes, found none")]
    Derivation,
}

/// A public key that secrets can be encapsulated to.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublicKey {
    suite: Suite,
    key: Public,
}

#[derive(Clone, PartialEq, Eq)]
enum Public {
    X25519(<X25519HkdfSha256 as Kem>::PublicKey),
    XWing(Box<<XWing as Kem>::PublicKey>),
}

impl KemPublicKey {
    /// Checks a public key of a suite's KEM.
    ///
    /// # Errors
    ///
    /// The suite has no KEM, the length is wrong, the key is out of its range or weak.
    pub fn parse(suite: Suite, bytes: &[u8]) -> Result<Self, KeyError> {
        let Some(wanted) = suite.kem_public_key_bytes() else {
            return Err(KeyError::NoKem { thing: PUBLIC, suite });
        };
        let found = bytes.len();
        if found != wanted {
            return Err(KeyError::Length { thing: PUBLIC, wanted, found });
        }
        if low_order::ends_in(bytes) {
            return Err(KeyError::Weak { thing: PUBLIC, found: fingerprint(bytes) });
        }
        let malformed = |_error| KeyError::Malformed { thing: PUBLIC, found: fingerprint(bytes) };
        let key = match suite {
            Suite::Open => return Err(KeyError::NoKem { thing: PUBLIC, suite }),
            Suite::X25519Aes256Gcm | Suite::X25519ChaCha20Poly1305 => Public::X25519(
                <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes).map_err(malformed)?,
            ),
            Suite::XWingAes256Gcm | Suite::XWingChaCha20Poly1305 => Public::XWing(Box::new(
                <XWing as Kem>::PublicKey::from_bytes(bytes).map_err(malformed)?,
            )),
        };
        Ok(Self { suite, key })
    }

    /// The suite whose KEM it is of.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The key as it travels: 32 or 1216 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.key {
            Public::X25519(key) => key.to_bytes().to_vec(),
            Public::XWing(key) => key.to_bytes().to_vec(),
        }
    }

    /// Makes a secret that only the key's holder can make too: HPKE's exporter under an export-only
    /// context (AEAD 0xffff). Returns the encapsulation and the secret.
    pub(crate) fn encapsulate(
        &self,
        info: &[u8],
        exporter_context: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Secret), KemError> {
        match &self.key {
            Public::X25519(key) => {
                encapsulate::<X25519HkdfSha256>(key, info, exporter_context, entropy)
            }
            Public::XWing(key) => encapsulate::<XWing>(key, info, exporter_context, entropy),
        }
    }

    /// HPKE's single-shot seal with AES-256-GCM (0x0002) and no associated data. Returns the
    /// encapsulation and the sealed bytes.
    pub(crate) fn seal(
        &self,
        info: &[u8],
        secret: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Vec<u8>), KemError> {
        match &self.key {
            Public::X25519(key) => seal::<X25519HkdfSha256>(key, info, secret, entropy),
            Public::XWing(key) => seal::<XWing>(key, info, secret, entropy),
        }
    }
}

impl std::fmt::Debug for KemPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KemPublicKey({}, {})", self.suite, fingerprint(&self.to_bytes()))
    }
}

/// 32 secret bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// A private key that opens what was encapsulated to its public key. Wiped from memory when
/// dropped, never printed.
#[derive(Clone)]
pub struct KemKeyPair {
    seed: Secret,
    private: Private,
    public: KemPublicKey,
}

#[derive(Clone)]
enum Private {
    X25519(<X25519HkdfSha256 as Kem>::PrivateKey),
    XWing(Box<<XWing as Kem>::PrivateKey>),
}

impl KemKeyPair {
    /// Draws a new key pair for a suite's KEM.
    ///
    /// # Errors
    ///
    /// The source of randomness failed, or the suite has no KEM.
    pub fn generate(suite: Suite, entropy: &mut dyn Entropy) -> Result<Self, GenerateError> {
        Ok(Self::from_seed(suite, &*draw(entropy)?)?)
    }

    /// The key pair of a seed of 32 secret bytes.
    ///
    /// # Errors
    ///
    /// The suite has no KEM.
    pub fn from_seed(suite: Suite, seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        let refused = |_error| KeyError::NoKem { thing: "kem seed", suite };
        let (private, key) = match suite {
            Suite::Open => return Err(KeyError::NoKem { thing: "kem seed", suite }),
            Suite::X25519Aes256Gcm | Suite::X25519ChaCha20Poly1305 => {
                let key =
                    <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(seed).map_err(refused)?;
                let public = Public::X25519(X25519HkdfSha256::sk_to_pk(&key));
                (Private::X25519(key), public)
            }
            Suite::XWingAes256Gcm | Suite::XWingChaCha20Poly1305 => {
                let key = Box::new(<XWing as Kem>::PrivateKey::from_bytes(seed).map_err(refused)?);
                let public = Public::XWing(Box::new(XWing::sk_to_pk(&key)));
                (Private::XWing(key), public)
            }
        };
        Ok(Self { seed: Zeroizing::new(*seed), private, public: KemPublicKey { suite, key } })
    }

    /// The suite whose KEM it is of.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.public.suite
    }

    /// The seed, to be kept in a key file or sealed to a reader.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &KemPublicKey {
        &self.public
    }

    /// The other side of [`KemPublicKey::encapsulate`].
    pub(crate) fn decapsulate(
        &self,
        encapsulation: &[u8],
        info: &[u8],
        exporter_context: &[u8],
    ) -> Result<Secret, KemError> {
        self.check(encapsulation)?;
        match &self.private {
            Private::X25519(key) => {
                decapsulate::<X25519HkdfSha256>(key, encapsulation, info, exporter_context)
            }
            Private::XWing(key) => decapsulate::<XWing>(key, encapsulation, info, exporter_context),
        }
    }

    /// The other side of [`KemPublicKey::seal`], of a key's seed.
    pub(crate) fn open(
        &self,
        encapsulation: &[u8],
        info: &[u8],
        sealed: &[u8],
    ) -> Result<Secret, KemError> {
        let opened = self.open_bytes(encapsulation, info, sealed)?;
        let secret = <[u8; SEED_BYTES]>::try_from(opened.as_slice())
            .map_err(|_wrong_length| KemError::Sealed { found: sealed.len() })?;
        Ok(Zeroizing::new(secret))
    }

    /// The other side of [`KemPublicKey::seal`], of anything.
    pub(crate) fn open_bytes(
        &self,
        encapsulation: &[u8],
        info: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KemError> {
        self.check(encapsulation)?;
        match &self.private {
            Private::X25519(key) => open::<X25519HkdfSha256>(key, encapsulation, info, sealed),
            Private::XWing(key) => open::<XWing>(key, encapsulation, info, sealed),
        }
    }

    fn check(&self, encapsulation: &[u8]) -> Result<(), KemError> {
        let suite = self.suite();
        let wanted = suite.encapsulation_bytes().unwrap_or_default();
        let found = encapsulation.len();
        if found != wanted {
            return Err(KemError::Encapsulation { suite, wanted, found });
        }
        if low_order::ends_in(encapsulation) {
            return Err(KemError::Weak);
        }
        Ok(())
    }
}

impl std::fmt::Debug for KemKeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KemKeyPair(of {:?})", self.public)
    }
}

/// A key that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// The source of randomness failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// There is no such key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

fn encapsulate<K: Kem>(
    key: &K::PublicKey,
    info: &[u8],
    exporter_context: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<(Vec<u8>, Secret), KemError> {
    let mut drawn = Drawn::new(entropy)?;
    let mode = OpModeS::Base;
    let made =
        hpke::setup_sender_with_rng::<ExportOnlyAead, HkdfSha256, K>(&mode, key, info, &mut drawn);
    drawn.check()?;
    let (encapsulation, context) = made.map_err(library)?;
    let mut secret = Zeroizing::new([0; SEED_BYTES]);
    context.export(exporter_context, secret.as_mut_slice()).map_err(library)?;
    Ok((encapsulation.to_bytes().to_vec(), secret))
}

fn decapsulate<K: Kem>(
    key: &K::PrivateKey,
    encapsulation: &[u8],
    info: &[u8],
    exporter_context: &[u8],
) -> Result<Secret, KemError> {
    let encapsulation = K::EncappedKey::from_bytes(encapsulation).map_err(library)?;
    let mode = OpModeR::Base;
    let context =
        hpke::setup_receiver::<ExportOnlyAead, HkdfSha256, K>(&mode, key, &encapsulation, info)
            .map_err(library)?;
    let mut secret = Zeroizing::new([0; SEED_BYTES]);
    context.export(exporter_context, secret.as_mut_slice()).map_err(library)?;
    Ok(secret)
}

fn seal<K: Kem>(
    key: &K::PublicKey,
    info: &[u8],
    secret: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<(Vec<u8>, Vec<u8>), KemError> {
    let mut drawn = Drawn::new(entropy)?;
    let mode = OpModeS::Base;
    let made = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, K>(
        &mode,
        key,
        info,
        secret,
        &[],
        &mut drawn,
    );
    drawn.check()?;
    let (encapsulation, sealed) = made.map_err(library)?;
    Ok((encapsulation.to_bytes().to_vec(), sealed))
}

fn open<K: Kem>(
    key: &K::PrivateKey,
    encapsulation: &[u8],
    info: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KemError> {
    let encapsulation = K::EncappedKey::from_bytes(encapsulation).map_err(library)?;
    let mode = OpModeR::Base;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, K>(
        &mode,
        key,
        &encapsulation,
        info,
        sealed,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|error| {
        if error == HpkeError::OpenError {
            return KemError::Sealed { found: sealed.len() };
        }
        library(error)
    })
}

fn library(error: HpkeError) -> KemError {
    KemError::Library { found: error }
}

/// Enough of a key to recognise it by.
fn fingerprint(bytes: &[u8]) -> String {
    sekisho_proto::Hash::of(bytes).short()
}

#[cfg(test)]
mod tests;
