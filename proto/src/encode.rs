//! Writes fields as the generated code does, straight from our types: what is empty or zero is left
//! out, and fields come in the order of their numbers. Every decoder compares with that code's own
//! encoding, and so would refuse anything else.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// A number, in the schema of any width; negative ones as their two's complement in 64 bits.
pub(crate) fn number(tag: u32, value: u64, to: &mut Vec<u8>) {
    if value != 0 {
        encode_key(tag, WireType::Varint, to);
        encode_varint(value, to);
    }
}

/// Bytes or text.
pub(crate) fn bytes(tag: u32, value: &[u8], to: &mut Vec<u8>) {
    if !value.is_empty() {
        encode_key(tag, WireType::LengthDelimited, to);
        encode_varint(value.len() as u64, to);
        to.extend_from_slice(value);
    }
}

/// How many bytes [`bytes`] writes with a tag below 16.
pub(crate) const fn bytes_length(value: &[u8]) -> usize {
    if value.is_empty() {
        return 0;
    }
    1 + encoded_len_varint(value.len() as u64) + value.len()
}
