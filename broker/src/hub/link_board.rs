//! How the links of this node are doing, and what peers take of it, for those who look after it.
//!
//! Links and sessions write here what they count anyway; nothing waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sekisho_federation::{BudgetKind, BudgetWaits};
use sekisho_proto::{OrgName, Position, RefusalCode, Timestamp};
use serde_json::{Map, Value, json};

use super::metrics;
use super::refusal::Refusal;

/// What is counted over so long is told as a rate.
const WINDOW: Duration = Duration::from_secs(5);
/// Filters that a peer may have asked for where the contract does not say it: what one session may
/// have, for each of the organisations that come through a node.
pub(crate) const INTERESTS_DEFAULT: u32 = 1_024;
/// Interests that may be there beside those allowed while one takes the place of another: which of
/// the two is heard of first, nobody can say.
const REPLACED_MAX: u32 = 16;
/// Interests of a link that are shown.
const SHOWN_MAX: usize = 256;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct LinkBoard {
    links: Mutex<BTreeMap<OrgName, LinkReport>>,
    takers: Mutex<BTreeMap<OrgName, Taking>>,
}

/// What a link is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkPhase {
    Dialling,
    Up,
    Waiting,
    Ended,
}

/// One link, which brings the topics of one organisation.
#[derive(Debug, Clone)]
pub(crate) struct LinkReport {
    via: OrgName,
    phase: LinkPhase,
    since: Timestamp,
    /// Why it was not up the last time.
    why: Option<String>,
    crossing: Crossing,
    refused: BTreeMap<&'static str, u64>,
    dropped: BTreeMap<&'static str, u64>,
    hung_up: BTreeMap<&'static str, u64>,
    gaps: BTreeMap<&'static str, u64>,
    waits: BudgetWaits,
    /// Where the peer's log ended when it was last told, and the last position that came.
    head: Position,
    position: Position,
    /// When its home received the last record, and how long it then took to come here.
    received: Option<Timestamp>,
    delay: Duration,
    witnessed: u64,
    interests: Vec<(String, bool)>,
    interest_count: usize,
}

/// What a peer takes of this node.
#[derive(Debug, Clone, Default)]
struct Taking {
    crossing: Crossing,
    interests: u32,
    refused_interests: u64,
    /// Records behind the end of this node's log, as it last acknowledged.
    behind: u64,
    history_waits: u64,
}

/// Records and bytes, altogether and lately.
#[derive(Debug, Clone, Default)]
struct Crossing {
    records: u64,
    bytes: u64,
    window: Option<Window>,
    lately: (u64, u64),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    records: u64,
    bytes: u64,
}

/// One interest of a peer, counted while it lasts.
#[derive(Debug)]
pub(crate) struct Interest {
    board: Arc<LinkBoard>,
    peer: OrgName,
}

impl LinkBoard {
    /// A link begins.
    pub(crate) fn begin(&self, owner: &OrgName, via: &OrgName, now: Timestamp) {
        let mut links = self.links();
        let report = LinkReport::new(via, now);
        match links.get_mut(owner) {
            // What was counted goes on; places in another node's log mean nothing.
            Some(known) => {
                known.via = report.via;
                known.set_phase(report.phase, now);
                (known.head, known.position) = (report.head, report.position);
                known.set_interests(Vec::new());
            }
            None => drop(links.insert(owner.clone(), report)),
        }
    }

    /// Something of a link has changed.
    pub(crate) fn note(&self, owner: &OrgName, change: impl FnOnce(&mut LinkReport)) {
        if let Some(report) = self.links().get_mut(owner) {
            change(report);
        }
    }

    /// A peer asks for one more filter; so many are allowed.
    ///
    /// # Errors
    /// It has that many.
    pub(crate) fn ask(self: &Arc<Self>, peer: &OrgName, max: u32) -> Result<Interest, Refusal> {
        let most = max.saturating_add(max.min(REPLACED_MAX));
        let mut takers = self.takers();
        let taking = takers.entry(peer.clone()).or_default();
        if taking.interests >= most {
            taking.refused_interests = taking.refused_interests.saturating_add(1);
            let why = format!("wanted at most {max} of {peer} at a time, found more");
            return Err(Refusal::new(RefusalCode::TooMany, "interests", why));
        }
        taking.interests = taking.interests.saturating_add(1);
        metrics::peer_interests(peer.as_str(), taking.interests);
        drop(takers);
        Ok(Interest { board: Arc::clone(self), peer: peer.clone() })
    }

    /// Records were written to a peer.
    pub(crate) fn delivered(&self, peer: &OrgName, records: u64, bytes: u64, now: Timestamp) {
        let mut takers = self.takers();
        takers.entry(peer.clone()).or_default().crossing.add(records, bytes, now);
        drop(takers);
        metrics::peer_delivered(peer.as_str(), records, bytes);
    }

    /// A peer is done with everything up to a position of the log, which ends at `head`.
    pub(crate) fn acknowledged(&self, peer: &OrgName, position: Position, head: Position) {
        let behind = head.value().saturating_sub(position.next().value());
        self.takers().entry(peer.clone()).or_default().behind = behind;
        metrics::peer_behind(peer.as_str(), behind);
    }

    /// A peer waits for what is older than its question.
    pub(crate) fn history_waits(&self, peer: &OrgName) {
        let mut takers = self.takers();
        let taking = takers.entry(peer.clone()).or_default();
        taking.history_waits = taking.history_waits.saturating_add(1);
        drop(takers);
        metrics::history_waits(peer.as_str());
    }

    /// The link that brings the topics of an organisation.
    pub(crate) fn link(&self, owner: &OrgName, now: Timestamp) -> Value {
        self.links().get(owner).map_or(Value::Null, |report| report.document(now))
    }

    /// What a peer takes.
    pub(crate) fn taking(&self, peer: &OrgName, now: Timestamp) -> Value {
        self.takers().get(peer).map_or(Value::Null, |taking| {
            let mut document = taking.crossing.document(now);
            document.insert("interests".to_owned(), json!(taking.interests));
            document.insert("refused_interests".to_owned(), json!(taking.refused_interests));
            document.insert("behind_records".to_owned(), json!(taking.behind));
            document.insert("history_waits".to_owned(), json!(taking.history_waits));
            Value::Object(document)
        })
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<OrgName, LinkReport>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takers(&self) -> MutexGuard<'_, BTreeMap<OrgName, Taking>> {
        self.takers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut takers = self.board.takers();
        if let Some(taking) = takers.get_mut(&self.peer) {
            taking.interests = taking.interests.saturating_sub(1);
            metrics::peer_interests(self.peer.as_str(), taking.interests);
        }
    }
}

impl LinkPhase {
    const fn name(self) -> &'static str {
        match self {
            Self::Dialling => "dialling",
            Self::Up => "up",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
        }
    }
}

impl LinkReport {
    fn new(via: &OrgName, now: Timestamp) -> Self {
        Self {
            via: via.clone(),
            phase: LinkPhase::Dialling,
            since: now,
            why: None,
            crossing: Crossing::default(),
            refused: BTreeMap::new(),
            dropped: BTreeMap::new(),
            hung_up: BTreeMap::new(),
            gaps: BTreeMap::new(),
            waits: BudgetWaits::default(),
            head: Position::ZERO,
            position: Position::ZERO,
            received: None,
            delay: Duration::ZERO,
            witnessed: 0,
            interests: Vec::new(),
            interest_count: 0,
        }
    }

    pub(crate) fn set_phase(&mut self, phase: LinkPhase, now: Timestamp) {
        if self.phase != phase {
            self.phase = phase;
            self.since = now;
        }
    }

    /// Why it is not up.
    pub(crate) fn set_why(&mut self, why: impl Into<String>) {
        self.why = Some(why.into());
    }

    /// A record came that its home received then.
    pub(crate) fn take(
        &mut self,
        (position, bytes): (Position, usize),
        received: Timestamp,
        now: Timestamp,
    ) {
        self.crossing.add(1, bytes as u64, now);
        self.position = self.position.max(position.next());
        self.received = Some(received);
        self.delay = now.saturating_since(received);
    }

    /// The peer's log ends there, and a subscription has come so far.
    pub(crate) fn tell_head(&mut self, position: Position, head: Position) {
        self.head = head;
        self.position = self.position.max(position);
    }

    pub(crate) fn behind(&self) -> u64 {
        self.head.value().saturating_sub(self.position.value())
    }

    pub(crate) fn refuse(&mut self, code: RefusalCode, count: u64) {
        add(&mut self.refused, code.name(), count);
    }

    pub(crate) fn drop_record(&mut self, reason: &'static str) {
        add(&mut self.dropped, reason, 1);
    }

    pub(crate) fn hang_up(&mut self, reason: &'static str) {
        add(&mut self.hung_up, reason, 1);
    }

    pub(crate) fn gap(&mut self, reason: &'static str) {
        add(&mut self.gaps, reason, 1);
    }

    pub(crate) const fn witness(&mut self) {
        self.witnessed = self.witnessed.saturating_add(1);
    }

    pub(crate) const fn set_waits(&mut self, waits: BudgetWaits) {
        self.waits = waits;
    }

    /// What is asked for, and whether the peer permits it.
    pub(crate) fn set_interests(&mut self, interests: Vec<(String, bool)>) {
        self.interests = interests;
        self.interest_count = self.interests.len();
        self.interests.truncate(SHOWN_MAX);
    }

    fn document(&self, now: Timestamp) -> Value {
        let mut document = self.crossing.document(now);
        let waits: Map<String, Value> = BudgetKind::ALL
            .into_iter()
            .filter(|kind| self.waits.of(*kind) > 0)
            .map(|kind| (kind.name().to_owned(), json!(self.waits.of(kind))))
            .collect();
        let interests = self
            .interests
            .iter()
            .map(|(filter, is_permitted)| json!({ "filter": filter, "permitted": is_permitted }));
        let rest = [
            ("via", json!(self.via.as_str())),
            ("state", json!(self.phase.name())),
            ("since", json!(self.since.to_string())),
            ("why", json!(self.why)),
            ("behind_records", json!(self.behind())),
            ("delay_s", json!(seconds(self.delay))),
            ("last_received", json!(self.received.map(|time| time.to_string()))),
            ("refused", json!(self.refused)),
            ("dropped", json!(self.dropped)),
            ("hung_up", json!(self.hung_up)),
            ("gaps", json!(self.gaps)),
            ("budget_waits", json!(waits)),
            ("witnessed", json!(self.witnessed)),
            ("interest_count", json!(self.interest_count)),
            ("interests", json!(interests.collect::<Vec<_>>())),
        ];
        document.extend(rest.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(document)
    }
}

impl Crossing {
    fn add(&mut self, records: u64, bytes: u64, now: Timestamp) {
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
        let fresh = Window { began: now, records: 0, bytes: 0 };
        let window = self.window.get_or_insert(fresh);
        if now.saturating_since(window.began) >= WINDOW {
            self.lately = window.rates(now);
            *window = fresh;
        }
        window.records = window.records.saturating_add(records);
        window.bytes = window.bytes.saturating_add(bytes);
    }

    /// Per second: of the last whole window, unless that is long ago.
    fn rates(&self, now: Timestamp) -> (u64, u64) {
        match self.window {
            Some(window) if now.saturating_since(window.began) >= WINDOW => window.rates(now),
            Some(_) => self.lately,
            None => (0, 0),
        }
    }

    fn document(&self, now: Timestamp) -> Map<String, Value> {
        let (records_per_s, bytes_per_s) = self.rates(now);
        let all = [
            ("records", self.records),
            ("bytes", self.bytes),
            ("records_per_s", records_per_s),
            ("bytes_per_s", bytes_per_s),
        ];
        all.map(|(name, count)| (name.to_owned(), json!(count))).into_iter().collect()
    }
}

impl Window {
    fn rates(&self, now: Timestamp) -> (u64, u64) {
        let millis =
            u64::try_from(now.saturating_since(self.began).as_millis()).unwrap_or(u64::MAX);
        let per_s = |count: u64| count.saturating_mul(1_000).div_ceil(millis.max(1));
        (per_s(self.records), per_s(self.bytes))
    }
}

fn add(counts: &mut BTreeMap<&'static str, u64>, reason: &'static str, count: u64) {
    let known = counts.entry(reason).or_insert(0);
    *known = known.saturating_add(count);
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests;
