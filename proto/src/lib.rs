//! What crosses a wire in Sekisho: names, envelopes, statements, frames and their limits.
//!
//! Everything is parsed once, at the edge, into a type that cannot hold anything else; what is
//! signed travels verbatim and is accepted only in the one encoding that the schema's own encoder
//! produces. The crate does no I/O and knows no clock, no random source and no key: checking a
//! signature is somebody else's work.

mod access;
mod code;
mod content_type;
mod decode;
mod encode;
mod envelope;
mod errand;
mod filter;
pub mod frame;
mod header;
mod id;
mod key_header;
mod level;
pub mod limits;
mod log;
mod mqtt_message;
mod name;
mod number;
mod parse;
mod sample;
pub mod statement;
mod suite;
mod text;
mod timestamp;
mod topic;
mod wire;

pub use access::{AccessEntry, AccessKind, AccessRecord};
pub use code::{GapReason, RefusalCode};
pub use content_type::ContentType;
pub use decode::DecodeError;
pub use envelope::{
    ENVELOPE_CONTEXT, Envelope, VOUCHER_CONTEXT, envelope_signing_input, voucher_signing_input,
};
pub use errand::{
    AdmissionBy, ERRAND_ANSWER_CONTEXT, ERRAND_CONTEXT, Errand, ErrandAnswer, ErrandAnswerContent,
    ErrandContent, ErrandOutcome, ErrandTask, InvitationStanding, InviteTask, ListedInvitation,
    Office, TaskSecret, errand_answer_signing_input, errand_signing_input,
};
pub use filter::{Filter, FilterLevel};
pub use frame::{Frame, FrameDecoder};
pub use header::Header;
pub use id::{
    BootId, ErrandId, Hash, KeyHeaderId, LoginNonce, PrincipalId, PublicKey, Signature, TokenId,
};
pub use key_header::{KEY_HEADER_CONTEXT, KeyHeader, KeyHeaderContent, key_header_signing_input};
pub use level::is_invisible;
pub use log::{LogEntry, LogName};
pub use mqtt_message::{MqttMessage, UserProperty};
pub use name::{CursorName, Grantee, OrgName, PrincipalName, RoleName};
pub use number::{Epoch, Offset, Position, Sequence, StatementIndex};
pub use parse::ParseError;
pub use sample::{
    Column, Sample, SampleBatch, SampleError, SampleValue, TransducerName, Unit, Value, ValueKind,
};
pub use statement::{
    Action, Actions, PrincipalKind, Statement, StatementBody, StatementKind, StatementSignature,
    StatementVerifier, StreamClass,
};
pub use suite::{Scope, Suite};
pub use timestamp::Timestamp;
pub use topic::Topic;

/// The schema as other tools read it: an encoded `google.protobuf.FileDescriptorSet`.
pub const SCHEMA_DESCRIPTORS: &[u8] = include_bytes!("wire/descriptors.bin");
