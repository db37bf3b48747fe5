//! Takes away what nobody can use any more, and what would grow for as long as the node lives:
//! cursors of revoked principals, and key headers that no record names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::{Missing, Policy};
use sekisho_proto::{PrincipalId, Timestamp, limits};
use sekisho_store::{Keyed as _, KeyedChange, KeyedError};
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::Hub;
use crate::clock;

/// Between two sweeps; the first is that long after the start.
const INTERVAL: Duration = Duration::from_hours(1);
const _: () = assert!(INTERVAL.as_secs() >= 2 * limits::KEY_HEADER_AGAIN_AFTER.as_secs());
/// Changed in one transaction, so that nobody waits long for the disk.
const AT_ONCE: usize = 1_024;
/// Between two goes at the key headers, so that others have their turn.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let sweeping = async {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let sweeper = Arc::clone(&hub);
            match spawn_blocking(move || sweeper.sweep_cursors(clock::now())).await {
                Ok(Ok(0)) => {}
                Ok(Ok(cursors)) => info!(cursors, "cursors that nobody can use any more are gone"),
                Ok(Err(fault)) => error!(%fault, "cursors that nobody can use any more stay"),
                Err(fault) => error!(%fault, "sweeping"),
            }
            match sweep_key_headers(&hub).await {
                Ok(Ok(0)) => {}
                Ok(Ok(count)) => info!(count, "key headers that no record names are gone"),
                Ok(Err(fault)) => error!(%fault, "key headers that no record names stay"),
                Err(fault) => error!(%fault, "sweeping"),
            }
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

/// Forgets the key headers that no record names any more; how many there were.
async fn sweep_key_headers(hub: &Arc<Hub>) -> Result<Result<usize, KeyedError>, JoinError> {
    let sweeper = Arc::clone(hub);
    let begun = spawn_blocking(move || sweeper.key_headers.begin_sweep(&sweeper.reader));
    let (mut sweep, mut gone) = (begun.await?, 0_usize);
    loop {
        let sweeper = Arc::clone(hub);
        let some = spawn_blocking(move || {
            let some = sweeper.key_headers.sweep_some(&mut sweep, &sweeper.reader);
            (sweep, some)
        });
        let (looked, some) = some.await?;
        sweep = looked;
        match some {
            Ok(Some(some)) => gone = gone.saturating_add(some),
            Ok(None) => return Ok(Ok(gone)),
            Err(fault) => return Ok(Err(fault)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Hub {
    /// Takes away the cursors of keys that were revoked, which never come back; how many there were.
    /// Blocks on the disk.
    pub(crate) fn sweep_cursors(&self, now: Timestamp) -> Result<usize, KeyedError> {
        let policy: &Policy = &self.authority.snapshot();
        let all = self.keyed.cursors()?;
        let mut owners = self.wants.cursor_owners();
        owners.extend(all.iter().map(|cursor| cursor.principal));
        let is_revoked = |owner: &PrincipalId| {
            matches!(policy.standing(owner, now), Err(Missing::Revoked { .. }))
        };
        let revoked: BTreeSet<PrincipalId> = owners.into_iter().filter(is_revoked).collect();
        let gone = all.into_iter().filter(|cursor| revoked.contains(&cursor.principal));
        let gone: Vec<_> = gone.map(|cursor| (cursor.principal, cursor.name)).collect();
        for some in gone.chunks(AT_ONCE) {
            let changes: Vec<_> = some
                .iter()
                .map(|(principal, name)| KeyedChange::RemoveCursor(*principal, name.clone()))
                .collect();
            self.keyed.apply(&changes)?;
        }
        self.wants.forget_owners(&*self.keyed, &revoked)?;
        Ok(gone.len())
    }
}

#[cfg(test)]
mod tests;
