//! The epochs of an organisation's trees, for those who look after them.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use sekisho_proto::{
    Epoch, Filter, OrgName, Timestamp,
    statement::{EpochAnnounce, Erased},
};

use crate::{Policy, epochs::EpochFact};

/// How the topics of one tree are sealed.
#[derive(Debug, Clone)]
pub struct TreeView<'a> {
    /// The tree.
    pub tree: &'a Filter,
    /// The newest epoch in force; `None` where all have run out.
    pub present: Option<&'a EpochAnnounce>,
    /// The last epoch that was announced.
    pub last: Epoch,
    /// The first whose envelopes are still taken.
    pub min: Epoch,
    /// How many keys were given the present epoch's seed, by whomever.
    pub key_holders: usize,
    /// Epochs whose seeds were destroyed, oldest first: which, when that was logged, and why.
    pub erased: Vec<(Epoch, Timestamp, &'a str)>,
}

impl Policy {
    /// The trees of an organisation that come after one, in order, at most so many.
    #[must_use]
    pub fn trees(
        &self,
        organisation: &OrgName,
        (after, max): (Option<&Filter>, usize),
        now: Timestamp,
    ) -> Vec<TreeView<'_>> {
        let Some(known) = self.trusted(organisation) else { return Vec::new() };
        let mut facts: BTreeMap<&Filter, &[Arc<EpochFact>]> = BTreeMap::new();
        known.epochs.each(&mut |tree, of_tree| {
            facts.insert(tree, of_tree);
        });
        let from = after.map_or(Unbounded, Excluded);
        let mut views: BTreeMap<&Filter, TreeView<'_>> = known
            .epochs
            .all()
            .range::<Filter, _>((from, Unbounded))
            .take(max)
            .map(|(tree, said)| {
                let of_tree = facts.get(tree).copied().unwrap_or_default();
                let present = known.epochs.newest(of_tree, now).map(|fact| &fact.announce);
                let (last, min) = (said.last, said.min);
                let view =
                    TreeView { tree, present, last, min, key_holders: 0, erased: Vec::new() };
                (tree, view)
            })
            .collect();
        for holders in self.organisations.values().filter(|known| known.is_pinned) {
            for (_reader, tree, epoch) in holders.key_grants.keys() {
                let Some(view) = views.get_mut(tree) else { continue };
                let is_present = view.present.is_some_and(|present| present.epoch == *epoch);
                view.key_holders += usize::from(is_present);
            }
        }
        for (logged, erasure) in self.erasures(organisation) {
            let Erased::Epoch { tree, epoch, .. } = &erasure.erased else { continue };
            if let Some(view) = views.get_mut(tree) {
                view.erased.push((*epoch, logged.received, &erasure.reason));
            }
        }
        views.into_values().collect()
    }
}
