//! Retained messages: an index over the log, and the records themselves, which may outlive it.
//!
//! The shard notes each as it becomes durable. The disk hears of it later; what it has not heard is
//! found again in the log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use sekisho_mqtt::message;
use sekisho_mqtt::retained::{BYTES_MAX, Kept, Noted, Retained, TOPICS_MAX};
use sekisho_proto::{
    Envelope, Filter, Header, Offset, OrgName, Position, PrincipalId, Suite, Timestamp, Topic,
};
use sekisho_routing::{NewRecord, Record};
use sekisho_store::{Keyed, KeyedError, RecordReader};
use tracing::{error, warn};

use crate::hub::metrics;

/// Before the topic of a retained record.
const RETAINED: &str = "mqtt/retained/";
/// Where in the log noting goes on.
const NEXT: &str = "mqtt/retained-next";
/// Records of the log that are read again after a crash, at most about so many.
const REREAD: u64 = 65_536;
/// One page of the log, in records and bytes.
const PAGE: (usize, usize) = (1_024, 8 << 20);

/// The retained messages of a node.
#[derive(Debug)]
pub(crate) struct Retaining(Mutex<Book>);

#[derive(Debug)]
struct Book {
    retained: Retained<Arc<Record>>,
    /// Topics whose last is not on the disk.
    changed: BTreeSet<Topic>,
    /// Everything before was noted, and where the disk believes that to be.
    noted: Position,
    saved: Position,
}

/// A record on its way to the log that is to be retained there.
#[derive(Debug)]
pub(crate) struct ToRetain {
    envelope: Arc<Envelope>,
    received: Timestamp,
    hops: Vec<PrincipalId>,
    offset: Offset,
}

impl ToRetain {
    /// What is to be retained of a new record; none where that is not asked for.
    pub(crate) fn of(record: &NewRecord) -> Option<Self> {
        if !is_to_retain(record.envelope.header()) {
            return None;
        }
        let (envelope, received) = (Arc::clone(&record.envelope), record.received);
        Some(Self { envelope, received, hops: record.hops.clone(), offset: Offset::new(0) })
    }

    /// With its place in its topic.
    pub(crate) fn placed(self, offset: Offset) -> Self {
        Self { offset, ..self }
    }

    fn record(self, position: Position) -> Option<Record> {
        let encoded = self.envelope.encoded().clone();
        let record = Record::restore(position, self.offset, self.received, encoded, self.hops);
        record.inspect_err(|fault| error!(%fault, "a record that was stored is no envelope")).ok()
    }
}

impl Retaining {
    /// Reads what was kept, and in the log what came after.
    pub(super) fn open<K: Keyed, R: RecordReader>(
        own: &OrgName,
        keyed: &K,
        reader: &R,
    ) -> Result<Self, KeyedError> {
        let next = keyed.blob(NEXT)?.and_then(|bytes| bytes.as_ref().try_into().ok());
        let next = Position::new(next.map_or(0, u64::from_be_bytes));
        let mut retained = Retained::new(TOPICS_MAX, BYTES_MAX, next);
        for (name, bytes) in keyed.blobs(RETAINED)? {
            let Some(record) = decode(bytes) else {
                warn!(name, "a retained message is damaged on disk and will not be served");
                continue;
            };
            let topic = record.topic().clone();
            count(retained.restore(topic, kept(record)));
        }
        let book = Book { retained, changed: BTreeSet::new(), noted: next, saved: next };
        let retaining = Self(Mutex::new(book));
        retaining.read_on(own, reader);
        Ok(retaining)
    }

    fn read_on<R: RecordReader>(&self, own: &OrgName, reader: &R) {
        let everything = Filter::everything(own);
        let mut from = self.lock().noted.max(reader.first());
        loop {
            let page = match reader.read(&everything, from, PAGE.0, PAGE.1) {
                Ok(page) => page,
                Err(fault) => {
                    error!(%fault, "retained messages since the last flush cannot be read");
                    return;
                }
            };
            for stored in page.records {
                let (place, hops) = ((stored.position, stored.offset), stored.hops.clone());
                let envelope = stored.envelope.clone();
                let record = Record::restore(place.0, place.1, stored.received, envelope, hops);
                if let Ok(record) = record
                    && is_to_retain(record.header())
                {
                    self.lock().note(record);
                }
            }
            self.lock().noted = page.next;
            if page.next >= page.head || page.next <= from {
                return;
            }
            from = page.next;
        }
    }

    /// These became durable; the log has nothing else before `head`.
    pub(crate) fn note(&self, durable: Vec<(Position, ToRetain)>, head: Option<Position>) {
        let mut book = self.lock();
        for (position, to_retain) in durable {
            if let Some(record) = to_retain.record(position) {
                book.note(record);
            }
        }
        book.noted = book.noted.max(head.unwrap_or(Position::ZERO));
    }

    /// A page of what matches a filter, and where the next begins.
    pub(super) fn page(
        &self,
        filter: &Filter,
        after: Option<&Topic>,
        limits: (usize, usize),
        now: Timestamp,
    ) -> (Vec<Arc<Record>>, Option<Topic>) {
        self.lock().retained.matching(filter, after, limits, now)
    }

    /// Lets go of what has expired.
    pub(super) fn expire(&self, now: Timestamp) {
        let mut book = self.lock();
        let over = book.retained.expire(now);
        book.changed.extend(over);
    }

    /// Topics with a retained message.
    pub(super) fn len(&self) -> usize {
        self.lock().retained.len()
    }

    /// What the disk is to be told.
    pub(super) fn take_changes(&self) -> Vec<(String, Option<Bytes>)> {
        let mut book = self.lock();
        let changed = std::mem::take(&mut book.changed);
        let is_far = book.noted.value().saturating_sub(book.saved.value()) >= REREAD;
        if changed.is_empty() && !is_far {
            return Vec::new();
        }
        let changes = changed.into_iter().map(|topic| {
            let kept = book.retained.get(&topic).map(|kept| encode(&kept.record));
            (format!("{RETAINED}{topic}"), kept)
        });
        let mut changes: Vec<_> = changes.collect();
        book.saved = book.noted;
        let next = Bytes::copy_from_slice(&book.noted.value().to_be_bytes());
        changes.push((NEXT.to_owned(), Some(next)));
        changes
    }

    /// Nothing that holds it can panic.
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn note(&mut self, record: Record) {
        let (topic, position) = (record.topic().clone(), record.position());
        let record = (!is_clearing(record.envelope())).then(|| kept(record));
        let noted = self.retained.note(&topic, position, record);
        count(noted);
        if noted != Noted::Old {
            self.changed.insert(topic);
        }
    }
}

fn count(noted: Noted) {
    if noted == Noted::Full {
        metrics::count(metrics::MQTT_RETAINED_DROPPED);
    }
}

const fn is_to_retain(header: &Header) -> bool {
    header.flags & Header::FLAG_RETAIN != 0
}

/// Whether a message says that the topic is to have none (3.3.1.3). What is sealed says nothing to
/// a node.
fn is_clearing(envelope: &Envelope) -> bool {
    let header = envelope.header();
    let read = || message::from_body(&header.content_type, envelope.body());
    header.suite == Suite::Open && read().is_ok_and(|message| message.payload.is_empty())
}

fn kept(record: Record) -> Kept<Arc<Record>> {
    let header = record.header();
    let lasts = i64::from(header.expiry_s).saturating_mul(1_000_000);
    let expires = header.time.as_micros().saturating_add(lasts);
    Kept {
        position: record.position(),
        expires: (header.expiry_s > 0).then(|| Timestamp::from_micros(expires)),
        bytes: record.envelope().encoded().len(),
        publisher: header.publisher,
        record: Arc::new(record),
    }
}

fn encode(record: &Record) -> Bytes {
    let mut to = BytesMut::new();
    to.put_u64(record.position().value());
    to.put_u64(record.offset().value());
    to.put_i64(record.received().as_micros());
    to.put_u8(u8::try_from(record.hops().len()).unwrap_or(0));
    for hop in record.hops() {
        to.put_slice(hop.as_bytes());
    }
    to.put_slice(record.envelope().encoded());
    to.freeze()
}

fn decode(bytes: Bytes) -> Option<Record> {
    let mut from = bytes;
    let mut fixed = |count: usize| (from.len() >= count).then(|| from.split_to(count));
    let position = u64::from_be_bytes(fixed(8)?.as_ref().try_into().ok()?);
    let offset = u64::from_be_bytes(fixed(8)?.as_ref().try_into().ok()?);
    let received = i64::from_be_bytes(fixed(8)?.as_ref().try_into().ok()?);
    let count = fixed(1)?.first().copied()?;
    let mut hops = Vec::new();
    for _ in 0..count {
        hops.push(PrincipalId::new(fixed(32)?.as_ref().try_into().ok()?));
    }
    let (position, offset) = (Position::new(position), Offset::new(offset));
    Record::restore(position, offset, Timestamp::from_micros(received), from, hops).ok()
}

#[cfg(test)]
mod tests;
