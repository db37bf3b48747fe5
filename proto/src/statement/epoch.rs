//! Statements about the keys that topic trees are sealed to.

use bytes::Bytes;
use prost::Message as _;

use super::access::own_filter;
use crate::{
    DecodeError, Epoch, Filter, OrgName, PrincipalId, Suite, Timestamp,
    decode::Fields,
    limits::{STATEMENT_BYTES_MAX, TEXT_BYTES_MAX},
    wire,
};

/// Longest seed sealed to a reader, bytes: a seed of 32 and an authentication tag of 16, and room
/// for a suite with larger ones.
const SEALED_SEED_BYTES_MAX: usize = 128;

/// The public key that a topic tree is sealed to from one time to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochAnnounce {
    /// The owner of the topics.
    pub organisation: OrgName,
    /// The topics of this epoch.
    pub tree: Filter,
    /// Its number within the tree, from 1.
    pub epoch: Epoch,
    /// The KEM and AEAD; never [`Suite::Open`].
    pub suite: Suite,
    /// The KEM's public key, as long as the suite says.
    pub public_key: Bytes,
    /// When it was made.
    pub issued: Timestamp,
    /// From when it is sealed to.
    pub not_before: Timestamp,
    /// Until when it is sealed to.
    pub not_after: Timestamp,
    /// The oldest epoch of the tree that is still accepted; at most `epoch`.
    pub min_epoch: Epoch,
}

impl EpochAnnounce {
    const FIELDS: Fields = Fields("epoch-announce statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::EpochAnnounce {
            organisation: self.organisation.as_str().to_owned(),
            tree: self.tree.as_str().to_owned(),
            epoch: self.epoch.value(),
            suite: self.suite.number(),
            public_key: self.public_key.clone(),
            issued_us: self.issued.as_micros(),
            not_before_us: self.not_before.as_micros(),
            not_after_us: self.not_after.as_micros(),
            min_epoch: self.min_epoch.value(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::EpochAnnounce =
            wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let organisation = fields.parse("organisation", &wire.organisation)?;
        let tree = own_filter(fields, "tree", &wire.tree, &organisation)?;
        let suite: Suite = fields.number("suite", wire.suite)?;
        let length = wire.public_key.len();
        let fits = suite.kem_public_key_bytes() == Some(length);
        fields.require("public_key", "the length of a sealing suite", fits, length)?;
        fields.require("epoch", "1 or more", wire.epoch > 0, wire.epoch)?;
        let reached = wire.min_epoch <= wire.epoch;
        fields.require("min_epoch", "at most the epoch", reached, wire.min_epoch)?;
        let ordered = wire.not_before_us < wire.not_after_us;
        fields.require("not_after_us", "after not_before_us", ordered, wire.not_after_us)?;
        Ok(Self {
            organisation,
            tree,
            epoch: Epoch::new(wire.epoch),
            suite,
            public_key: wire.public_key,
            issued: Timestamp::from_micros(wire.issued_us),
            not_before: Timestamp::from_micros(wire.not_before_us),
            not_after: Timestamp::from_micros(wire.not_after_us),
            min_epoch: Epoch::new(wire.min_epoch),
        })
    }
}

/// An epoch's private seed, sealed to one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// Who gives the key: the owner of the topics, or an organisation that was given it and hands it
    /// on to its own.
    pub organisation: OrgName,
    /// The topics of the epoch; another organisation's where the key is handed on.
    pub tree: Filter,
    /// Which epoch.
    pub epoch: Epoch,
    /// The epoch's suite: what the seed makes a key pair of.
    pub suite: Suite,
    /// To whom.
    pub reader: PrincipalId,
    /// For what, in the owner's words.
    pub purpose: String,
    /// Output of the reader's KEM, 32 or 1120 bytes.
    pub encapsulation: Bytes,
    /// The seed, sealed; 1 to 128 bytes.
    pub sealed_seed: Bytes,
    /// When it was made.
    pub issued: Timestamp,
}

impl KeyGrant {
    const FIELDS: Fields = Fields("key-grant statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::KeyGrant {
            organisation: self.organisation.as_str().to_owned(),
            tree: self.tree.as_str().to_owned(),
            epoch: self.epoch.value(),
            suite: self.suite.number(),
            reader: Bytes::copy_from_slice(self.reader.as_ref()),
            purpose: self.purpose.clone(),
            encapsulation: self.encapsulation.clone(),
            sealed_seed: self.sealed_seed.clone(),
            issued_us: self.issued.as_micros(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::KeyGrant = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let organisation = fields.parse("organisation", &wire.organisation)?;
        let tree = fields.parse("tree", &wire.tree)?;
        let suite: Suite = fields.number("suite", wire.suite)?;
        fields.require("suite", "a sealing suite", suite != Suite::Open, suite)?;
        fields.require("epoch", "1 or more", wire.epoch > 0, wire.epoch)?;
        let length = wire.encapsulation.len();
        let known = Suite::ALL.iter().any(|suite| suite.encapsulation_bytes() == Some(length));
        fields.require("encapsulation", "the length of a sealing suite", known, length)?;
        let length = wire.sealed_seed.len();
        let fits = (1..=SEALED_SEED_BYTES_MAX).contains(&length);
        fields.require("sealed_seed", "1 to 128 bytes", fits, length)?;
        Ok(Self {
            organisation,
            tree,
            epoch: Epoch::new(wire.epoch),
            suite,
            reader: fields.fixed("reader", &wire.reader)?,
            purpose: fields.signed_text("purpose", wire.purpose, TEXT_BYTES_MAX)?,
            encapsulation: wire.encapsulation,
            sealed_seed: wire.sealed_seed,
            issued: Timestamp::from_micros(wire.issued_us),
        })
    }
}
