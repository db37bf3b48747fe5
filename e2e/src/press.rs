//! A publisher's press: it seals and signs what an honest one would, and as readily everything
//! that an honest one never would.

use bytes::Bytes;
use sekisho::{AnswerBody, BootId, Hash, OsEntropy, Question, Sequence, SigningKey, Topic, clock};
use sekisho_proto::{
    ContentType, Envelope, Header, KeyHeader, Scope, Signature, Statement, StatementBody,
    envelope_signing_input, limits::PROTOCOL_VERSION,
};
use sekisho_seal::{EpochPublic, HeaderDraft, Sealer, draw, sign_open};

use crate::member::Member;
use crate::message::Message;

/// One publisher on one topic in one boot.
#[derive(Debug)]
pub struct Press {
    signing: SigningKey,
    topic: Topic,
    boot: BootId,
    epoch: EpochPublic,
    sealer: Sealer,
    next: Sequence,
    previous: Option<Hash>,
}

impl Press {
    /// Begins a boot in the topic's present epoch, as the member's node tells it.
    pub async fn begin(member: &Member, topic: &str) -> Self {
        let topic: Topic = topic.parse().expect("a topic");
        let epoch = epoch_of(member, &topic).await;
        Self::with(member.identity().signing().clone(), topic, epoch)
    }

    /// Begins a boot of any key in any epoch.
    #[must_use]
    pub fn with(signing: SigningKey, topic: Topic, epoch: EpochPublic) -> Self {
        let boot = *draw::<16>(&mut OsEntropy::new()).expect("randomness");
        let boot = BootId::new(boot);
        let sealer = sealer(&signing, &topic, boot, &epoch);
        Self { signing, topic, boot, epoch, sealer, next: Sequence::new(0), previous: None }
    }

    /// The same publisher in the same place of the same boot, with a life of its own: a copied
    /// disk, or a publisher that tells two stories.
    #[must_use]
    pub fn fork(&self) -> Self {
        let (signing, topic, epoch) =
            (self.signing.clone(), self.topic.clone(), self.epoch.clone());
        let sealer = sealer(&signing, &topic, self.boot, &epoch);
        let (boot, next, previous) = (self.boot, self.next, self.previous);
        Self { signing, topic, boot, epoch, sealer, next, previous }
    }

    /// The same publisher on the same topic, in a boot of its own.
    #[must_use]
    pub fn reboot(&self) -> Self {
        self.by(self.signing.clone())
    }

    /// Another publisher on the same topic.
    #[must_use]
    pub fn by(&self, signing: SigningKey) -> Self {
        Self::with(signing, self.topic.clone(), self.epoch.clone())
    }

    /// What an honest publisher would say of its next envelope.
    #[must_use]
    pub fn draft(&self) -> HeaderDraft {
        HeaderDraft {
            sequence: self.next,
            time: clock::now(),
            previous: self.previous,
            content_type: ContentType::parse("text/plain").expect("a content type"),
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Organisation,
        }
    }

    /// An envelope as an honest publisher's, and goes on after it.
    pub fn next(&mut self, body: &str) -> Envelope {
        let draft = self.draft();
        let envelope = self.seal(draft, body);
        self.advance(&envelope);
        envelope
    }

    /// An envelope that says something else of itself; goes on as if there were none.
    pub fn seal(&mut self, draft: HeaderDraft, body: &str) -> Envelope {
        self.sealer.seal(draft, body.as_bytes()).expect("a body that can be sealed")
    }

    /// What would be published under another header, with the key header it needs; goes on as if
    /// nothing had been.
    #[must_use]
    pub fn aside(&self, draft: HeaderDraft, body: &str) -> (Bytes, Option<Bytes>) {
        let mut fork = self.fork();
        (fork.seal(draft, body).encoded().clone(), fork.attached())
    }

    /// An envelope that is signed and not sealed; goes on as if there were none.
    #[must_use]
    pub fn bare(&self, body: &str) -> Envelope {
        let (topic, draft) = (self.topic.clone(), self.draft());
        sign_open(&self.signing, topic, self.boot, draft, body.as_bytes()).expect("a small body")
    }

    /// Goes on after an envelope.
    pub fn advance(&mut self, envelope: &Envelope) {
        self.next = envelope.header().sequence.next();
        self.previous = Some(envelope.hash());
    }

    /// The last envelope after which it goes on.
    #[must_use]
    pub const fn last(&self) -> Option<Hash> {
        self.previous
    }

    /// The key header that its envelopes name.
    #[must_use]
    pub const fn key_header(&self) -> &KeyHeader {
        self.sealer.key_header()
    }

    /// The key header as it is sent with an envelope.
    #[must_use]
    pub fn attached(&self) -> Option<Bytes> {
        Some(self.key_header().encoded().clone())
    }

    /// The key that it signs with.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The publisher's run.
    #[must_use]
    pub const fn boot(&self) -> BootId {
        self.boot
    }

    /// What its next envelope's header would be, to be made into something that is none.
    #[must_use]
    pub fn plain_header(&self) -> PlainHeader {
        let envelope = self.fork().seal(self.draft(), "");
        let key_header = self.key_header().id().as_ref().to_vec();
        PlainHeader { key_header, ..PlainHeader::of(envelope.header()) }
    }

    /// Signs any bytes as header and body, and makes an envelope of them.
    #[must_use]
    pub fn sign(&self, header: &[u8], body: &[u8]) -> Vec<u8> {
        Self::sign_with(&self.signing, header, body)
    }

    /// Signs any bytes as header and body with any key, and makes an envelope of them.
    #[must_use]
    pub fn sign_with(signing: &SigningKey, header: &[u8], body: &[u8]) -> Vec<u8> {
        let signature = signing.sign(&envelope_signing_input(header, body));
        assembled(header, body, &signature)
    }
}

/// The present epoch of a topic, as the member's node tells it.
pub async fn epoch_of(member: &Member, topic: &Topic) -> EpochPublic {
    let client = member.connect().await;
    let answer = client.query(Question::EpochOf(topic.clone())).await;
    client.close().await;
    let Ok(AnswerBody::Statements(statements)) = answer else {
        panic!("{topic}: wanted its epoch, found {answer:?}");
    };
    let announced = statements.iter().find_map(|encoded| {
        let statement = Statement::decode(encoded).expect("a statement");
        let StatementBody::EpochAnnounce(announce) = statement.body() else { return None };
        Some(EpochPublic::try_from(announce))
    });
    announced.expect("an announcement").expect("an epoch's key")
}

/// An envelope of any parts, whatever they are worth.
#[must_use]
pub fn assembled(header: &[u8], body: &[u8], signature: &Signature) -> Vec<u8> {
    Message::new().bytes(1, header).bytes_set(2, body).bytes(3, signature.as_ref()).encoded()
}

fn sealer(signing: &SigningKey, topic: &Topic, boot: BootId, epoch: &EpochPublic) -> Sealer {
    Sealer::new(signing, topic.clone(), boot, epoch, &mut OsEntropy::new()).expect("a sealer")
}

/// A header before anybody has looked at its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainHeader {
    /// 1 in what this version of the protocol speaks.
    pub version: u64,
    /// A suite's number.
    pub suite: u64,
    /// Any bytes; text where it is one.
    pub topic: Vec<u8>,
    /// 32 bytes where it is one.
    pub publisher: Vec<u8>,
    /// 16 bytes where it is one.
    pub boot: Vec<u8>,
    /// Any number.
    pub sequence: u64,
    /// Microseconds.
    pub time_us: i64,
    /// An epoch's number.
    pub epoch: u64,
    /// 16 bytes where there is one.
    pub key_header: Vec<u8>,
    /// 32 bytes where there is one.
    pub previous: Vec<u8>,
    /// Any text.
    pub content_type: String,
    /// A scope's number.
    pub scope: u64,
}

impl PlainHeader {
    /// The fields of a good one.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let optional = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec).unwrap_or_default();
        Self {
            version: u64::from(PROTOCOL_VERSION),
            suite: u64::from(header.suite.number()),
            topic: header.topic.as_str().into(),
            publisher: header.publisher.as_ref().to_vec(),
            boot: header.boot.as_ref().to_vec(),
            sequence: header.sequence.value(),
            time_us: header.time.as_micros(),
            epoch: header.epoch.value(),
            key_header: optional(header.key_header.as_ref().map(AsRef::as_ref)),
            previous: optional(header.previous.as_ref().map(AsRef::as_ref)),
            content_type: header.content_type.to_string(),
            scope: u64::from(header.scope.number()),
        }
    }

    /// In the order and with the omissions of the one encoding.
    #[must_use]
    pub fn message(&self) -> Message {
        self.message_of(0)
    }

    /// The same of so many samples.
    #[must_use]
    pub fn message_of(&self, sample_count: u64) -> Message {
        Message::new()
            .number_set(1, self.version)
            .number_set(2, self.suite)
            .bytes_set(3, &self.topic)
            .bytes_set(4, &self.publisher)
            .bytes_set(5, &self.boot)
            .number_set(6, self.sequence)
            .number_set(7, u64::from_ne_bytes(self.time_us.to_ne_bytes()))
            .number_set(8, self.epoch)
            .bytes_set(9, &self.key_header)
            .bytes_set(10, &self.previous)
            .bytes_set(11, &self.content_type)
            .number_set(12, sample_count)
            .number_set(15, self.scope)
    }
}
