//! What a subscriber gets: messages whose publisher is proven, and gaps. Loss is a value here, so
//! that every subscriber decides what to do about it.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_proto::{
    ContentType, DecodeError, Envelope, GapReason, Hash, KeyHeaderId, Offset, Position,
    PrincipalId, PrincipalName, Sample, SampleBatch, SampleError, Sequence, Timestamp, Topic,
};
use sekisho_seal::{GrantError, OpenError, VerifyError};
use thiserror::Error;

use crate::trust::TrustError;

/// One step of a subscription. Exhaustive on purpose: whoever matches it has decided about gaps.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A message.
    Message(Box<Message>),
    /// Records that will not come.
    Gap(Gap),
}

/// Records that a subscriber does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first position passed over.
    pub from: Position,
    /// Where delivery goes on, exclusive end of the gap.
    pub to: Position,
    /// Why.
    pub reason: GapReason,
    /// The topic concerned, where it is only one.
    pub topic: Option<Topic>,
}

/// An envelope whose signature is its publisher's, or that of the node that attests for a publisher
/// without a key of its own, with the names of both proven by signed statements up to the pinned
/// root.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Message {
    /// Where it was published.
    pub topic: Topic,
    /// Who published it.
    pub publisher: PrincipalName,
    /// The publisher's key, which signed it unless somebody attests.
    pub publisher_id: PrincipalId,
    /// The node that signed it in the publisher's place; `None` where the publisher signed. A node
    /// that attests could have made it up: nothing but its word says that the publisher sent it.
    pub attester: Option<PrincipalName>,
    /// Its place in the node's log: what a cursor holds.
    pub position: Position,
    /// Its place in the topic's log at the topic's home.
    pub offset: Offset,
    /// When the home node received it, as the nodes say.
    pub received: Timestamp,
    /// When it was made, as the publisher signed.
    pub time: Timestamp,
    /// What its body is.
    pub content_type: ContentType,
    /// How many samples the publisher says it holds.
    pub sample_count: u32,
    /// Whether its body was sealed on the way.
    pub sealed: bool,
    /// The envelope as it was signed.
    pub envelope: Envelope,
    /// The envelope's hash, which the publisher's next one on the topic names.
    pub hash: Hash,
    pub(crate) body: Result<Bytes, BodyError>,
}

impl Message {
    /// The body, opened.
    ///
    /// # Errors
    /// [`BodyError`] where this subscriber cannot open it.
    pub fn body(&self) -> Result<&Bytes, BodyError> {
        self.body.as_ref().map_err(Clone::clone)
    }

    /// The samples it carries.
    ///
    /// # Errors
    /// [`BodyError`] where it cannot be opened, or holds something other than samples.
    pub fn samples(&self) -> Result<Vec<Sample>, BodyError> {
        let body = self.body()?;
        if self.content_type != ContentType::samples() {
            return Err(BodyError::NotSamples { found: self.content_type.clone() });
        }
        Ok(SampleBatch::decode(body)?.into_samples())
    }
}

/// Why a verified message's content cannot be had.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Nobody gave this subscriber the key.
    #[error("body on {topic}: wanted a key grant for epoch {epoch}, found none")]
    NoKey {
        /// The topic.
        topic: Topic,
        /// The epoch it is sealed to.
        epoch: sekisho_proto::Epoch,
    },
    /// A key was granted and is of no use.
    #[error("body: wanted a key grant that opens")]
    Grant(#[source] GrantError),
    /// A key was granted and that is not in the log, so that it counts for nothing.
    #[error("body: wanted a key grant that is in the control log")]
    NotLogged(#[source] Arc<TrustError>),
    /// The key header that says how to derive the key cannot be had.
    #[error("body: wanted key header {id}, found none")]
    NoKeyHeader {
        /// The one the envelope names.
        id: KeyHeaderId,
    },
    /// What came as key header is none.
    #[error("body: wanted a key header")]
    KeyHeader(#[source] DecodeError),
    /// The key header is not its publisher's.
    #[error("body: wanted a key header signed by the publisher")]
    KeyHeaderSignature(#[source] VerifyError),
    /// The key does not open it.
    #[error("body: wanted one that the epoch's key opens")]
    Open(#[source] OpenError),
    /// It holds something other than samples.
    #[error("body: wanted samples, found {found}")]
    NotSamples {
        /// What it holds.
        found: ContentType,
    },
    /// It says that it holds samples, and does not.
    #[error("body: wanted samples that can be read")]
    Samples(#[from] SampleError),
}

/// Why a record was not taken for a message.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// It is no envelope.
    #[error("record: wanted an envelope")]
    Envelope(#[source] DecodeError),
    /// It is of a topic that was not asked for.
    #[error("record on {topic}: wanted one that the filter matches")]
    Topic {
        /// Its topic.
        topic: Topic,
    },
    /// No trusted statement names its publisher.
    #[error(
        "record on {topic}: wanted a publisher that trusted statements name, found {publisher}"
    )]
    UnknownPublisher {
        /// Its topic.
        topic: Topic,
        /// Who it says signed it.
        publisher: PrincipalId,
    },
    /// The publisher was none any more, or not yet proven to be entitled.
    #[error("record on {topic}: wanted a publisher entitled at the time, found {publisher}")]
    NotEntitled {
        /// Its topic.
        topic: Topic,
        /// Who signed it.
        publisher: PrincipalName,
    },
    /// It is attested, and not by a node that attests for its publisher: by trusted statements, one
    /// of the organisation that the publisher and the topic are of, in office at the time, for a
    /// publisher that this organisation has attested.
    #[error(
        "record on {topic}: wanted a node that attests for {publisher}, found {}",
        .attester.short()
    )]
    NotAttested {
        /// Its topic.
        topic: Topic,
        /// Whose it is said to be.
        publisher: PrincipalName,
        /// Who says so.
        attester: PrincipalId,
    },
    /// It came before, or after one that its publisher made later: the node repeats or reorders.
    #[error(
        "record on {topic}: wanted a sequence after {last}, found {found}: repeated or out of order"
    )]
    Repeated {
        /// Its topic.
        topic: Topic,
        /// The last one that came of the publisher's run.
        last: Sequence,
        /// Its own.
        found: Sequence,
    },
    /// Its publisher signed two envelopes for one place: it does not follow the one that came before.
    #[error(
        "record on {topic}: wanted one that follows envelope {wanted} of sequence {sequence}, found one that follows {}",
        .found.map_or_else(|| "none".to_owned(), |found| found.to_string())
    )]
    TwoStories {
        /// Its topic.
        topic: Topic,
        /// The place.
        sequence: Sequence,
        /// The envelope that came first.
        wanted: Hash,
        /// The one that it follows, or itself where it is for the same place.
        found: Option<Hash>,
    },
    /// The signature is not the publisher's.
    #[error("record on {topic}: wanted the publisher's signature")]
    Signature {
        /// Its topic.
        topic: Topic,
        /// What is wrong.
        #[source]
        source: VerifyError,
    },
}
