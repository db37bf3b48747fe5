//! One value as sensiNact gets it: a flat JSON object, with the same keys and the same types of them
//! every time, since the first value of a resource decides what type it has there for good.

use sekisho_proto::Value;
use serde::{Deserialize, Serialize};

/// Bytes of a text or of bytes in base64; longer ones are left out.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What stands in the list `records` of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The device.
    pub provider: String,
    /// What people call it.
    pub name: String,
    /// Which part of it.
    pub service: String,
    /// What is measured.
    pub resource: String,
    /// The value.
    pub value: Reading,
    /// When it was measured, milliseconds since 1970.
    pub ts: i64,
    /// In UCUM; empty where nobody says.
    pub unit: String,
    /// Degrees north; missing where the place is not known, and then the other two are as well.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lat: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lon: Option<f64>,
    /// Both as GeoJSON, which sensiNact reads with all their digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Point>,
    /// The topic it was published on.
    pub topic: String,
    /// Who published it; its signature was verified.
    pub publisher: String,
    /// The node that signed in the publisher's place, which could have made it up; empty where the
    /// publisher signed.
    pub attested: String,
    /// It reached its home long after it was measured.
    pub late: bool,
}

/// A value in one of the three types that stay what they are in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reading {
    /// Yes or no.
    Boolean(bool),
    /// Any number, always with a fraction or an exponent: a whole number would fix the resource's
    /// type as one that takes no fraction.
    Number(f64),
    /// Text, or bytes in base64.
    Text(String),
}

/// A GeoJSON point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Point {
    /// RFC 7946 §3.1.2.
    Point {
        /// East, then north, degrees.
        coordinates: [f64; 2],
    },
}

/// Why a value is not given to sensiNact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// A number that JSON cannot write.
    NotFinite,
    /// A text that is too long.
    Oversized,
}

impl Reading {
    /// A value as it travels.
    ///
    /// # Errors
    /// It does not fit.
    pub fn of(value: &Value) -> Result<Self, Unfit> {
        let text = |text: String| match text.len() <= TEXT_BYTES_MAX {
            true => Ok(Self::Text(text)),
            false => Err(Unfit::Oversized),
        };
        match value {
            Value::Float(number) if !number.is_finite() => Err(Unfit::NotFinite),
            Value::Float(number) => Ok(Self::Number(*number)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "documented: beyond 2^53 the nearest one"
            )]
            Value::Integer(number) => Ok(Self::Number(*number as f64)),
            Value::Text(found) => text(found.clone()),
            Value::Boolean(truth) => Ok(Self::Boolean(*truth)),
            Value::Blob(bytes) => text(data_encoding::BASE64.encode(bytes)),
        }
    }

    /// Whether both are of one type.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Record {
    /// Sets the place, in every way that is understood.
    pub fn put_place(&mut self, place: Option<(f64, f64)>) {
        self.lat = place.map(|(north, _)| north);
        self.lon = place.map(|(_, east)| east);
        self.location = place.map(|(north, east)| Point::Point { coordinates: [east, north] });
    }

    /// The place, degrees north and east.
    #[must_use]
    pub fn place(&self) -> Option<(f64, f64)> {
        Some((self.lat?, self.lon?))
    }
}

#[cfg(test)]
mod tests;
