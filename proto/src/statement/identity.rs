//! Statements that tie keys to names: the root of an organisation, its issuers, its principals.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, OrgName, ParseError, PrincipalName, PublicKey, Suite, Timestamp,
    decode::{Fields, time_optional},
    limits::{ROOT_KEYS_MAX, STATEMENT_BYTES_MAX},
    wire,
};

/// The keys that an organisation is. Others pin the hash of this statement's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgRoot {
    /// The organisation.
    pub organisation: OrgName,
    /// 1 to 16 keys, ascending, each once.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign for the organisation.
    pub threshold: u32,
    /// When it was made.
    pub issued: Timestamp,
}

impl OrgRoot {
    const FIELDS: Fields = Fields("org-root statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::OrgRoot {
            organisation: self.organisation.as_str().to_owned(),
            keys: self.keys.iter().map(|key| Bytes::copy_from_slice(key.as_ref())).collect(),
            threshold: self.threshold,
            issued_us: self.issued.as_micros(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::OrgRoot = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let count = wire.keys.len();
        fields.require("keys", "1 to 16 keys", (1..=ROOT_KEYS_MAX).contains(&count), count)?;
        let keys: Vec<PublicKey> = fields.fixed_all("keys", &wire.keys)?;
        let ascending = keys.is_sorted_by(|left, right| left < right);
        fields.require("keys", "ascending keys", ascending, "others")?;
        let reachable =
            usize::try_from(wire.threshold).is_ok_and(|keys| (1..=count).contains(&keys));
        fields.require("threshold", "1 to the number of keys", reachable, wire.threshold)?;
        Ok(Self {
            organisation: fields.parse("organisation", &wire.organisation)?,
            keys,
            threshold: wire.threshold,
            issued: Timestamp::from_micros(wire.issued_us),
        })
    }
}

/// A key that may enrol principals and make statements for its organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer and its organisation.
    pub name: PrincipalName,
    /// Its key.
    pub public_key: PublicKey,
    /// When it was made.
    pub issued: Timestamp,
    /// Until when it may issue; `None` until revoked.
    pub until: Option<Timestamp>,
}

impl Issuer {
    const FIELDS: Fields = Fields("issuer statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::Issuer {
            organisation: self.name.organisation().as_str().to_owned(),
            name: self.name.name().to_owned(),
            public_key: Bytes::copy_from_slice(self.public_key.as_ref()),
            issued_us: self.issued.as_micros(),
            until_us: self.until.map(Timestamp::as_micros),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Issuer = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        Ok(Self {
            name: name_of(fields, &wire.organisation, &wire.name)?,
            public_key: fields.fixed("public_key", &wire.public_key)?,
            issued: Timestamp::from_micros(wire.issued_us),
            until: time_optional(wire.until_us),
        })
    }
}

/// What a principal is. Exhaustive: what each may do is decided by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A truck, a station, a sensor.
    Device,
    /// A human being.
    Person,
    /// A dashboard or another program of a subscriber.
    App,
    /// A carrier to or from another system.
    Bridge,
    /// The keeper of epoch keys.
    Steward,
    /// A broker.
    Node,
}

impl PrincipalKind {
    /// Every kind, by ascending number.
    pub const ALL: [Self; 6] =
        [Self::Device, Self::Person, Self::App, Self::Bridge, Self::Steward, Self::Node];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Device => 1,
            Self::Person => 2,
            Self::App => 3,
            Self::Bridge => 4,
            Self::Steward => 5,
            Self::Node => 6,
        }
    }

    /// The name for people and configuration files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Person => "person",
            Self::App => "app",
            Self::Bridge => "bridge",
            Self::Steward => "steward",
            Self::Node => "node",
        }
    }
}

impl TryFrom<u32> for PrincipalKind {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL.into_iter().find(|kind| kind.number() == number).ok_or_else(|| {
            ParseError::new("principal kind", "a kind from 1 to 6", number.to_string())
        })
    }
}

impl std::str::FromStr for PrincipalKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let wanted = "device, person, app, bridge, steward or node";
            ParseError::text("principal kind", wanted, text)
        })
    }
}

impl std::fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// An actor and its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The principal and its organisation.
    pub name: PrincipalName,
    /// What it is.
    pub kind: PrincipalKind,
    /// The key it signs and connects with.
    pub public_key: PublicKey,
    /// For which KEM its other key is; [`Suite::Open`] where it has none.
    pub kem_suite: Suite,
    /// The key to which epoch seeds are sealed; empty where it cannot be given any.
    pub kem_public_key: Bytes,
    /// When it was made.
    pub issued: Timestamp,
    /// Until when it is one; `None` until revoked.
    pub until: Option<Timestamp>,
    /// It signs nothing: its organisation's node does in its place, and says so in every header.
    pub attested: bool,
}

impl Principal {
    const FIELDS: Fields = Fields("principal statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::Principal {
            organisation: self.name.organisation().as_str().to_owned(),
            name: self.name.name().to_owned(),
            kind: self.kind.number(),
            public_key: Bytes::copy_from_slice(self.public_key.as_ref()),
            kem_suite: self.kem_suite.number(),
            kem_public_key: self.kem_public_key.clone(),
            issued_us: self.issued.as_micros(),
            until_us: self.until.map(Timestamp::as_micros),
            attested: self.attested,
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Principal = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let kem_suite = fields.number("kem_suite", wire.kem_suite)?;
        kem_key_fits(fields, kem_suite, &wire.kem_public_key)?;
        Ok(Self {
            name: name_of(fields, &wire.organisation, &wire.name)?,
            kind: fields.number("kind", wire.kind)?,
            public_key: fields.fixed("public_key", &wire.public_key)?,
            kem_suite,
            kem_public_key: wire.kem_public_key,
            issued: Timestamp::from_micros(wire.issued_us),
            until: time_optional(wire.until_us),
            attested: wire.attested,
        })
    }
}

/// A KEM key is as long as its suite says, and absent where the suite is open.
pub(crate) fn kem_key_fits(fields: Fields, suite: Suite, key: &Bytes) -> Result<(), DecodeError> {
    let wanted = suite.kem_public_key_bytes().unwrap_or(0);
    fields.require("kem_public_key", "the length of its suite", key.len() == wanted, key.len())
}

fn name_of(fields: Fields, organisation: &str, name: &str) -> Result<PrincipalName, DecodeError> {
    let organisation: OrgName = fields.parse("organisation", organisation)?;
    PrincipalName::new(name, &organisation)
        .map_err(|error| fields.refuse("name", error.wanted(), error.found()))
}
