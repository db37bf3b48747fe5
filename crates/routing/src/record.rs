//! A record as the router hands it out: an envelope with its place in the log.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_proto::{
    DecodeError, Envelope, Header, KeyHeaderId, Offset, Position, PrincipalId, Timestamp, Topic,
};

/// An envelope in this node's log. Its bytes are never changed.
#[derive(Clone, Debug)]
pub struct Record {
    position: Position,
    offset: Offset,
    received: Timestamp,
    envelope: Arc<Envelope>,
    hops: Vec<PrincipalId>,
}

impl Record {
    /// A record that was read back from the log: `envelope` is an encoded envelope.
    ///
    /// # Errors
    /// Where the bytes are not an envelope in its one encoding.
    pub fn restore(
        position: Position,
        offset: Offset,
        received: Timestamp,
        envelope: Bytes,
        hops: Vec<PrincipalId>,
    ) -> Result<Self, DecodeError> {
        Ok(Self::new(position, offset, received, Arc::new(Envelope::decode(envelope)?), hops))
    }

    pub(crate) const fn new(
        position: Position,
        offset: Offset,
        received: Timestamp,
        envelope: Arc<Envelope>,
        hops: Vec<PrincipalId>,
    ) -> Self {
        Self { position, offset, received, envelope, hops }
    }

    /// Where it is in this node's log.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Where it is in its topic's log at the topic's home node.
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// When the home node received it.
    #[must_use]
    pub const fn received(&self) -> Timestamp {
        self.received
    }

    /// The envelope as it was signed.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The envelope's header.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.envelope.header()
    }

    /// Its topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.header().topic
    }

    /// The key header a reader needs to open it; none where the envelope is not sealed.
    #[must_use]
    pub fn key_header(&self) -> Option<KeyHeaderId> {
        self.header().key_header
    }

    /// Nodes it passed before it came here, home first; empty at home.
    #[must_use]
    pub fn hops(&self) -> &[PrincipalId] {
        &self.hops
    }
}
