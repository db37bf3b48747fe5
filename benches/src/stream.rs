//! One publisher's envelopes on one topic, chained as a node wants them.

use bytes::Bytes;
use sekisho_proto::{BootId, ContentType, Envelope, Hash, Scope, Sequence, Timestamp, Topic};
use sekisho_seal::{HeaderDraft, Sealer, SeededEntropy, SigningKey};

use crate::{city::City, sound};

/// Bytes that sealing adds to a body.
pub const TAG_BYTES: usize = 16;

/// A publisher that makes envelopes of one size.
#[derive(Debug)]
pub struct Stream {
    sealer: Sealer,
    body: Vec<u8>,
    time: Timestamp,
    next: u64,
    previous: Option<Hash>,
}

impl Stream {
    /// The stream of a device whose encoded envelopes are about `envelope_bytes` long.
    #[must_use]
    pub fn new(city: &City, signing: &SigningKey, topic: Topic, envelope_bytes: usize) -> Self {
        let boot = BootId::new([7; 16]);
        let mut entropy = SeededEntropy::new(9);
        let sealer = sound(Sealer::new(signing, topic, boot, &city.epoch(), &mut entropy));
        let mut stream =
            Self { sealer, body: Vec::new(), time: city.now(), next: 0, previous: None };
        let body_bytes = envelope_bytes.saturating_sub(stream.overhead(signing, city));
        stream.body = (0..=250).cycle().take(body_bytes).collect();
        stream
    }

    /// The encoded key header that the first envelope needs.
    #[must_use]
    pub fn key_header(&self) -> Bytes {
        self.sealer.key_header().encoded().clone()
    }

    /// What the next envelope says of itself.
    #[must_use]
    pub fn draft(&self) -> HeaderDraft {
        HeaderDraft {
            sequence: Sequence::new(self.next),
            time: self.time,
            previous: self.previous,
            content_type: ContentType::samples(),
            sample_count: 64,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Federation,
        }
    }

    /// The body of every envelope before it is sealed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The next envelope.
    pub fn seal_next(&mut self) -> Envelope {
        let draft = self.draft();
        let envelope = sound(self.sealer.seal(draft, &self.body));
        self.next += 1;
        self.previous = Some(envelope.hash());
        envelope
    }

    /// So many of the next.
    #[must_use]
    pub fn next_few(&mut self, count: usize) -> Vec<Envelope> {
        (0..count).map(|_| self.seal_next()).collect()
    }

    /// Bytes of an envelope beside its plain body: header as it is from the second envelope on,
    /// signature, tag and field marks.
    fn overhead(&self, signing: &SigningKey, city: &City) -> usize {
        let boot = BootId::new([8; 16]);
        let topic = self.sealer.key_header().content().topic.clone();
        let mut entropy = SeededEntropy::new(10);
        let mut sealer = sound(Sealer::new(signing, topic, boot, &city.epoch(), &mut entropy));
        let draft = HeaderDraft { previous: Some(Hash::new([1; 32])), ..self.draft() };
        let body = [0; 512];
        let envelope = sound(sealer.seal(draft, &body));
        envelope.encoded().len().saturating_sub(body.len())
    }
}
