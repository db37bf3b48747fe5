//! Statements that give and take rights.

use bytes::Bytes;
use prost::Message as _;

use super::Actions;
use crate::{
    DecodeError, Filter, Grantee, Hash, OrgName, PrincipalId, Timestamp,
    decode::{Fields, time_optional},
    limits::{STATEMENT_BYTES_MAX, TEXT_BYTES_MAX},
    wire,
};

/// A right: who may do what on which topics, for what purpose and from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The owner of the topics.
    pub organisation: OrgName,
    /// Who may.
    pub grantee: Grantee,
    /// May do what.
    pub actions: Actions,
    /// On which topics of the organisation.
    pub filter: Filter,
    /// For what, in the owner's words.
    pub purpose: String,
    /// When it was made.
    pub issued: Timestamp,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when it holds; `None` until revoked.
    pub until: Option<Timestamp>,
    /// With [`Action::History`](super::Action::History): records received since then; `None` = all
    /// that are kept.
    pub history_from: Option<Timestamp>,
    /// Whether the grantee's organisation may pass it on.
    pub onward: bool,
    /// Envelopes per second that may be published; `None` = what the node allows.
    pub rate_per_s: Option<u32>,
}

impl Grant {
    const FIELDS: Fields = Fields("grant statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::Grant {
            organisation: self.organisation.as_str().to_owned(),
            grantee: self.grantee.to_string(),
            actions: self.actions.bits(),
            filter: self.filter.as_str().to_owned(),
            purpose: self.purpose.clone(),
            issued_us: self.issued.as_micros(),
            from_us: self.from.as_micros(),
            until_us: self.until.map(Timestamp::as_micros),
            history_from_us: self.history_from.map(Timestamp::as_micros),
            onward: self.onward,
            rate_per_s: self.rate_per_s,
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Grant = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let organisation = fields.parse("organisation", &wire.organisation)?;
        let filter = own_filter(fields, "filter", &wire.filter, &organisation)?;
        let grantee = grantee(fields, &wire.grantee, &organisation)?;
        Ok(Self {
            organisation,
            grantee,
            actions: fields.number("actions", wire.actions)?,
            filter,
            purpose: fields.signed_text("purpose", wire.purpose, TEXT_BYTES_MAX)?,
            issued: Timestamp::from_micros(wire.issued_us),
            from: Timestamp::from_micros(wire.from_us),
            until: time_optional(wire.until_us),
            history_from: time_optional(wire.history_from_us),
            onward: wire.onward,
            rate_per_s: wire.rate_per_s,
        })
    }
}

/// A right taken away, whatever grants say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deny {
    /// The owner of the topics.
    pub organisation: OrgName,
    /// Who may not.
    pub grantee: Grantee,
    /// May not do what.
    pub actions: Actions,
    /// On which topics of the organisation.
    pub filter: Filter,
    /// Why, for people.
    pub reason: String,
    /// When it was made.
    pub issued: Timestamp,
}

impl Deny {
    const FIELDS: Fields = Fields("deny statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::Deny {
            organisation: self.organisation.as_str().to_owned(),
            grantee: self.grantee.to_string(),
            actions: self.actions.bits(),
            filter: self.filter.as_str().to_owned(),
            reason: self.reason.clone(),
            issued_us: self.issued.as_micros(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Deny = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let organisation = fields.parse("organisation", &wire.organisation)?;
        let filter = own_filter(fields, "filter", &wire.filter, &organisation)?;
        let grantee = grantee(fields, &wire.grantee, &organisation)?;
        Ok(Self {
            organisation,
            grantee,
            actions: fields.number("actions", wire.actions)?,
            filter,
            reason: fields.signed_text("reason", wire.reason, TEXT_BYTES_MAX)?,
            issued: Timestamp::from_micros(wire.issued_us),
        })
    }
}

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevokeTarget {
    /// One statement, by its id.
    Statement(Hash),
    /// A principal, and with it all that it was granted.
    Principal(PrincipalId),
}

/// The end of a statement or principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// In whose control log.
    pub organisation: OrgName,
    /// What ends: on the wire, `statement` or `principal`.
    pub target: RevokeTarget,
    /// Why, for people.
    pub reason: String,
    /// When it was made.
    pub issued: Timestamp,
}

impl Revoke {
    const FIELDS: Fields = Fields("revoke statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        let (statement, principal) = match &self.target {
            RevokeTarget::Statement(id) => (Bytes::copy_from_slice(id.as_ref()), Bytes::new()),
            RevokeTarget::Principal(id) => (Bytes::new(), Bytes::copy_from_slice(id.as_ref())),
        };
        wire::Revoke {
            organisation: self.organisation.as_str().to_owned(),
            statement,
            principal,
            reason: self.reason.clone(),
            issued_us: self.issued.as_micros(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Revoke = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let statement = fields.fixed_optional("statement", &wire.statement)?;
        let principal = fields.fixed_optional("principal", &wire.principal)?;
        let target = match (statement, principal) {
            (Some(id), None) => RevokeTarget::Statement(id),
            (None, Some(id)) => RevokeTarget::Principal(id),
            (None, None) => return Err(fields.refuse("statement", ONE_TARGET, "neither")),
            (Some(_), Some(_)) => return Err(fields.refuse("statement", ONE_TARGET, "both")),
        };
        Ok(Self {
            organisation: fields.parse("organisation", &wire.organisation)?,
            target,
            reason: fields.signed_text("reason", wire.reason, TEXT_BYTES_MAX)?,
            issued: Timestamp::from_micros(wire.issued_us),
        })
    }
}

const ONE_TARGET: &str = "a statement or a principal";

/// Whom a right is for: a role only where the organisation gives the role itself.
fn grantee(fields: Fields, text: &str, organisation: &OrgName) -> Result<Grantee, DecodeError> {
    let grantee: Grantee = fields.parse("grantee", text)?;
    let own = !matches!(&grantee, Grantee::Role(role) if role.organisation() != organisation);
    fields.require("grantee", "a role of the statement's organisation", own, &grantee)?;
    Ok(grantee)
}

/// A filter of the organisation's own topics: nobody states anything about another's.
pub(super) fn own_filter(
    fields: Fields,
    field: &'static str,
    text: &str,
    organisation: &OrgName,
) -> Result<Filter, DecodeError> {
    let filter: Filter = fields.parse(field, text)?;
    let own = filter.organisation() == organisation;
    fields.require(field, "topics of the statement's organisation", own, &filter)?;
    Ok(filter)
}
