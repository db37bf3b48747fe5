//! What a broker reads of an envelope: everything but the body.

use bytes::Bytes;

use crate::{
    BootId, ContentType, DecodeError, Epoch, Hash, KeyHeaderId, PrincipalId, Scope, Sequence,
    Suite, Timestamp, Topic,
    decode::Fields,
    encode::{bytes, number},
    limits::{HEADER_BYTES_MAX, PROTOCOL_VERSION},
    wire,
};

const FIELDS: Fields = Fields("header");
/// Bytes of an encoded header as a rule.
const USUAL_BYTES: usize = 320;

/// The signed part of an envelope that is never sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How the body is sealed.
    pub suite: Suite,
    /// Where the envelope belongs.
    pub topic: Topic,
    /// Who signed it.
    pub publisher: PrincipalId,
    /// The publisher's run.
    pub boot: BootId,
    /// Number within (publisher, boot, topic).
    pub sequence: Sequence,
    /// When the publisher made it, by its own clock.
    pub time: Timestamp,
    /// To which epoch it is sealed; 0 where it is open.
    pub epoch: Epoch,
    /// Which key header tells how; `None` exactly where the suite is [`Suite::Open`].
    pub key_header: Option<KeyHeaderId>,
    /// Hash of the publisher's envelope before this one on the topic.
    pub previous: Option<Hash>,
    /// What the body is.
    pub content_type: ContentType,
    /// How many samples the body holds; 0 where it holds something else.
    pub sample_count: u32,
    /// Bits of [`Header::FLAGS_CRITICAL`] that a decoder does not know are refused, others ignored.
    pub flags: u32,
    /// Seconds after `time` in which it is worth delivering; 0 = for ever.
    pub expiry_s: u32,
    /// How far it may travel.
    pub scope: Scope,
    /// The node that signs in place of a publisher without a key of its own; `None` where the
    /// publisher signs.
    pub attester: Option<PrincipalId>,
}

impl Header {
    /// Flags that must be understood by whoever accepts the envelope. Version 1 knows none.
    pub const FLAGS_CRITICAL: u32 = 0xffff_0000;
    /// It came with MQTT's retain flag: the last of these of a topic is what a new subscriber is given.
    pub const FLAG_RETAIN: u32 = 1;
    /// How far the quality of service that it was published with is moved; two bits.
    pub const QUALITY_SHIFT: u32 = 1;
    /// The bits of the quality of service.
    pub const QUALITY_MASK: u32 = 0b11 << Self::QUALITY_SHIFT;

    /// The bytes to be signed and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(USUAL_BYTES);
        number(1, u64::from(PROTOCOL_VERSION), &mut to);
        number(2, u64::from(self.suite.number()), &mut to);
        bytes(3, self.topic.as_str().as_bytes(), &mut to);
        bytes(4, self.publisher.as_ref(), &mut to);
        bytes(5, self.boot.as_ref(), &mut to);
        number(6, self.sequence.value(), &mut to);
        number(7, self.time.as_micros().cast_unsigned(), &mut to);
        number(8, self.epoch.value(), &mut to);
        optional(9, self.key_header.as_ref(), &mut to);
        optional(10, self.previous.as_ref(), &mut to);
        bytes(11, self.content_type.as_str().as_bytes(), &mut to);
        number(12, u64::from(self.sample_count), &mut to);
        number(13, u64::from(self.flags), &mut to);
        number(14, u64::from(self.expiry_s), &mut to);
        number(15, u64::from(self.scope.number()), &mut to);
        optional(16, self.attester.as_ref(), &mut to);
        to
    }

    /// Parses an encoded header.
    ///
    /// # Errors
    ///
    /// The bytes are not a header, not in its one encoding, of another version, or a field is out
    /// of its range.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_shared(&Bytes::copy_from_slice(bytes))
    }

    pub(crate) fn decode_shared(bytes: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::Header = wire::decode_canonical(FIELDS.0, HEADER_BYTES_MAX, bytes)?;
        FIELDS.version(wire.version)?;
        let header = Self {
            suite: FIELDS.number("suite", wire.suite)?,
            topic: FIELDS.parse("topic", &wire.topic)?,
            publisher: FIELDS.fixed("publisher", &wire.publisher)?,
            boot: FIELDS.fixed("boot", &wire.boot)?,
            sequence: Sequence::new(wire.sequence),
            time: Timestamp::from_micros(wire.time_us),
            epoch: Epoch::new(wire.epoch),
            key_header: FIELDS.fixed_optional("key_header", &wire.key_header)?,
            previous: FIELDS.fixed_optional("previous", &wire.previous)?,
            content_type: FIELDS.parse("content_type", &wire.content_type)?,
            sample_count: wire.sample_count,
            flags: wire.flags,
            expiry_s: wire.expiry_s,
            scope: FIELDS.number("scope", wire.scope)?,
            attester: FIELDS.fixed_optional("attester", &wire.attester)?,
        };
        header.check()?;
        Ok(header)
    }

    /// What its fields' types do not say of it.
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        let open = self.suite == Suite::Open;
        let sealed_alike = open == self.key_header.is_none() && open == (self.epoch == Epoch::ZERO);
        let wanted = "key header and epoch exactly where the suite is not open";
        FIELDS.require("suite", wanted, sealed_alike, self.suite)?;
        let wanted = "an open body where a node attests: nobody sealed it";
        let plain = self.attester.is_none() || open;
        FIELDS.require("attester", wanted, plain, self.suite)?;
        let known = self.flags & Self::FLAGS_CRITICAL == 0;
        FIELDS.require("flags", "no unknown critical flag", known, format!("{:#x}", self.flags))
    }
}

fn optional<T: AsRef<[u8]>>(tag: u32, value: Option<&T>, to: &mut Vec<u8>) {
    bytes(tag, value.map(AsRef::as_ref).unwrap_or_default(), to);
}

#[cfg(test)]
mod tests;
