//! Receipts that something was destroyed.

use bytes::Bytes;
use prost::Message as _;

use super::access::own_filter;
use crate::{
    DecodeError, Epoch, Filter, Hash, OrgName, PrincipalId, Timestamp,
    decode::Fields,
    limits::{STATEMENT_BYTES_MAX, TEXT_BYTES_MAX},
    wire,
};

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Erased {
    /// The private seed of an epoch: nobody can be given its key any more.
    Epoch {
        /// The topics of the epoch.
        tree: Filter,
        /// Its number within the tree.
        epoch: Epoch,
        /// SHA-256 of its public key, as it was announced.
        key: Hash,
    },
    /// What was kept of a principal's accesses, and the key that it was kept under.
    Subject(PrincipalId),
}

/// A receipt that something was destroyed, by whom had it to destroy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose it was.
    pub organisation: OrgName,
    /// What: on the wire, `tree`, `epoch` and `key`, or `subject`.
    pub erased: Erased,
    /// How many records went with it.
    pub records: u64,
    /// Why, for people.
    pub reason: String,
    /// When it was made.
    pub issued: Timestamp,
}

impl Erasure {
    const FIELDS: Fields = Fields("erasure statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut wire = wire::Erasure {
            organisation: self.organisation.as_str().to_owned(),
            records: self.records,
            reason: self.reason.clone(),
            issued_us: self.issued.as_micros(),
            ..wire::Erasure::default()
        };
        match &self.erased {
            Erased::Epoch { tree, epoch, key } => {
                wire.tree = tree.as_str().to_owned();
                wire.epoch = epoch.value();
                wire.key = Bytes::copy_from_slice(key.as_ref());
            }
            Erased::Subject(id) => wire.subject = Bytes::copy_from_slice(id.as_ref()),
        }
        wire.encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Erasure = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let organisation = fields.parse("organisation", &wire.organisation)?;
        let erased = match fields.fixed_optional("subject", &wire.subject)? {
            Some(id) => {
                let alone = wire.tree.is_empty() && wire.epoch == 0 && wire.key.is_empty();
                fields.require("subject", "an epoch or a subject", alone, "both")?;
                Erased::Subject(id)
            }
            None => {
                let tree = own_filter(fields, "tree", &wire.tree, &organisation)?;
                fields.require("epoch", "1 or more", wire.epoch > 0, wire.epoch)?;
                let (epoch, key) = (Epoch::new(wire.epoch), fields.fixed("key", &wire.key)?);
                Erased::Epoch { tree, epoch, key }
            }
        };
        Ok(Self {
            organisation,
            erased,
            records: wire.records,
            reason: fields.signed_text("reason", wire.reason, TEXT_BYTES_MAX)?,
            issued: Timestamp::from_micros(wire.issued_us),
        })
    }
}
