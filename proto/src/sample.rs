//! Samples: what devices measure, and the columns in which many of them travel.

use std::sync::Arc;

use crate::{
    ParseError, Timestamp,
    level::{is_invisible, plain_text_fault},
    limits::{TRANSDUCER_BYTES_MAX, UNIT_BYTES_MAX},
    text::text_name,
};

mod batch;
mod column;
mod error;

pub use batch::SampleBatch;
pub use column::Column;
pub use error::SampleError;

/// The name of a transducer within a stream, such as `pm2_5`: 1 to 128 bytes of UTF-8 in
/// normalisation form C, without control characters and outer spaces.
#[derive(Clone)]
pub struct TransducerName {
    text: Arc<str>,
}

impl TransducerName {
    /// Parses a transducer's name.
    ///
    /// # Errors
    ///
    /// It is empty, longer than 128 bytes, or holds what no name may hold.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() || text.len() > TRANSDUCER_BYTES_MAX {
            return Err(ParseError::bytes("transducer", "1 to 128 bytes", text.len()));
        }
        match plain_text_fault(text) {
            Some(wanted) => Err(ParseError::text("transducer", wanted, text)),
            None => Ok(Self { text: text.into() }),
        }
    }
}

text_name!(TransducerName);

/// A unit in UCUM, such as `ug/m3`: at most 64 bytes of UTF-8 without control characters; empty
/// where the stream's descriptor says it.
#[derive(Clone)]
pub struct Unit {
    text: Arc<str>,
}

impl Unit {
    /// Parses a unit.
    ///
    /// # Errors
    ///
    /// It is longer than 64 bytes or holds control characters.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > UNIT_BYTES_MAX {
            return Err(ParseError::bytes("unit", "at most 64 bytes", text.len()));
        }
        if text.chars().any(is_invisible) {
            return Err(ParseError::text("unit", "no control characters", text));
        }
        Ok(Self { text: text.into() })
    }

    /// No unit of its own.
    #[must_use]
    pub fn none() -> Self {
        Self { text: "".into() }
    }
}

text_name!(Unit);

/// One device reading at one time: the values of several transducers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it was measured.
    pub time: Timestamp,
    /// What was measured. A (transducer, unit, kind of value) appears at most once.
    pub values: Vec<SampleValue>,
}

/// What one transducer measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleValue {
    /// Which transducer of the stream.
    pub transducer: TransducerName,
    /// In which unit.
    pub unit: Unit,
    /// The value.
    pub value: Value,
}

/// A measured value. Floats are equal where their bits are: a NaN equals itself, and -0.0 is not
/// 0.0.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number with a fraction.
    Float(f64),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Yes or no.
    Boolean(bool),
    /// Bytes.
    Blob(Vec<u8>),
}

/// Which kind of value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueKind {
    /// [`Value::Float`].
    Float,
    /// [`Value::Integer`].
    Integer,
    /// [`Value::Text`].
    Text,
    /// [`Value::Boolean`].
    Boolean,
    /// [`Value::Blob`].
    Blob,
}

impl Value {
    /// Which kind of value it is.
    #[must_use]
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Float(_) => ValueKind::Float,
            Self::Integer(_) => ValueKind::Integer,
            Self::Text(_) => ValueKind::Text,
            Self::Boolean(_) => ValueKind::Boolean,
            Self::Blob(_) => ValueKind::Blob,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(left), Self::Float(right)) => left.to_bits() == right.to_bits(),
            (Self::Integer(left), Self::Integer(right)) => left == right,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::Boolean(left), Self::Boolean(right)) => left == right,
            (Self::Blob(left), Self::Blob(right)) => left == right,
            (
                Self::Float(_)
                | Self::Integer(_)
                | Self::Text(_)
                | Self::Boolean(_)
                | Self::Blob(_),
                _,
            ) => false,
        }
    }
}

impl Eq for Value {}

#[cfg(test)]
mod tests;
