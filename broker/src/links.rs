//! The links of this node: one task for each route, which pulls what the contract allows: of a peer
//! from its own node, of a third organisation through a peer that passes it on.

mod connection;
mod link;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_proto::OrgName;
use sekisho_seal::SigningKey;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, info, info_span};

use crate::clock;
use crate::hub::Hub;

/// How often is looked whether a contract has begun.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Starts and ends links as the policy says, until `stop`. An organisation has one link at a time:
/// where another route takes its place, that begins when the old one has ended.
pub(crate) async fn run(hub: Arc<Hub>, key: Arc<SigningKey>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let mut running: BTreeMap<OrgName, CancellationToken> = BTreeMap::new();
    let mut changed = hub.authority().watch();
    let replaced = Arc::new(Notify::new());
    loop {
        changed.mark_unchanged();
        running.retain(|_owner, done| !done.is_cancelled());
        for route in hub.authority().snapshot().routes(clock::now()) {
            if running.contains_key(&route.organisation) {
                continue;
            }
            let (owner, via) = (route.organisation.clone(), route.via.clone());
            info!(%owner, %via, address = route.view.theirs.address, "a contract is in force");
            let done = CancellationToken::new();
            running.insert(owner.clone(), done.clone());
            let task = link::run(Arc::clone(&hub), Arc::clone(&key), route, stop.clone());
            let replaced = Arc::clone(&replaced);
            tasks.spawn(
                async move {
                    // Also where it panics: the next look begins another.
                    let done = done.drop_guard();
                    let ended = task.await;
                    drop(done);
                    if ended == link::Ended::NoRoute {
                        replaced.notify_one();
                    }
                }
                .instrument(info_span!("link", peer = %owner, %via)),
            );
        }
        tokio::select! {
            () = stop.cancelled() => break,
            gone = changed.changed() => if gone.is_err() { break },
            () = replaced.notified() => {}
            // A contract may begin by the clock alone.
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    tasks.close();
    tasks.wait().await;
}
