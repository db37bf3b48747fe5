//! Reads pages of the log for subscribers that are behind, away from the shard's thread.
//!
//! A subscription has one page under way at most, so what waits here is bounded by the number of
//! subscriptions; how many are read at once is bounded by the permits.

mod pacing;

use std::error::Error;
use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::{AccessRecord, Filter, GapReason, OrgName, Position, RefusalCode};
use sekisho_routing::{Lost, Record, ReplayFrom, ReplayId, Replayed, SessionId, SubscriptionId};
use sekisho_store::{LostReason, ReadBatch, ReadError, RecordReader, StoredRecord};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tracing::error;

use super::access::AccessLog;
use super::internal;
use super::rates::Paid;
use super::refusal::Refusal;
use super::request::Request;
pub(super) use pacing::HistoryBudgets;

/// Pages read at once: a disk gains little from more, and the node's memory is bounded by it.
const PAGES_AT_ONCE: usize = 4;

/// What a read came to.
#[derive(Debug)]
pub enum Page {
    /// The records and how far they reach.
    Read(Replayed),
    /// The disk refused, or that it is read could not be recorded.
    Failed {
        /// Which page.
        replay: ReplayId,
        /// Why, for programs.
        code: RefusalCode,
        /// What the disk said.
        why: String,
    },
}

/// What is to be recorded where somebody is given what was kept, and what that costs whoever asked.
#[derive(Debug)]
pub struct History {
    pub(crate) record: AccessRecord,
    pub(crate) paid: Paid,
}

/// A page that the router asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(super) session: SessionId,
    pub(super) subscription: SubscriptionId,
    pub(super) replay: ReplayId,
    pub(super) filter: Filter,
    pub(super) from: ReplayFrom,
    /// Records and bytes.
    pub(super) limits: (u32, usize),
    /// What is to be recorded before anything is read, with the first page of a subscription that
    /// began before its time; up to where the log reached then.
    pub(super) history: Option<Box<History>>,
    /// The peer that asked, where the page is of what was there before it did.
    pub(super) paced: Option<OrgName>,
}

/// Starts reads and sends their pages back to the shard.
#[derive(Debug)]
pub(crate) struct Replays<R> {
    reader: R,
    access: Arc<AccessLog>,
    runtime: Handle,
    permits: Arc<Semaphore>,
    shard: mpsc::WeakSender<Request>,
    budgets: Arc<HistoryBudgets>,
}

impl<R: RecordReader> Replays<R> {
    /// `shard` is held weakly: the shard must end when nobody else can ask anything of it.
    pub(crate) fn new(
        reader: R,
        access: Arc<AccessLog>,
        (runtime, shard): (Handle, mpsc::WeakSender<Request>),
        budgets: HistoryBudgets,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(PAGES_AT_ONCE));
        Self { reader, access, runtime, permits, shard, budgets: Arc::new(budgets) }
    }

    /// Takes up what contracts say of how fast peers are given what is older.
    pub(super) fn follow(&self, policy: &Policy) {
        self.budgets.follow(policy);
    }

    /// The position up to which the log is durable, exclusive.
    pub(super) fn head(&self) -> Position {
        self.reader.head()
    }

    /// Reads one page.
    pub(crate) fn start(&self, wanted: Wanted) {
        let (reader, shard) = (self.reader.clone(), self.shard.clone());
        let (permits, access) = (Arc::clone(&self.permits), Arc::clone(&self.access));
        let budgets = Arc::clone(&self.budgets);
        self.runtime.spawn(async move {
            let Wanted { session, subscription, replay, filter, from, limits, history, paced } =
                wanted;
            if let Some(peer) = &paced {
                budgets.wait(peer).await;
            }
            let recorded = match history {
                Some(history) => record(&access, &reader, (&filter, from), *history).await,
                None => Ok(()),
            };
            // The disk flushes what was recorded for many at once: not while others wait to read.
            let Ok(_permit) = permits.acquire().await else { return };
            let page = match recorded {
                Ok(()) => {
                    let read = tokio::task::spawn_blocking(move || {
                        let read = read(&reader, &filter, from, limits);
                        read.map(|(from, batch)| page(replay, from, batch))
                    });
                    match read.await {
                        Ok(Ok(page)) => page,
                        Ok(Err(fault)) => unread(replay, &fault),
                        Err(fault) => unread(replay, &fault),
                    }
                }
                Err(Refusal { code, what, why, .. }) => {
                    failed(replay, code, format!("{what}: {why}"))
                }
            };
            if let (Some(peer), Page::Read(read)) = (&paced, &page) {
                budgets.spend(peer, read);
            }
            let Some(shard) = shard.upgrade() else { return };
            // A shard that is gone needs no page.
            drop(shard.send(Request::Replayed { session, subscription, page }).await);
        });
    }
}

/// Records that somebody is given kept records, unless all that is read came after they began.
async fn record<R: RecordReader>(
    access: &AccessLog,
    reader: &R,
    (filter, from): (&Filter, ReplayFrom),
    History { mut record, paid }: History,
) -> Result<(), Refusal> {
    let (reader, filter) = (reader.clone(), filter.clone());
    let first = tokio::task::spawn_blocking(move || first(&reader, &filter, from)).await;
    let first = first
        .map_err(|fault| internal("record log", &fault))?
        .map_err(|fault| internal("record log", &fault))?;
    if record.to.is_some_and(|to| first >= to) {
        return Ok(());
    }
    record.from = Some(first);
    access.note(record).await?;
    paid.spend();
    Ok(())
}

/// Where reading will begin.
fn first<R: RecordReader>(
    reader: &R,
    filter: &Filter,
    from: ReplayFrom,
) -> Result<Position, ReadError> {
    match from {
        ReplayFrom::Position(from) | ReplayFrom::LastValues { from, .. } => Ok(from),
        ReplayFrom::Earliest => Ok(reader.first()),
        ReplayFrom::Time(time) => reader.position_at_time(filter, time),
        ReplayFrom::Offset(_) => read(reader, filter, from, (1, 1)).map(|(from, _batch)| from),
    }
}

fn unread(replay: ReplayId, fault: &dyn Error) -> Page {
    failed(replay, RefusalCode::Internal, fault.to_string())
}

fn failed(replay: ReplayId, code: RefusalCode, why: String) -> Page {
    error!(%code, why, "a page of the log could not be read");
    Page::Failed { replay, code, why }
}

/// Reads a page and says where it began.
fn read<R: RecordReader>(
    reader: &R,
    filter: &Filter,
    from: ReplayFrom,
    (records, bytes): (u32, usize),
) -> Result<(Position, ReadBatch), ReadError> {
    let records = usize::try_from(records).unwrap_or(usize::MAX);
    match from {
        ReplayFrom::Position(from) => Ok((from, reader.read(filter, from, records, bytes)?)),
        ReplayFrom::Earliest => {
            let from = reader.first();
            Ok((from, reader.read(filter, from, records, bytes)?))
        }
        ReplayFrom::Time(time) => {
            let from = reader.position_at_time(filter, time)?;
            Ok((from, reader.read(filter, from, records, bytes)?))
        }
        ReplayFrom::Offset(offset) => {
            let Some(topic) = filter.is_topic() else {
                return Ok((reader.head(), reader.read(filter, reader.head(), records, bytes)?));
            };
            let batch = reader.read_topic(&topic, offset, records, bytes)?;
            let first = batch.records.first().map_or(batch.next, |record| record.position);
            let from = batch.lost.first().map_or(first, |lost| lost.from.min(first));
            Ok((from, batch))
        }
        ReplayFrom::LastValues { from, until } => {
            Ok((from, reader.last_values(filter, from, until, records, bytes)?))
        }
    }
}

fn page(replay: ReplayId, from: Position, batch: ReadBatch) -> Page {
    let mut lost: Vec<Lost> = batch
        .lost
        .iter()
        .map(|range| Lost { from: range.from, to: range.to, reason: reason(range.reason) })
        .collect();
    let mut records = Vec::with_capacity(batch.records.len());
    for stored in batch.records {
        match restore(&stored) {
            Ok(record) => records.push(Arc::new(record)),
            Err(why) => {
                error!(position = %stored.position, why, "a stored record is no envelope");
                let (from, to) = (stored.position, stored.position.next());
                lost.push(Lost { from, to, reason: GapReason::Corrupt });
            }
        }
    }
    lost.sort_by_key(|lost| lost.from);
    Page::Read(Replayed { replay, from, records, next: batch.next, head: batch.head, lost })
}

fn restore(stored: &StoredRecord) -> Result<Record, String> {
    let (envelope, hops) = (stored.envelope.clone(), stored.hops.clone());
    Record::restore(stored.position, stored.offset, stored.received, envelope, hops)
        .map_err(|fault| fault.to_string())
}

fn reason(reason: LostReason) -> GapReason {
    match reason {
        LostReason::Retention => GapReason::Retention,
        LostReason::Corrupt => GapReason::Corrupt,
    }
}

#[cfg(test)]
mod tests;
