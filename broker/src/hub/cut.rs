//! The end of a session as the node decides it: fired once, with a reason that the client is told.

use std::sync::{Arc, OnceLock};

use sekisho_proto::RefusalCode;
use tokio_util::sync::CancellationToken;

/// Shared by everything that serves one session.
#[derive(Debug, Clone, Default)]
pub struct Cut {
    token: CancellationToken,
    reason: Arc<OnceLock<(RefusalCode, String)>>,
}

impl Cut {
    /// One that has not fired.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the session; the first reason counts.
    pub fn fire(&self, code: RefusalCode, why: impl Into<String>) {
        self.reason.get_or_init(|| (code, why.into()));
        self.token.cancel();
    }

    /// Resolves when the session is to end.
    pub async fn fired(&self) {
        self.token.cancelled().await;
    }

    /// Why it fired; `None` while it has not.
    #[must_use]
    pub fn reason(&self) -> Option<&(RefusalCode, String)> {
        self.reason.get()
    }
}
