//! How statements get into a control log and out of it.

use bytes::Bytes;

use super::{Fields, OnWire, publishing::request_of};
use crate::{
    DecodeError, Hash, LogName, OrgName, StatementIndex, Timestamp,
    limits::{
        NOTE_BYTES_MAX, PROOF_HASHES_MAX, STATEMENTS_PER_FRAME_MAX, STATEMENTS_PER_STATE_MAX,
    },
    wire,
};

/// Statements for the control log: all of them stand in it in the end, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Chosen by the client, not 0, unique among its open requests.
    pub request: u64,
    /// Encoded [`Statement`](crate::Statement)s, 1 to 256, in the order in which they are to stand.
    pub statements: Vec<Bytes>,
}

impl OnWire for State {
    const FIELDS: Fields = Fields("state");
    type Message = wire::State;

    fn to_wire(&self) -> wire::State {
        wire::State { request: self.request, statements: self.statements.clone() }
    }

    fn from_wire(wire: wire::State) -> Result<Self, DecodeError> {
        let request = request_of(Self::FIELDS, wire.request)?;
        some(Self::FIELDS, "statements", wire.statements.len())?;
        Ok(Self { request, statements: wire.statements })
    }
}

/// The statements stand in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// That of the `State`.
    pub request: u64,
    /// Where, one for each of them.
    pub indices: Vec<StatementIndex>,
}

impl OnWire for Stated {
    const FIELDS: Fields = Fields("stated");
    type Message = wire::Stated;

    fn to_wire(&self) -> wire::Stated {
        let indices = self.indices.iter().map(|index| index.value()).collect();
        wire::Stated { request: self.request, indices }
    }

    fn from_wire(wire: wire::Stated) -> Result<Self, DecodeError> {
        let request = request_of(Self::FIELDS, wire.request)?;
        some(Self::FIELDS, "indices", wire.indices.len())?;
        let indices = wire.indices.into_iter().map(StatementIndex::new).collect();
        Ok(Self { request, indices })
    }
}

fn some(fields: Fields, field: &'static str, found: usize) -> Result<(), DecodeError> {
    let some = (1..=STATEMENTS_PER_STATE_MAX).contains(&found);
    fields.require(field, "1 to 256", some, found)
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

/// What a log holds now, signed by its node and those who have checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// For which `Follow`.
    pub subscription: u32,
    /// A signed note (C2SP tlog-checkpoint); not looked at.
    pub note: String,
    /// From which size on the consistency is proven; 0 = not at all.
    pub old_size: u64,
    /// The proof (RFC 9162 §2.1.4), at most 128 hashes.
    pub consistency: Vec<Hash>,
}

impl OnWire for Checkpoint {
    const FIELDS: Fields = Fields("checkpoint");
    type Message = wire::Checkpoint;

    fn to_wire(&self) -> wire::Checkpoint {
        wire::Checkpoint {
            subscription: self.subscription,
            note: self.note.clone(),
            old_size: self.old_size,
            consistency: hashes_on_wire(&self.consistency),
        }
    }

    fn from_wire(wire: wire::Checkpoint) -> Result<Self, DecodeError> {
        Ok(Self {
            subscription: wire.subscription,
            note: note(Self::FIELDS, wire.note)?,
            old_size: wire.old_size,
            consistency: hashes(Self::FIELDS, "consistency", &wire.consistency)?,
        })
    }
}

/// A follower has checked a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// For which `Follow`.
    pub subscription: u32,
    /// Of which log.
    pub log: LogName,
    /// The size of the checkpoint, or until where the log is known.
    pub size: u64,
    /// A signature line for the note (C2SP tlog-cosignature); `None` = the log is known until
    /// `size`, and is to be proven from there.
    pub signature: Option<String>,
}

impl OnWire for Cosigned {
    const FIELDS: Fields = Fields("cosigned");
    type Message = wire::Cosigned;

    fn to_wire(&self) -> wire::Cosigned {
        wire::Cosigned {
            subscription: self.subscription,
            log: self.log.to_string(),
            size: self.size,
            signature: self.signature.clone().unwrap_or_default(),
        }
    }

    fn from_wire(wire: wire::Cosigned) -> Result<Self, DecodeError> {
        let signature = Self::FIELDS.text("signature", wire.signature)?;
        Ok(Self {
            subscription: wire.subscription,
            log: Self::FIELDS.parse("log", &wire.log)?,
            size: wire.size,
            signature: (!signature.is_empty()).then_some(signature),
        })
    }
}

/// The text of a signed note, of bounded length.
pub(super) fn note(fields: Fields, text: String) -> Result<String, DecodeError> {
    let fits = text.len() <= NOTE_BYTES_MAX;
    fields.require("note", "at most 16384 bytes", fits, text.len())?;
    Ok(text)
}

/// The hashes of a proof.
pub(super) fn hashes(
    fields: Fields,
    field: &'static str,
    wire: &[Bytes],
) -> Result<Vec<Hash>, DecodeError> {
    fields.at_most(field, PROOF_HASHES_MAX, wire.len())?;
    fields.fixed_all(field, wire)
}

pub(super) fn hashes_on_wire(hashes: &[Hash]) -> Vec<Bytes> {
    hashes.iter().map(|hash| Bytes::copy_from_slice(hash.as_ref())).collect()
}
