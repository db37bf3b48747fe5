//! How fast peers are given what was there before they asked: as fast as the contract says, over all
//! that a peer asks, so that nobody else waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sekisho_federation::Budget;
use sekisho_policy::Policy;
use sekisho_proto::{OrgName, Timestamp};
use sekisho_routing::Replayed;

use super::super::link_board::LinkBoard;
use crate::clock;

/// What a peer is given per second where the contract does not say it, bytes of envelopes: twice
/// what a link takes.
const BYTES_PER_S: u64 = 64 << 20;
/// What reading a page costs, however little comes of it.
const PAGE_BYTES_MIN: usize = 16 << 10;
/// So often is looked whether the contract says something else meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The budget of each peer.
#[derive(Debug)]
pub(crate) struct HistoryBudgets {
    budgets: Mutex<BTreeMap<OrgName, Budget>>,
    board: Arc<LinkBoard>,
}

impl HistoryBudgets {
    pub(crate) fn new(policy: &Policy, board: Arc<LinkBoard>) -> Self {
        let budgets = Self { budgets: Mutex::default(), board };
        budgets.follow(policy);
        budgets
    }

    /// Takes up what the contracts say.
    pub(super) fn follow(&self, policy: &Policy) {
        let now = clock::steady();
        let mut budgets = self.lock();
        let peers = policy.peers();
        budgets.retain(|peer, _budget| peers.iter().any(|view| view.organisation == *peer));
        for view in peers {
            let per_s = view.theirs.budget.history_bytes_per_s.unwrap_or(BYTES_PER_S);
            let fresh = || Budget::new(per_s, now);
            budgets.entry(view.organisation.clone()).or_insert_with(fresh).set_rate(per_s, now);
        }
    }

    /// Waits until the peer has paid for what it was given.
    pub(super) async fn wait(&self, peer: &OrgName) {
        let mut is_first = true;
        while let Some(until) = self.exhausted_until(peer, clock::steady()) {
            if std::mem::take(&mut is_first) {
                self.board.history_waits(peer);
            }
            tokio::time::sleep(pause(until, clock::steady())).await;
        }
    }

    /// A page was read for the peer.
    pub(super) fn spend(&self, peer: &OrgName, page: &Replayed) {
        let bytes = page.records.iter().map(|record| record.envelope().encoded().len()).sum();
        self.spend_bytes(peer, bytes, clock::steady());
    }

    fn spend_bytes(&self, peer: &OrgName, bytes: usize, now: Timestamp) {
        if let Some(budget) = self.lock().get_mut(peer) {
            budget.spend(bytes.max(PAGE_BYTES_MIN), now);
        }
    }

    fn exhausted_until(&self, peer: &OrgName, now: Timestamp) -> Option<Timestamp> {
        self.lock().get_mut(peer)?.exhausted_until(now)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrgName, Budget>> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A debt of days may be one of seconds under the next contract.
fn pause(until: Timestamp, now: Timestamp) -> Duration {
    until.saturating_since(now).min(LOOK_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_pays_for_pages_also_where_they_are_empty_and_nobody_else_does() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let [peer, other]: [OrgName; 2] = ["fujisawa", "bilbao"].map(|name| name.parse().unwrap());
        let full = || Budget::new(PAGE_BYTES_MIN as u64, now);
        let budgets = BTreeMap::from([(peer.clone(), full()), (other.clone(), full())]);
        let budgets = HistoryBudgets { budgets: Mutex::new(budgets), board: Arc::default() };
        budgets.spend_bytes(&peer, 0, now);
        assert_eq!(budgets.exhausted_until(&peer, now), None);
        budgets.spend_bytes(&peer, 10, now);
        let second = Duration::from_secs(1);
        assert_eq!(budgets.exhausted_until(&peer, now), Some(now.saturating_add(second)));
        assert_eq!(budgets.exhausted_until(&peer, now.saturating_add(second)), None);
        assert_eq!(budgets.exhausted_until(&other, now), None);
        assert_eq!(budgets.exhausted_until(&"toulouse".parse().unwrap(), now), None);
    }

    #[test]
    fn a_debt_of_days_is_looked_at_again_before_that_and_paid_at_the_new_rate() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let mut budget = Budget::new(1, now);
        budget.spend(1 << 20, now);
        let until = budget.exhausted_until(now).unwrap();
        assert!(until.saturating_since(now) > Duration::from_secs(86_400));
        assert_eq!(pause(until, now), LOOK_AGAIN);
        budget.set_rate(1 << 20, now);
        let later = now.saturating_add(LOOK_AGAIN);
        assert_eq!(budget.exhausted_until(later), None);
        assert_eq!(pause(later, later), Duration::ZERO);
    }
}
