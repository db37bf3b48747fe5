//! The protobuf messages of the schema, which never leave this crate, and the check that a message
//! is in its one encoding.

#[rustfmt::skip]
#[expect(unreachable_pub, reason = "generated")]
mod generated;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

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
