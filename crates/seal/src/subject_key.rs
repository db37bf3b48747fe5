//! What is kept of a subject's accesses: sealed under a key of its own, committed to in the open, and
//! gone for good when that key is destroyed.
//!
//! ```text
//! nonce      = 32 random bytes, fresh for each record
//! opening    = HKDF-Expand(SHA-256, subject key, "sekisho-access-opening-v1\0" ‖ nonce, 32)
//! commitment = HMAC-SHA-256(opening, "sekisho-access-commitment-v1\0" ‖ record)
//! record key = HKDF-Expand(SHA-256, subject key, "sekisho-access-record-v1\0" ‖ nonce, 32)
//! sealed     = nonce ‖ AES-256-GCM(record key, nonce 0, associated data = commitment, record)
//! ```
//!
//! The subject key is 32 random bytes, the record the encoded access record. A record key seals one
//! record only, so that its AEAD nonce may be fixed; two records meet in one nonce with probability
//! 2^-256.
//!
//! Whoever is given a record and its opening can check the commitment, and nobody can find another
//! record with any opening of 32 bytes that fits it. An opening says nothing of the subject key nor
//! of other openings. Without either key a commitment is a number that fits every record alike:
//! also one whose content could be guessed, such as a name and an hour.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk},
    hmac,
};
use data_encoding::HEXLOWER;
use sekisho_proto::Hash;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Entropy, EntropyError, entropy::draw};

const OPENING_CONTEXT: &[u8] = b"sekisho-access-opening-v1\0";
const COMMITMENT_CONTEXT: &[u8] = b"sekisho-access-commitment-v1\0";
const RECORD_CONTEXT: &[u8] = b"sekisho-access-record-v1\0";

const SECRET_BYTES: usize = 32;
const NONCE_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// The key under which one subject's access records are kept. Wiped when dropped.
#[derive(Clone)]
pub struct SubjectKey(Zeroizing<[u8; SECRET_BYTES]>);

/// A record as it is kept, and what is said of it in the open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAccess {
    /// What the log says.
    pub commitment: Hash,
    /// What the subject's key opens.
    pub sealed: Vec<u8>,
}

/// A record that was opened, and what shows others that it is the one that was committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedAccess {
    /// The encoded record.
    pub record: Vec<u8>,
    /// For whoever is to check it.
    pub opening: AccessOpening,
}

/// Why a record could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectKeyError {
    /// The source of randomness failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The library derived or sealed nothing.
    #[error("access record: wanted it sealed, found the library refusing")]
    Library,
    /// It is too short to be sealed.
    #[error("sealed access record: wanted at least {wanted} bytes, found {found}")]
    Length {
        /// The shortest.
        wanted: usize,
        /// Its bytes.
        found: usize,
    },
    /// It does not open.
    #[error(
        "sealed access record: wanted one under this subject's key with this commitment, found another"
    )]
    Opens,
}

/// Shows that a record is the one that was committed to. Not secret once it was handed out, and of
/// no use for any other record.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessOpening([u8; SECRET_BYTES]);

/// A text that is no opening.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access opening: wanted 64 hexadecimal digits, found {found} characters or others")]
pub struct OpeningError {
    found: usize,
}

impl SubjectKey {
    /// Draws a new key.
    ///
    /// # Errors
    ///
    /// The source of randomness failed.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self(draw(entropy)?))
    }

    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// Its bytes, to be kept where nobody else reads them.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_BYTES]> {
        self.0.clone()
    }

    /// Seals a record and commits to it.
    ///
    /// # Errors
    ///
    /// The source of randomness failed.
    pub fn seal(
        &self,
        record: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<SealedAccess, SubjectKeyError> {
        let nonce = draw::<NONCE_BYTES>(entropy)?;
        let commitment = self.opening(&nonce)?.commitment(record);
        let mut sealed = Vec::with_capacity(NONCE_BYTES + record.len() + TAG_BYTES);
        sealed.extend_from_slice(nonce.as_slice());
        let mut body = record.to_vec();
        let aad = Aad::from(commitment.as_bytes());
        let sealing = self.record_key(&nonce)?.seal_in_place_append_tag(zero(), aad, &mut body);
        if sealing.is_err() {
            body.zeroize();
            return Err(SubjectKeyError::Library);
        }
        sealed.append(&mut body);
        Ok(SealedAccess { commitment, sealed })
    }

    /// Opens a record that was sealed under this key with this commitment.
    ///
    /// # Errors
    ///
    /// It was sealed under another key or with another commitment, or it was changed.
    pub fn open(&self, commitment: &Hash, sealed: &[u8]) -> Result<OpenedAccess, SubjectKeyError> {
        let too_short =
            || SubjectKeyError::Length { wanted: NONCE_BYTES + TAG_BYTES, found: sealed.len() };
        let (nonce, body) = sealed.split_first_chunk().ok_or_else(too_short)?;
        let (body, tag) = body.split_last_chunk::<TAG_BYTES>().ok_or_else(too_short)?;
        let mut record = vec![0; body.len()];
        let aad = Aad::from(commitment.as_bytes());
        self.record_key(nonce)?
            .open_separate_gather(zero(), aad, body, tag, &mut record)
            .map_err(|Unspecified| SubjectKeyError::Opens)?;
        let opening = self.opening(nonce)?;
        if !opening.opens(&record, commitment) {
            return Err(SubjectKeyError::Opens);
        }
        Ok(OpenedAccess { record, opening })
    }

    fn opening(&self, nonce: &[u8; NONCE_BYTES]) -> Result<AccessOpening, SubjectKeyError> {
        self.expand(OPENING_CONTEXT, nonce).map(|bytes| AccessOpening(*bytes))
    }

    fn record_key(&self, nonce: &[u8; NONCE_BYTES]) -> Result<LessSafeKey, SubjectKeyError> {
        let key = self.expand(RECORD_CONTEXT, nonce)?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice())
            .map_err(|Unspecified| SubjectKeyError::Library)?;
        Ok(LessSafeKey::new(key))
    }

    fn expand(
        &self,
        context: &[u8],
        nonce: &[u8; NONCE_BYTES],
    ) -> Result<Zeroizing<[u8; SECRET_BYTES]>, SubjectKeyError> {
        let mut expanded = Zeroizing::new([0; SECRET_BYTES]);
        Prk::new_less_safe(HKDF_SHA256, self.0.as_slice())
            .expand(&[context, nonce], Bytes32)
            .and_then(|expansion| expansion.fill(expanded.as_mut_slice()))
            .map_err(|Unspecified| SubjectKeyError::Library)?;
        Ok(expanded)
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(secret)")
    }
}

impl AccessOpening {
    /// Whether an encoded record is the one that was committed to.
    #[must_use]
    pub fn opens(&self, record: &[u8], commitment: &Hash) -> bool {
        self.commitment(record) == *commitment
    }

    fn commitment(&self, record: &[u8]) -> Hash {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(COMMITMENT_CONTEXT);
        context.update(record);
        let mut bytes = [0; Hash::LENGTH];
        for (to, from) in bytes.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Hash::new(bytes)
    }
}

impl fmt::Display for AccessOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for AccessOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessOpening(…)")
    }
}

impl FromStr for AccessOpening {
    type Err = OpeningError;

    fn from_str(text: &str) -> Result<Self, OpeningError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| OpeningError { found: text.chars().count() })
    }
}

fn zero() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        SECRET_BYTES
    }
}

#[cfg(test)]
mod tests;
