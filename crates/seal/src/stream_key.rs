//! The one symmetric key of the envelopes that a publisher seals under one key header, and how both
//! sides come by it.
//!
//! ```text
//! info       = "sekisho-key-header-info-v1\0" ‖ u64 suite ‖ topic ‖ u64 epoch ‖ publisher ‖ boot
//! root       = HPKE base mode, AEAD 0xffff (export only), KDF HKDF-SHA256, with this info:
//!              Export("sekisho-root-v1\0", 32)
//! key        = HKDF-Expand(SHA-256, root, "sekisho-envelope-key-v1\0", 32)
//! commitment = HKDF-Expand(SHA-256, root, "sekisho-key-commitment-v1\0", 32)
//!
//! body       = AEAD(key, nonce = u32 0 ‖ u64 sequence, associated data = header, plaintext)
//! ```
//!
//! Numbers are big-endian; topic, publisher and boot each follow their length as u64. The body is
//! the ciphertext and the tag of 16 bytes. The AEAD is AES-256-GCM or ChaCha20-Poly1305 as the
//! suite says. Neither commits to its key, hence the commitment: it stands in the signed key
//! header, so that one sealed body cannot be made to open to two plaintexts under two keys.
//!
//! A key belongs to one (topic, epoch, publisher, boot) and a boot id is drawn anew at every start,
//! so that a sequence used as nonce is never used twice, whatever was lost with the power.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    constant_time,
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk},
};
use sekisho_proto::{BootId, Epoch, PrincipalId, Sequence, Suite, Topic};
use zeroize::Zeroizing;

use crate::{Entropy, EpochKeyPair, KemError, KemPublicKey, binding::Binding, kem::Secret};

const INFO_CONTEXT: &[u8] = b"sekisho-key-header-info-v1\0";
const ROOT_CONTEXT: &[u8] = b"sekisho-root-v1\0";
const KEY_CONTEXT: &[u8] = b"sekisho-envelope-key-v1\0";
const COMMITMENT_CONTEXT: &[u8] = b"sekisho-key-commitment-v1\0";

/// Bytes that sealing adds to a body: the tag of either AEAD.
pub(crate) const TAG_BYTES: usize = 16;

/// Whose envelopes the key is for.
pub(crate) struct Stream<'a> {
    pub(crate) suite: Suite,
    pub(crate) topic: &'a Topic,
    pub(crate) epoch: Epoch,
    pub(crate) publisher: PrincipalId,
    pub(crate) boot: BootId,
}

impl Stream<'_> {
    fn info(&self) -> Vec<u8> {
        Binding::new(INFO_CONTEXT)
            .number(u64::from(self.suite.number()))
            .field(self.topic.as_str())
            .number(self.epoch.value())
            .field(self.publisher)
            .field(self.boot)
            .into_bytes()
    }
}

/// The key, ready to use, and what commits to it.
pub(crate) struct StreamKey {
    key: LessSafeKey,
    commitment: [u8; 32],
}

/// The AEAD refused: a wrong key, other associated data or changed bytes.
#[derive(Debug)]
pub(crate) struct Refused;

impl From<Unspecified> for Refused {
    fn from(Unspecified: Unspecified) -> Self {
        Self
    }
}

impl StreamKey {
    /// The publisher's side: returns the encapsulation for the key header.
    pub(crate) fn make(
        stream: &Stream<'_>,
        epoch_key: &KemPublicKey,
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Self), KemError> {
        let (encapsulation, root) = epoch_key.encapsulate(&stream.info(), ROOT_CONTEXT, entropy)?;
        Ok((encapsulation, Self::from_root(stream.suite, &root)?))
    }

    /// The reader's side.
    pub(crate) fn recover(
        stream: &Stream<'_>,
        epoch_keys: &EpochKeyPair,
        encapsulation: &[u8],
    ) -> Result<Self, KemError> {
        let root = epoch_keys.keys().decapsulate(encapsulation, &stream.info(), ROOT_CONTEXT)?;
        Self::from_root(stream.suite, &root)
    }

    fn from_root(suite: Suite, root: &Secret) -> Result<Self, KemError> {
        let algorithm = algorithm(suite).ok_or(KemError::NotSealing { suite })?;
        let prk = Prk::new_less_safe(HKDF_SHA256, root.as_slice());
        let key = expand(&prk, KEY_CONTEXT)?;
        let commitment = *expand(&prk, COMMITMENT_CONTEXT)?;
        let key = UnboundKey::new(algorithm, key.as_slice())
            .map_err(|Unspecified| KemError::Derivation)?;
        Ok(Self { key: LessSafeKey::new(key), commitment })
    }

    pub(crate) const fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// Whether a key header commits to this key. Takes the same time whatever the answer.
    pub(crate) fn is_committed(&self, commitment: &[u8; 32]) -> bool {
        constant_time::verify_slices_are_equal(&self.commitment, commitment).is_ok()
    }

    pub(crate) fn seal(
        &self,
        sequence: Sequence,
        header: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let mut body = vec![0; plaintext.len().saturating_add(TAG_BYTES)];
        let (ciphertext, tag) = body.split_at_mut(plaintext.len());
        let (nonce, header) = (nonce(sequence), Aad::from(header));
        self.key.seal_out_of_place_scatter(nonce, header, plaintext, ciphertext, &[], tag)?;
        Ok(body)
    }

    pub(crate) fn open(
        &self,
        sequence: Sequence,
        header: &[u8],
        body: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let (ciphertext, tag) = body.split_last_chunk::<TAG_BYTES>().ok_or(Refused)?;
        let mut plaintext = vec![0; ciphertext.len()];
        let (nonce, header) = (nonce(sequence), Aad::from(header));
        self.key.open_separate_gather(nonce, header, ciphertext, tag, &mut plaintext)?;
        Ok(plaintext)
    }
}

fn algorithm(suite: Suite) -> Option<&'static Algorithm> {
    match suite {
        Suite::Open => None,
        Suite::X25519Aes256Gcm | Suite::XWingAes256Gcm => Some(&AES_256_GCM),
        Suite::X25519ChaCha20Poly1305 | Suite::XWingChaCha20Poly1305 => Some(&CHACHA20_POLY1305),
    }
}

fn nonce(sequence: Sequence) -> Nonce {
    let mut nonce = [0; 12];
    let (_zeros, number) = nonce.split_at_mut(4);
    number.copy_from_slice(&sequence.value().to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn expand(prk: &Prk, context: &[u8]) -> Result<Secret, KemError> {
    let mut expanded = Zeroizing::new([0; 32]);
    prk.expand(&[context], Bytes32)
        .and_then(|expansion| expansion.fill(expanded.as_mut_slice()))
        .map_err(|Unspecified| KemError::Derivation)?;
    Ok(expanded)
}

#[cfg(test)]
mod tests;
