//! What clients, publishers and subscriptions hold of a session: it ends with the last of them.

use std::{fmt, sync::Arc};

use super::Session;

/// Keeps a session alive as long as anything uses it.
#[derive(Clone)]
pub(crate) struct SessionHandle {
    guard: Arc<Guard>,
}

struct Guard {
    session: Arc<Session>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.session.abandon();
    }
}

impl SessionHandle {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { guard: Arc::new(Guard { session }) }
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.guard.session
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}
