//! What the client itself knows of who is who: a policy replica that believes nothing but
//! signatures leading back to the pinned root. The node supplies statements; it vouches for none.

mod error;
pub(crate) mod logs;
mod notebook;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sekisho_policy::{Policy, StatementError};
use sekisho_proto::{
    Epoch, Filter, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName, PublicKey, Statement,
    StatementBody, StreamClass, Suite, Timestamp, Topic,
    statement::{EpochAnnounce, KeyGrant},
};
use sekisho_seal::{EpochPublic, KeyError, StrictVerifier, VerifyingKey};

use crate::{
    chain::Chain, clock, connection::Endpoint, publisher::Protection, session::roaming::Carrier,
};

pub(crate) use self::logs::last_trusted;
pub use self::{error::TrustError, logs::WITNESSES_FILE};

/// Who published something, proven by the statements of an organisation that is trusted.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) name: PrincipalName,
    pub(crate) key: VerifyingKey,
    kind: PrincipalKind,
    /// Its organisation's node signs in its place.
    is_attested: bool,
    /// When the key stops being the principal's.
    until: Option<Timestamp>,
    /// When this client learned of its revocation.
    revoked: Option<Timestamp>,
}

impl Publisher {
    /// Whether an envelope made and received then is one of its time in office.
    pub(crate) fn holds(&self, made: Timestamp, received: Timestamp) -> bool {
        self.until.is_none_or(|until| made < until)
            && self.revoked.is_none_or(|revoked| received < revoked)
    }

    /// Whether it is a node that signs for the publisher on the topic.
    pub(crate) fn attests_for(&self, publisher: &Self, topic: &Topic) -> bool {
        let home = self.name.organisation();
        self.kind == PrincipalKind::Node
            && publisher.is_attested
            && publisher.name.organisation() == home
            && topic.organisation() == home
    }
}

/// How far ahead of this clock a statement may say it was issued. Of several the last issued is in force,
/// and no log takes one of later than now: what is from farther ahead would be in force for good. A
/// day, because the clock of a device is not to keep it from what everybody else believes.
const ISSUED_AHEAD_MAX: Duration = Duration::from_hours(24);

/// See the module.
#[derive(Debug)]
pub(crate) struct Replica {
    policy: Mutex<Policy>,
    root: Hash,
}

impl Replica {
    /// Knows the pinned root and nothing else.
    pub(crate) fn new(organisation: OrgName, root: Hash) -> Self {
        Self { policy: Mutex::new(Policy::new(organisation, root)), root }
    }

    /// Applies what can be applied, in whatever order it came: see [`Policy::learn`].
    pub(crate) fn learn(&self, encoded: &[Bytes]) {
        let mut left: Vec<Statement> = Vec::with_capacity(encoded.len());
        let latest = clock::now().saturating_add(ISSUED_AHEAD_MAX);
        for one in encoded {
            match Statement::decode(one) {
                Ok(statement) if statement.body().issued() > latest => {
                    // No log takes it; believed here, it would win over all that follow.
                    let kind = statement.kind().name();
                    tracing::warn!(kind, "statement of the node: issued in the future");
                }
                Ok(statement) => left.push(statement),
                Err(cause) => tracing::warn!(cause = %Chain(&cause), "statement of the node"),
            }
        }
        let mut policy = self.lock();
        loop {
            let before = left.len();
            let mut refused: Vec<(Statement, StatementError)> = Vec::new();
            for statement in left.drain(..) {
                if let Err(cause) = policy.learn(&statement, &StrictVerifier) {
                    refused.push((statement, cause));
                }
            }
            if refused.is_empty() || refused.len() == before {
                for (statement, cause) in refused {
                    let kind = statement.kind().name();
                    tracing::debug!(kind, cause = %Chain(&cause), "statement not believed");
                }
                return;
            }
            left.extend(refused.into_iter().map(|(statement, _cause)| statement));
        }
    }

    /// Whether a statement is believed, with just these signatures.
    pub(crate) fn believes(&self, statement: &Statement) -> bool {
        let policy = self.lock();
        statement.organisations().into_iter().any(|organisation| {
            policy.log(organisation).iter().any(|logged| *logged.statement == *statement)
        })
    }

    /// The principal behind a key id, where trusted statements name it.
    pub(crate) fn publisher(&self, id: &PrincipalId) -> Option<Publisher> {
        let policy = self.lock();
        let record = policy.principal(id)?;
        let key = VerifyingKey::parse(&record.public_key).ok()?;
        let (until, revoked) = (record.until, record.revoked);
        let (name, kind, is_attested) = (record.name.clone(), record.kind, record.attested);
        Some(Publisher { name, key, kind, is_attested, until, revoked })
    }

    /// The key that others seal a principal's secrets to, where trusted statements name one.
    pub(crate) fn secrets_key(&self, id: &PrincipalId) -> Option<(Suite, Bytes)> {
        let policy = self.lock();
        let record = policy.principal(id)?;
        Some((record.kem_suite, record.kem_public_key.clone()?))
    }

    /// Whether trusted statements let this principal publish on the topic.
    pub(crate) fn may_publish(&self, id: PrincipalId, topic: &Topic, now: Timestamp) -> bool {
        self.lock().permit_publish(id, topic, now).is_ok()
    }

    /// How the topic is to be protected now; `None` where trusted statements do not say.
    pub(crate) fn protection(
        &self,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<Option<Protection>, KeyError> {
        let policy = self.lock();
        if policy.class_of(topic) == StreamClass::Open {
            return Ok(Some(Protection::Open));
        }
        let announce = policy.epoch_of(topic, now);
        Ok(announce.map(EpochPublic::try_from).transpose()?.map(Protection::Sealed))
    }

    /// Whether these statements alone lead from the pinned root to this protection of the topic.
    pub(crate) fn prove(&self, encoded: &[Bytes], topic: &Topic, wanted: &Protection) -> bool {
        let alone = Self::new(self.lock().own().clone(), self.root);
        alone.learn(encoded);
        alone.protection(topic, clock::now()).is_ok_and(|found| found.as_ref() == Some(wanted))
    }

    /// The epoch that the topic is sealed to now.
    pub(crate) fn epoch(&self, topic: &Topic, now: Timestamp) -> Option<EpochAnnounce> {
        self.lock().epoch_of(topic, now).cloned()
    }

    /// The key grants to a reader, as a trusted steward signed them, with the statements' ids.
    pub(crate) fn key_grants(
        &self,
        reader: &PrincipalId,
        tree: &Filter,
        epoch: Epoch,
    ) -> Vec<(Hash, KeyGrant)> {
        let policy = self.lock();
        let statements = policy.key_grants(reader, tree, epoch);
        let grants = statements.into_iter().filter_map(|statement| match statement.body() {
            StatementBody::KeyGrant(grant) => Some((statement.id(), grant.clone())),
            StatementBody::OrgRoot(_)
            | StatementBody::Issuer(_)
            | StatementBody::Principal(_)
            | StatementBody::Grant(_)
            | StatementBody::Deny(_)
            | StatementBody::Revoke(_)
            | StatementBody::StreamDescriptor(_)
            | StatementBody::EpochAnnounce(_)
            | StatementBody::Peering(_)
            | StatementBody::Role(_)
            | StatementBody::Erasure(_) => None,
        });
        grants.collect()
    }

    /// The key of another organisation's node: as the newest peering with it names it, or, where a
    /// peer passes its log on, as that log names it.
    pub(crate) fn peer_node_key(
        &self,
        organisation: &OrgName,
        now: Timestamp,
    ) -> Option<PublicKey> {
        let policy = self.lock();
        let route = policy.route(organisation, now);
        if route.is_some_and(|route| !route.is_direct()) {
            return policy.node_of(organisation).map(|node| node.public_key);
        }
        policy.peer(organisation).map(|peering| peering.theirs.node_key)
    }

    /// Whose nodes carry envelopes home, by those of these statements that are believed.
    pub(crate) fn carriers(&self, encoded: &[Bytes]) -> Vec<Carrier> {
        let own = self.lock().own().clone();
        let statements = encoded.iter().filter_map(|one| Statement::decode(one).ok());
        let believed = statements.filter(|statement| self.believes(statement));
        let carriers = believed.filter_map(|statement| {
            let StatementBody::Peering(peering) = statement.body() else { return None };
            let (_ours, theirs) = peering.sides(&own)?;
            let endpoint = Endpoint {
                address: theirs.address.clone(),
                node_key: theirs.node_key,
                organisation: theirs.organisation.clone(),
            };
            Some(Carrier {
                contract: statement.id(),
                endpoint,
                topics: theirs.carries_home.clone(),
                from: peering.from,
                until: peering.until,
            })
        });
        carriers.filter(|carrier| !carrier.topics.is_empty()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Policy> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
