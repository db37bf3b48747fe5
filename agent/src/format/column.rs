//! One configured value: where its text becomes a number, a word or nothing.

use sekisho_proto::Value;

use crate::{fault::Fault, number, observation::Channel};

/// What a text is read as. A number that looks whole stays a float where a float is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A finite decimal number.
    Float,
    /// A decimal integer.
    Integer,
    /// UTF-8, kept as it is.
    Text,
    /// `true`, `false`, `1` or `0`.
    Boolean,
}

impl Kind {
    /// What is wanted where a text is not of this kind.
    #[must_use]
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Float => "a number",
            Self::Integer => "an integer from -2^63 to 2^63-1",
            Self::Text => "UTF-8 text",
            Self::Boolean => "true, false, 1 or 0",
        }
    }
}

/// How the values of one transducer are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The transducer.
    pub channel: Channel,
    /// What it is read as.
    pub kind: Kind,
    /// Texts that stand for no value; blanks around them do not matter.
    pub missing: Vec<String>,
    /// The least and the greatest number that can be true.
    pub range: Option<(f64, f64)>,
}

/// Says that a line holds no measurement, though its fields are filled: a receiver without a fix
/// repeats its last position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void<P> {
    /// Where the line says so.
    pub place: P,
    /// The texts that say so; blanks around them do not matter.
    pub is: Vec<String>,
}

impl<P> Void<P> {
    /// Whether a text says so.
    #[must_use]
    pub fn says(&self, text: &[u8]) -> bool {
        self.is.iter().any(|void| void.as_bytes() == text.trim_ascii())
    }
}

/// What a text turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A value.
    Value(Value),
    /// None, and the device says so.
    Missing,
    /// A number that cannot be true.
    Implausible,
}

impl Column {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// It is neither a value of the kind nor one of the texts for none.
    pub fn read(&self, text: &[u8]) -> Result<Cell, Fault> {
        let trimmed = text.trim_ascii();
        if self.is_missing(trimmed) {
            return Ok(Cell::Missing);
        }
        let value = match self.kind {
            Kind::Float => number::float(trimmed).map(Value::Float),
            Kind::Integer => number::integer(trimmed).map(Value::Integer),
            Kind::Boolean => number::boolean(trimmed).map(Value::Boolean),
            Kind::Text => str::from_utf8(text).ok().map(|text| Value::Text(text.into())),
        };
        let name = self.channel.transducer.as_str();
        let value = value.ok_or_else(|| Fault::field(name, self.kind.wanted(), text))?;
        Ok(self.judge(value))
    }

    /// A value that is one already, judged by its range.
    #[must_use]
    pub fn judge(&self, value: Value) -> Cell {
        let number = match &value {
            Value::Float(float) => *float,
            Value::Integer(integer) => *integer as f64,
            Value::Text(_) | Value::Boolean(_) | Value::Blob(_) => return Cell::Value(value),
        };
        match self.range {
            Some((least, greatest)) if !(least..=greatest).contains(&number) => Cell::Implausible,
            Some(_) | None => Cell::Value(value),
        }
    }

    /// Whether a text stands for no value.
    #[must_use]
    pub fn is_missing(&self, trimmed: &[u8]) -> bool {
        self.missing.iter().any(|missing| missing.as_bytes() == trimmed)
    }
}

#[cfg(test)]
mod tests;
