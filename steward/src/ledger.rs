//! What the own control log says about epochs and who was given their keys. Only statements that a
//! policy has applied are entered: their signatures and their order were checked.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{
    Epoch, Filter, Hash, PrincipalId, Statement, StatementBody, Suite, Timestamp,
    statement::{EpochAnnounce, KeyGrant, RevokeTarget},
};

use crate::seeds::SeedId;

/// An epoch that was announced and whose announcement was not revoked.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) seed: SeedId,
    pub(crate) suite: Suite,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) signers: Vec<PrincipalId>,
}

/// The epochs of one tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct TreeEpochs {
    announced: BTreeMap<Epoch, Announced>,
    /// The last number that was used, also where that announcement was revoked.
    last: Epoch,
    /// The oldest epoch that is still accepted.
    min: Epoch,
    /// When each reader was last given each epoch's key. A key cannot be taken back: a key grant
    /// that was revoked is one all the same.
    granted: BTreeMap<(Epoch, PrincipalId), Timestamp>,
    /// Every key that was ever announced.
    used: BTreeSet<SeedId>,
}

impl TreeEpochs {
    /// The last number that was used; [`Epoch::ZERO`] where none was.
    pub(crate) fn last(&self) -> Epoch {
        self.last
    }

    /// The oldest epoch that nodes still take envelopes of.
    pub(crate) fn min(&self) -> Epoch {
        self.min
    }

    /// The epoch with the highest number.
    pub(crate) fn newest(&self) -> Option<(Epoch, &Announced)> {
        self.announced.last_key_value().map(|(epoch, announced)| (*epoch, announced))
    }

    /// Every epoch, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Epoch, &Announced)> {
        self.announced.iter().map(|(epoch, announced)| (*epoch, announced))
    }

    /// Whether something is sealed with the tree at a time.
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        self.announced.values().any(|epoch| epoch.not_before <= now && now < epoch.not_after)
    }

    /// When publishers leave an epoch: the next one begins or its own time is over.
    pub(crate) fn end_of(&self, epoch: Epoch) -> Option<Timestamp> {
        let own = self.announced.get(&epoch)?.not_after;
        let later = self.announced.iter().filter(|(number, _later)| **number > epoch);
        let next = later.map(|(_number, later)| later.not_before).min();
        Some(next.map_or(own, |next| own.min(next)))
    }

    /// Whether a seed's key was ever announced, also where that was revoked.
    pub(crate) fn was_announced(&self, seed: SeedId) -> bool {
        self.used.contains(&seed)
    }

    /// Until when is sealed to a seed's key.
    pub(crate) fn not_after(&self, seed: SeedId) -> Option<Timestamp> {
        let mut all = self.announced.values();
        all.find(|announced| announced.seed == seed).map(|announced| announced.not_after)
    }

    /// When a reader was last given an epoch's key.
    pub(crate) fn granted(&self, epoch: Epoch, reader: PrincipalId) -> Option<Timestamp> {
        self.granted.get(&(epoch, reader)).copied()
    }

    /// Everybody who was given the key of an epoch that is still accepted.
    pub(crate) fn key_holders(&self) -> impl Iterator<Item = PrincipalId> {
        let accepted = self
            .granted
            .keys()
            .filter(|(epoch, _reader)| *epoch >= self.min && self.announced.contains_key(epoch));
        accepted.map(|(_epoch, reader)| *reader)
    }
}

/// The epochs of all trees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    trees: BTreeMap<Filter, TreeEpochs>,
    announcements: BTreeMap<Hash, (Filter, Epoch)>,
    /// When the last statement was logged.
    last_received: Option<Timestamp>,
}

impl Ledger {
    /// Enters a statement of the own log that was applied, and that its node logged at `received`.
    pub(crate) fn enter(&mut self, statement: &Statement, received: Timestamp) {
        self.last_received = self.last_received.max(Some(received));
        match statement.body() {
            StatementBody::EpochAnnounce(body) => self.announce(statement, body),
            StatementBody::KeyGrant(body) => self.grant(body, received),
            StatementBody::Revoke(body) => {
                if let RevokeTarget::Statement(id) = &body.target {
                    self.revoke(id);
                }
            }
            StatementBody::OrgRoot(_)
            | StatementBody::Issuer(_)
            | StatementBody::Principal(_)
            | StatementBody::Grant(_)
            | StatementBody::Deny(_)
            | StatementBody::StreamDescriptor(_)
            | StatementBody::Peering(_) => {}
        }
    }

    /// The epochs of a tree, where it ever had one.
    pub(crate) fn tree(&self, tree: &Filter) -> Option<&TreeEpochs> {
        self.trees.get(tree)
    }

    /// When the node logged the last statement; `None` where there is none.
    pub(crate) fn last_received(&self) -> Option<Timestamp> {
        self.last_received
    }

    /// Every tree that ever had an epoch.
    pub(crate) fn trees(&self) -> impl Iterator<Item = (&Filter, &TreeEpochs)> {
        self.trees.iter()
    }

    fn announce(&mut self, statement: &Statement, body: &EpochAnnounce) {
        let tree = self.trees.entry(body.tree.clone()).or_default();
        tree.last = tree.last.max(body.epoch);
        tree.min = tree.min.max(body.min_epoch);
        let announced = Announced {
            seed: SeedId::of(&body.public_key),
            suite: body.suite,
            not_before: body.not_before,
            not_after: body.not_after,
            signers: statement.signatures().iter().map(|signed| signed.signer).collect(),
        };
        tree.used.insert(announced.seed);
        tree.announced.insert(body.epoch, announced);
        self.announcements.insert(statement.id(), (body.tree.clone(), body.epoch));
    }

    fn grant(&mut self, body: &KeyGrant, received: Timestamp) {
        let tree = self.trees.entry(body.tree.clone()).or_default();
        let last = tree.granted.entry((body.epoch, body.reader)).or_insert(received);
        *last = received.max(*last);
    }

    fn revoke(&mut self, id: &Hash) {
        let Some((tree, epoch)) = self.announcements.get(id) else { return };
        if let Some(tree) = self.trees.get_mut(tree) {
            tree.announced.remove(epoch);
        }
    }
}
