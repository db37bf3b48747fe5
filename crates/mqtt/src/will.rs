//! What a client leaves to be published where its connection ends badly.

use bytes::Bytes;
use sekisho_proto::{ContentType, Topic};

use crate::{
    coding::{Reading, StateError, Writing},
    session_state::topic,
};

/// Bytes of a will's body: as much as an envelope may hold at most.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of a content type.
const CONTENT_TYPE_BYTES_MAX: usize = 256;

/// A client's last message, as the node will attest it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Testament {
    /// Where it goes.
    pub topic: Topic,
    /// What it says.
    pub body: Bytes,
    /// What the body is.
    pub content_type: ContentType,
    /// The header's flags: retained, quality of service.
    pub flags: u32,
    /// The header's expiry.
    pub expiry_s: u32,
    /// Seconds after the end of the connection when it is published.
    pub delay_s: u32,
}

impl Testament {
    pub(crate) fn encode(&self, to: &mut Writing) {
        to.bytes(self.topic.as_str().as_bytes());
        to.bytes(&self.body);
        to.bytes(self.content_type.as_str().as_bytes());
        to.number(self.flags);
        to.number(self.expiry_s);
        to.number(self.delay_s);
    }

    pub(crate) fn decode(from: &mut Reading<'_>) -> Result<Self, StateError> {
        let topic = topic(from)?;
        let body = Bytes::copy_from_slice(from.bytes(BODY_BYTES_MAX)?);
        let content_type = from.text(CONTENT_TYPE_BYTES_MAX)?;
        let content_type =
            ContentType::parse(&content_type).map_err(|_fault| from.refused("a content type"))?;
        let (flags, expiry_s, delay_s) = (from.number()?, from.number()?, from.number()?);
        Ok(Self { topic, body, content_type, flags, expiry_s, delay_s })
    }
}
