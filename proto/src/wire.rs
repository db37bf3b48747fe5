//! The protobuf messages of the schema, which never leave this crate, and the check that a message
//! is in its one encoding.

#[rustfmt::skip]
#[expect(unreachable_pub, reason = "generated")]
mod generated;

use std::sync::Arc;

use bytes::Bytes;
use prost::{Message, encoding::WireType};

pub(crate) use generated::*;

use crate::DecodeError;

/// Decodes a message that may have one encoding only: what the encoder would make of the result.
/// Unknown, repeated, reordered and superfluous fields and padded numbers all differ from that.
pub(crate) fn decode_canonical<M: Message + Default>(
    message: &'static str,
    bytes_max: usize,
    bytes: &Bytes,
) -> Result<M, DecodeError> {
    let decoded: M = decode_any(message, bytes_max, bytes)?;
    if decoded.encoded_len() != bytes.len() || decoded.encode_to_vec() != *bytes {
        return Err(DecodeError::NonCanonical { message });
    }
    Ok(decoded)
}

/// Decodes a message in any of its encodings, for a caller that compares them itself.
pub(crate) fn decode_any<M: Message + Default>(
    message: &'static str,
    bytes_max: usize,
    bytes: &Bytes,
) -> Result<M, DecodeError> {
    if bytes.len() > bytes_max {
        return Err(DecodeError::Oversized { message, limit: bytes_max, found: bytes.len() });
    }
    M::decode(bytes.clone())
        .map_err(|source| DecodeError::Malformed { message, source: Arc::new(source) })
}

/// A field's value where it lies.
pub(crate) enum RawField<'a> {
    /// A number, in the schema of any width.
    Number(u64),
    /// Bytes, text or a message.
    Bytes(&'a [u8]),
}

/// The first field of a message with its number, and what is behind it; `None` where the message has
/// ended, or holds something that our schema has none of.
pub(crate) fn first_field(mut bytes: &[u8]) -> Option<(u32, RawField<'_>, &[u8])> {
    let (tag, wire_type) = prost::encoding::decode_key(&mut bytes).ok()?;
    let number = prost::encoding::decode_varint(&mut bytes).ok()?;
    match wire_type {
        WireType::Varint => Some((tag, RawField::Number(number), bytes)),
        WireType::LengthDelimited => {
            let (value, rest) = bytes.split_at_checked(usize::try_from(number).ok()?)?;
            Some((tag, RawField::Bytes(value), rest))
        }
        WireType::SixtyFourBit
        | WireType::StartGroup
        | WireType::EndGroup
        | WireType::ThirtyTwoBit => None,
    }
}

/// How many fields of this number a message has at its top level, counted without decoding any of
/// them: a few bytes each may stand for much memory. Stops at the first that is broken.
pub(crate) fn fields_numbered(number: u32, mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Ok((tag, wire_type)) = prost::encoding::decode_key(&mut bytes) {
        count += usize::from(tag == number);
        let context = prost::encoding::DecodeContext::default();
        if prost::encoding::skip_field(wire_type, tag, &mut bytes, context).is_err() {
            break;
        }
    }
    count
}
