//! Who has a role.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, Grantee, RoleName, Timestamp,
    decode::{Fields, time_optional},
    limits::STATEMENT_BYTES_MAX,
    wire,
};

/// Somebody has a role, and with it every right that is given to the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Which role; its organisation is the one that states it.
    pub role: RoleName,
    /// Who has it: a principal, or everybody of an organisation; never a role.
    pub member: Grantee,
    /// When it was made.
    pub issued: Timestamp,
    /// Until when; `None` until revoked.
    pub until: Option<Timestamp>,
}

impl Role {
    const FIELDS: Fields = Fields("role statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::Role {
            organisation: self.role.organisation().as_str().to_owned(),
            role: self.role.as_str().to_owned(),
            member: self.member.to_string(),
            issued_us: self.issued.as_micros(),
            until_us: self.until.map(Timestamp::as_micros),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Role = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let role: RoleName = fields.parse("role", &wire.role)?;
        let own = role.organisation().as_str() == wire.organisation;
        fields.require("role", "a role of the statement's organisation", own, &role)?;
        let member: Grantee = fields.parse("member", &wire.member)?;
        let plain = !matches!(member, Grantee::Role(_));
        fields.require("member", "a principal or an organisation", plain, &member)?;
        Ok(Self {
            role,
            member,
            issued: Timestamp::from_micros(wire.issued_us),
            until: time_optional(wire.until_us),
        })
    }
}
