//! What a steward has to do: which epochs to announce, which keys to hand to whom, which seeds to
//! destroy. Pure: what is known, what is held and what time it is go in, actions come out. It
//! remembers nothing, so that whatever was interrupted is simply found undone the next time.

use std::{cmp::Reverse, collections::BTreeSet, fmt};

use sekisho_policy::Policy;
use sekisho_proto::{Epoch, Filter, PrincipalId, PrincipalKind, Suite, Timestamp};

use crate::{
    ledger::{Announced, Ledger, TreeEpochs},
    readers::{self, Reader},
    seeds::{SeedId, Seeds},
    settings::Settings,
};

/// Everything that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    /// Who may do what, from the logs of this and every peer organisation.
    pub(crate) policy: &'a Policy,
    /// The epochs and key grants of the own log.
    pub(crate) ledger: &'a Ledger,
    /// What the owner wants.
    pub(crate) settings: &'a Settings,
    /// The seeds that are held.
    pub(crate) seeds: &'a Seeds,
    /// The steward that plans.
    pub(crate) own: PrincipalId,
    /// What time it is.
    pub(crate) now: Timestamp,
}

/// One thing to do, in the order of the plan.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Draw a seed, unless one was drawn that was never announced, and announce its public key.
    Announce(Announcement),
    /// Seal an epoch's seed to a reader.
    Grant(Granting),
    /// Destroy a seed whose time is over.
    Destroy(SeedId),
}

/// An epoch to announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) tree: Filter,
    pub(crate) epoch: Epoch,
    pub(crate) min_epoch: Epoch,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) suite: Suite,
    /// Drawn earlier and never announced; `None`: draw one.
    pub(crate) seed: Option<SeedId>,
    pub(crate) cause: Cause,
}

/// A key to hand over.
#[derive(Debug, Clone)]
pub(crate) struct Granting {
    pub(crate) tree: Filter,
    pub(crate) epoch: Epoch,
    pub(crate) seed: SeedId,
    pub(crate) reader: Reader,
    pub(crate) purpose: String,
}

/// Why there is to be a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The tree has none in force.
    None,
    /// It is time.
    Due,
    /// So many who hold a key may no longer decrypt.
    ReadersLost(usize),
    /// The seed of the present one is not held, and no other steward answers for it.
    SeedLost,
    /// The owner wants another suite.
    Suite,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the tree has none in force"),
            Self::Due => f.write_str("it is time"),
            Self::ReadersLost(count) => write!(f, "{count} with its key may not decrypt any more"),
            Self::SeedLost => f.write_str("the present one's seed is not held here"),
            Self::Suite => f.write_str("the suite was changed"),
        }
    }
}

/// What is to be done now: what keeps readers out comes first, then what lets readers in, newest
/// epochs first, then what is destroyed.
pub(crate) fn plan(situation: &Situation<'_>) -> Vec<Action> {
    let settings = situation.settings;
    let known = situation.ledger.trees().map(|(tree, _epochs)| tree);
    let trees: BTreeSet<&Filter> = settings.trees.iter().chain(known).collect();
    let mut announcements = Vec::new();
    let mut grants = Vec::new();
    for tree in trees {
        let readers = readers::of(situation.policy, tree, situation.now);
        announcements.extend(situation.announcement(tree, &readers));
        if let Some(epochs) = situation.ledger.tree(tree) {
            situation.grants(tree, epochs, &readers, &mut grants);
        }
    }
    announcements.sort_by_key(|new| !matches!(new.cause, Cause::ReadersLost(_)));
    grants.sort_by_key(|grant| Reverse(grant.epoch));
    let wanted: BTreeSet<SeedId> = announcements.iter().filter_map(|new| new.seed).collect();
    let over = situation.seeds_over().filter(|id| !wanted.contains(id));
    let destroy: Vec<Action> =
        over.filter(|_id| situation.is_time_credible()).map(Action::Destroy).collect();
    let announcements = announcements.into_iter().map(Action::Announce);
    announcements.chain(grants.into_iter().map(Action::Grant)).chain(destroy).collect()
}

impl Situation<'_> {
    fn announcement(&self, tree: &Filter, readers: &[Reader]) -> Option<Announcement> {
        let none = TreeEpochs::default();
        let epochs = self.ledger.tree(tree).unwrap_or(&none);
        let (cause, not_before) = self.cause(tree, epochs, readers)?;
        let settings = self.settings;
        let epoch = epochs.last().next();
        let min_epoch = match cause {
            Cause::ReadersLost(_) => epoch,
            Cause::None | Cause::Due | Cause::SeedLost | Cause::Suite => epochs.min(),
        };
        Some(Announcement {
            tree: tree.clone(),
            epoch,
            min_epoch,
            not_before,
            not_after: not_before.saturating_add(settings.epoch.saturating_add(settings.grace)),
            suite: settings.suite,
            seed: self.never_announced(tree, epochs),
            cause,
        })
    }

    /// Why and from when there is to be a new epoch.
    fn cause(
        &self,
        tree: &Filter,
        epochs: &TreeEpochs,
        readers: &[Reader],
    ) -> Option<(Cause, Timestamp)> {
        let now = self.now;
        let is_kept = self.settings.trees.contains(tree);
        let newest = epochs.newest().filter(|(_epoch, newest)| now < newest.not_after);
        // A tree that is kept no longer ends with its last epoch; until then it must keep readers
        // out as any other.
        let Some((_epoch, newest)) = newest else { return is_kept.then_some((Cause::None, now)) };
        let may: BTreeSet<PrincipalId> = readers.iter().map(|reader| reader.id).collect();
        let lost: BTreeSet<PrincipalId> =
            epochs.key_holders().filter(|holder| !may.contains(holder)).collect();
        if !lost.is_empty() {
            return Some((Cause::ReadersLost(lost.len()), now));
        }
        if !is_kept {
            return None;
        }
        if !epochs.is_in_force(now) {
            return Some((Cause::None, now));
        }
        if !self.holds(tree, newest) && !self.is_kept_by_another(newest) {
            return Some((Cause::SeedLost, now));
        }
        let other_suite = newest.suite != self.settings.suite && newest.not_before <= now;
        if other_suite && !self.is_kept_by_another(newest) {
            return Some((Cause::Suite, now));
        }
        let end = newest.not_after.min(newest.not_before.saturating_add(self.settings.epoch));
        let due = end.saturating_sub(self.settings.overlap);
        (due <= now).then_some((Cause::Due, end.max(now)))
    }

    /// Whether the seed of an announced key is held.
    fn holds(&self, tree: &Filter, announced: &Announced) -> bool {
        self.seeds
            .get(announced.seed)
            .is_some_and(|seed| seed.tree == *tree && seed.keys.suite() == announced.suite)
    }

    /// Whether another steward that may act announced it.
    fn is_kept_by_another(&self, announced: &Announced) -> bool {
        announced.signers.iter().any(|signer| {
            *signer != self.own
                && self
                    .policy
                    .standing(signer, self.now)
                    .is_ok_and(|record| record.kind == PrincipalKind::Steward)
        })
    }

    /// A seed that was drawn for the tree before something came between.
    fn never_announced(&self, tree: &Filter, epochs: &TreeEpochs) -> Option<SeedId> {
        let mut drawn: Vec<_> = self
            .seeds
            .iter()
            .filter(|(_id, seed)| seed.tree == *tree && seed.keys.suite() == self.settings.suite)
            .filter(|(id, _seed)| !epochs.was_announced(*id))
            .collect();
        drawn.sort_by_key(|(_id, seed)| seed.created);
        drawn.pop().map(|(id, _seed)| id)
    }

    fn grants(
        &self,
        tree: &Filter,
        epochs: &TreeEpochs,
        readers: &[Reader],
        grants: &mut Vec<Granting>,
    ) {
        for (epoch, announced) in epochs.iter().filter(|(_epoch, known)| self.holds(tree, known)) {
            let end = epochs.end_of(epoch).unwrap_or(announced.not_after);
            for reader in readers.iter().filter(|reader| reader.kem.is_some()) {
                let Some(reach) = &reader.reach else { continue };
                let has = epochs
                    .granted(epoch, reader.id)
                    .is_some_and(|given| !self.is_older(given, reader));
                if has || !reach.touches(announced.not_before, end) {
                    continue;
                }
                grants.push(Granting {
                    tree: tree.clone(),
                    epoch,
                    seed: announced.seed,
                    reader: reader.clone(),
                    purpose: reach.purpose.clone(),
                });
            }
        }
    }

    /// Whether a key was handed over before what is known of the reader's keys, which may be others
    /// now. Two organisations' clocks may differ: what is logged in the future is left for then.
    fn is_older(&self, given: Timestamp, reader: &Reader) -> bool {
        given < reader.known && reader.known <= self.now
    }

    /// Whether the node's log says that it is about the time that the clock says. A clock that went
    /// astray would destroy seeds for good; while it is right something is announced every epoch.
    fn is_time_credible(&self) -> bool {
        let lately = self.settings.epoch.saturating_add(self.settings.grace);
        let last = self.ledger.last_received();
        last.is_some_and(|last| self.now <= last.saturating_add(lately))
    }

    /// The seeds whose time is over: long after the end of their epoch, or of being drawn for none.
    fn seeds_over(&self) -> impl Iterator<Item = SeedId> {
        self.settings.keep.into_iter().flat_map(move |keep| {
            let over = self.seeds.iter().filter(move |(id, seed)| {
                let epochs = self.ledger.tree(&seed.tree);
                let end = epochs.and_then(|epochs| epochs.not_after(*id)).unwrap_or(seed.created);
                end.saturating_add(keep) <= self.now
            });
            over.map(|(id, _seed)| id)
        })
    }
}

#[cfg(test)]
mod tests;
