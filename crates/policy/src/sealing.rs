//! Applying what seals topics and what destroys it: epochs, the keys that readers are given, and the
//! receipts that something cannot be opened any more.

use std::sync::Arc;

use sekisho_proto::{
    Epoch, Filter, Hash, Timestamp,
    statement::{EpochAnnounce, Erased, Erasure, KeyGrant},
};

use crate::{
    Policy, StatementError,
    application::EVERYTHING,
    arrival::Arrival,
    authority::{Entry, Maker},
    epochs::EpochFact,
    organisation::Organisation,
};

impl Policy {
    pub(crate) fn apply_epoch(
        &mut self,
        entry: &Entry<'_>,
        body: &EpochAnnounce,
    ) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        self.by_steward(organisation, entry)?;
        let tree = &body.tree;
        let said = organisation.epochs.said(tree);
        let (last, min) = said.map_or((Epoch::ZERO, Epoch::ZERO), |said| (said.last, said.min));
        let (epoch, min_epoch) = (body.epoch, body.min_epoch);
        // Of what is only learned, an epoch may come after the one that followed it.
        let is_earlier = entry.arrival == Arrival::Learned
            && epoch < last
            && organisation.epochs.announced(tree, epoch).is_none();
        // The number behind the last of all would be that one again.
        let numbers = [
            ("epoch", last.next(), epoch, is_earlier || epoch > last),
            ("min_epoch", min, min_epoch, min_epoch == min || (min_epoch < min) == is_earlier),
        ];
        for (field, wanted, found, in_order) in numbers {
            if !in_order {
                let tree = tree.clone();
                return Err(StatementError::EpochOrder { tree, field, wanted, found });
            }
        }
        let arrival = entry.arrival;
        let fact = EpochFact { id: entry.id, received: entry.received, announce: body.clone() };
        self.log_in(&body.organisation, entry, |organisation| {
            organisation.epochs.insert(arrival, Arc::new(fact));
        });
        Ok(())
    }

    /// A steward gives the key of its organisation's topics to anybody, and hands one that it was
    /// given by another organisation on to its own principals. Whether the other still has the key
    /// is for its log to say: the two logs may be read in any order.
    pub(crate) fn apply_key_grant(
        &mut self,
        entry: &Entry<'_>,
        body: &KeyGrant,
    ) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        self.by_steward(organisation, entry)?;
        let (tree, epoch) = (&body.tree, body.epoch);
        let is_own = *tree.organisation() == body.organisation;
        if !is_own && !organisation.principals.contains_key(&body.reader) {
            let (tree, organisation) = (tree.clone(), body.organisation.clone());
            return Err(StatementError::NotOwnReader { tree, organisation, reader: body.reader });
        }
        if is_own && let Some(erasure) = organisation.erased_epochs.get(&(tree.clone(), epoch)) {
            let (tree, erasure) = (tree.clone(), *erasure);
            return Err(StatementError::EpochErased { tree, epoch, erasure });
        }
        let key = (body.reader, tree.clone(), epoch);
        let (arrival, age) = (entry.arrival, (entry.received, entry.id));
        self.log_in(&body.organisation, entry, |organisation| {
            arrival.enter(organisation.key_grants.or_default(key), age, |age| *age);
        });
        Ok(())
    }

    /// A receipt is for whoever had what is destroyed: the steward of an epoch's seed, and of what
    /// was kept of somebody's accesses an issuer or whoever administers everything.
    pub(crate) fn apply_erasure(
        &mut self,
        entry: &Entry<'_>,
        body: &Erasure,
    ) -> Result<(), StatementError> {
        let organisation = self.pinned(entry, &body.organisation)?;
        let id = entry.id;
        let (maker, epoch) = match &body.erased {
            Erased::Epoch { tree, epoch, key } => {
                self.by_steward(organisation, entry)?;
                announced(organisation, tree, *epoch, key)?;
                is_over(organisation, tree, *epoch, entry.received)?;
                (Maker::Issuer, Some((tree.clone(), *epoch)))
            }
            Erased::Subject(_) => {
                let everything = Filter::everything(&body.organisation);
                let maker = self.maker(organisation, entry, EVERYTHING, |record| {
                    self.held(organisation, record, &everything, None, entry.received)
                })?;
                (maker, None)
            }
        };
        self.log_made(&body.organisation, entry, maker, |organisation| {
            organisation.erasures.push(id);
            if let Some(epoch) = epoch {
                organisation.erased_epochs.or_insert(epoch, id);
            }
        });
        Ok(())
    }

    fn by_steward(
        &self,
        organisation: &Organisation,
        entry: &Entry<'_>,
    ) -> Result<(), StatementError> {
        if self.signers(organisation, entry)?.has_steward_of(organisation) {
            return Ok(());
        }
        Err(entry.not_authorised(organisation, "a steward"))
    }
}

/// Whether nothing is sealed to an epoch any more: who destroys what is in use harms its readers.
fn is_over(
    organisation: &Organisation,
    tree: &Filter,
    epoch: Epoch,
    received: Timestamp,
) -> Result<(), StatementError> {
    match organisation.epochs.not_after(tree, epoch).filter(|end| *end > received) {
        Some(until) => {
            Err(StatementError::EpochInUse { tree: tree.clone(), epoch, received, until })
        }
        None => Ok(()),
    }
}

/// Whether an epoch's key is the one that was announced.
fn announced(
    organisation: &Organisation,
    tree: &Filter,
    epoch: Epoch,
    found: &Hash,
) -> Result<(), StatementError> {
    let wanted = organisation.epochs.announced(tree, epoch);
    if wanted.as_ref() == Some(found) {
        return Ok(());
    }
    Err(StatementError::OtherEpochKey { tree: tree.clone(), epoch, wanted, found: *found })
}
