//! What is put into the log and what comes out of it.

use std::mem::size_of;

use bytes::Bytes;
use sekisho_proto::{
    BootId, Hash, KeyHeaderId, Offset, Position, PrincipalId, Sequence, Timestamp, Topic,
    limits::{ENVELOPE_BYTES_MAX, HOPS_MAX, TOPIC_BYTES_MAX},
};

/// Longest record on disk, bytes: the longest envelope with the longest topic and hop list, and
/// the fixed fields in 256.
pub const RECORD_BYTES_MAX: usize =
    ENVELOPE_BYTES_MAX + TOPIC_BYTES_MAX + HOPS_MAX * size_of::<PrincipalId>() + 256;

/// Which envelope of which run of which publisher this is; together with the topic it names one
/// envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// Who signed it.
    pub publisher: PrincipalId,
    /// The publisher's run.
    pub boot: BootId,
    /// The envelope's number in (publisher, boot, topic).
    pub sequence: Sequence,
}

/// A record to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// The topic it belongs to.
    pub topic: Topic,
    /// `None` at the topic's home, which gives the next one; `Some` where the home's offset is
    /// kept: it must be larger than the topic's last.
    pub offset: Option<Offset>,
    /// When the home received it.
    pub received: Timestamp,
    /// The encoded envelope, verbatim; 1 byte to 1 MiB.
    pub envelope: Bytes,
    /// Nodes it passed, home first; at most [`HOPS_MAX`].
    pub hops: Vec<PrincipalId>,
    /// Its place in the publisher's stream.
    pub stream: StreamKey,
    /// The envelope's hash.
    pub hash: Hash,
    /// The key header that says how it is sealed, where it is.
    pub key_header: Option<KeyHeaderId>,
}

/// Where an appended record went. Nothing is durable or readable before the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// In this log, of all topics.
    pub position: Position,
    /// In the topic.
    pub offset: Offset,
}

/// A durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// In this log, of all topics.
    pub position: Position,
    /// In the topic's log at its home.
    pub offset: Offset,
    /// When the home received it.
    pub received: Timestamp,
    /// The topic it belongs to.
    pub topic: Topic,
    /// The encoded envelope, verbatim.
    pub envelope: Bytes,
    /// Nodes it passed, home first.
    pub hops: Vec<PrincipalId>,
    /// Its place in the publisher's stream.
    pub stream: StreamKey,
    /// The envelope's hash.
    pub hash: Hash,
    /// The key header that says how it is sealed, where it is.
    pub key_header: Option<KeyHeaderId>,
}

/// How far one run of a publisher has come on a topic: what deduplication starts from after a
/// restart. Survives the records it came from.
///
/// Times are those of the publisher's clock, as the headers of its envelopes say them, and may go
/// back: whoever judges an envelope knows no others. Only where an envelope cannot be read is it as
/// old as its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The topic.
    pub topic: Topic,
    /// Publisher, boot and the last sequence.
    pub stream: StreamKey,
    /// Hash of the last envelope.
    pub hash: Hash,
    /// Offset of the last envelope.
    pub offset: Offset,
    /// Position of the last envelope, also where retention has dropped it.
    pub position: Position,
    /// The newest time of the run's envelopes.
    pub time: Timestamp,
    /// Where runs of the same publisher on the topic have been forgotten: the newest time of their
    /// envelopes.
    pub forgotten: Option<Timestamp>,
}
