//! How records get to a subscriber.

use bytes::Bytes;

use super::{Fields, OnWire};
use crate::{
    CursorName, DecodeError, Filter, GapReason, Offset, Position, PrincipalId, RefusalCode,
    Timestamp, Topic,
    decode::fitting,
    limits::HOPS_MAX,
    wire::{self, start::Kind},
};

/// Ask for records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Chosen by the client, unique in the connection.
    pub subscription: u32,
    /// Of which topics.
    pub filter: Filter,
    /// From where, unless the cursor stands somewhere.
    pub start: Start,
    /// The durable position to go on from and to acknowledge to.
    pub cursor: Option<CursorName>,
    /// How many records may come before more credit is given.
    pub credit: u32,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// What is published from now on.
    Latest,
    /// The last record of each topic, then what is published from now on.
    LastValue,
    /// From this offset of one topic: the filter must be a topic.
    Offset(Offset),
    /// What was received at this time or after it.
    Time(Timestamp),
    /// From this position of the node's log.
    Position(Position),
    /// All that is kept and permitted.
    Earliest,
}

impl OnWire for Subscribe {
    const FIELDS: Fields = Fields("subscribe");
    type Message = wire::Subscribe;

    fn to_wire(&self) -> wire::Subscribe {
        let cursor = self.cursor.as_ref().map(ToString::to_string);
        wire::Subscribe {
            subscription: self.subscription,
            filter: self.filter.as_str().to_owned(),
            start: Some(wire::Start { kind: Some(self.start.to_wire()) }),
            cursor: cursor.unwrap_or_default(),
            credit: self.credit,
        }
    }

    fn from_wire(wire: wire::Subscribe) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let filter: Filter = fields.parse("filter", &wire.filter)?;
        let Some(start) = wire.start.and_then(|start| start.kind) else {
            return Err(fields.refuse("start", "a place to begin", "none"));
        };
        let start = Start::from_wire(fields, &start)?;
        let one_topic = !matches!(start, Start::Offset(_)) || filter.is_topic().is_some();
        fields.require("filter", "a topic, since start is an offset", one_topic, &filter)?;
        Ok(Self {
            subscription: wire.subscription,
            filter,
            start,
            cursor: fields.parse_optional("cursor", &wire.cursor)?,
            credit: wire.credit,
        })
    }
}

impl Start {
    fn to_wire(self) -> Kind {
        match self {
            Self::Latest => Kind::Latest(true),
            Self::LastValue => Kind::LastValue(true),
            Self::Offset(offset) => Kind::Offset(offset.value()),
            Self::Time(time) => Kind::TimeUs(time.as_micros()),
            Self::Position(position) => Kind::Position(position.value()),
            Self::Earliest => Kind::Earliest(true),
        }
    }

    fn from_wire(fields: Fields, kind: &Kind) -> Result<Self, DecodeError> {
        match kind {
            Kind::Latest(true) => Ok(Self::Latest),
            Kind::LastValue(true) => Ok(Self::LastValue),
            Kind::Earliest(true) => Ok(Self::Earliest),
            Kind::Latest(false) | Kind::LastValue(false) | Kind::Earliest(false) => {
                Err(fields.refuse("start", "true where a kind has no value", "false"))
            }
            Kind::Offset(offset) => Ok(Self::Offset(Offset::new(*offset))),
            Kind::TimeUs(micros) => Ok(Self::Time(Timestamp::from_micros(*micros))),
            Kind::Position(position) => Ok(Self::Position(Position::new(*position))),
        }
    }
}

/// Records will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    /// Which subscription.
    pub subscription: u32,
    /// From where.
    pub position: Position,
    /// Where the node's log ended when it answered.
    pub head: Position,
}

impl OnWire for Subscribed {
    const FIELDS: Fields = Fields("subscribed");
    type Message = wire::Subscribed;

    fn to_wire(&self) -> wire::Subscribed {
        wire::Subscribed {
            subscription: self.subscription,
            position: self.position.value(),
            head: self.head.value(),
        }
    }

    fn from_wire(wire: wire::Subscribed) -> Result<Self, DecodeError> {
        Ok(Self {
            subscription: wire.subscription,
            position: Position::new(wire.position),
            head: Position::new(wire.head),
        })
    }
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// For which subscription.
    pub subscription: u32,
    /// Where it stands in the sending node's log: what a cursor holds.
    pub position: Position,
    /// Where it stands in the topic's log at its home node.
    pub offset: Offset,
    /// When the home node received it.
    pub received: Timestamp,
    /// An encoded [`Envelope`](crate::Envelope).
    pub envelope: Bytes,
    /// The encoded [`KeyHeader`](crate::KeyHeader) that it names, with the first record of a
    /// subscription that needs it.
    pub key_header: Option<Bytes>,
    /// The nodes passed, the home first; at most [`HOPS_MAX`].
    pub hops: Vec<PrincipalId>,
}

impl OnWire for Record {
    const FIELDS: Fields = Fields("record");
    type Message = wire::Record;

    fn to_wire(&self) -> wire::Record {
        wire::Record {
            subscription: self.subscription,
            position: self.position.value(),
            offset: self.offset.value(),
            received_us: self.received.as_micros(),
            envelope: self.envelope.clone(),
            key_header: self.key_header.clone().unwrap_or_default(),
            hops: self.hops.iter().map(|hop| Bytes::copy_from_slice(hop.as_ref())).collect(),
        }
    }

    fn from_wire(wire: wire::Record) -> Result<Self, DecodeError> {
        Self::FIELDS.at_most("hops", HOPS_MAX, wire.hops.len())?;
        Ok(Self {
            subscription: wire.subscription,
            position: Position::new(wire.position),
            offset: Offset::new(wire.offset),
            received: Timestamp::from_micros(wire.received_us),
            envelope: wire.envelope,
            key_header: Some(wire.key_header).filter(|bytes| !bytes.is_empty()),
            hops: Self::FIELDS.fixed_all("hops", &wire.hops)?,
        })
    }
}

/// Records that will not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Of which subscription.
    pub subscription: u32,
    /// The first position that is passed over.
    pub from_position: Position,
    /// Where delivery goes on.
    pub to_position: Position,
    /// Why.
    pub reason: GapReason,
    /// Of which topic; `None` = all of the filter's.
    pub topic: Option<Topic>,
}

impl OnWire for Gap {
    const FIELDS: Fields = Fields("gap");
    type Message = wire::Gap;

    fn to_wire(&self) -> wire::Gap {
        wire::Gap {
            subscription: self.subscription,
            from_position: self.from_position.value(),
            to_position: self.to_position.value(),
            reason: self.reason.number(),
            topic: self.topic.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn from_wire(wire: wire::Gap) -> Result<Self, DecodeError> {
        let ordered = wire.from_position <= wire.to_position;
        let wanted = "from_position or more";
        Self::FIELDS.require("to_position", wanted, ordered, wire.to_position)?;
        Ok(Self {
            subscription: wire.subscription,
            from_position: Position::new(wire.from_position),
            to_position: Position::new(wire.to_position),
            reason: Self::FIELDS.number("reason", wire.reason)?,
            topic: Self::FIELDS.parse_optional("topic", &wire.topic)?,
        })
    }
}

/// How many more records may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// In which subscription.
    pub subscription: u32,
    /// How many, added to what is left.
    pub records: u32,
}

impl OnWire for Credit {
    const FIELDS: Fields = Fields("credit");
    type Message = wire::Credit;

    fn to_wire(&self) -> wire::Credit {
        wire::Credit { subscription: self.subscription, records: self.records }
    }

    fn from_wire(wire: wire::Credit) -> Result<Self, DecodeError> {
        Ok(Self { subscription: wire.subscription, records: wire.records })
    }
}

/// What was worked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledge {
    /// In which subscription.
    pub subscription: u32,
    /// Everything up to and with it is done.
    pub position: Position,
}

impl OnWire for Acknowledge {
    const FIELDS: Fields = Fields("acknowledge");
    type Message = wire::Acknowledge;

    fn to_wire(&self) -> wire::Acknowledge {
        wire::Acknowledge { subscription: self.subscription, position: self.position.value() }
    }

    fn from_wire(wire: wire::Acknowledge) -> Result<Self, DecodeError> {
        Ok(Self { subscription: wire.subscription, position: Position::new(wire.position) })
    }
}

/// No more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Of which subscription.
    pub subscription: u32,
}

impl OnWire for Unsubscribe {
    const FIELDS: Fields = Fields("unsubscribe");
    type Message = wire::Unsubscribe;

    fn to_wire(&self) -> wire::Unsubscribe {
        wire::Unsubscribe { subscription: self.subscription }
    }

    fn from_wire(wire: wire::Unsubscribe) -> Result<Self, DecodeError> {
        Ok(Self { subscription: wire.subscription })
    }
}

/// The last of a subscription or of a followed log, where several share one channel. Where each has a
/// stream of its own, its end and [`Refused`](super::Refused) say as much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Of which subscription.
    pub subscription: u32,
    /// What is wrong; `None` where the client wished it. On the wire, 0.
    pub code: Option<RefusalCode>,
    /// The thing that is refused; at most 1024 bytes.
    pub what: String,
    /// What was wanted and what was found; at most 1024 bytes.
    pub why: String,
}

impl OnWire for Ended {
    const FIELDS: Fields = Fields("ended");
    type Message = wire::Ended;

    fn to_wire(&self) -> wire::Ended {
        wire::Ended {
            subscription: self.subscription,
            code: self.code.map_or(0, RefusalCode::number),
            what: fitting(&self.what),
            why: fitting(&self.why),
        }
    }

    fn from_wire(wire: wire::Ended) -> Result<Self, DecodeError> {
        let code = match wire.code {
            0 => None,
            code => Some(Self::FIELDS.number("code", code)?),
        };
        Ok(Self {
            subscription: wire.subscription,
            code,
            what: Self::FIELDS.text("what", wire.what)?,
            why: Self::FIELDS.text("why", wire.why)?,
        })
    }
}
