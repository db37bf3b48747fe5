//! What a topic carries, as its owner describes it.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, OrgName, ParseError, Timestamp, Topic, TransducerName, Unit,
    decode::Fields,
    limits::{NUMERAL_BYTES_MAX, STATEMENT_BYTES_MAX, TEXT_BYTES_MAX, TRANSDUCERS_MAX},
    wire,
};

/// Furthest latitude and longitude, degrees times 10^7.
const LATITUDE_MAX_E7: i32 = 900_000_000;
const LONGITUDE_MAX_E7: i32 = 1_800_000_000;

/// How a stream is to be protected. Exhaustive: a decision must know every class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamClass {
    /// Signed, not sealed: for everybody who may subscribe.
    Open,
    /// Sealed.
    Restricted,
    /// Sealed, and about people.
    Personal,
}

impl StreamClass {
    /// Every class, by ascending number.
    pub const ALL: [Self; 3] = [Self::Open, Self::Restricted, Self::Personal];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Open => 1,
            Self::Restricted => 2,
            Self::Personal => 3,
        }
    }

    /// The name for people and configuration files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
            Self::Personal => "personal",
        }
    }
}

impl TryFrom<u32> for StreamClass {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL.into_iter().find(|class| class.number() == number).ok_or_else(|| {
            ParseError::new("stream class", "a class from 1 to 3", number.to_string())
        })
    }
}

impl std::str::FromStr for StreamClass {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == text)
            .ok_or_else(|| ParseError::text("stream class", "open, restricted or personal", text))
    }
}

impl std::fmt::Display for StreamClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Where a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Location {
    /// Degrees north times 10^7, WGS 84: -900,000,000 to 900,000,000.
    pub latitude_e7: i32,
    /// Degrees east times 10^7, WGS 84: -1,800,000,000 to 1,800,000,000.
    pub longitude_e7: i32,
}

/// What a topic carries. Visible to those who may discover the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDescriptor {
    /// The owner of the topic.
    pub organisation: OrgName,
    /// The topic.
    pub topic: Topic,
    /// What makes the stream, such as `air-quality station`.
    pub device_type: String,
    /// A title for people.
    pub title: String,
    /// How it is protected.
    pub class: StreamClass,
    /// Whether the device moves, so that its samples say where.
    pub mobile: bool,
    /// Where it stands, if it does.
    pub location: Option<Location>,
    /// How long records are kept, seconds; `None` = what the node keeps.
    pub retention_s: Option<u64>,
    /// What it measures.
    pub transducers: Vec<Transducer>,
    /// When it was made.
    pub issued: Timestamp,
}

/// One quantity that a stream measures. Numbers are decimal numerals, empty where unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transducer {
    /// The name in samples.
    pub name: TransducerName,
    /// A title for people.
    pub title: String,
    /// In which unit.
    pub unit: Unit,
    /// The least value that it can measure.
    pub minimum: String,
    /// The greatest value that it can measure.
    pub maximum: String,
    /// The smallest difference that it shows.
    pub resolution: String,
    /// The largest error.
    pub accuracy: String,
}

impl StreamDescriptor {
    const FIELDS: Fields = Fields("stream-descriptor statement");

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::StreamDescriptor {
            organisation: self.organisation.as_str().to_owned(),
            topic: self.topic.as_str().to_owned(),
            device_type: self.device_type.clone(),
            title: self.title.clone(),
            class: self.class.number(),
            mobile: self.mobile,
            latitude_e7: self.location.map(|location| location.latitude_e7),
            longitude_e7: self.location.map(|location| location.longitude_e7),
            retention_s: self.retention_s,
            transducers: self.transducers.iter().map(Transducer::to_wire).collect(),
            issued_us: self.issued.as_micros(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::StreamDescriptor =
            wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let organisation: OrgName = fields.parse("organisation", &wire.organisation)?;
        let topic: Topic = fields.parse("topic", &wire.topic)?;
        let own = *topic.organisation() == organisation;
        fields.require("topic", "a topic of the statement's organisation", own, &topic)?;
        fields.at_most("transducers", TRANSDUCERS_MAX, wire.transducers.len())?;
        Ok(Self {
            organisation,
            topic,
            device_type: fields.signed_text("device_type", wire.device_type, TEXT_BYTES_MAX)?,
            title: fields.signed_text("title", wire.title, TEXT_BYTES_MAX)?,
            class: fields.number("class", wire.class)?,
            mobile: wire.mobile,
            location: location_of(fields, wire.latitude_e7, wire.longitude_e7)?,
            retention_s: wire.retention_s,
            transducers: wire
                .transducers
                .into_iter()
                .map(Transducer::from_wire)
                .collect::<Result<_, _>>()?,
            issued: Timestamp::from_micros(wire.issued_us),
        })
    }
}

impl Transducer {
    const FIELDS: Fields = Fields("transducer");

    fn to_wire(&self) -> wire::Transducer {
        wire::Transducer {
            name: self.name.as_str().to_owned(),
            title: self.title.clone(),
            unit: self.unit.as_str().to_owned(),
            minimum: self.minimum.clone(),
            maximum: self.maximum.clone(),
            resolution: self.resolution.clone(),
            accuracy: self.accuracy.clone(),
        }
    }

    fn from_wire(wire: wire::Transducer) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        Ok(Self {
            name: fields.parse("name", &wire.name)?,
            title: fields.signed_text("title", wire.title, TEXT_BYTES_MAX)?,
            unit: fields.parse("unit", &wire.unit)?,
            minimum: numeral(fields, "minimum", wire.minimum)?,
            maximum: numeral(fields, "maximum", wire.maximum)?,
            resolution: numeral(fields, "resolution", wire.resolution)?,
            accuracy: numeral(fields, "accuracy", wire.accuracy)?,
        })
    }
}

fn location_of(
    fields: Fields,
    latitude_e7: Option<i32>,
    longitude_e7: Option<i32>,
) -> Result<Option<Location>, DecodeError> {
    let (latitude_e7, longitude_e7) = match (latitude_e7, longitude_e7) {
        (None, None) => return Ok(None),
        (Some(latitude), Some(longitude)) => (latitude, longitude),
        (Some(_), None) => return Err(fields.refuse("longitude_e7", "one", "none")),
        (None, Some(_)) => return Err(fields.refuse("latitude_e7", "one", "none")),
    };
    let on_earth = (-LATITUDE_MAX_E7..=LATITUDE_MAX_E7).contains(&latitude_e7);
    fields.require("latitude_e7", "at most 90 degrees", on_earth, latitude_e7)?;
    let on_earth = (-LONGITUDE_MAX_E7..=LONGITUDE_MAX_E7).contains(&longitude_e7);
    fields.require("longitude_e7", "at most 180 degrees", on_earth, longitude_e7)?;
    Ok(Some(Location { latitude_e7, longitude_e7 }))
}

/// A decimal numeral: digits with a sign, a point and an exponent where needed; or nothing.
fn numeral(fields: Fields, field: &'static str, text: String) -> Result<String, DecodeError> {
    let characters = text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte));
    let number = text.is_empty() || (characters && text.parse::<f64>().is_ok());
    let fits = text.len() <= NUMERAL_BYTES_MAX && number;
    fields.require(field, "a decimal numeral of at most 64 bytes", fits, text.len())?;
    Ok(text)
}
