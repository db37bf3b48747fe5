//! What this node's subscribers want of other organisations' topics, so that links ask for no more.
//!
//! A subscription counts while it lasts, also one of a peer to whom topics are passed on. A cursor
//! counts while it exists: whoever comes back to it finds what was published meanwhile. Which filter
//! a cursor is for is kept as one small text, a line `principal cursor filter` for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_federation::{Since, Wanted};
use sekisho_proto::frame::Start;
use sekisho_proto::{CursorName, Filter, OrgName, PrincipalId};
use sekisho_store::{Keyed, KeyedError};
use tokio::sync::watch;

/// Filters of one organisation that are told apart; where more are wanted, all of it is.
const FILTERS_MAX: usize = 1_024;
/// Cursors whose filter is remembered; beyond it, all of the organisation is wanted for the rest.
const CURSORS_MAX: usize = 16_384;

/// The name of the text.
const BLOB: &str = "wants/cursors";

/// A cursor's owner and name.
type CursorKey = (PrincipalId, CursorName);

/// Everything that is wanted.
#[derive(Debug)]
pub(crate) struct Wants {
    own: OrgName,
    state: Mutex<State>,
    /// Held while cursors are written, so that nobody who only looks waits for the disk.
    writing: Mutex<()>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// How many want each filter from when on.
    subscriptions: BTreeMap<OrgName, BTreeMap<Filter, BTreeMap<Since, u32>>>,
    cursors: BTreeMap<CursorKey, Filter>,
}

/// One subscription's want; it is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Want {
    wants: Arc<Wants>,
    filter: Filter,
    since: Since,
}

impl Wants {
    /// What cursors want that exist already.
    pub(super) fn read<K: Keyed>(own: &OrgName, keyed: &K) -> Result<Self, KeyedError> {
        let cursors = keyed.blob(BLOB)?.map(|text| parse(&text)).unwrap_or_default();
        let state = State { cursors, ..State::default() };
        let (state, writing) = (Mutex::new(state), Mutex::default());
        Ok(Self { own: own.clone(), state, writing, changed: watch::channel(0).0 })
    }

    /// A subscription begins; none where it is of this organisation's own topics.
    pub(crate) fn want(self: &Arc<Self>, filter: &Filter, start: Start) -> Option<Want> {
        if *filter.organisation() == self.own {
            return None;
        }
        let since = since(start);
        let mut state = self.lock();
        let of_owner = state.subscriptions.entry(filter.organisation().clone()).or_default();
        let count = of_owner.entry(filter.clone()).or_default().entry(since).or_insert(0);
        *count = count.saturating_add(1);
        let is_first = *count == 1;
        drop(state);
        self.tell_where(is_first);
        Some(Want { wants: Arc::clone(self), filter: filter.clone(), since })
    }

    /// A cursor is for this filter from now on. Blocks on the disk where that is news.
    pub(super) fn want_cursor<K: Keyed>(
        &self,
        keyed: &K,
        key: CursorKey,
        filter: &Filter,
    ) -> Result<(), KeyedError> {
        if *filter.organisation() == self.own {
            return Ok(());
        }
        self.change(keyed, |cursors| {
            if cursors.get(&key) == Some(filter) {
                return false;
            }
            let is_known = cursors.contains_key(&key);
            let filter = if is_known || cursors.len() < CURSORS_MAX {
                filter.clone()
            } else {
                Filter::everything(filter.organisation())
            };
            if !is_known
                && cursors.len() >= CURSORS_MAX
                && cursors.values().any(|known| *known == filter)
            {
                return false;
            }
            cursors.insert(key, filter);
            true
        })
    }

    /// Whose cursors want something.
    pub(super) fn cursor_owners(&self) -> BTreeSet<PrincipalId> {
        self.lock().cursors.keys().map(|(owner, _name)| *owner).collect()
    }

    /// All cursors of some principals are gone, also those that were asked for and never moved.
    /// Blocks on the disk where some of them wanted something.
    pub(super) fn forget_owners<K: Keyed>(
        &self,
        keyed: &K,
        gone: &BTreeSet<PrincipalId>,
    ) -> Result<(), KeyedError> {
        self.change(keyed, |cursors| {
            let before = cursors.len();
            cursors.retain(|(owner, _name), _filter| !gone.contains(owner));
            cursors.len() < before
        })
    }

    /// What is wanted of an organisation's topics.
    pub(crate) fn of(&self, owner: &OrgName) -> Wanted {
        let state = self.lock();
        let of_cursors = state.cursors.values().filter(|filter| filter.organisation() == owner);
        let mut wanted: Wanted = of_cursors.map(|filter| (filter.clone(), Since::Latest)).collect();
        for (filter, counts) in state.subscriptions.get(owner).into_iter().flatten() {
            let Some(since) = counts.keys().next() else { continue };
            let known = wanted.entry(filter.clone()).or_insert(*since);
            *known = (*known).min(*since);
        }
        if wanted.len() > FILTERS_MAX {
            let since = wanted.values().copied().min().unwrap_or(Since::Latest);
            return Wanted::from([(Filter::everything(owner), since)]);
        }
        wanted
    }

    /// Fires when [`of`](Self::of) may say something else.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn change<K: Keyed>(
        &self,
        keyed: &K,
        change: impl FnOnce(&mut BTreeMap<CursorKey, Filter>) -> bool,
    ) -> Result<(), KeyedError> {
        let _in_turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cursors = self.lock().cursors.clone();
        if !change(&mut cursors) {
            return Ok(());
        }
        keyed.put_blob(BLOB, print(&cursors))?;
        self.lock().cursors = cursors;
        self.tell_where(true);
        Ok(())
    }

    fn tell_where(&self, is_news: bool) {
        if is_news {
            self.changed.send_modify(|version| *version = version.wrapping_add(1));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        let mut state = self.wants.lock();
        let owner = self.filter.organisation();
        let Some(of_owner) = state.subscriptions.get_mut(owner) else { return };
        let Some(counts) = of_owner.get_mut(&self.filter) else { return };
        let Some(count) = counts.get_mut(&self.since) else { return };
        *count = count.saturating_sub(1);
        let is_last = *count == 0;
        if is_last {
            counts.remove(&self.since);
        }
        if counts.is_empty() {
            of_owner.remove(&self.filter);
        }
        if of_owner.is_empty() {
            state.subscriptions.remove(owner);
        }
        drop(state);
        self.wants.tell_where(is_last);
    }
}

/// Where the past is wanted that a peer may still have.
const fn since(start: Start) -> Since {
    match start {
        Start::Earliest | Start::Offset(_) | Start::LastValue => Since::Earliest,
        Start::Time(time) => Since::Time(time),
        // A position is of this node's own log: it has had what lies before it.
        Start::Latest | Start::Position(_) => Since::Latest,
    }
}

fn print(cursors: &BTreeMap<CursorKey, Filter>) -> Bytes {
    let lines = cursors
        .iter()
        .map(|((principal, name), filter)| format!("{principal} {} {filter}\n", name.as_str()));
    lines.collect::<String>().into()
}

fn parse(bytes: &[u8]) -> BTreeMap<CursorKey, Filter> {
    String::from_utf8_lossy(bytes).lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<(CursorKey, Filter)> {
    let (principal, rest) = line.split_once(' ')?;
    // A filter's levels may have spaces in them; a cursor's name may not.
    let (name, filter) = rest.split_once(' ')?;
    Some(((principal.parse().ok()?, name.parse().ok()?), filter.parse().ok()?))
}

#[cfg(test)]
mod tests;
