//! How a key becomes a principal.

use bytes::Bytes;

use super::{Fields, OnWire};
use crate::{
    DecodeError, Hash, ParseError, PublicKey, Suite, TokenId,
    decode::fitting,
    limits::{SIGN_IN_BYTES_MAX, STATEMENTS_PER_FRAME_MAX},
    statement::kem_key_fits,
    wire,
};

/// Ask to become a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// The protocol version.
    pub version: u32,
    /// Which one-time token.
    pub token_id: TokenId,
    /// The key to be enrolled: the connection's.
    pub public_key: PublicKey,
    /// For which KEM the other key is; [`Suite::Open`] where there is none.
    pub kem_suite: Suite,
    /// The key to which epoch seeds may be sealed; empty where none may.
    pub kem_public_key: Bytes,
    /// HMAC-SHA-256 over all of that under the token's secret.
    pub proof: [u8; 32],
    /// What the steward alone is told about signing in at a provider, sealed under the token's
    /// secret, at most [`SIGN_IN_BYTES_MAX`] bytes; empty where there is nothing to tell.
    pub sign_in: Bytes,
}

impl OnWire for Enrol {
    const FIELDS: Fields = Fields("enrol");
    type Message = wire::Enrol;

    fn to_wire(&self) -> wire::Enrol {
        wire::Enrol {
            version: self.version,
            token_id: Bytes::copy_from_slice(self.token_id.as_ref()),
            public_key: Bytes::copy_from_slice(self.public_key.as_ref()),
            kem_suite: self.kem_suite.number(),
            kem_public_key: self.kem_public_key.clone(),
            proof: Bytes::copy_from_slice(&self.proof),
            sign_in: self.sign_in.clone(),
        }
    }

    fn from_wire(wire: wire::Enrol) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let kem_suite = fields.number("kem_suite", wire.kem_suite)?;
        kem_key_fits(fields, kem_suite, &wire.kem_public_key)?;
        fields.at_most("sign_in", SIGN_IN_BYTES_MAX, wire.sign_in.len())?;
        Ok(Self {
            version: wire.version,
            token_id: fields.fixed("token_id", &wire.token_id)?,
            public_key: fields.fixed("public_key", &wire.public_key)?,
            kem_suite,
            kem_public_key: wire.kem_public_key,
            proof: *fields.fixed::<Hash>("proof", &wire.proof)?.as_bytes(),
            sign_in: wire.sign_in,
        })
    }
}

/// How far an enrolment is. Exhaustive: the client must act on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnrolmentState {
    /// Somebody has to approve it.
    Waiting,
    /// The key is a principal's.
    Admitted,
    /// It will not be.
    Refused,
}

impl EnrolmentState {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Waiting => 1,
            Self::Admitted => 2,
            Self::Refused => 3,
        }
    }
}

impl TryFrom<u32> for EnrolmentState {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::Waiting),
            2 => Ok(Self::Admitted),
            3 => Ok(Self::Refused),
            other => {
                Err(ParseError::new("enrolment state", "a state from 1 to 3", other.to_string()))
            }
        }
    }
}

/// How far an enrolment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolling {
    /// How far.
    pub state: EnrolmentState,
    /// Why, for people; at most 1024 bytes.
    pub why: String,
    /// Encoded [`Statement`](crate::Statement)s: once admitted, the organisation's root, its
    /// issuer, the principal and its grants.
    pub statements: Vec<Bytes>,
}

impl OnWire for Enrolling {
    const FIELDS: Fields = Fields("enrolling");
    type Message = wire::Enrolling;

    fn to_wire(&self) -> wire::Enrolling {
        wire::Enrolling {
            state: self.state.number(),
            why: fitting(&self.why),
            statements: self.statements.clone(),
        }
    }

    fn from_wire(wire: wire::Enrolling) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        fields.at_most("statements", STATEMENTS_PER_FRAME_MAX, wire.statements.len())?;
        Ok(Self {
            state: fields.number("state", wire.state)?,
            why: fields.text("why", wire.why)?,
            statements: wire.statements,
        })
    }
}
