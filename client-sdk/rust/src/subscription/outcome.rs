//! What can happen to a subscription's stream, and what follows from it.

use sekisho_proto::Frame;

use crate::{chain::Chain, framing::StreamError, refusal::Refusal};

/// How a stream ended.
pub(super) enum Outcome {
    /// By the program's will, or because everything has come.
    Done,
    /// To be tried again.
    Lost,
    /// To be tried again, not at once.
    Refused(Refusal),
}

/// What happened on a stream.
pub(super) enum Event {
    Frame(Box<Frame>),
    Ended(Option<StreamError>),
    Acknowledged,
    Nothing,
    Silence,
    Unwanted,
}

pub(super) fn lost(cause: &StreamError) -> Outcome {
    tracing::debug!(cause = %Chain(cause), "subscription's stream lost");
    Outcome::Lost
}
