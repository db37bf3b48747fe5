//! What peers may send, ask for and be given by their contracts: kept to by the links' and the
//! broker's own budgets, and reckoned a second time here.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_federation::Budget;
use sekisho_policy::Recipient;
use sekisho_proto::{OrgName, Position, Timestamp};
use sekisho_routing::{ReplayFrom, Replayed, SessionId, SubscriptionId};

use super::{Context, running::Running};
use crate::{
    failure::{Broken, ensure},
    rights::Rights,
};

/// What a peer is given of its history where the contract does not say it, bytes per second.
const HISTORY_BYTES_PER_S: u64 = 1 << 20;

/// What reading a page costs, however little comes of it, bytes.
const PAGE_BYTES_MIN: usize = 64;

/// Filters that may be asked for where the contract does not say it.
const INTERESTS_MAX: u32 = 256;

/// What is left of a budget, reckoned to the millionth: between any two moments no more may be taken
/// than is there at once and what comes per second in between.
#[derive(Debug)]
pub(super) struct Meter {
    per_s: u64,
    /// Millionths that were left when something was taken last; less than none are owed.
    left: i128,
    at: Option<Timestamp>,
}

impl Meter {
    pub(super) const fn new(per_s: u64) -> Self {
        Self { per_s, left: full(per_s), at: None }
    }

    pub(super) fn take(&mut self, count: usize, now: Timestamp) {
        let count = i128::try_from(count).unwrap_or(i128::MAX);
        self.left = self.left(now).saturating_sub(count.saturating_mul(MICROS));
        self.at = Some(now);
    }

    /// From now on it is another one; what is owed stays owed.
    pub(super) fn follow(&mut self, per_s: u64, now: Timestamp) {
        if per_s != self.per_s {
            let left = self.left(now).min(full(per_s));
            *self = Self { per_s, left, at: Some(now) };
        }
    }

    /// Whether nothing more may be taken now.
    pub(super) fn is_exhausted(&self, now: Timestamp) -> bool {
        self.left(now) < 0
    }

    fn left(&self, now: Timestamp) -> i128 {
        let passed = self.at.map_or(0, |at| now.saturating_since(at).as_micros());
        let passed = i128::try_from(passed).unwrap_or(i128::MAX);
        let come = passed.saturating_mul(i128::from(self.per_s));
        self.left.saturating_add(come).min(full(self.per_s))
    }
}

const fn full(per_s: u64) -> i128 {
    (per_s as i128).saturating_mul(MICROS)
}

const MICROS: i128 = 1_000_000;

/// What one link may take, and what it asks for.
#[derive(Debug)]
pub(super) struct Spent {
    bytes: Option<Meter>,
    envelopes: Option<Meter>,
    asked: BTreeSet<u32>,
}

impl Spent {
    pub(super) const fn new() -> Self {
        Self { bytes: None, envelopes: None, asked: BTreeSet::new() }
    }

    /// A record of so many bytes came.
    pub(super) fn record(&mut self, bytes: usize, now: Timestamp) {
        self.bytes.iter_mut().for_each(|meter| meter.take(bytes, now));
        self.envelopes.iter_mut().for_each(|meter| meter.take(1, now));
    }

    /// A filter is asked for, or no longer.
    pub(super) fn ask(&mut self, subscription: u32, wanted: bool) {
        if wanted {
            self.asked.insert(subscription);
        } else {
            self.asked.remove(&subscription);
        }
    }

    pub(super) fn forget_asked(&mut self) {
        self.asked.clear();
    }

    fn exhausted(&self, now: Timestamp) -> Option<&'static str> {
        let is_exhausted =
            |meter: &Option<Meter>| meter.as_ref().is_some_and(|it| it.is_exhausted(now));
        if is_exhausted(&self.bytes) {
            return Some("bytes");
        }
        is_exhausted(&self.envelopes).then_some("envelopes")
    }
}

/// How fast one peer is given what is older than its question.
#[derive(Debug)]
pub(super) struct History {
    budget: Budget,
    meter: Meter,
}

impl Running {
    /// The contracts may say something else now.
    pub(super) fn follow_budgets(&mut self, context: &Context<'_>) {
        let steady = context.network.now;
        for view in self.policy.peers() {
            let per_s = view.theirs.budget.history_bytes_per_s.unwrap_or(HISTORY_BYTES_PER_S);
            let fresh = || History { budget: Budget::new(per_s, steady), meter: Meter::new(per_s) };
            let history = self.histories.entry(view.organisation.clone()).or_insert_with(fresh);
            history.budget.set_rate(per_s, steady);
            history.meter.follow(per_s, steady);
        }
        let judge = crate::rights::Judge { own: &self.own, known: &self.known, now: context.now };
        let rights: &Rights = &context.world.rights;
        for peer in self.peers.values_mut() {
            let Some((_, theirs)) = rights.budgets(judge, peer.link.via()) else { continue };
            follow(&mut peer.spent.bytes, theirs.bytes_per_s, steady);
            follow(&mut peer.spent.envelopes, theirs.envelopes_per_s.map(u64::from), steady);
        }
    }

    /// A link lets its peer send more.
    pub(super) fn check_credit(
        &self,
        organisation: &OrgName,
        records: u32,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let Some(peer) = self.peers.get(organisation).filter(|_| records > 0) else {
            return Ok(());
        };
        let exhausted = peer.spent.exhausted(context.network.now);
        ensure(exhausted.is_none(), || {
            format!(
                "{} lets {} send more of {organisation}, whose {} are used up",
                self.own,
                peer.link.via(),
                exhausted.unwrap_or_default()
            )
        })
    }

    /// No link asks for more filters than its contract says, or forgets what it may not be sent.
    pub(super) fn check_budgets(&self, context: &mut Context<'_>) -> Result<(), Broken> {
        let judge = self.judge(context.now);
        for (organisation, peer) in &self.peers {
            match peer.spent.exhausted(context.network.now) {
                Some("bytes") => context.ledger.counts.bytes_exhausted += 1,
                Some(_) => context.ledger.counts.envelopes_exhausted += 1,
                None => {}
            }
            let budgets = context.world.rights.budgets(judge, peer.link.via());
            let Some(max) = budgets.map(|(ours, _)| ours.interests) else { continue };
            context.ledger.counts.interests_bounded += u64::from(max.is_some());
            let (max, found) = (max.unwrap_or(INTERESTS_MAX), peer.spent.asked.len());
            ensure(found <= usize::try_from(max).unwrap_or(usize::MAX), || {
                format!("{} asks for {found} filters of {organisation}, not {max}", self.own)
            })?;
        }
        Ok(())
    }

    /// Whose history a page is of: a peer's, where it begins before the peer asked.
    pub(super) fn paced(
        &self,
        session: SessionId,
        subscription: SubscriptionId,
        from: ReplayFrom,
    ) -> Option<OrgName> {
        let state = self.sessions.get(&session)?;
        let Recipient::Peer(peer) = &state.recipient else { return None };
        let asked_at: &Position = state.asked_at.get(&subscription)?;
        let is_history = !matches!(from, ReplayFrom::Position(from) if from >= *asked_at);
        is_history.then(|| peer.clone())
    }

    /// Pages that may be read now, by their places among those that are asked for.
    pub(super) fn readable(&self, steady: Timestamp) -> Vec<usize> {
        let may = |peer: &OrgName| {
            let history = self.histories.get(peer);
            history.is_none_or(|history| history.budget.clone().exhausted_until(steady).is_none())
        };
        let replays = self.replays.iter().enumerate();
        let may_read = replays.filter(|(_, asked)| asked.paced.as_ref().is_none_or(may));
        may_read.map(|(place, _)| place).collect()
    }

    /// When a page may be read that waits for its budget.
    pub(super) fn readable_at(&self, steady: Timestamp) -> Option<Timestamp> {
        let waiting = self.replays.iter().filter_map(|asked| asked.paced.as_ref());
        let histories = waiting.filter_map(|peer| self.histories.get(peer));
        histories.filter_map(|history| history.budget.clone().exhausted_until(steady)).min()
    }

    /// A page was read for a peer.
    pub(super) fn spend_history(
        &mut self,
        peer: Option<&OrgName>,
        page: &Replayed,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let steady = context.network.now;
        let Some(peer) = peer else { return Ok(()) };
        let Some(history) = self.histories.get_mut(peer) else { return Ok(()) };
        ensure(!history.meter.is_exhausted(steady), || {
            format!("node {} reads history for {peer}, which has used up its own", self.index)
        })?;
        let bytes: usize =
            page.records.iter().map(|record| record.envelope().encoded().len()).sum();
        let bytes = bytes.max(PAGE_BYTES_MIN);
        history.budget.spend(bytes, steady);
        history.meter.take(bytes, steady);
        context.ledger.counts.histories_exhausted += u64::from(history.meter.is_exhausted(steady));
        Ok(())
    }
}

fn follow(meter: &mut Option<Meter>, per_s: Option<u64>, steady: Timestamp) {
    match (meter.as_mut(), per_s) {
        (Some(known), Some(per_s)) => known.follow(per_s, steady),
        (None, Some(per_s)) => *meter = Some(Meter::new(per_s)),
        // What the node allows by itself is more than is ever sent here.
        (_, None) => *meter = None,
    }
}

/// One budget for each peer.
pub(super) type Histories = BTreeMap<OrgName, History>;
