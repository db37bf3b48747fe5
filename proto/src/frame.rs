//! Frames: what a session says, each preceded on the wire by its length.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;

use crate::{DecodeError, decode::Fields, limits::FRAME_BYTES_MAX, wire};

mod decoder;
mod enrolment;
mod greeting;
mod log;
mod login;
mod publishing;
mod query;
mod subscription;

pub use decoder::FrameDecoder;
pub use enrolment::{Enrol, Enrolling, EnrolmentState};
pub use greeting::{Goodbye, Hello, Ping, Pong, Welcome};
pub use log::{Checkpoint, Cosigned, Follow, FollowedStatement, State, Stated, Statements};
pub use login::{Challenge, Login, Proven};
pub use publishing::{Publish, Published, Refused, Vouched};
pub use query::{Answer, AnswerBody, ErrandStanding, Query, Question, Which};
pub use subscription::{
    Acknowledge, Credit, Ended, Gap, Record, Start, Subscribe, Subscribed, Unsubscribe,
};

const FIELDS: Fields = Fields("frame");

/// Length of the length before a frame, bytes: 32 bits, big endian.
pub const LENGTH_PREFIX_BYTES: usize = 4;

/// A frame's fields on the wire, and its name there.
trait OnWire: Sized {
    const FIELDS: Fields;
    type Message;

    fn to_wire(&self) -> Self::Message;
    fn from_wire(message: Self::Message) -> Result<Self, DecodeError>;
}

/// A frame, or what is in one, as other framings than ours carry it: without its length.
pub trait Message: Sized {
    /// Parses the encoded message.
    ///
    /// # Errors
    ///
    /// It is larger than [`FRAME_BYTES_MAX`], another message, not in its one encoding, or a field is
    /// out of its range.
    fn decode(encoded: Bytes) -> Result<Self, DecodeError>;

    /// The bytes.
    #[must_use]
    fn encode(&self) -> Vec<u8>;
}

impl Message for Frame {
    fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        Self::decode(encoded)
    }

    fn encode(&self) -> Vec<u8> {
        self.encode()
    }
}

macro_rules! frames {
    ($($(#[$doc:meta])* $frame:ident,)+) => {
        /// One message of the session protocol. Exhaustive: a new one is a new protocol version.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Frame {
            $($(#[$doc])* $frame($frame),)+
        }

        impl Frame {
            /// The name for logs and refusals.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$frame(_) => $frame::FIELDS.0,)+
                }
            }

            fn to_wire(&self) -> wire::frame::Kind {
                match self {
                    $(Self::$frame(frame) => wire::frame::Kind::$frame(frame.to_wire()),)+
                }
            }

            fn from_wire(kind: wire::frame::Kind) -> Result<Self, DecodeError> {
                match kind {
                    $(wire::frame::Kind::$frame(frame) => {
                        $frame::from_wire(frame).map(Self::$frame)
                    })+
                }
            }
        }

        $(
            impl Message for $frame {
                fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
                    let name = $frame::FIELDS.0;
                    $frame::from_wire(wire::decode_canonical(name, FRAME_BYTES_MAX, &encoded)?)
                }

                fn encode(&self) -> Vec<u8> {
                    self.to_wire().encode_to_vec()
                }
            }

            impl From<$frame> for Frame {
                fn from(frame: $frame) -> Self {
                    Self::$frame(frame)
                }
            }
        )+
    };
}

frames! {
    /// The client's first.
    Hello,
    /// The node's answer to it: from here on the client is connected.
    Welcome,
    /// An envelope for the node to keep.
    Publish,
    /// It is durable.
    Published,
    /// A request is not fulfilled.
    Refused,
    /// Ask for records.
    Subscribe,
    /// Records will come.
    Subscribed,
    /// A record.
    Record,
    /// Records that will not come.
    Gap,
    /// How many more records may come.
    Credit,
    /// What was worked up.
    Acknowledge,
    /// No more records.
    Unsubscribe,
    /// A question.
    Query,
    /// Its answer.
    Answer,
    /// Statements for the control log.
    State,
    /// They stand in the log.
    Stated,
    /// Ask for a control log.
    Follow,
    /// A part of it.
    Statements,
    /// Ask to become a principal.
    Enrol,
    /// How far that is.
    Enrolling,
    /// Is somebody there?
    Ping,
    /// Yes.
    Pong,
    /// The last.
    Goodbye,
    /// What a log holds now.
    Checkpoint,
    /// It was checked.
    Cosigned,
    /// A carried envelope is durable at its home, whose node signs that.
    Vouched,
    /// What the node wants signed where TLS proves no key.
    Challenge,
    /// A client proves its key.
    Login,
    /// The node proves its own.
    Proven,
    /// The last of a subscription, where several share one channel.
    Ended,
}

impl Frame {
    /// Parses an encoded frame without its length. The envelopes, key headers and statements in it
    /// share its memory and are not looked at.
    ///
    /// # Errors
    ///
    /// It is larger than [`FRAME_BYTES_MAX`], not a frame, not in its one encoding, or a field is
    /// out of its range.
    pub fn decode(encoded: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let wire: wire::Frame = wire::decode_canonical(FIELDS.0, FRAME_BYTES_MAX, &encoded.into())?;
        let Some(kind) = wire.kind else {
            return Err(FIELDS.refuse("kind", "one of the frames", "none"));
        };
        Self::from_wire(kind)
    }

    /// The bytes without their length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_message().encode_to_vec()
    }

    /// Appends the length and the bytes.
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let message = self.to_message();
        let length = message.encoded_len();
        buffer.reserve(LENGTH_PREFIX_BYTES.saturating_add(length));
        // A frame that large does not exist; if it did, every decoder would refuse this length.
        buffer.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        message.encode_raw(buffer);
    }

    fn to_message(&self) -> wire::Frame {
        wire::Frame { kind: Some(self.to_wire()) }
    }
}

#[cfg(test)]
mod tests;
