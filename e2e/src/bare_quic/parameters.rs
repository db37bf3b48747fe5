//! Transport parameters, in any order, as often as one likes, and with any content (RFC 9000 §18).

use super::varint::varint;

/// Numbers of parameters.
pub mod id {
    /// What only a server says: the first connection id that the client chose.
    pub const ORIGINAL_DESTINATION: u64 = 0x00;
    /// How long silence may last, milliseconds.
    pub const MAX_IDLE_TIMEOUT: u64 = 0x01;
    /// What only a server says.
    pub const STATELESS_RESET_TOKEN: u64 = 0x02;
    /// The largest datagram taken.
    pub const MAX_UDP_PAYLOAD_SIZE: u64 = 0x03;
    /// Bytes that the other side may send in all.
    pub const INITIAL_MAX_DATA: u64 = 0x04;
    /// Bytes on a stream that this side opened.
    pub const INITIAL_MAX_STREAM_DATA_BIDI_LOCAL: u64 = 0x05;
    /// Bytes on a stream that the other side opened.
    pub const INITIAL_MAX_STREAM_DATA_BIDI_REMOTE: u64 = 0x06;
    /// Streams in both directions that the other side may open.
    pub const INITIAL_MAX_STREAMS_BIDI: u64 = 0x08;
    /// By how much times in acknowledgements are scaled.
    pub const ACK_DELAY_EXPONENT: u64 = 0x0a;
    /// How long an acknowledgement may wait, milliseconds.
    pub const MAX_ACK_DELAY: u64 = 0x0b;
    /// What only a server says.
    pub const PREFERRED_ADDRESS: u64 = 0x0d;
    /// How many connection ids are kept.
    pub const ACTIVE_CONNECTION_ID_LIMIT: u64 = 0x0e;
    /// The connection id in the first packet that this side sent.
    pub const INITIAL_SOURCE: u64 = 0x0f;
    /// What only a server says.
    pub const RETRY_SOURCE: u64 = 0x10;
}

/// What a client says of itself in its handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters(Vec<u8>);

impl Parameters {
    /// What an honest client says whose first packet comes from `source`.
    #[must_use]
    pub(super) fn honest(source: &[u8]) -> Self {
        let mut parameters = Self(Vec::new());
        parameters.say(id::INITIAL_SOURCE, source);
        let numbers = [
            (id::MAX_IDLE_TIMEOUT, 30_000),
            (id::INITIAL_MAX_DATA, 1 << 20),
            (id::INITIAL_MAX_STREAM_DATA_BIDI_LOCAL, 1 << 18),
            (id::INITIAL_MAX_STREAM_DATA_BIDI_REMOTE, 1 << 18),
        ];
        for (id, number) in numbers {
            parameters.say(id, &varint(number));
        }
        parameters
    }

    /// Nothing at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Says one more thing, whether or not it was said before.
    pub fn say(&mut self, id: u64, value: &[u8]) {
        self.0.extend(varint(id));
        self.0.extend(varint(value.len() as u64));
        self.0.extend(value);
    }

    /// One more that is a number.
    pub fn number(&mut self, id: u64, value: u64) {
        self.say(id, &varint(value));
    }

    /// Adds bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    pub(super) fn encoded(self) -> Vec<u8> {
        self.0
    }
}
