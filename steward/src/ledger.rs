//! What the control logs say about epochs and who was given their keys: by the own organisation,
//! and of its trees by peers that handed them on. Only statements that a policy has applied are
//! entered: their signatures and their order were checked.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{
    Epoch, Filter, Hash, OrgName, PrincipalId, Statement, StatementBody, Suite, Timestamp,
    statement::{EpochAnnounce, Erased, KeyGrant, RevokeTarget},
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
    /// When each reader was last given each epoch's key, by the owner or by a peer that handed it
    /// on. A key cannot be taken back: a key grant that was revoked is one all the same.
    granted: BTreeMap<PrincipalId, BTreeMap<Epoch, Timestamp>>,
    /// To whom peers handed keys on.
    handed_on: BTreeSet<PrincipalId>,
    /// Another organisation's epochs whose keys this steward was given, to hand them on.
    entrusted: BTreeSet<Epoch>,
    /// Every key that was ever announced, and as which epoch's.
    used: BTreeMap<SeedId, Epoch>,
    /// Epochs whose seed was destroyed.
    erased: BTreeSet<Epoch>,
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

    /// The epoch with the highest number, unless another one ended it.
    pub(crate) fn newest(&self) -> Option<(Epoch, &Announced)> {
        let accepted = self.announced.range(self.min..);
        accepted.last().map(|(epoch, announced)| (*epoch, announced))
    }

    /// Every epoch whose seed was not destroyed, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Epoch, &Announced)> {
        let there = self.announced.iter().filter(|(epoch, _known)| !self.erased.contains(epoch));
        there.map(|(epoch, announced)| (*epoch, announced))
    }

    /// Whether something is sealed with the tree at a time.
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        let mut accepted = self.announced.range(self.min..);
        accepted.any(|(_number, epoch)| epoch.not_before <= now && now < epoch.not_after)
    }

    /// When publishers leave an epoch: the next one begins or its own time is over.
    pub(crate) fn end_of(&self, epoch: Epoch) -> Option<Timestamp> {
        let own = self.announced.get(&epoch)?.not_after;
        let later = self.announced.range(epoch.next()..).filter(|(number, _)| **number > epoch);
        let next = later.map(|(_number, later)| later.not_before).min();
        Some(next.map_or(own, |next| own.min(next)))
    }

    /// Epochs that began since a time.
    pub(crate) fn begun_since(&self, since: Timestamp) -> usize {
        self.announced.values().filter(|epoch| epoch.not_before >= since).count()
    }

    /// Whether a seed's key was ever announced, also where that was revoked.
    pub(crate) fn was_announced(&self, seed: SeedId) -> bool {
        self.used.contains_key(&seed)
    }

    /// Which epoch's key a seed's was announced as, also where that was revoked.
    pub(crate) fn epoch_of(&self, seed: SeedId) -> Option<Epoch> {
        self.used.get(&seed).copied()
    }

    /// Until when is sealed to a seed's key.
    pub(crate) fn not_after(&self, seed: SeedId) -> Option<Timestamp> {
        let announced = self.announced.get(&self.epoch_of(seed)?)?;
        (announced.seed == seed).then_some(announced.not_after)
    }

    /// Whether a receipt says that an epoch's seed was destroyed.
    pub(crate) fn is_erased(&self, epoch: Epoch) -> bool {
        self.erased.contains(&epoch)
    }

    /// When a reader was last given an epoch's key.
    pub(crate) fn granted(&self, epoch: Epoch, reader: PrincipalId) -> Option<Timestamp> {
        self.granted.get(&reader)?.get(&epoch).copied()
    }

    /// Everybody who was given the key of an epoch that is still accepted.
    pub(crate) fn key_holders(&self) -> impl Iterator<Item = PrincipalId> {
        let has = |epochs: &BTreeMap<Epoch, Timestamp>| {
            let mut accepted = epochs.range(self.min..).rev();
            accepted.any(|(epoch, _given)| self.announced.contains_key(epoch))
        };
        self.granted.iter().filter(move |(_id, epochs)| has(epochs)).map(|(id, _epochs)| *id)
    }

    /// Whether somebody's keys came from a peer.
    pub(crate) fn was_handed_on(&self, reader: PrincipalId) -> bool {
        self.handed_on.contains(&reader)
    }

    /// Whether this steward was given keys to hand on.
    pub(crate) fn is_entrusted(&self) -> bool {
        !self.entrusted.is_empty()
    }

    /// Whether this steward was given an epoch's key to hand it on.
    pub(crate) fn is_entrusted_with(&self, epoch: Epoch) -> bool {
        self.entrusted.contains(&epoch)
    }
}

/// The epochs of all trees.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    own: OrgName,
    steward: PrincipalId,
    trees: BTreeMap<Filter, TreeEpochs>,
    announcements: BTreeMap<Hash, (Filter, Epoch)>,
    /// When the last statement of the own log was logged.
    last_received: Option<Timestamp>,
}

impl Ledger {
    /// Of an organisation, as one of its stewards keeps it.
    pub(crate) fn new(own: OrgName, steward: PrincipalId) -> Self {
        let (trees, announcements) = (BTreeMap::new(), BTreeMap::new());
        Self { own, steward, trees, announcements, last_received: None }
    }

    /// Enters a statement of an organisation's log that was applied, and that its node logged at
    /// `received`.
    pub(crate) fn enter(&mut self, log: &OrgName, statement: &Statement, received: Timestamp) {
        if *log == self.own {
            self.last_received = self.last_received.max(Some(received));
        }
        match statement.body() {
            StatementBody::EpochAnnounce(body) => self.announce(statement, body),
            StatementBody::KeyGrant(body) => self.grant(body, received),
            StatementBody::Revoke(body) => {
                if let RevokeTarget::Statement(id) = &body.target {
                    self.revoke(id);
                }
            }
            StatementBody::Erasure(body) => {
                if let Erased::Epoch { tree, epoch, .. } = &body.erased {
                    self.trees.entry(tree.clone()).or_default().erased.insert(*epoch);
                }
            }
            StatementBody::OrgRoot(_)
            | StatementBody::Issuer(_)
            | StatementBody::Principal(_)
            | StatementBody::Grant(_)
            | StatementBody::Deny(_)
            | StatementBody::StreamDescriptor(_)
            | StatementBody::Role(_)
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

    /// Every tree of the own organisation that ever had an epoch.
    pub(crate) fn own_trees(&self) -> impl Iterator<Item = (&Filter, &TreeEpochs)> {
        self.trees.iter().filter(|(tree, _epochs)| *tree.organisation() == self.own)
    }

    /// Every tree of another organisation of which this steward was given keys.
    pub(crate) fn entrusted_trees(&self) -> impl Iterator<Item = (&Filter, &TreeEpochs)> {
        self.trees.iter().filter(|(_tree, epochs)| epochs.is_entrusted())
    }

    /// The tree and epoch of the own organisation whose key a seed's was announced as.
    pub(crate) fn place_of(&self, seed: SeedId) -> Option<(&Filter, Epoch)> {
        self.own_trees().find_map(|(tree, epochs)| Some((tree, epochs.epoch_of(seed)?)))
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
        tree.used.insert(announced.seed, body.epoch);
        tree.announced.insert(body.epoch, announced);
        self.announcements.insert(statement.id(), (body.tree.clone(), body.epoch));
    }

    fn grant(&mut self, body: &KeyGrant, received: Timestamp) {
        let owner = body.tree.organisation();
        let is_by_owner = body.organisation == *owner;
        let is_ours = *owner == self.own || body.organisation == self.own;
        let is_trust = !is_ours && is_by_owner && body.reader == self.steward;
        if !is_ours && !is_trust {
            return;
        }
        let tree = self.trees.entry(body.tree.clone()).or_default();
        let given = tree.granted.entry(body.reader).or_default();
        let last = given.entry(body.epoch).or_insert(received);
        *last = received.max(*last);
        if is_trust {
            tree.entrusted.insert(body.epoch);
        }
        if !is_by_owner {
            tree.handed_on.insert(body.reader);
        }
    }

    fn revoke(&mut self, id: &Hash) {
        let Some((tree, epoch)) = self.announcements.get(id) else { return };
        if let Some(tree) = self.trees.get_mut(tree) {
            tree.announced.remove(epoch);
        }
    }
}
