//! How long a test waits for what must happen. Nothing here waits for a fixed time: what is awaited
//! ends the wait, and the deadline only ends a test that has failed.

use std::future::Future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what cannot be awaited, such as a page of another process.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What the future gives, within [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_elapsed) => panic!("wanted {what} within {PATIENCE:?}"),
    }
}

/// Looks until there is something, within [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let looking = async {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    within(what, looking).await
}
