//! How statements get into a control log and out of it.

use bytes::Bytes;

use super::{Fields, OnWire, publishing::request_of};
use crate::{
    DecodeError, OrgName, StatementIndex, Timestamp, limits::STATEMENTS_PER_FRAME_MAX, wire,
};

/// A statement for the control log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Chosen by the client, not 0, unique among its open requests.
    pub request: u64,
    /// An encoded [`Statement`](crate::Statement).
    pub statement: Bytes,
}

impl OnWire for State {
    const FIELDS: Fields = Fields("state");
    type Message = wire::State;

    fn to_wire(&self) -> wire::State {
        wire::State { request: self.request, statement: self.statement.clone() }
    }

    fn from_wire(wire: wire::State) -> Result<Self, DecodeError> {
        let request = request_of(Self::FIELDS, wire.request)?;
        Ok(Self { request, statement: wire.statement })
    }
}

/// The statement stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// That of the `State`.
    pub request: u64,
    /// Where.
    pub index: StatementIndex,
}

impl OnWire for Stated {
    const FIELDS: Fields = Fields("stated");
    type Message = wire::Stated;

    fn to_wire(&self) -> wire::Stated {
        wire::Stated { request: self.request, index: self.index.value() }
    }

    fn from_wire(wire: wire::Stated) -> Result<Self, DecodeError> {
        let request = request_of(Self::FIELDS, wire.request)?;
        Ok(Self { request, index: StatementIndex::new(wire.index) })
    }
}

/// Ask for a control log: what it holds, and then what is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// Chosen by the client, unique in the connection.
    pub subscription: u32,
    /// Whose log.
    pub organisation: OrgName,
    /// The first statement wanted.
    pub from: StatementIndex,
}

impl OnWire for Follow {
    const FIELDS: Fields = Fields("follow");
    type Message = wire::Follow;

    fn to_wire(&self) -> wire::Follow {
        wire::Follow {
            subscription: self.subscription,
            organisation: self.organisation.as_str().to_owned(),
            from: self.from.value(),
        }
    }

    fn from_wire(wire: wire::Follow) -> Result<Self, DecodeError> {
        Ok(Self {
            subscription: wire.subscription,
            organisation: Self::FIELDS.parse("organisation", &wire.organisation)?,
            from: StatementIndex::new(wire.from),
        })
    }
}

/// A part of a control log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statements {
    /// For which `Follow`.
    pub subscription: u32,
    /// Whose log.
    pub organisation: OrgName,
    /// Where the first of them stands.
    pub first: StatementIndex,
    /// The statements, one after the other.
    pub statements: Vec<FollowedStatement>,
}

/// One statement of a control log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedStatement {
    /// An encoded [`Statement`](crate::Statement).
    pub statement: Bytes,
    /// When the owner's node logged it.
    pub received: Timestamp,
}

impl OnWire for Statements {
    const FIELDS: Fields = Fields("statements");
    type Message = wire::Statements;

    fn to_wire(&self) -> wire::Statements {
        let all = &self.statements;
        wire::Statements {
            subscription: self.subscription,
            organisation: self.organisation.as_str().to_owned(),
            first: self.first.value(),
            statements: all.iter().map(|logged| logged.statement.clone()).collect(),
            received_us: all.iter().map(|logged| logged.received.as_micros()).collect(),
        }
    }

    fn from_wire(wire: wire::Statements) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let count = wire.statements.len();
        fields.at_most("statements", STATEMENTS_PER_FRAME_MAX, count)?;
        let alike = wire.received_us.len() == count;
        fields.require("received_us", "one per statement", alike, wire.received_us.len())?;
        let statements = wire.statements.into_iter().zip(wire.received_us);
        Ok(Self {
            subscription: wire.subscription,
            organisation: fields.parse("organisation", &wire.organisation)?,
            first: StatementIndex::new(wire.first),
            statements: statements
                .map(|(statement, micros)| FollowedStatement {
                    statement,
                    received: Timestamp::from_micros(micros),
                })
                .collect(),
        })
    }
}
