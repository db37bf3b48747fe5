//! Why a question to the node stayed without the answer wanted.

use std::time::Duration;

use thiserror::Error;

use crate::refusal::Refusal;

/// See the module.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The node refused to answer or to act.
    #[error("query: refused by the node")]
    Refused(#[from] Refusal),
    /// The node answered something else.
    #[error("query: wanted the kind of answer asked for, found another")]
    WrongAnswer,
    /// The node's answer says what it cannot mean.
    #[error("query: wanted {wanted}, found {found}")]
    Malformed {
        /// What was wanted of it.
        wanted: String,
        /// What it says.
        found: String,
    },
    /// The connection ended before the answer. Whether the node acted is unknown.
    #[error("query: wanted an answer, found the connection ended")]
    Disconnected,
    /// No answer came.
    #[error("query: wanted an answer within {waited:?}, found none")]
    Timeout {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The client was closed.
    #[error("query: wanted an open client, found it closed")]
    Closed,
}

impl QueryError {
    /// Whether the same question may be answered on another connection, or a little later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.is_passing(),
            Self::Disconnected | Self::Timeout { .. } => true,
            Self::WrongAnswer | Self::Malformed { .. } | Self::Closed => false,
        }
    }
}
