//! Why something was refused: a stable code, the thing, and what was wanted and found.

use std::error::Error as _;

use sekisho_policy::{Denial, StatementError};
use sekisho_proto::{DecodeError, Frame, RefusalCode, Sequence, frame};
use sekisho_routing::AdmitError;
use sekisho_seal::{KeyError, VerifyError};
use thiserror::Error;

/// One refusal, as it is told to the client and counted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {what}: {why}", code.name())]
pub struct Refusal {
    /// Stable, for programs.
    pub code: RefusalCode,
    /// The thing refused.
    pub what: String,
    /// What was wanted and what was found.
    pub why: String,
    /// With sequence-gap and replayed: what the node expects next.
    pub expected_sequence: Option<Sequence>,
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { code, what: what.into(), why: why.into(), expected_sequence: None }
    }

    /// The node takes nothing new.
    pub(crate) fn stopping() -> Self {
        Self::new(RefusalCode::Draining, "node", "the node is stopping")
    }

    /// As the client reads it; `request` 0 is the connection as a whole.
    #[must_use]
    pub fn into_frame(self, request: u64) -> Frame {
        let Self { code, what, why, expected_sequence } = self;
        Frame::Refused(frame::Refused { request, code, what, why, expected_sequence })
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let code = error.code();
        let text = error.to_string();
        let (what, why) = text.split_once(": ").unwrap_or(("bytes", &text));
        match error.source() {
            Some(cause) => Self::new(code, what, format!("{why}: {cause}")),
            None => Self::new(code, what, why),
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::new(denial.code(), denial.object(), denial.to_string())
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::new(RefusalCode::WeakKey, "public key", error.to_string())
    }
}

impl From<VerifyError> for Refusal {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is a bad signature")]
    fn from(error: VerifyError) -> Self {
        let code = match error {
            VerifyError::Publisher { .. } => RefusalCode::WrongPublisher,
            _ => RefusalCode::BadSignature,
        };
        Self::new(code, "signature", error.to_string())
    }
}

impl From<AdmitError> for Refusal {
    fn from(error: AdmitError) -> Self {
        Self::new(RefusalCode::Internal, "permit", error.to_string())
    }
}

impl From<StatementError> for Refusal {
    fn from(error: StatementError) -> Self {
        Self::new(error.code(), "statement", error.to_string())
    }
}
