//! Protobuf by hand: what the protocol's own encoder would never write can be written with it.

use sekisho_proto::frame::LENGTH_PREFIX_BYTES;

/// Wire types of protobuf.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

/// A message, field by field in the order in which they are given, empty ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    encoded: Vec<u8>,
}

impl Message {
    /// Without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more field that holds a number.
    #[must_use]
    pub fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(value);
        self
    }

    /// With one more field that holds bytes, text or a message.
    #[must_use]
    pub fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.encoded.extend_from_slice(value);
        self
    }

    /// As [`number`](Self::number), where the value is not 0: what is 0 is not written.
    #[must_use]
    pub fn number_set(self, field: u64, value: u64) -> Self {
        if value == 0 { self } else { self.number(field, value) }
    }

    /// As [`bytes`](Self::bytes), where there are any: what is empty is not written.
    #[must_use]
    pub fn bytes_set(self, field: u64, value: impl AsRef<[u8]>) -> Self {
        if value.as_ref().is_empty() { self } else { self.bytes(field, value) }
    }

    /// The bytes.
    #[must_use]
    pub fn encoded(self) -> Vec<u8> {
        self.encoded
    }

    /// The bytes with their length before them, as a frame travels.
    #[must_use]
    pub fn framed(self) -> Vec<u8> {
        framed(&self.encoded)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.encoded.push(low_byte(value) | 0x80);
            value >>= 7;
        }
        self.encoded.push(low_byte(value));
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.encoded
    }
}

/// Bytes with their length before them, as a frame travels.
#[must_use]
pub fn framed(encoded: &[u8]) -> Vec<u8> {
    let length = u32::try_from(encoded.len()).expect("a frame's length");
    let prefix: [u8; LENGTH_PREFIX_BYTES] = length.to_be_bytes();
    [&prefix, encoded].concat()
}

fn low_byte(value: u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}
