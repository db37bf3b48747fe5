//! How a session begins, stays and ends.

use super::{Fields, OnWire};
use crate::{DecodeError, OrgName, PrincipalName, RefusalCode, Timestamp, decode::fitting, wire};

/// The client's first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The protocol version; any, so that a node can refuse the ones it does not speak by name.
    pub version: u32,
    /// Name and version of the client's software, for logs; at most 1024 bytes.
    pub software: String,
    /// Whose node the client means to reach.
    pub organisation: OrgName,
}

impl OnWire for Hello {
    const FIELDS: Fields = Fields("hello");
    type Message = wire::Hello;

    fn to_wire(&self) -> wire::Hello {
        wire::Hello {
            version: self.version,
            software: fitting(&self.software),
            organisation: self.organisation.as_str().to_owned(),
        }
    }

    fn from_wire(wire: wire::Hello) -> Result<Self, DecodeError> {
        Ok(Self {
            version: wire.version,
            software: Self::FIELDS.text("software", wire.software)?,
            organisation: Self::FIELDS.parse("organisation", &wire.organisation)?,
        })
    }
}

/// The node's answer to `Hello`: the client is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version.
    pub version: u32,
    /// Whose node it is.
    pub organisation: OrgName,
    /// Who the node takes the client for; `None` where it does not say.
    pub principal: Option<PrincipalName>,
    /// How many statements the node has applied.
    pub policy_version: u64,
    /// The node's clock.
    pub time: Timestamp,
    /// The largest envelope that it takes, bytes.
    pub envelope_bytes_max: u32,
    /// How many publishes may wait for an answer.
    pub inflight_max: u32,
}

impl OnWire for Welcome {
    const FIELDS: Fields = Fields("welcome");
    type Message = wire::Welcome;

    fn to_wire(&self) -> wire::Welcome {
        wire::Welcome {
            version: self.version,
            organisation: self.organisation.as_str().to_owned(),
            principal: self.principal.as_ref().map(ToString::to_string).unwrap_or_default(),
            policy_version: self.policy_version,
            time_us: self.time.as_micros(),
            envelope_bytes_max: self.envelope_bytes_max,
            inflight_max: self.inflight_max,
        }
    }

    fn from_wire(wire: wire::Welcome) -> Result<Self, DecodeError> {
        Ok(Self {
            version: wire.version,
            organisation: Self::FIELDS.parse("organisation", &wire.organisation)?,
            principal: Self::FIELDS.parse_optional("principal", &wire.principal)?,
            policy_version: wire.policy_version,
            time: Timestamp::from_micros(wire.time_us),
            envelope_bytes_max: wire.envelope_bytes_max,
            inflight_max: wire.inflight_max,
        })
    }
}

/// Asks whether the other side is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// Comes back in the `Pong`.
    pub token: u64,
}

impl OnWire for Ping {
    const FIELDS: Fields = Fields("ping");
    type Message = wire::Ping;

    fn to_wire(&self) -> wire::Ping {
        wire::Ping { token: self.token }
    }

    fn from_wire(wire: wire::Ping) -> Result<Self, DecodeError> {
        Ok(Self { token: wire.token })
    }
}

/// The answer to a `Ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// That of the `Ping`.
    pub token: u64,
}

impl OnWire for Pong {
    const FIELDS: Fields = Fields("pong");
    type Message = wire::Pong;

    fn to_wire(&self) -> wire::Pong {
        wire::Pong { token: self.token }
    }

    fn from_wire(wire: wire::Pong) -> Result<Self, DecodeError> {
        Ok(Self { token: wire.token })
    }
}

/// The last frame of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye {
    /// What is wrong; `None` where nothing is. On the wire, 0.
    pub code: Option<RefusalCode>,
    /// Why, for people; at most 1024 bytes.
    pub why: String,
}

impl OnWire for Goodbye {
    const FIELDS: Fields = Fields("goodbye");
    type Message = wire::Goodbye;

    fn to_wire(&self) -> wire::Goodbye {
        wire::Goodbye { code: self.code.map_or(0, RefusalCode::number), why: fitting(&self.why) }
    }

    fn from_wire(wire: wire::Goodbye) -> Result<Self, DecodeError> {
        let code = match wire.code {
            0 => None,
            code => Some(Self::FIELDS.number("code", code)?),
        };
        Ok(Self { code, why: Self::FIELDS.text("why", wire.why)? })
    }
}
