//! The one door: every envelope, whatever brought it, is admitted here or refused with a reason.
//!
//! Cheap checks come first and nothing changes before the signature has been verified.

mod attesting;
mod passage;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use sekisho_policy::{EpochStatus, Policy, PublishPermit};
use sekisho_proto::statement::{PeeringBudget, StreamClass};
use sekisho_proto::{
    Action, Envelope, Hash, Header, KeyHeader, KeyHeaderId, OrgName, PrincipalId, RefusalCode,
    Timestamp, Topic, limits,
};
use sekisho_routing::{Admitted, Carriage};
use sekisho_seal::{VerifiedKeyHeader, VerifyingKey, verify_key_header};

use super::key_headers::{Found, KeyHeaders};
use super::refusal::Refusal;

use self::attesting::verify_signer;
pub(crate) use self::passage::Passage;

/// What one carrier hands to the door.
#[derive(Debug)]
pub struct Parcel {
    /// An encoded envelope.
    pub envelope: Bytes,
    /// The key header it needs, where the carrier thinks the node may not have it.
    pub key_header: Option<Bytes>,
    /// Who brought it: a session's principal, or the peer organisation of a link.
    pub carrier: Carrier,
    /// How the outcome finds its way back.
    pub carriage: Carriage,
}

/// A parcel whose envelope was read and not judged.
#[derive(Debug)]
pub(crate) struct Opened {
    envelope: Envelope,
    key_header: Option<Bytes>,
    carrier: Carrier,
    carriage: Carriage,
}

/// Who brought a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// A client of this node.
    Principal(PrincipalId),
    /// A peer organisation's node.
    Peer(OrgName),
}

impl Carrier {
    /// Whoever is connected, where that is no link.
    pub(crate) const fn principal(&self) -> Option<PrincipalId> {
        match self {
            Self::Principal(principal) => Some(*principal),
            Self::Peer(_) => None,
        }
    }
}

/// What came through the door, and the key header that must be kept with it.
#[derive(Debug)]
pub struct Entry {
    /// For the router.
    pub admitted: Admitted,
    /// The envelope's.
    pub hash: Hash,
    /// Whose it is.
    pub publisher: PrincipalId,
    /// Seen for the first time: to be stored before the envelope is.
    pub new_key_header: Option<KeyHeader>,
    /// Envelopes per second that the publisher's grant allows; `None` = the node's limit, or the
    /// topic's home has counted it.
    pub rate_per_s: Option<u32>,
    /// Samples in it, as the publisher's header counts them.
    pub sample_count: u32,
    /// A peer's node carried it home.
    pub carried: Option<Carried>,
}

/// What a peer's node carried home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The envelope's.
    pub hash: Hash,
    /// The peer's node.
    pub by: PrincipalId,
    /// What the contract lets it carry.
    pub agreed: Agreed,
}

/// How much a peer's node may carry home by its contract, a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Envelopes; `None` = the node's limit.
    pub envelopes_per_s: Option<u32>,
    /// Bytes of them; `None` = as over a link.
    pub bytes_per_s: Option<u64>,
}

/// Admits envelopes. Shared by all connections; holds caches and no other state.
#[derive(Debug)]
pub struct Ingress {
    organisation: OrgName,
    envelope_bytes_max: usize,
    keys: DashMap<PrincipalId, Arc<VerifyingKey>>,
    key_headers: Arc<KeyHeaders>,
}

/// Parsed keys kept; beyond it the cache starts again. 100,000 × ~300 bytes = 30 MB.
const KEYS_CACHED_MAX: usize = 100_000;

impl Ingress {
    pub(super) fn new(
        organisation: OrgName,
        envelope_bytes_max: usize,
        key_headers: Arc<KeyHeaders>,
    ) -> Self {
        Self { organisation, envelope_bytes_max, keys: DashMap::new(), key_headers }
    }

    /// Decodes, judges and verifies one envelope.
    ///
    /// # Errors
    /// The first rule it breaks, naming what was wanted and what was found.
    pub fn admit(&self, policy: &Policy, parcel: Parcel, now: Timestamp) -> Result<Entry, Refusal> {
        self.admit_opened(policy, self.open(parcel)?, now)
    }

    /// Reads a parcel's envelope.
    pub(crate) fn open(&self, parcel: Parcel) -> Result<Opened, Refusal> {
        let Parcel { envelope, key_header, carrier, carriage } = parcel;
        self.check_bytes(envelope.len())?;
        Ok(Opened { envelope: Envelope::decode(envelope)?, key_header, carrier, carriage })
    }

    /// As [`admit`](Self::admit), of what was read before.
    pub(crate) fn admit_opened(
        &self,
        policy: &Policy,
        opened: Opened,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        let Opened { envelope, key_header, carrier, carriage } = opened;
        let header = envelope.header();
        self.check_home(header, &carrier)?;
        let by_peer = check_carrier(policy, header, &carrier, now)?;
        check_time(header, &carrier, now)?;
        let key = self.signer_of(policy, header, &carrier, now)?;
        let permit = permit(policy, header, &carrier, now)?;
        check_epoch(policy, header, &carrier, now)?;
        let fresh = self.check_key_header(header, key_header, &key)?;
        // What waited for a link comes faster than it was published.
        let is_home = matches!(carrier, Carrier::Principal(_));
        let rate_per_s = permit.rate_per_s().filter(|_rate| is_home);
        let sample_count = header.sample_count;
        let publisher = header.publisher;
        let verified = verify_signer(envelope, &key)?;
        let hash = verified.hash();
        let carried = by_peer.map(|(by, agreed)| Carried { hash, by, agreed });
        let admitted = Admitted::new(verified, permit, carriage)?;
        let new_key_header = fresh.map(VerifiedKeyHeader::into_key_header);
        Ok(Entry { admitted, hash, publisher, new_key_header, rate_per_s, sample_count, carried })
    }

    fn check_bytes(&self, found: usize) -> Result<(), Refusal> {
        if found <= self.envelope_bytes_max {
            return Ok(());
        }
        let why = format!("wanted at most {} bytes, found {found}", self.envelope_bytes_max);
        Err(Refusal::new(RefusalCode::Oversized, "envelope", why))
    }

    /// Clients publish to topics whose home is here; a link brings topics whose home is the peer.
    fn check_home(&self, header: &Header, carrier: &Carrier) -> Result<(), Refusal> {
        let home = header.topic.organisation();
        let wanted = match carrier {
            Carrier::Principal(_) => &self.organisation,
            Carrier::Peer(peer) => peer,
        };
        if home == wanted {
            return Ok(());
        }
        let why = format!("wanted a topic of {wanted}, found one of {home}");
        Err(Refusal::new(RefusalCode::ForeignTopic, topic(&header.topic), why))
    }

    fn key_of(&self, policy: &Policy, id: &PrincipalId) -> Result<Arc<VerifyingKey>, Refusal> {
        let Some(record) = policy.principal(id) else {
            let why = "wanted a principal of a known control log, found none with this key";
            return Err(Refusal::new(RefusalCode::UnknownKey, format!("publisher {id}"), why));
        };
        if let Some(key) = self.keys.get(id) {
            return Ok(Arc::clone(&key));
        }
        let key = Arc::new(VerifyingKey::parse(&record.public_key)?);
        if self.keys.len() >= KEYS_CACHED_MAX {
            self.keys.clear();
        }
        self.keys.insert(*id, Arc::clone(&key));
        Ok(key)
    }

    fn check_key_header(
        &self,
        header: &Header,
        attached: Option<Bytes>,
        key: &VerifyingKey,
    ) -> Result<Option<VerifiedKeyHeader>, Refusal> {
        let Some(id) = header.key_header else { return Ok(None) };
        let encoded = match self.key_headers.find(&id, header)? {
            Found::InUse => return Ok(None),
            Found::Idle(stored) => stored,
            Found::Nowhere => attached.ok_or_else(|| missing(id))?,
        };
        let found = key_header_of(header, id, encoded)?;
        Ok(Some(verify_key_header(found, key)?))
    }
}

/// The key header that came with an envelope, which is the one that it names.
fn key_header_of(header: &Header, id: KeyHeaderId, attached: Bytes) -> Result<KeyHeader, Refusal> {
    let found = KeyHeader::decode(attached)?;
    if found.id() != id {
        let why = format!("wanted {id}, found {}", found.id());
        return Err(Refusal::new(RefusalCode::KeyHeaderMissing, "key header", why));
    }
    if !KeyHeaders::fits(&found, header) {
        let why = "wanted the envelope's own topic, publisher, boot and epoch, found others";
        return Err(Refusal::new(RefusalCode::Malformed, format!("key header {id}"), why));
    }
    Ok(found)
}

fn missing(id: KeyHeaderId) -> Refusal {
    let why = "wanted it with the first envelope that names it, found none here";
    Refusal::new(RefusalCode::KeyHeaderMissing, format!("key header {id}"), why)
}

/// A principal carries its own envelopes; others' only with the right to bridge. A peer's node
/// carries those of this organisation's own publishers home where the contract says so: then it is
/// named, with how much a second it may bring.
fn check_carrier(
    policy: &Policy,
    header: &Header,
    carrier: &Carrier,
    now: Timestamp,
) -> Result<Option<(PrincipalId, Agreed)>, Refusal> {
    let Carrier::Principal(carrier) = carrier else { return Ok(None) };
    if *carrier == header.publisher {
        return Ok(None);
    }
    if let Some(party) = policy.carrier(carrier, &header.topic, now)
        && is_own(policy, &header.publisher)
    {
        let PeeringBudget { envelopes_per_s, bytes_per_s, .. } = party.budget;
        return Ok(Some((*carrier, Agreed { envelopes_per_s, bytes_per_s })));
    }
    if policy.permit(Action::Bridge, *carrier, &header.topic, now).is_ok() {
        return Ok(None);
    }
    let why = format!("wanted the session's own principal {carrier}, found {}", header.publisher);
    Err(Refusal::new(RefusalCode::WrongPublisher, topic(&header.topic), why))
}

/// Whether a publisher is one of this organisation's.
fn is_own(policy: &Policy, publisher: &PrincipalId) -> bool {
    let found = policy.principal(publisher);
    found.is_some_and(|record| record.name.organisation() == policy.own())
}

/// The right to publish, and over a link the publisher's leave to travel.
fn permit(
    policy: &Policy,
    header: &Header,
    carrier: &Carrier,
    now: Timestamp,
) -> Result<PublishPermit, Refusal> {
    let Header { publisher, topic, scope, .. } = header;
    Ok(match carrier {
        Carrier::Principal(_) => policy.permit_publish(*publisher, topic, now)?,
        Carrier::Peer(_) => policy.permit_import(*publisher, topic, *scope, now)?,
    })
}

fn check_time(header: &Header, carrier: &Carrier, now: Timestamp) -> Result<(), Refusal> {
    let latest = now.saturating_add(limits::CLOCK_AHEAD_MAX);
    if header.time > latest {
        let why = format!("wanted a time up to {latest}, found {}", header.time);
        return Err(Refusal::new(RefusalCode::ClockAhead, topic(&header.topic), why));
    }
    let life = Duration::from_secs(u64::from(header.expiry_s));
    let live = matches!(carrier, Carrier::Principal(_));
    if live && header.expiry_s > 0 && header.time.saturating_add(life) < now {
        let why = format!("wanted within {} s of {}, found {now}", header.expiry_s, header.time);
        return Err(Refusal::new(RefusalCode::Expired, topic(&header.topic), why));
    }
    Ok(())
}

/// Sealed to an epoch that was alive when the publisher sealed, or declared open, or attested, for
/// which [`Policy::permit_attesting`] has its own rule: what waited in a
/// spool while its epoch was retired is not lost. What a peer's node took is not judged again: only
/// that the epoch exists.
fn check_epoch(
    policy: &Policy,
    header: &Header,
    carrier: &Carrier,
    now: Timestamp,
) -> Result<(), Refusal> {
    if header.key_header.is_none() {
        if header.attester.is_some() || policy.class_of(&header.topic) == StreamClass::Open {
            return Ok(());
        }
        let why = "wanted a sealed body (the topic is not declared open), found an open one";
        return Err(Refusal::new(RefusalCode::NotPermitted, topic(&header.topic), why));
    }
    let live = matches!(carrier, Carrier::Principal(_));
    match policy.epoch_status(&header.topic, header.epoch, header.time.min(now)) {
        EpochStatus::Current | EpochStatus::Grace => Ok(()),
        EpochStatus::Retired if !live => Ok(()),
        EpochStatus::Retired => {
            let why = format!(
                "wanted an epoch in force at {}, found {} which was retired by then",
                header.time, header.epoch
            );
            Err(Refusal::new(RefusalCode::EpochRetired, topic(&header.topic), why))
        }
        EpochStatus::Unknown => {
            let why = format!("wanted an announced epoch, found {}", header.epoch);
            Err(Refusal::new(RefusalCode::EpochUnknown, topic(&header.topic), why))
        }
    }
}

fn topic(topic: &Topic) -> String {
    format!("topic {topic}")
}
