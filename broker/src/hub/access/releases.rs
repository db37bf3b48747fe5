//! Follows this organisation's control log and records each key that was given in the access log,
//! once: how far it has come is kept in the transaction that records.

use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::{LoggedStatement, Policy};
use sekisho_proto::{AccessKind, AccessRecord, PrincipalName, StatementBody, StatementIndex};
use sekisho_store::Keyed as _;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::RELEASES_BLOB;
use crate::hub::{Hub, Refusal, internal, log_from, unstored};

/// Statements gone through at once: sessions that begin meanwhile are recorded between.
const STATEMENTS_PER_STEP: usize = 256;
/// How long to wait before a disk is tried again that refused.
const AGAIN: Duration = Duration::from_secs(1);
/// What is recorded of a reader of whom nothing but the id is known.
const UNKNOWN_NAME: &str = "unknown";

/// Runs until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let following = async {
        while let Err(refusal) = follow(&hub).await {
            error!(%refusal, "keys that were given are not recorded yet: trying again");
            tokio::time::sleep(AGAIN).await;
        }
    };
    stop.run_until_cancelled(following).await;
}

/// Ends well only when the node does.
async fn follow(hub: &Arc<Hub>) -> Result<(), Refusal> {
    let mut changed = hub.authority().watch();
    let mut next = place(hub).await?;
    loop {
        changed.mark_unchanged();
        let policy = hub.authority().snapshot();
        loop {
            let logged = log_from(&policy, hub.organisation(), next, STATEMENTS_PER_STEP);
            if logged.is_empty() {
                break;
            }
            let after = next.value().saturating_add(logged.len() as u64);
            let records: Vec<_> =
                logged.iter().filter_map(|logged| release(&policy, logged)).collect();
            let mark = StatementIndex::new(after);
            if !records.is_empty() {
                hub.access().note_all(records, Some(mark)).await?;
            }
            next = mark;
        }
        if changed.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Where it goes on.
async fn place(hub: &Arc<Hub>) -> Result<StatementIndex, Refusal> {
    let reader = Arc::clone(hub);
    let kept = spawn_blocking(move || reader.keyed.blob(RELEASES_BLOB)).await;
    let kept = kept
        .map_err(|fault| internal("access log", &fault))?
        .map_err(|fault| unstored("access log", &fault))?;
    let bytes = kept.as_deref().and_then(|bytes| bytes.try_into().ok());
    Ok(StatementIndex::new(bytes.map_or(0, u64::from_be_bytes)))
}

/// The record of a statement that gives somebody a key.
fn release(policy: &Policy, logged: &LoggedStatement) -> Option<AccessRecord> {
    let StatementBody::KeyGrant(grant) = logged.statement.body() else { return None };
    if grant.organisation != *policy.own() {
        return None;
    }
    // A steward may give a key to somebody who is enrolled only later, or never was.
    let subject = match policy.principal(&grant.reader) {
        Some(reader) => reader.name.clone(),
        None => PrincipalName::new(UNKNOWN_NAME, policy.own()).ok()?,
    };
    Some(AccessRecord {
        kind: AccessKind::KeyRelease,
        subject,
        id: grant.reader,
        topics: Some(grant.tree.clone()),
        from: None,
        to: None,
        epoch: Some(grant.epoch),
        purpose: grant.purpose.clone(),
        time: logged.received,
    })
}
