//! Which sessions there are, who is connected to them, and until when the others are remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sekisho_mqtt::mapping::is_system;
use sekisho_mqtt::session_state::{CLIENT_BYTES_MAX, SessionState};
use sekisho_mqtt::will::Testament;
use sekisho_proto::{Hash, PrincipalId, RefusalCode, Timestamp};
use sekisho_store::{Keyed, KeyedError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Memory;
use crate::clock;
use crate::hub::Refusal;
use crate::session::Session;

/// Before the hash of a session's key.
const SESSIONS: &str = "mqtt/session/";
/// Sessions remembered or connected, a few hundred bytes each as a rule.
const SESSIONS_MAX: usize = 65_536;
/// Sessions of one principal: a gateway may speak for a district's devices.
const SESSIONS_PER_PRINCIPAL_MAX: usize = 4_096;
/// Bytes of what is remembered of sessions that nobody is connected to: wills and what is in flight
/// may be long. Beyond it no new session begins, so that those who are connected exceed it once.
const BYTES_MAX: usize = 512 << 20;
/// The same of one principal: 4,096 sessions with 16 KiB each.
const BYTES_PER_PRINCIPAL_MAX: usize = 64 << 20;
/// How long a connection has to let go of its session when another takes it over.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// What names a session: a client identifier means something only together with whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) principal: PrincipalId,
    pub(super) client: Arc<str>,
}

/// A session and its connection.
#[derive(Debug)]
pub(crate) struct Attached {
    /// What was remembered, or a new one.
    pub(crate) state: SessionState,
    /// Whether anything was.
    pub(crate) is_present: bool,
    /// Fires when another connection of the same principal wants the session: let go of it.
    pub(crate) taken_over: CancellationToken,
    /// To be kept true while it is connected.
    pub(crate) subscriptions: SubscriptionCount,
}

/// How many subscriptions of the log a connected client would leave behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubscriptionCount(Arc<AtomicUsize>);

impl SubscriptionCount {
    pub(crate) fn note(&self, count: usize) {
        self.0.store(count, Ordering::Relaxed);
    }

    fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// All sessions of a node.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: BTreeMap<Key, Entry>,
    of_principal: BTreeMap<PrincipalId, Share>,
    /// What sessions take that nobody is connected to.
    bytes: usize,
    /// Wills of sessions that are no more.
    wills: Vec<(PrincipalId, Testament)>,
    /// When something is to be done with a session.
    due: BTreeSet<(Timestamp, Key)>,
}

#[derive(Debug)]
enum Entry {
    Connected(Connected),
    Left(Box<Left>),
}

/// A session that somebody is connected to.
#[derive(Debug, Clone, Default)]
struct Connected {
    taken_over: CancellationToken,
    gone: CancellationToken,
    subscriptions: SubscriptionCount,
}

/// A session that nobody is connected to.
#[derive(Debug)]
struct Left {
    state: SessionState,
    bytes: usize,
    /// When something is to be done with it.
    due: Option<Timestamp>,
}

/// One principal's part of all sessions.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    count: usize,
    bytes: usize,
}

/// What has come due.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) wills: Vec<(PrincipalId, Testament)>,
    /// To be written, or removed.
    pub(super) changed: Vec<(Key, Option<SessionState>)>,
    /// Sessions that are no more.
    pub(super) ended: Vec<(Key, SessionState)>,
}

impl Key {
    pub(super) fn of(state: &SessionState) -> Self {
        Self { principal: state.principal, client: state.client.as_str().into() }
    }

    /// Clients choose identifiers: on the disk stands a hash of them.
    pub(super) fn blob(&self) -> String {
        let mut bytes = self.principal.as_bytes().to_vec();
        bytes.extend_from_slice(self.client.as_bytes());
        format!("{SESSIONS}{}", Hash::of(&bytes))
    }
}

impl Sessions {
    pub(super) fn open<K: Keyed>(keyed: &K, now: Timestamp) -> Result<Self, KeyedError> {
        let mut sessions = Self::default();
        for (name, bytes) in keyed.blobs(SESSIONS)? {
            match SessionState::decode(&bytes) {
                Ok(mut state) => {
                    state.left = state.left.or(Some(now));
                    sessions.leave(state);
                }
                Err(fault) => warn!(name, %fault, "a session is damaged on disk and forgotten"),
            }
        }
        Ok(sessions)
    }

    /// What is remembered of those that nobody is connected to.
    pub(super) fn left(&self) -> impl Iterator<Item = &SessionState> {
        self.known.values().filter_map(|entry| match entry {
            Entry::Left(left) => Some(&left.state),
            Entry::Connected(_) => None,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Somebody connects. With somebody else's connection in the way: what fires when it has let go.
    fn attach(&mut self, key: &Key) -> Result<(Option<SessionState>, Connected), Blocked> {
        if let Some(Entry::Connected(connected)) = self.known.get(key) {
            connected.taken_over.cancel();
            return Err(Blocked::Until(connected.gone.clone()));
        }
        let before = self.remove(key);
        if before.is_none()
            && let Err(why) = self.has_room(&key.principal)
        {
            return Err(Blocked::Refused(Refusal::new(RefusalCode::TooMany, "session", why)));
        }
        let connected = Connected::default();
        self.insert(key.clone(), Entry::Connected(connected.clone()));
        Ok((before, connected))
    }

    /// How many subscriptions a client that comes again has to take up.
    fn left_behind(&self, key: &Key, now: Timestamp) -> usize {
        match self.known.get(key) {
            None => 0,
            Some(Entry::Connected(connected)) => connected.subscriptions.read(),
            Some(Entry::Left(left)) if goes_on(&left.state, now) => of_log(&left.state),
            Some(Entry::Left(_over)) => 0,
        }
    }

    /// Whether a principal may have one session more.
    fn has_room(&self, principal: &PrincipalId) -> Result<(), String> {
        let own = self.of_principal.get(principal).copied().unwrap_or_default();
        for (found, max) in
            [(self.known.len(), SESSIONS_MAX), (own.count, SESSIONS_PER_PRINCIPAL_MAX)]
        {
            if found >= max {
                return Err(format!("wanted at most {max} sessions, found as many remembered"));
            }
        }
        for (found, max) in [(self.bytes, BYTES_MAX), (own.bytes, BYTES_PER_PRINCIPAL_MAX)] {
            if found >= max {
                return Err(format!("wanted at most {max} bytes of sessions, found {found}"));
            }
        }
        Ok(())
    }

    /// A connection has ended.
    fn leave(&mut self, state: SessionState) {
        let key = Key::of(&state);
        let connected = self.remove_entry(&key);
        let due = [state.will_due(), state.expires()].into_iter().flatten().min();
        if let Some(due) = due {
            self.due.insert((due, key.clone()));
        }
        let bytes = state.encode().len();
        self.insert(key, Entry::Left(Box::new(Left { state, bytes, due })));
        if let Some(Entry::Connected(connected)) = connected {
            connected.gone.cancel();
        }
    }

    /// Takes what is due, and the wills with it.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Due {
        let mut due = Due { wills: std::mem::take(&mut self.wills), ..Due::default() };
        while let Some((at, _key)) = self.due.first()
            && *at <= now
        {
            let Some((_at, key)) = self.due.pop_first() else { break };
            let Some(mut state) = self.remove(&key) else { continue };
            if state.will_due().is_some_and(|at| at <= now) {
                due.wills.extend(state.will.take().map(|will| (key.principal, will)));
            }
            if state.expires().is_some_and(|at| at <= now) {
                // Also where nothing is to be kept now: something was once, perhaps.
                due.changed.push((key.clone(), None));
                due.ended.push((key, state));
            } else {
                due.changed.push((key, Some(state.clone())));
                self.leave(state);
            }
        }
        due
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        let bytes = entry.bytes();
        self.bytes = self.bytes.saturating_add(bytes);
        let share = self.of_principal.entry(key.principal).or_default();
        share.count = share.count.saturating_add(1);
        share.bytes = share.bytes.saturating_add(bytes);
        self.known.insert(key, entry);
    }

    fn remove_entry(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.known.remove(key)?;
        let bytes = entry.bytes();
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(share) = self.of_principal.get_mut(&key.principal) {
            share.count = share.count.saturating_sub(1);
            share.bytes = share.bytes.saturating_sub(bytes);
            if share.count == 0 {
                self.of_principal.remove(&key.principal);
            }
        }
        if let Entry::Left(left) = &entry
            && let Some(due) = left.due
        {
            self.due.remove(&(due, key.clone()));
        }
        Some(entry)
    }

    /// Takes a session that nobody is connected to.
    fn remove(&mut self, key: &Key) -> Option<SessionState> {
        match self.remove_entry(key)? {
            Entry::Left(left) => Some(left.state),
            connected @ Entry::Connected(_) => {
                self.insert(key.clone(), connected);
                None
            }
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Connected(_) => 0,
            Self::Left(left) => left.bytes,
        }
    }
}

/// Whether a session is there for a client that comes again.
fn goes_on(state: &SessionState, now: Timestamp) -> bool {
    state.is_durable() && state.expires().is_none_or(|at| at > now)
}

/// How many subscriptions a session has but those to what the node says of itself.
fn of_log(state: &SessionState) -> usize {
    state.subscriptions.values().filter(|held| !is_system(&held.spelt)).count()
}

/// What the disk is to hold of a session; `None` where nothing of it outlives the connection.
fn kept_form(state: &SessionState) -> Option<Bytes> {
    let is_kept = state.is_durable() || state.will.is_some();
    is_kept.then(|| Bytes::from(state.encode()))
}

enum Blocked {
    Until(CancellationToken),
    Refused(Refusal),
}

impl Memory {
    /// Connects a client to its session, which it takes over from an older connection of the same
    /// principal; nobody else's client identifiers mean the same.
    ///
    /// # Errors
    /// The identifier is too long, there are too many sessions, or the older connection does not
    /// end.
    pub(crate) async fn attach(
        self: &Arc<Self>,
        session: &Session,
        client: &str,
        clean_start: bool,
        expiry_s: u32,
    ) -> Result<Attached, Refusal> {
        if client.len() > CLIENT_BYTES_MAX {
            let found = client.len();
            let why = format!("wanted at most {CLIENT_BYTES_MAX} bytes, found {found}");
            return Err(Refusal::new(RefusalCode::Oversized, "client identifier", why));
        }
        let key = Key { principal: session.who().id, client: client.into() };
        let (before, connected) =
            tokio::time::timeout(TAKE_OVER, self.take(&key)).await.unwrap_or_else(|_elapsed| {
                let why = "wanted the older connection to let go of it, found it busy";
                Err(Refusal::new(RefusalCode::TooMany, "session", why))
            })?;
        let fresh = SessionState::new(key.principal, client.to_owned(), expiry_s);
        let kept =
            before.as_ref().is_some_and(|state| !clean_start && goes_on(state, clock::now()));
        let state = match before {
            Some(mut state) if kept => {
                // One whose delay is not over is not sent: the client is back.
                if state.will_due().is_some_and(|at| at <= clock::now()) {
                    self.send_now(&mut state);
                }
                if expiry_s == 0 {
                    // It ends with this connection, and must not come back after a crash as it was.
                    self.write_later(key.blob(), None);
                }
                SessionState { expiry_s, left: None, will: None, ..state }
            }
            Some(mut ended) => {
                self.send_now(&mut ended);
                self.shares.forget(&key, &ended);
                self.write_later(key.blob(), None);
                fresh
            }
            None => fresh,
        };
        let Connected { taken_over, subscriptions, .. } = connected;
        subscriptions.note(of_log(&state));
        Ok(Attached { state, is_present: kept, taken_over, subscriptions })
    }

    /// How many subscriptions of the log a client that comes again has to take up.
    pub(crate) fn left_behind(&self, principal: PrincipalId, client: &str) -> usize {
        self.sessions().left_behind(&Key { principal, client: client.into() }, clock::now())
    }

    fn send_now(&self, state: &mut SessionState) {
        if let Some(will) = state.will.take() {
            self.sessions().wills.push((state.principal, will));
            self.due.notify_one();
        }
    }

    async fn take(&self, key: &Key) -> Result<(Option<SessionState>, Connected), Refusal> {
        loop {
            let attached = self.sessions().attach(key);
            match attached {
                Ok(attached) => return Ok(attached),
                Err(Blocked::Refused(refusal)) => return Err(refusal),
                Err(Blocked::Until(gone)) => gone.cancelled().await,
            }
        }
    }

    /// Keeps a session as it is, or takes off the disk what was kept of one that nothing is kept of
    /// any more; durable when this returns.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) async fn keep(self: &Arc<Self>, state: &SessionState) -> Result<(), Refusal> {
        if !self.save(state) && !self.unwritten().contains_key(&Key::of(state).blob()) {
            return Ok(());
        }
        self.write().await
    }

    /// Keeps a session as it is, before long; false where nothing of it is to be kept.
    pub(crate) fn save(&self, state: &SessionState) -> bool {
        let form = kept_form(state);
        let is_kept = form.is_some();
        if is_kept {
            self.write_later(Key::of(state).blob(), form);
        }
        is_kept
    }

    /// A connection has ended: its session is remembered as long as it says, and its will is
    /// published when it is due, unless it left in order.
    pub(crate) fn detach(&self, state: SessionState, send_will: bool) {
        let key = Key::of(&state);
        let will = state.will.clone().filter(|_will| send_will);
        let state = SessionState { left: Some(clock::now()), will, ..state };
        // A client may say at the end that nothing is to be kept, or withdraw its will: what was
        // written before must not come back after a restart.
        self.write_later(key.blob(), kept_form(&state));
        self.sessions().leave(state);
        self.due.notify_one();
    }
}

#[cfg(test)]
mod tests;
