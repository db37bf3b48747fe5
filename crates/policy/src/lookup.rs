//! What is known about organisations, principals, streams and keys, without any question of right.

use std::time::Duration;

use sekisho_proto::{
    Epoch, Filter, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName, PublicKey, Statement,
    StatementBody, StatementIndex, StreamClass, Timestamp, Topic,
    statement::{EpochAnnounce, Erasure, RevokeTarget, StreamDescriptor},
};

use crate::{
    EpochStatus, IssuerRecord, LoggedStatement, Missing, PeeringView, Policy, PrincipalRecord,
    organisation::Organisation, peering::PeeringFact, view::View,
};

impl Policy {
    /// What the newest statement about a key says, whether or not it is in force: see
    /// [`standing`](Self::standing). `None` where no organisation that is trusted names it.
    #[must_use]
    pub fn principal(&self, id: &PrincipalId) -> Option<&PrincipalRecord> {
        self.record(View::live(Timestamp::MAX), id).map(|(_home, record)| &**record)
    }

    /// The principal behind a name: the newest of its keys that is not revoked, or the newest.
    #[must_use]
    pub fn principal_by_name(&self, name: &PrincipalName) -> Option<&PrincipalRecord> {
        let organisation = self.trusted(name.organisation())?;
        let view = View::live(Timestamp::MAX);
        let ids = organisation.names.get(name.name())?;
        let mut records = ids.iter().rev().filter_map(|id| organisation.principal(view, id));
        let newest = records.next()?;
        if newest.revoked.is_none() {
            return Some(newest);
        }
        Some(records.find(|record| record.revoked.is_none()).unwrap_or(newest))
    }

    /// Every principal of an organisation by name, whether or not it is in force.
    #[must_use]
    pub fn principals(&self, organisation: &OrgName) -> Vec<&PrincipalRecord> {
        let mut records: Vec<_> = self.records(organisation).collect();
        records.sort_by(|left, right| (&left.name, left.id).cmp(&(&right.name, right.id)));
        records
    }

    /// Every principal of an organisation in no order.
    fn records(&self, organisation: &OrgName) -> impl Iterator<Item = &PrincipalRecord> {
        let all =
            self.trusted(organisation).into_iter().flat_map(|known| known.principals.values());
        all.filter_map(|records| records.last()).map(|record| &**record)
    }

    /// The principal behind a key, where it may act at all: enrolled, not run out, not revoked by
    /// its organisation or by this one, and of a foreign organisation only under a peering in
    /// force.
    ///
    /// # Errors
    ///
    /// The first of these that is missing.
    pub fn standing(&self, id: &PrincipalId, now: Timestamp) -> Result<&PrincipalRecord, Missing> {
        self.standing_in(View::live(now), id).map(|record| &**record)
    }

    /// The keys that speak for an organisation, whether or not they are in force.
    pub fn issuers(&self, organisation: &OrgName) -> impl Iterator<Item = &IssuerRecord> {
        let known = self.organisations.get(organisation);
        known.into_iter().flat_map(|known| known.issuers.values().filter_map(|all| all.last()))
    }

    /// The fingerprint of an organisation's root, where it is trusted and known.
    #[must_use]
    pub fn root_of(&self, organisation: &OrgName) -> Option<Hash> {
        self.trusted(organisation).map(|known| known.root.fingerprint)
    }

    /// Every organisation that is trusted and known.
    pub fn organisations(&self) -> impl Iterator<Item = &OrgName> {
        self.organisations.values().filter(|known| known.is_pinned).map(|known| &known.name)
    }

    /// The place of a statement in an organisation's log as it was applied here, by its id.
    #[must_use]
    pub fn place_of(&self, organisation: &OrgName, id: &Hash) -> Option<StatementIndex> {
        self.organisations.get(organisation)?.index.get(id).copied()
    }

    /// The newest node of an organisation that its log names and has not revoked.
    #[must_use]
    pub fn node_of(&self, organisation: &OrgName) -> Option<&PrincipalRecord> {
        self.records(organisation)
            .filter(|record| record.kind == PrincipalKind::Node && record.revoked.is_none())
            .max_by_key(|record| (record.received, record.id))
    }

    /// The newest peering with each organisation that is not revoked, by organisation; it may not
    /// have begun, or have run out.
    #[must_use]
    pub fn peers(&self) -> Vec<PeeringView> {
        self.peerings.keys().filter_map(|organisation| self.peer(organisation)).collect()
    }

    /// The newest peering with an organisation that is not revoked; it may not have begun, or have
    /// run out.
    #[must_use]
    pub fn peer(&self, organisation: &OrgName) -> Option<PeeringView> {
        let view = View::live(Timestamp::MAX);
        let newest = self.peerings.get(organisation)?.last()?;
        (!self.is_ended(view, newest)).then(|| PeeringView::of(newest))
    }

    /// Whose node a key is, under a peering in force.
    #[must_use]
    pub fn peer_of_key(&self, key: &PublicKey, now: Timestamp) -> Option<&OrgName> {
        let view = View::live(now);
        self.peerings.keys().find(|organisation| {
            let peering = self.peering(view, organisation);
            peering.is_some_and(|peering| peering.theirs.node_key == *key)
        })
    }

    /// Whose node a key was under the newest peering with them, where this organisation ended it;
    /// and the place in its log behind the statement that did. So far the other side still has to
    /// hear it: only that statement tells it that the contract is over.
    #[must_use]
    pub fn former_peer_of_key(&self, key: &PublicKey) -> Option<(&OrgName, StatementIndex)> {
        let (organisation, peering) = self.peerings.iter().find_map(|(organisation, all)| {
            let newest = all.last().filter(|newest| newest.theirs.node_key == *key)?;
            Some((organisation, newest))
        })?;
        let end = RevokeTarget::Statement(peering.id);
        let ends = |logged: &LoggedStatement| matches!(logged.statement.body(), StatementBody::Revoke(revoke) if revoke.target == end);
        let place = self.log(&self.own).iter().position(ends)?;
        Some((organisation, StatementIndex::new(u64::try_from(place).ok()?).next()))
    }

    /// What the owner says about a topic.
    #[must_use]
    pub fn descriptor(&self, topic: &Topic) -> Option<&StreamDescriptor> {
        let organisation = self.trusted(topic.organisation())?;
        descriptor_in(organisation, topic)
    }

    /// Every stream that a filter matches and that its owner describes, by topic.
    #[must_use]
    pub fn descriptors(&self, filter: &Filter) -> Vec<&StreamDescriptor> {
        let Some(organisation) = self.trusted(filter.organisation()) else { return Vec::new() };
        let topics = organisation.descriptors.keys().filter(|topic| filter.matches(topic));
        let mut found: Vec<_> =
            topics.filter_map(|topic| descriptor_in(organisation, topic)).collect();
        found.sort_by(|left, right| left.topic.cmp(&right.topic));
        found
    }

    /// How a topic is protected; restricted where its owner does not say.
    #[must_use]
    pub fn class_of(&self, topic: &Topic) -> StreamClass {
        self.descriptor(topic).map_or(StreamClass::Restricted, |descriptor| descriptor.class)
    }

    /// How long a topic's records are kept; `None` leaves it to the node.
    #[must_use]
    pub fn retention_of(&self, topic: &Topic) -> Option<Duration> {
        self.descriptor(topic)?.retention_s.map(Duration::from_secs)
    }

    /// What a topic is sealed to: the newest epoch in force of the most specific tree that holds
    /// it. `None` where that tree's epochs have all run out, even if a wider tree has one.
    #[must_use]
    pub fn epoch_of(&self, topic: &Topic, now: Timestamp) -> Option<&EpochAnnounce> {
        let organisation = self.trusted(topic.organisation())?;
        organisation.epochs.current(topic, now).map(|fact| &fact.announce)
    }

    /// What an epoch of a topic is: whether envelopes sealed to it are taken.
    #[must_use]
    pub fn epoch_status(&self, topic: &Topic, epoch: Epoch, now: Timestamp) -> EpochStatus {
        self.trusted(topic.organisation())
            .map_or(EpochStatus::Unknown, |known| known.epochs.status(topic, epoch, now))
    }

    /// The key grants to a reader for one epoch of a tree: the owner's, then those of organisations
    /// that handed the key on to their own; of each, oldest first. None where the epoch was erased.
    #[must_use]
    pub fn key_grants<'a>(
        &'a self,
        reader: &PrincipalId,
        tree: &Filter,
        epoch: Epoch,
    ) -> Vec<&'a Statement> {
        if self.is_erased(tree, epoch) {
            return Vec::new();
        }
        let key = (*reader, tree.clone(), epoch);
        let of = |organisation: &'a Organisation| -> Vec<&'a Statement> {
            let all = organisation.key_grants.get(&key).into_iter().flatten();
            all.map(|(_received, id)| id)
                .filter(|id| !organisation.revoked.contains_key(*id))
                .filter_map(|id| organisation.statement(id))
                .map(|logged| &*logged.statement)
                .collect()
        };
        let owner = tree.organisation();
        let others = self.organisations.keys().filter(|name| *name != owner);
        let trusted = [owner].into_iter().chain(others).filter_map(|name| self.trusted(name));
        trusted.flat_map(of).collect()
    }

    /// The receipts in an organisation's log of what was destroyed, oldest first.
    pub fn erasures<'a>(
        &'a self,
        organisation: &OrgName,
    ) -> impl Iterator<Item = (&'a LoggedStatement, &'a Erasure)> {
        let known = self.trusted(organisation);
        known.into_iter().flat_map(|known| {
            known.erasures.iter().filter_map(|id| {
                let logged = known.statement(id)?;
                let StatementBody::Erasure(erasure) = logged.statement.body() else { return None };
                Some((logged, erasure))
            })
        })
    }

    /// Whether a receipt says that an epoch's seed was destroyed.
    #[must_use]
    pub fn is_erased(&self, tree: &Filter, epoch: Epoch) -> bool {
        let owner = self.trusted(tree.organisation());
        owner.is_some_and(|owner| owner.erased_epochs.contains_key(&(tree.clone(), epoch)))
    }

    /// The organisation, where its root is trusted.
    pub(crate) fn trusted(&self, organisation: &OrgName) -> Option<&Organisation> {
        self.organisations.get(organisation).map(|known| &**known).filter(|known| known.is_pinned)
    }

    /// Whether a peering was revoked by either party.
    pub(crate) fn is_ended(&self, view: View<'_>, peering: &PeeringFact) -> bool {
        [&peering.ours, &peering.theirs].into_iter().any(|party| {
            let known = self.organisations.get(&party.organisation);
            known.is_some_and(|known| known.revoked(view, &peering.id).is_some())
        })
    }
}

fn descriptor_in<'a>(
    organisation: &'a Organisation,
    topic: &Topic,
) -> Option<&'a StreamDescriptor> {
    let id = descriptor_id(organisation, topic)?;
    let StatementBody::StreamDescriptor(descriptor) = organisation.statement(id)?.statement.body()
    else {
        return None;
    };
    Some(descriptor)
}

/// The newest description of a topic that was not revoked.
pub(crate) fn descriptor_id<'a>(organisation: &'a Organisation, topic: &Topic) -> Option<&'a Hash> {
    let all = organisation.descriptors.get(topic)?;
    all.iter().rev().map(|(_received, id)| id).find(|id| !organisation.revoked.contains_key(*id))
}
