//! Who is connected, by what, since when, and what passes: for those who administer the node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_proto::{Filter, PrincipalName, RefusalCode, Timestamp};
use sekisho_routing::SessionId;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::refusals::Refusals;
use crate::clock;
use crate::session::Who;

/// Sessions in one answer. Each with its subscriptions takes up to 64 KiB.
const SESSIONS_MAX: u32 = 100;
/// Bytes of one part: less than an answer may have, and more than one session takes.
const LIST_BYTES_MAX: usize = 512 * 1024;
/// Subscriptions that are told of one session; a filter has up to 512 bytes.
const SUBSCRIPTIONS_TOLD_MAX: usize = 16;
/// What a rate is measured over.
const WINDOW_US: i64 = 10_000_000;

/// By what somebody came, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Came {
    /// quic, websocket, grpc, http or mqtt.
    pub(crate) via: &'static str,
    /// Where from; `None` where that is not known.
    pub(crate) address: Option<SocketAddr>,
}

impl Came {
    /// From an address, by one of the doors.
    pub(crate) const fn by(via: &'static str, address: SocketAddr) -> Self {
        Self { via, address: Some(address) }
    }

    /// From within.
    pub(crate) const fn unknown() -> Self {
        Self { via: "local", address: None }
    }
}

/// Every session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    sessions: Arc<Mutex<BTreeMap<u64, Arc<Entry>>>>,
}

/// One session's place in it; given up when dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    roster: Roster,
    number: u64,
    entry: Arc<Entry>,
}

#[derive(Debug)]
struct Entry {
    who: Who,
    came: Came,
    since: Timestamp,
    published: Mutex<Meter>,
    delivered: Mutex<Meter>,
    subscriptions: Mutex<BTreeMap<u64, Box<(Filter, Timestamp)>>>,
    next: AtomicU64,
    refusals: Arc<Refusals>,
}

/// One subscription's place in its session; given up when dropped.
#[derive(Debug)]
pub(crate) struct Subscribed {
    entry: Arc<Entry>,
    number: u64,
}

/// What passed, and how much of it lately.
#[derive(Debug, Default)]
struct Meter {
    records: u64,
    bytes: u64,
    /// When the present window began.
    began_us: i64,
    present: u64,
    previous: u64,
}

impl Roster {
    /// Writes a session down.
    pub(crate) fn enter(
        &self,
        (session, who): (SessionId, &Who),
        came: Came,
        refusals: &Arc<Refusals>,
        now: Timestamp,
    ) -> Listed {
        let number = session.value();
        let entry = Arc::new(Entry {
            who: who.clone(),
            came,
            since: now,
            published: Mutex::default(),
            delivered: Mutex::default(),
            subscriptions: Mutex::default(),
            next: AtomicU64::new(1),
            refusals: Arc::clone(refusals),
        });
        lock(&self.sessions).insert(number, Arc::clone(&entry));
        Listed { roster: self.clone(), number, entry }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// A part of them, by ascending number.
    pub(crate) fn list(
        &self,
        principal: Option<&PrincipalName>,
        (from, max): (u64, u32),
        now: Timestamp,
    ) -> Value {
        let max = usize::try_from(max.clamp(1, SESSIONS_MAX)).unwrap_or(1);
        let is_meant = |entry: &Entry| principal.is_none_or(|wanted| entry.who.name == *wanted);
        let (count, mut found) = {
            let sessions = lock(&self.sessions);
            let meant = sessions.range(from..).filter(|(_number, entry)| is_meant(entry));
            let found: Vec<(u64, Arc<Entry>)> =
                meant.take(max + 1).map(|(number, entry)| (*number, Arc::clone(entry))).collect();
            (sessions.len(), found)
        };
        let mut next = found.get(max).map(|(number, _entry)| *number);
        found.truncate(max);
        let (mut told, mut room) = (Vec::new(), LIST_BYTES_MAX);
        for (number, entry) in found {
            let one = entry.told(number, now);
            let bytes = one.to_string().len();
            if bytes > room {
                next = Some(number);
                break;
            }
            room = room.saturating_sub(bytes);
            told.push(one);
        }
        json!({ "time": now.to_string(), "count": count, "sessions": told, "next": next })
    }
}

impl Listed {
    /// An envelope of theirs was let in.
    pub(crate) fn note_published(&self, bytes: usize, now: Timestamp) {
        self.note_published_all(1, bytes, now);
    }

    /// So many envelopes of theirs were let in.
    pub(crate) fn note_published_all(&self, count: u64, bytes: usize, now: Timestamp) {
        lock(&self.entry.published).note(count, bytes as u64, now);
    }

    /// Records were written to them.
    pub(crate) fn note_delivered(&self, records: u64, bytes: u64, now: Timestamp) {
        lock(&self.entry.delivered).note(records, bytes, now);
    }

    /// A subscription of theirs.
    pub(crate) fn subscribe(&self, filter: &Filter, now: Timestamp) -> Subscribed {
        let number = self.entry.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.entry.subscriptions).insert(number, Box::new((filter.clone(), now)));
        Subscribed { entry: Arc::clone(&self.entry), number }
    }

    /// Something that they asked for was refused.
    pub(crate) fn note_refused(&self, refusal: &Refusal, now: Timestamp) {
        self.entry.note_refused(refusal, now);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.roster.sessions).remove(&self.number);
    }
}

impl Subscribed {
    /// The node ended the subscription, or never began it.
    pub(crate) fn note_ended(&self, code: RefusalCode, why: &str) {
        let what = lock(&self.entry.subscriptions).get(&self.number).map_or_else(
            || "subscription".to_owned(),
            |about| format!("subscription to {}", about.0),
        );
        self.entry.note_refused(&Refusal::new(code, what, why), clock::now());
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        lock(&self.entry.subscriptions).remove(&self.number);
    }
}

impl Entry {
    fn note_refused(&self, refusal: &Refusal, now: Timestamp) {
        self.refusals.note(Some(&self.who), self.came, refusal, now);
    }

    fn told(&self, number: u64, now: Timestamp) -> Value {
        let subscriptions = lock(&self.subscriptions);
        let told = subscriptions.iter().take(SUBSCRIPTIONS_TOLD_MAX);
        let told = told.map(|(number, about)| {
            json!({
                "subscription": number,
                "filter": about.0.as_str(),
                "since": about.1.to_string(),
            })
        });
        json!({
            "session": number,
            "principal": self.who.name.to_string(),
            "id": self.who.id.to_string(),
            "kind": self.who.kind.to_string(),
            "peer": self.who.is_peer,
            "via": self.came.via,
            "address": self.came.address.map(|address| address.to_string()),
            "since": self.since.to_string(),
            "published": lock(&self.published).told(now),
            "delivered": lock(&self.delivered).told(now),
            "subscriptions": told.collect::<Vec<_>>(),
            "subscriptions_left_out": subscriptions.len().saturating_sub(SUBSCRIPTIONS_TOLD_MAX),
        })
    }
}

impl Meter {
    fn note(&mut self, records: u64, bytes: u64, now: Timestamp) {
        self.turn(now);
        self.records += records;
        self.bytes += bytes;
        self.present += records;
    }

    /// Begins a new window where the present one is over.
    fn turn(&mut self, now: Timestamp) {
        let now = now.as_micros();
        let passed = now.saturating_sub(self.began_us);
        if (0..WINDOW_US).contains(&passed) {
            return;
        }
        let is_next = (WINDOW_US..2 * WINDOW_US).contains(&passed);
        self.previous = if is_next { self.present } else { 0 };
        self.present = 0;
        self.began_us = if is_next { self.began_us + WINDOW_US } else { now };
    }

    /// Over the last window: what is in the present one, and as much of the one before as lies in
    /// it.
    fn tenths_per_s(&mut self, now: Timestamp) -> u64 {
        self.turn(now);
        let passed = now.as_micros().saturating_sub(self.began_us).clamp(0, WINDOW_US);
        let rest = u64::try_from(WINDOW_US - passed).unwrap_or(0);
        let window = u64::try_from(WINDOW_US).unwrap_or(1);
        self.present.saturating_add(self.previous.saturating_mul(rest) / window)
    }

    fn told(&mut self, now: Timestamp) -> Value {
        // A window is ten seconds: its records are tenths of records a second.
        let tenths = u32::try_from(self.tenths_per_s(now)).unwrap_or(u32::MAX);
        json!({
            "records": self.records,
            "bytes": self.bytes,
            "per_s": f64::from(tenths) / 10.0,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
