//! Takes away what nobody can use any more: cursors of revoked principals would grow for as long as
//! the node lives. Key headers stay: what a truck kept in its spool while its epoch was retired is
//! taken long afterwards, and nobody opens it without the header.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::{Missing, Policy};
use sekisho_proto::{PrincipalId, Timestamp};
use sekisho_store::{Keyed as _, KeyedChange, KeyedError};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::Hub;
use crate::clock;

/// Between two sweeps; the first is that long after the start.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// Changed in one transaction, so that nobody waits long for the disk.
const AT_ONCE: usize = 1_024;

/// Runs until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let sweeping = async {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let sweeper = Arc::clone(&hub);
            match spawn_blocking(move || sweeper.sweep(clock::now())).await {
                Ok(Ok(0)) => {}
                Ok(Ok(cursors)) => info!(cursors, "cursors that nobody can use any more are gone"),
                Ok(Err(fault)) => error!(%fault, "cursors that nobody can use any more stay"),
                Err(fault) => error!(%fault, "sweeping"),
            }
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

impl Hub {
    /// Takes away the cursors of keys that were revoked, which never come back; how many there were.
    /// Blocks on the disk.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<usize, KeyedError> {
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
