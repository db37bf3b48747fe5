//! Records that a client is given other than by following the log: retained messages, and what it
//! had not acknowledged and no subscription brings again. The gate is asked for each.

use std::ops::Range;
use std::sync::Arc;

use sekisho_proto::{Filter, Position, Topic};
use sekisho_routing::{Kept, Record};
use sekisho_store::RecordReader as _;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::{debug, error};

use super::Memory;
use crate::clock;
use crate::hub::{Refusal, Request, internal, metrics};
use crate::session::Session;

/// Records about which the gate is asked at once.
const PAGE: usize = 64;

/// What became of a record that a client is to be given once more.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It may have it.
    Given(Arc<Record>),
    /// It may not, or not any more.
    Withheld(Arc<Record>),
    /// It is not there any more.
    Gone,
}

impl Memory {
    /// The retained messages that match a filter and that the client may have, as far as their
    /// publishers may still speak, and those only that are at these positions. Names begin after
    /// `prefix` levels of topics. What cannot be recorded is not given, and counted.
    ///
    /// # Errors
    /// The client asks for more than it may, what it is given cannot be recorded, or the node is
    /// stopping.
    pub(crate) async fn retained(
        &self,
        session: &Session,
        filter: &Filter,
        (wanted, prefix): (Range<Position>, usize),
    ) -> Result<Vec<Arc<Record>>, Refusal> {
        let mut after: Option<Topic> = None;
        let mut given = Vec::new();
        loop {
            let limits = (PAGE, prefix);
            let (page, last) = self.retaining.page(filter, after.as_ref(), limits, clock::now());
            let permitted = permitted(session, page, Kept::Retained).await?;
            let is_wanted = |record: &Arc<Record>| wanted.contains(&record.position());
            given.extend(permitted.into_iter().filter(is_wanted));
            after = last;
            if after.is_none() {
                break;
            }
        }
        let positions = given.iter().map(|record| record.position());
        if let (Some(from), Some(to)) = (positions.clone().min(), positions.max()) {
            let recorded = session.record_history(filter, (from, to.next())).await;
            if let Err(refusal) = recorded {
                for _lost in &given {
                    metrics::count(metrics::MQTT_RETAINED_DROPPED);
                }
                session.note_refused(&refusal);
                return Err(refusal);
            }
        }
        Ok(given)
    }

    /// One record again, and whether the client may have it still.
    ///
    /// # Errors
    /// The log cannot be read, or the node is stopping.
    pub(crate) async fn fetch(
        &self,
        session: &Session,
        position: Position,
    ) -> Result<Fetched, Refusal> {
        let (reader, own) = (self.reader.clone(), session.hub().organisation().clone());
        let read = move || {
            let everything = Filter::everything(&own);
            reader.read(&everything, position, 1, 1)
        };
        let read = spawn_blocking(read).await.map_err(|fault| internal("record log", &fault))?;
        let batch = read.map_err(|fault| internal("record log", &fault))?;
        let Some(stored) = batch.records.into_iter().find(|stored| stored.position == position)
        else {
            return Ok(Fetched::Gone);
        };
        let (envelope, hops) = (stored.envelope.clone(), stored.hops.clone());
        let record =
            Record::restore(stored.position, stored.offset, stored.received, envelope, hops);
        let record = match record {
            Ok(record) => Arc::new(record),
            Err(fault) => {
                error!(%position, %fault, "a stored record is no envelope");
                return Ok(Fetched::Gone);
            }
        };
        let asked = vec![Arc::clone(&record)];
        let mut permitted = permitted(session, asked, Kept::Unacknowledged).await?;
        Ok(permitted.pop().map_or(Fetched::Withheld(record), Fetched::Given))
    }
}

async fn permitted(
    session: &Session,
    records: Vec<Arc<Record>>,
    why: Kept,
) -> Result<Vec<Arc<Record>>, Refusal> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let (answer, asked) = oneshot::channel();
    let count = records.len();
    let records = records.into_iter().map(|record| (record, why)).collect();
    session.hub().ask(Request::Kept { session: session.id(), records, answer }).await?;
    let permitted = asked.await.map_err(|_gone| Refusal::stopping())?;
    let withheld = count.saturating_sub(permitted.len());
    if withheld > 0 {
        debug!(withheld, "kept messages that the client may not have");
    }
    // A permit is for one topic; whoever holds the record without it got past the gate.
    let is_for = |(record, permit): &(Arc<Record>, sekisho_policy::DeliveryPermit)| {
        permit.topic() == record.topic()
    };
    Ok(permitted.into_iter().filter(is_for).map(|(record, _permit)| record).collect())
}
