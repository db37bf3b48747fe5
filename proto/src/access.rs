//! The access log: who was let at what, as commitments that outlive what they commit to.
//!
//! The log holds [`AccessEntry`]s. An [`AccessRecord`] is kept apart, sealed under a key of its
//! subject; when that key is destroyed, the entry stays and says nothing about anybody.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, Epoch, Filter, Hash, ParseError, Position, PrincipalId, PrincipalName, Timestamp,
    decode::Fields,
    limits::{LOG_ENTRY_BYTES_MAX, TEXT_BYTES_MAX},
    wire,
};

const HOUR_US: i64 = 3_600_000_000;

/// What kind of access it was. Exhaustive: whoever audits must know every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccessKind {
    /// A session was opened.
    Session,
    /// An epoch's key was given.
    KeyRelease,
    /// Kept records were given.
    History,
    /// What was kept of somebody was destroyed.
    Erasure,
    /// Somebody asked about others, or looked into this log.
    Administration,
}

impl AccessKind {
    /// Every kind, by ascending number.
    pub const ALL: [Self; 5] =
        [Self::Session, Self::KeyRelease, Self::History, Self::Erasure, Self::Administration];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Session => 1,
            Self::KeyRelease => 2,
            Self::History => 3,
            Self::Erasure => 4,
            Self::Administration => 5,
        }
    }

    /// The name, such as `key-release`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::KeyRelease => "key-release",
            Self::History => "history",
            Self::Erasure => "erasure",
            Self::Administration => "administration",
        }
    }
}

impl TryFrom<u32> for AccessKind {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.number() == number);
        found
            .ok_or_else(|| ParseError::new("access kind", "a kind from 1 to 5", number.to_string()))
    }
}

/// What the access log holds of one access: nothing about anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// Of which kind it was.
    pub kind: AccessKind,
    /// When, cut to the hour.
    pub hour: Timestamp,
    /// The commitment to the record.
    pub commitment: Hash,
}

impl AccessEntry {
    const FIELDS: Fields = Fields("access entry");

    /// The time cut to the hour before it, as an entry holds it.
    #[must_use]
    pub const fn hour_of(time: Timestamp) -> Timestamp {
        let micros = time.as_micros();
        Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(HOUR_US)))
    }

    /// The log's entry.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::AccessEntry {
            kind: self.kind.number(),
            hour_us: self.hour.as_micros(),
            commitment: Bytes::copy_from_slice(self.commitment.as_ref()),
        }
        .encode_to_vec()
    }

    /// Parses an entry.
    ///
    /// # Errors
    ///
    /// It is not an entry, not in its one encoding, or its time is no full hour.
    pub fn decode(encoded: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::AccessEntry =
            wire::decode_canonical(fields.0, LOG_ENTRY_BYTES_MAX, encoded)?;
        let hour = Timestamp::from_micros(wire.hour_us);
        fields.require("hour_us", "a full hour", Self::hour_of(hour) == hour, hour)?;
        Ok(Self {
            kind: fields.number("kind", wire.kind)?,
            hour,
            commitment: fields.fixed("commitment", &wire.commitment)?,
        })
    }
}

/// One access, as it can be read until its subject's key is destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRecord {
    /// Of which kind it was.
    pub kind: AccessKind,
    /// Who was let.
    pub subject: PrincipalName,
    /// With which key.
    pub id: PrincipalId,
    /// At which topics; `None` where it was about none.
    pub topics: Option<Filter>,
    /// The first position in the node's log that was given.
    pub from: Option<Position>,
    /// The first one after it that was not.
    pub to: Option<Position>,
    /// The epoch whose key was given.
    pub epoch: Option<Epoch>,
    /// What for, as far as it was said.
    pub purpose: String,
    /// When.
    pub time: Timestamp,
}

impl AccessRecord {
    const FIELDS: Fields = Fields("access record");

    /// What is committed to, and sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::AccessRecord {
            kind: self.kind.number(),
            subject: self.subject.to_string(),
            id: Bytes::copy_from_slice(self.id.as_ref()),
            topics: self.topics.as_ref().map(ToString::to_string).unwrap_or_default(),
            from_position: self.from.map(Position::value),
            to_position: self.to.map(Position::value),
            epoch: self.epoch.map(Epoch::value).unwrap_or_default(),
            purpose: self.purpose.clone(),
            time_us: self.time.as_micros(),
        }
        .encode_to_vec()
    }

    /// Parses a record.
    ///
    /// # Errors
    ///
    /// It is not a record, not in its one encoding, or a field is out of its range.
    pub fn decode(encoded: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::AccessRecord =
            wire::decode_canonical(fields.0, LOG_ENTRY_BYTES_MAX, encoded)?;
        Ok(Self {
            kind: fields.number("kind", wire.kind)?,
            subject: fields.parse("subject", &wire.subject)?,
            id: fields.fixed("id", &wire.id)?,
            topics: fields.parse_optional("topics", &wire.topics)?,
            from: wire.from_position.map(Position::new),
            to: wire.to_position.map(Position::new),
            epoch: (wire.epoch > 0).then(|| Epoch::new(wire.epoch)),
            purpose: fields.signed_text("purpose", wire.purpose, TEXT_BYTES_MAX)?,
            time: Timestamp::from_micros(wire.time_us),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_tells_the_hour_and_nothing_finer() {
        let time = Timestamp::from_micros(1_763_600_461_000_001);
        let hour = AccessEntry::hour_of(time);
        assert_eq!(hour.to_string(), "2025-11-20T01:00:00.000000Z");
        assert_eq!(AccessEntry::hour_of(Timestamp::from_micros(-1)).as_micros(), -3_600_000_000);
        let commitment = Hash::new([7; 32]);
        let finer = AccessEntry { kind: AccessKind::Session, hour: time, commitment };
        let error = AccessEntry::decode(&finer.encode().into()).unwrap_err().to_string();
        assert!(error.contains("hour_us: wanted a full hour"), "{error}");
    }

    #[test]
    fn numbers_and_names_of_kinds_are_distinct_and_never_change() {
        let all = AccessKind::ALL.map(|kind| (kind.number(), kind.name()));
        let wanted = [
            (1, "session"),
            (2, "key-release"),
            (3, "history"),
            (4, "erasure"),
            (5, "administration"),
        ];
        assert_eq!(all, wanted);
        assert!(AccessKind::try_from(0).is_err() && AccessKind::try_from(6).is_err());
    }
}
