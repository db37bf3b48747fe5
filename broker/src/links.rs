//! The links of this node: one task for each peering in force, which pulls what the contract allows.

mod connection;
mod link;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_proto::OrgName;
use sekisho_seal::SigningKey;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, info, info_span};

use crate::clock;
use crate::hub::Hub;

/// How often is looked whether a contract has begun.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Starts and ends links as the policy says, until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, key: Arc<SigningKey>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let mut running: BTreeMap<OrgName, CancellationToken> = BTreeMap::new();
    let mut changed = hub.authority().watch();
    loop {
        changed.mark_unchanged();
        running.retain(|_peer, done| !done.is_cancelled());
        for peering in hub.authority().snapshot().peers() {
            if !peering.is_in_force(clock::now()) || running.contains_key(&peering.organisation) {
                continue;
            }
            let peer = peering.organisation.clone();
            info!(%peer, address = peering.theirs.address, "a peering is in force");
            let done = CancellationToken::new();
            running.insert(peer.clone(), done.clone());
            let task = link::run(Arc::clone(&hub), Arc::clone(&key), peering, stop.clone());
            tasks.spawn(
                async move {
                    task.await;
                    done.cancel();
                }
                .instrument(info_span!("link", %peer)),
            );
        }
        tokio::select! {
            () = stop.cancelled() => break,
            gone = changed.changed() => if gone.is_err() { break },
            // A contract may begin by the clock alone.
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    tasks.close();
    tasks.wait().await;
}
