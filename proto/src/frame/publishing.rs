//! How an envelope gets into a topic's log.

use bytes::Bytes;

use super::{Fields, OnWire};
use crate::{DecodeError, Offset, RefusalCode, Sequence, Signature, decode::fitting, wire};

/// An envelope for the node to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Chosen by the client, not 0, unique among its open requests.
    pub request: u64,
    /// An encoded [`Envelope`](crate::Envelope).
    pub envelope: Bytes,
    /// The encoded [`KeyHeader`](crate::KeyHeader) that it names, where the node may not have it.
    pub key_header: Option<Bytes>,
}

impl OnWire for Publish {
    const FIELDS: Fields = Fields("publish");
    type Message = wire::Publish;

    fn to_wire(&self) -> wire::Publish {
        wire::Publish {
            request: self.request,
            envelope: self.envelope.clone(),
            key_header: self.key_header.clone().unwrap_or_default(),
        }
    }

    fn from_wire(wire: wire::Publish) -> Result<Self, DecodeError> {
        Ok(Self {
            request: request_of(Self::FIELDS, wire.request)?,
            envelope: wire.envelope,
            key_header: Some(wire.key_header).filter(|bytes| !bytes.is_empty()),
        })
    }
}

/// The envelope is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// That of the `Publish`.
    pub request: u64,
    /// Where it stands in its topic's log.
    pub offset: Offset,
}

impl OnWire for Published {
    const FIELDS: Fields = Fields("published");
    type Message = wire::Published;

    fn to_wire(&self) -> wire::Published {
        wire::Published { request: self.request, offset: self.offset.value() }
    }

    fn from_wire(wire: wire::Published) -> Result<Self, DecodeError> {
        Ok(Self {
            request: request_of(Self::FIELDS, wire.request)?,
            offset: Offset::new(wire.offset),
        })
    }
}

/// An envelope that was carried home is durable there: what a carrier is told, and passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vouched {
    /// That of the `Publish`.
    pub request: u64,
    /// Where it stands in its topic's log; `None` where it was there before.
    pub offset: Option<Offset>,
    /// By the key of the home's node, over [`voucher_signing_input`](crate::voucher_signing_input).
    pub signature: Signature,
}

impl OnWire for Vouched {
    const FIELDS: Fields = Fields("vouched");
    type Message = wire::Vouched;

    fn to_wire(&self) -> wire::Vouched {
        wire::Vouched {
            request: self.request,
            offset: self.offset.map(Offset::value),
            signature: Bytes::copy_from_slice(self.signature.as_ref()),
        }
    }

    fn from_wire(wire: wire::Vouched) -> Result<Self, DecodeError> {
        Ok(Self {
            request: request_of(Self::FIELDS, wire.request)?,
            offset: wire.offset.map(Offset::new),
            signature: Self::FIELDS.fixed("signature", &wire.signature)?,
        })
    }
}

/// A request is not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which request; 0 = the connection as a whole.
    pub request: u64,
    /// Why, for programs.
    pub code: RefusalCode,
    /// The thing refused, such as a topic; at most 1024 bytes.
    pub what: String,
    /// What was wanted and what found, for people; at most 1024 bytes.
    pub why: String,
    /// With sequence-gap and replayed: what the node expects next.
    pub expected_sequence: Option<Sequence>,
}

impl OnWire for Refused {
    const FIELDS: Fields = Fields("refused");
    type Message = wire::Refused;

    fn to_wire(&self) -> wire::Refused {
        wire::Refused {
            request: self.request,
            code: self.code.number(),
            what: fitting(&self.what),
            why: fitting(&self.why),
            expected_sequence: self.expected_sequence.map(Sequence::value),
        }
    }

    fn from_wire(wire: wire::Refused) -> Result<Self, DecodeError> {
        Ok(Self {
            request: wire.request,
            code: Self::FIELDS.number("code", wire.code)?,
            what: Self::FIELDS.text("what", wire.what)?,
            why: Self::FIELDS.text("why", wire.why)?,
            expected_sequence: wire.expected_sequence.map(Sequence::new),
        })
    }
}

/// Request 0 means the connection, so that none is called that.
pub(super) fn request_of(fields: Fields, request: u64) -> Result<u64, DecodeError> {
    fields.require("request", "1 or more", request > 0, request)?;
    Ok(request)
}
