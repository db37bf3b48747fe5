//! What a steward has to do: which epochs to announce, which keys to hand to whom, which seeds to
//! destroy. Pure: what is known, what is held and what time it is go in, actions come out. It
//! remembers nothing, so that whatever was interrupted is simply found undone the next time.

use std::{cmp::Reverse, collections::BTreeSet, fmt, time::Duration};

use bytes::Bytes;
use sekisho_policy::Policy;
use sekisho_proto::{
    Epoch, Filter, PrincipalId, PrincipalKind, PrincipalName, Suite, Timestamp,
    limits::CLOCK_AHEAD_MAX,
};

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
    /// The epochs and key grants of the logs.
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
    /// Destroy a seed whose time is over, and say so where its key was announced.
    Destroy(SeedId, Option<Place>),
    /// Say that a seed was destroyed: nobody knows whether that was said.
    Receipt(SeedId, Place),
    /// A seed was destroyed and the log says so: nothing is left to be remembered of it.
    Forget(SeedId),
}

impl Action {
    /// Actions of one stage may be done together; each stage before the next.
    pub(crate) fn stage(&self) -> u8 {
        match self {
            Self::Announce(_) => 0,
            Self::Grant(_) => 1,
            Self::Destroy(..) | Self::Receipt(..) | Self::Forget(_) => 2,
        }
    }
}

/// An epoch of a tree.
pub(crate) type Place = (Filter, Epoch);

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
    /// The seed of this key: held where the tree is the own organisation's; of another's tree to be
    /// had from the key grant to this steward.
    pub(crate) seed: SeedId,
    pub(crate) reader: PrincipalId,
    pub(crate) name: PrincipalName,
    /// The key that the seed is sealed to.
    pub(crate) kem: (Suite, Bytes),
    pub(crate) purpose: String,
}

/// Why there is to be a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The tree has none in force.
    None,
    /// It is time.
    Due,
    /// So many who hold a key, from here or handed on by a peer, may no longer decrypt.
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

/// Epochs of one tree that may begin within an hour because somebody to whom a peer handed a key on
/// lost the right to it. A peer that hands keys to whom it may not could otherwise keep a steward
/// busy for ever.
const EPOCHS_FOR_PEERS_MAX: usize = 12;

const HOUR: Duration = Duration::from_hours(1);

/// What is to be done now: what keeps readers out comes first, then what lets readers in, newest
/// epochs first, then what is destroyed.
pub(crate) fn plan(situation: &Situation<'_>) -> Vec<Action> {
    let (policy, ledger, now) = (situation.policy, situation.ledger, situation.now);
    let known = ledger.own_trees().map(|(tree, _epochs)| tree);
    let trees: BTreeSet<&Filter> = situation.settings.trees.iter().chain(known).collect();
    let mut announcements = Vec::new();
    let mut grants = Vec::new();
    for tree in trees {
        let readers = readers::of(policy, tree, now);
        announcements.extend(situation.announcement(tree, &readers));
        if let Some(epochs) = ledger.tree(tree) {
            let held = |_epoch, known: &Announced| situation.holds(tree, known);
            situation.grants(tree, epochs, held, &readers, &mut grants);
        }
    }
    for (tree, epochs) in ledger.entrusted_trees() {
        let readers = readers::handed_on(policy, tree, now);
        let given = |epoch, _known: &Announced| epochs.is_entrusted_with(epoch);
        situation.grants(tree, epochs, given, &readers, &mut grants);
    }
    announcements.sort_by_key(|new| !matches!(new.cause, Cause::ReadersLost(_)));
    grants.sort_by_key(|grant| Reverse(grant.epoch));
    let wanted: BTreeSet<SeedId> = announcements.iter().filter_map(|new| new.seed).collect();
    let end = situation.ends().into_iter().filter(|end| match end {
        Action::Destroy(id, _place) => !wanted.contains(id),
        Action::Announce(_) | Action::Grant(_) | Action::Receipt(..) | Action::Forget(_) => true,
    });
    let announcements = announcements.into_iter().map(Action::Announce);
    announcements.chain(grants.into_iter().map(Action::Grant)).chain(end).collect()
}

impl Situation<'_> {
    fn announcement(&self, tree: &Filter, readers: &[Reader<'_>]) -> Option<Announcement> {
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
        readers: &[Reader<'_>],
    ) -> Option<(Cause, Timestamp)> {
        let now = self.now;
        let is_kept = self.settings.trees.contains(tree);
        let newest = epochs.newest().filter(|(_epoch, newest)| now < newest.not_after);
        // A tree that is kept no longer ends with its last epoch; until then it must keep readers
        // out as any other.
        let Some((_epoch, newest)) = newest else { return is_kept.then_some((Cause::None, now)) };
        let lost = self.readers_lost(tree, epochs, readers);
        if lost > 0 {
            return Some((Cause::ReadersLost(lost), self.at_once()));
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

    /// Now, by the clock of the node, where it has said something lately and is behind: what is sealed
    /// until then is sealed to what somebody has who may not.
    fn at_once(&self) -> Timestamp {
        let is_late = |said: &Timestamp| self.now.saturating_since(*said) <= CLOCK_AHEAD_MAX;
        self.ledger.last_received().filter(is_late).map_or(self.now, |said| self.now.min(said))
    }

    /// How many hold a key of an accepted epoch that they may not have any more.
    fn readers_lost(&self, tree: &Filter, epochs: &TreeEpochs, readers: &[Reader<'_>]) -> usize {
        let may: BTreeSet<PrincipalId> = readers.iter().map(|reader| reader.record.id).collect();
        let holders = epochs.key_holders().filter(|holder| !may.contains(holder));
        // Those to whom a peer handed it on are not among the readers here.
        let lost: Vec<PrincipalId> =
            holders.filter(|holder| !self.policy.may_hold_key(holder, tree, self.now)).collect();
        let is_peers_doing = lost.iter().all(|holder| epochs.was_handed_on(*holder));
        let begun = || epochs.begun_since(self.now.saturating_sub(HOUR));
        if !lost.is_empty() && is_peers_doing && begun() >= EPOCHS_FOR_PEERS_MAX {
            let count = lost.len();
            tracing::warn!(%tree, count, "a peer's readers lost their right: next epoch put off");
            return 0;
        }
        lost.len()
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
        has_seed: impl Fn(Epoch, &Announced) -> bool,
        readers: &[Reader<'_>],
        grants: &mut Vec<Granting>,
    ) {
        for (epoch, announced) in epochs.iter().filter(|(epoch, known)| has_seed(*epoch, known)) {
            let end = epochs.end_of(epoch).unwrap_or(announced.not_after);
            for Reader { record, reach } in readers {
                let (Some(reach), Some(kem)) = (reach, &record.kem_public_key) else { continue };
                let given = epochs.granted(epoch, record.id);
                let has = given.is_some_and(|given| !self.is_older(given, record.received));
                if has || !reach.touches(announced.not_before, end) {
                    continue;
                }
                grants.push(Granting {
                    tree: tree.clone(),
                    epoch,
                    seed: announced.seed,
                    reader: record.id,
                    name: record.name.clone(),
                    kem: (record.kem_suite, kem.clone()),
                    purpose: reach.purpose.clone(),
                });
            }
        }
    }

    /// Whether a key was handed over before what is known of the reader's keys, which may be others
    /// now. Two organisations' clocks may differ: what is logged in the future is left for then.
    fn is_older(&self, given: Timestamp, known: Timestamp) -> bool {
        given < known && known <= self.now
    }

    /// Whether the node's log says that it is about the time that the clock says. A clock that went
    /// astray would destroy seeds for good; while it is right something is announced every epoch.
    fn is_time_credible(&self) -> bool {
        let lately = self.settings.epoch.saturating_add(self.settings.grace);
        let last = self.ledger.last_received();
        last.is_some_and(|last| self.now <= last.saturating_add(lately))
    }

    /// What becomes of seeds whose time is over, long after the end of their epoch or of being drawn
    /// for none; of those that another steward destroyed; and of those that are not there any more.
    fn ends(&self) -> Vec<Action> {
        let is_credible = self.is_time_credible();
        let destroyed = self.seeds.iter().filter_map(|(id, seed)| {
            let epochs = self.ledger.tree(&seed.tree);
            let epoch = epochs.and_then(|epochs| epochs.epoch_of(id));
            let is_said = epochs.zip(epoch).is_some_and(|(epochs, epoch)| epochs.is_erased(epoch));
            let end = epochs.and_then(|epochs| epochs.not_after(id)).unwrap_or(seed.created);
            let over = self.settings.keep.map(|keep| end.saturating_add(keep));
            let is_over = is_credible && over.is_some_and(|over| over <= self.now);
            let place = epoch.filter(|_epoch| !is_said).map(|epoch| (seed.tree.clone(), epoch));
            (is_over || is_said).then_some(Action::Destroy(id, place))
        });
        let gone = self.seeds.erased().filter_map(|id| {
            let (tree, epoch) = self.ledger.place_of(id)?;
            let is_said = self.ledger.tree(tree).is_some_and(|epochs| epochs.is_erased(epoch));
            Some(if is_said {
                Action::Forget(id)
            } else {
                Action::Receipt(id, (tree.clone(), epoch))
            })
        });
        destroyed.chain(gone).collect()
    }
}

#[cfg(test)]
mod tests;
