//! What a node says when it does not do what it was asked.

use sekisho_proto::{BootId, RefusalCode, Sequence, frame::Refused};
use thiserror::Error;

/// A node's refusal, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: {code}: {why}")]
pub struct Refusal {
    /// The rule that was broken.
    pub code: RefusalCode,
    /// The thing refused.
    pub what: String,
    /// Wanted and found.
    pub why: String,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self { code: refused.code, what: refused.what, why: refused.why }
    }
}

impl Refusal {
    pub(crate) fn history_lost(ours: Sequence, expected: Sequence) -> Self {
        Self {
            code: RefusalCode::SequenceGap,
            what: format!("envelope {ours}"),
            why: format!(
                "wanted {expected} by the node, which does not know what it had accepted before"
            ),
        }
    }

    pub(crate) fn boot_ended(boot: BootId) -> Self {
        Self {
            code: RefusalCode::SequenceGap,
            what: format!("boot {}", boot.short()),
            why: "an envelope before this one was refused for good".to_owned(),
        }
    }
}
