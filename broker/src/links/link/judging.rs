//! The door's word on records that a link brought together, on all cores: they are independent of one
//! another up to the router, which is given them in the order in which they came.

use std::sync::Arc;

use sekisho_federation::Taken;
use sekisho_proto::{OrgName, RefusalCode};
use sekisho_routing::Carriage;
use tokio_util::task::AbortOnDropHandle;

use super::left_behind::LeftBehind;
use crate::hub::{Carrier, Entry, Hub, Parcel, Refusal, internal};

/// Records that are judged at once; meanwhile the next ones arrive. Eight milliseconds of one core.
pub(super) const JUDGED_AT_ONCE: usize = 256;
/// Bytes of their envelopes, beside the last one. What is signed is hashed twice: as much again.
pub(super) const JUDGED_BYTES_AT_ONCE: usize = 4 << 20;
/// Records that one task judges: verifying them keeps a core from other work for a millisecond, and
/// no more than eight of them where records are small.
const JUDGED_PER_TASK: usize = 32;
/// And bytes of their envelopes, unless a single one is larger: half a millisecond.
const JUDGED_BYTES_PER_TASK: usize = 256 << 10;

/// The door's word on each of them. One that names a key header that another of them brought, or one
/// before them that was not let in, is judged once more, when that is known.
pub(super) async fn judge(
    hub: &Arc<Hub>,
    (peer, left_behind): (&OrgName, &mut LeftBehind),
    records: &[Taken],
) -> Vec<Result<Entry, Refusal>> {
    let mut verdicts = judge_at_once(hub, peer, records).await;
    let refused = records.iter().zip(&verdicts).filter(|(_record, verdict)| verdict.is_err());
    refused.for_each(|(record, _refused)| left_behind.keep(record));
    let mut again = Vec::new();
    let mut places = Vec::new();
    for (record, verdict) in records.iter().zip(&mut verdicts) {
        if matches!(verdict, Err(refusal) if refusal.code == RefusalCode::KeyHeaderMissing) {
            again.push(left_behind.attached(record));
            places.push(verdict);
        }
    }
    for (place, verdict) in places.into_iter().zip(judge_at_once(hub, peer, &again).await) {
        *place = verdict;
    }
    verdicts
}

async fn judge_at_once(
    hub: &Arc<Hub>,
    peer: &OrgName,
    records: &[Taken],
) -> Vec<Result<Entry, Refusal>> {
    let parts = parts(records);
    let mut tasks = Vec::with_capacity(parts.len());
    for part in &parts {
        let hub = Arc::clone(hub);
        let parcels: Vec<Parcel> = part.iter().map(|record| parcel(peer, record)).collect();
        let judging = async move { hub.admit_together(parcels).await };
        tasks.push(AbortOnDropHandle::new(tokio::spawn(judging)));
    }
    let mut verdicts = Vec::with_capacity(records.len());
    for (task, part) in tasks.into_iter().zip(parts) {
        match task.await {
            Ok(judged) => verdicts.extend(judged),
            // It did not end: what it had is to come again.
            Err(fault) => {
                verdicts.extend(part.iter().map(|_record| Err(internal("record", &fault))));
            }
        }
    }
    verdicts
}

/// As one task each takes them.
fn parts(mut records: &[Taken]) -> Vec<&[Taken]> {
    let mut parts = Vec::new();
    while !records.is_empty() {
        let mut bytes = 0_usize;
        let fits = |record: &&Taken| {
            bytes = bytes.saturating_add(record.envelope.len());
            bytes <= JUDGED_BYTES_PER_TASK
        };
        let count = records.iter().take(JUDGED_PER_TASK).take_while(fits).count().max(1);
        let (part, rest) = records.split_at(count);
        parts.push(part);
        records = rest;
    }
    parts
}

fn parcel(peer: &OrgName, record: &Taken) -> Parcel {
    let Taken { connection, position, offset, received, envelope, key_header, hops } =
        record.clone();
    let (organisation, carrier) = (peer.clone(), Carrier::Peer(peer.clone()));
    let carriage = Carriage::Link { organisation, connection, position, offset, received, hops };
    Parcel { envelope, key_header, carrier, carriage }
}

#[cfg(test)]
mod tests;
