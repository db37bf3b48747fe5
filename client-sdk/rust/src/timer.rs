//! A delay that may or may not be running, for tasks that wait for several things at once.

use std::{pin::Pin, time::Duration};

use tokio::time::Sleep;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Runs from now, whether or not it ran.
    pub(crate) fn start(&mut self, delay: Duration) {
        self.sleep = Some(Box::pin(tokio::time::sleep(delay)));
    }

    pub(crate) fn stop(&mut self) {
        self.sleep = None;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.sleep.is_some()
    }

    /// Resolves once when the delay is over; never where none runs. May be dropped and called
    /// again.
    pub(crate) async fn elapsed(&mut self) {
        let Some(sleep) = &mut self.sleep else { return std::future::pending().await };
        sleep.await;
        self.sleep = None;
    }
}
