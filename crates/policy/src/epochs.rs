//! Which key a topic is sealed to, and how long envelopes under an older one are taken.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

use sekisho_proto::{
    Epoch, Filter, Hash, Timestamp, Topic, limits::CLOCK_AHEAD_MAX, statement::EpochAnnounce,
};

use crate::{arrival::Arrival, filter_trie::FilterTrie, shared_map::SharedMap};

/// How long envelopes under an epoch that was retired are still taken: what is on its way when the
/// announcement arrives, and a publisher that hears of it a little later.
pub const RETIRED_GRACE: Duration = Duration::from_mins(1);

/// What an epoch of a topic is at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochStatus {
    /// What is published is sealed to it.
    Current,
    /// A newer one has begun, or this one has run out; what was sealed to it is still taken.
    Grace,
    /// The steward has ended it: nothing sealed to it is taken any more.
    Retired,
    /// Nobody announced it for this topic, or not for a time as early as this.
    Unknown,
}

/// An epoch that was announced.
#[derive(Debug)]
pub(crate) struct EpochFact {
    pub(crate) id: Hash,
    pub(crate) received: Timestamp,
    pub(crate) announce: EpochAnnounce,
}

/// The epochs of an organisation's topics.
#[derive(Debug, Clone, Default)]
pub(crate) struct EpochTable {
    /// By ascending epoch.
    trees: FilterTrie<Arc<EpochFact>>,
    /// What was said of each tree, also where that was revoked since.
    said: BTreeMap<Filter, Said>,
    /// SHA-256 of every public key that was announced.
    keys: SharedMap<(Filter, Epoch), (Hash, Timestamp)>,
}

/// What was said of one tree, also where it was revoked since.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// The last epoch.
    pub(crate) last: Epoch,
    /// The first that the last one left in force.
    pub(crate) min: Epoch,
    /// Which epochs were ended, those before each, and from when on. Who was shut out has the keys of
    /// those still: revoking what ended them brings none back.
    ended: Vec<(Epoch, Timestamp)>,
}

impl Said {
    fn end(&mut self, before: Epoch, since: Timestamp) {
        let is_known = |(known, from): &(Epoch, Timestamp)| *known >= before && *from <= since;
        if before > Epoch::ZERO && !self.ended.iter().any(is_known) {
            self.ended.push((before, since));
        }
    }

    /// From when on an epoch is ended; `None` where it is not.
    fn ends(&self, epoch: Epoch) -> Option<Timestamp> {
        let later = self.ended.iter().filter(|(before, _since)| epoch < *before);
        later.map(|(_before, since)| *since).min()
    }

    /// The newest in force of the epochs of the tree that were not revoked.
    fn newest<'a>(
        &self,
        facts: &'a [Arc<EpochFact>],
        now: Timestamp,
    ) -> Option<&'a Arc<EpochFact>> {
        let newest = facts
            .iter()
            .rev()
            .find(|fact| fact.announce.not_before <= now && now < fact.announce.not_after)?;
        let is_ended = self.ends(newest.announce.epoch).is_some_and(|since| since <= now);
        (!is_ended).then_some(newest)
    }

    /// What an epoch is among those of the tree that were not revoked.
    fn status(&self, facts: &[Arc<EpochFact>], epoch: Epoch, now: Timestamp) -> EpochStatus {
        let Some(fact) = facts.iter().find(|fact| fact.announce.epoch == epoch) else {
            return EpochStatus::Unknown;
        };
        if self.ends(epoch).is_some_and(|since| since.saturating_add(RETIRED_GRACE) <= now) {
            return EpochStatus::Retired;
        }
        let begun = fact.announce.not_before <= now;
        match self.newest(facts, now) {
            Some(current) if current.announce.epoch == epoch => EpochStatus::Current,
            _ if begun => EpochStatus::Grace,
            // A publisher's clock may be a little ahead.
            _ if fact.announce.not_before <= now.saturating_add(CLOCK_AHEAD_MAX) => {
                EpochStatus::Current
            }
            _ => EpochStatus::Unknown,
        }
    }
}

impl EpochTable {
    /// What was said of a tree; `None` where it never had an epoch.
    pub(crate) fn said(&self, tree: &Filter) -> Option<&Said> {
        self.said.get(tree)
    }

    /// SHA-256 of the public key of an epoch, also where it was revoked since.
    pub(crate) fn announced(&self, tree: &Filter, epoch: Epoch) -> Option<Hash> {
        self.keys.get(&(tree.clone(), epoch)).map(|(key, _end)| *key)
    }

    /// When an epoch ends, as it was announced, also where that was revoked since.
    pub(crate) fn not_after(&self, tree: &Filter, epoch: Epoch) -> Option<Timestamp> {
        self.keys.get(&(tree.clone(), epoch)).map(|(_key, end)| *end)
    }

    /// Every tree that ever had an epoch.
    pub(crate) fn all(&self) -> &BTreeMap<Filter, Said> {
        &self.said
    }

    /// Shows every tree with the epochs that were not revoked.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Filter, &'a [Arc<EpochFact>])) {
        self.trees.each(&mut |facts| {
            if let Some(first) = facts.first() {
                visit(&first.announce.tree, facts);
            }
        });
    }

    pub(crate) fn insert(&mut self, arrival: Arrival, fact: Arc<EpochFact>) {
        let EpochAnnounce { tree, epoch, min_epoch, public_key, not_after, .. } = &fact.announce;
        self.keys.insert((tree.clone(), *epoch), (Hash::of(public_key), *not_after));
        let tree = tree.clone();
        let said = self.said.entry(tree.clone()).or_default();
        if *epoch > said.last {
            (said.last, said.min) = (*epoch, *min_epoch);
        }
        said.end(*min_epoch, begins(&fact));
        arrival.enter(self.trees.values_mut(&tree), fact, |fact| fact.announce.epoch);
    }

    pub(crate) fn remove(&mut self, tree: &Filter, id: &Hash) {
        self.trees.values_mut(tree).retain(|fact| fact.id != *id);
    }

    /// The newest epoch in force of the most specific tree that holds the topic. Where that tree's
    /// epochs have all run out there is none: a wider tree has more readers.
    pub(crate) fn current(&self, topic: &Topic, now: Timestamp) -> Option<&Arc<EpochFact>> {
        self.newest(self.of(topic), now)
    }

    /// The newest epoch in force among those of one tree.
    pub(crate) fn newest<'a>(
        &self,
        facts: &'a [Arc<EpochFact>],
        now: Timestamp,
    ) -> Option<&'a Arc<EpochFact>> {
        self.said(&facts.first()?.announce.tree)?.newest(facts, now)
    }

    /// By the most specific tree that holds the topic; what was sealed before that tree had an epoch
    /// was sealed with a wider one.
    pub(crate) fn status(&self, topic: &Topic, epoch: Epoch, now: Timestamp) -> EpochStatus {
        let mut status = EpochStatus::Unknown;
        let _flow = self.trees.matching(
            topic,
            &mut |facts| {
                let tree = facts.first().map(|fact| &fact.announce.tree);
                if let Some(said) = tree.and_then(|tree| self.said(tree)) {
                    status = said.status(facts, epoch, now);
                }
                let begun = facts.iter().map(|fact| begins(fact)).min();
                let is_younger =
                    begun.is_some_and(|begun| now < begun.saturating_add(RETIRED_GRACE));
                if status == EpochStatus::Unknown && is_younger {
                    return ControlFlow::Continue(());
                }
                ControlFlow::Break(())
            },
            &mut 0,
        );
        status
    }

    /// The epochs of the most specific tree that holds the topic.
    fn of(&self, topic: &Topic) -> &[Arc<EpochFact>] {
        let mut found: &[Arc<EpochFact>] = &[];
        let _flow = self.trees.matching(
            topic,
            &mut |facts| {
                found = facts;
                ControlFlow::Break(())
            },
            &mut 0,
        );
        found
    }
}

/// When an epoch counts from: announced and begun.
fn begins(fact: &EpochFact) -> Timestamp {
    fact.received.max(fact.announce.not_before)
}
