//! What several tests start from: one publisher, one topic, one epoch, repeatable randomness.

use sekisho_proto::{
    BootId, ContentType, Envelope, Epoch, Filter, Scope, Sequence, Suite, Timestamp, Topic,
};

use crate::{
    Entropy, EntropyError, EpochKeyPair, EpochPublic, HeaderDraft, Opener, Sealer, SeededEntropy,
    SigningKey, Verified, VerifiedKeyHeader, verify, verify_key_header,
};

pub(crate) const SEALING: [Suite; 4] = [
    Suite::X25519Aes256Gcm,
    Suite::XWingAes256Gcm,
    Suite::X25519ChaCha20Poly1305,
    Suite::XWingChaCha20Poly1305,
];

pub(crate) const BOOT: BootId = BootId::new([2; 16]);

pub(crate) const EPOCH: Epoch = Epoch::new(3);

/// Gives the bytes it holds and then fails.
pub(crate) struct Scripted(pub(crate) Vec<u8>);

impl Entropy for Scripted {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if self.0.len() < bytes.len() {
            return Err(EntropyError::new(bytes.len(), "the end of the script"));
        }
        let rest = self.0.split_off(bytes.len());
        bytes.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

/// Reports success and gives zeros.
pub(crate) struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(0);
        Ok(())
    }
}

pub(crate) fn unhex<const N: usize>(text: &str) -> [u8; N] {
    unhex_all(text).try_into().expect("the right number of digits")
}

pub(crate) fn unhex_all(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hexadecimal digits")
}

pub(crate) fn topic() -> Topic {
    Topic::parse("fujisawa/truck-17/pm25").expect("a topic")
}

pub(crate) fn tree() -> Filter {
    Filter::parse("fujisawa/truck-17/#").expect("a filter")
}

pub(crate) fn draft(sequence: u64) -> HeaderDraft {
    HeaderDraft {
        sequence: Sequence::new(sequence),
        time: Timestamp::from_micros(1_700_000_000_000_000),
        previous: None,
        content_type: ContentType::samples(),
        sample_count: 1,
        flags: 0,
        expiry_s: 60,
        scope: Scope::Federation,
    }
}

/// A publisher and a reader of one epoch.
pub(crate) struct Scene {
    pub(crate) entropy: SeededEntropy,
    pub(crate) signing: SigningKey,
    pub(crate) epoch_keys: EpochKeyPair,
    pub(crate) epoch: EpochPublic,
    pub(crate) sealer: Sealer,
}

impl Scene {
    pub(crate) fn new(suite: Suite) -> Self {
        let mut entropy = SeededEntropy::new(u64::from(suite.number()));
        let signing = SigningKey::generate(&mut entropy).expect("a key");
        let epoch_keys = EpochKeyPair::generate(suite, &mut entropy).expect("a key pair");
        let epoch = EpochPublic::new(tree(), EPOCH, epoch_keys.public_key().clone());
        let sealer = Sealer::new(&signing, topic(), BOOT, &epoch, &mut entropy).expect("a sealer");
        Self { entropy, signing, epoch_keys, epoch, sealer }
    }

    pub(crate) fn seal(&mut self, sequence: u64, body: &[u8]) -> Envelope {
        self.sealer.seal(draft(sequence), body).expect("an envelope")
    }

    pub(crate) fn verified(&self, envelope: &Envelope) -> Verified {
        verify(envelope.clone(), &self.signing.verifying_key()).expect("a genuine envelope")
    }

    pub(crate) fn key_header(&self) -> VerifiedKeyHeader {
        let key_header = self.sealer.key_header().clone();
        verify_key_header(key_header, &self.signing.verifying_key()).expect("a genuine key header")
    }

    pub(crate) fn opener(&self) -> Opener {
        Opener::new(&self.key_header(), &self.epoch_keys).expect("an opener")
    }
}
