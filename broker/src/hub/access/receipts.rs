//! Follows the peers' control logs for receipts that somebody was erased: what opens the personal
//! data that they published with the peer goes from this node, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sekisho_policy::Policy;
use sekisho_proto::statement::Erased;
use sekisho_proto::{OrgName, PrincipalId};
use sekisho_store::Keyed as _;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::hub::{Hub, Refusal, internal, unstored};

/// How long to wait before a disk is tried again that refused.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let following = async {
        while let Err(refusal) = follow(&hub).await {
            error!(%refusal, "a peer's erasure is not carried out yet: trying again");
            tokio::time::sleep(AGAIN).await;
        }
    };
    stop.run_until_cancelled(following).await;
}

/// Ends well only when the node does.
async fn follow(hub: &Arc<Hub>) -> Result<(), Refusal> {
    let mut changed = hub.authority().watch();
    loop {
        changed.mark_unchanged();
        let (worker, policy) = (Arc::clone(hub), hub.authority().snapshot());
        let done = spawn_blocking(move || {
            let peers = policy.peers();
            peers.iter().try_for_each(|peer| obey(&worker, &policy, &peer.organisation))
        });
        done.await.map_err(|fault| internal("receipts", &fault))??;
        if changed.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Carries out what is new of a peer's receipts. Done twice it takes what was published since.
fn obey(hub: &Hub, policy: &Policy, peer: &OrgName) -> Result<(), Refusal> {
    let receipts = policy.erasures(peer).count();
    if receipts == 0 {
        return Ok(());
    }
    let (place, refused) = (place(peer), |fault| unstored("receipts", &fault));
    let kept = hub.keyed.blob(&place).map_err(refused)?;
    let done =
        kept.as_deref().and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    let publishers: BTreeSet<PrincipalId> = policy
        .erasures(peer)
        .skip(done)
        .filter_map(|(_logged, erasure)| match &erasure.erased {
            Erased::Subject(id) => Some(*id),
            Erased::Epoch { .. } => None,
        })
        .collect();
    if receipts <= done {
        return Ok(());
    }
    if !publishers.is_empty() {
        let headers = hub.key_headers().erase(&publishers, Some(peer), policy)?;
        info!(%peer, subjects = publishers.len(), headers, "a peer erased somebody: so did we");
    }
    let reached = Bytes::copy_from_slice(&(receipts as u64).to_be_bytes());
    hub.keyed.put_blob(&place, reached).map_err(refused)
}

fn place(peer: &OrgName) -> String {
    format!("access/receipts/{peer}")
}
