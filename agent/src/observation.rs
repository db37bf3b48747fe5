//! What a format makes of a line: a sample, and the words by which its topic is found.

use std::sync::Arc;

use sekisho_proto::{Sample, SampleValue, Timestamp, TransducerName, Unit, Value};

use crate::{fault::Fault, tally::Tally};

/// The name under which a format gives out a position's latitude, degrees, north positive.
pub const LATITUDE: &str = "latitude";

/// The name under which a format gives out a position's longitude, degrees, east positive.
pub const LONGITUDE: &str = "longitude";

/// The name under which a format gives out a position's height, metres.
pub const ALTITUDE: &str = "altitude";

/// A transducer and its unit, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The transducer.
    pub transducer: TransducerName,
    /// The unit of its values.
    pub unit: Unit,
}

/// A sample on its way to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Which of the input's streams it belongs to, such as `rmc`; empty where there is one only.
    pub stream: Arc<str>,
    /// Words about it that a topic template may use: name, value.
    pub labels: Vec<(Arc<str>, String)>,
    /// The sample.
    pub sample: Sample,
}

impl Observation {
    /// The value of a transducer.
    #[must_use]
    pub fn value(&self, transducer: &str) -> Option<&SampleValue> {
        self.sample.values.iter().find(|value| value.transducer.as_str() == transducer)
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| **label == *name).map(|(_, value)| value.as_str())
    }
}

/// Where a format puts what it reads from a line.
#[derive(Debug)]
pub struct Output<'a> {
    /// What came of the line.
    pub observations: &'a mut Vec<Observation>,
    /// Where to count what is not a line.
    pub tally: &'a mut Tally,
}

/// The values of a sample in the making.
#[derive(Debug, Default)]
pub struct Values {
    values: sekisho_formats::Values,
}

impl Values {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value of a transducer that is known by name.
    ///
    /// # Errors
    ///
    /// The name or unit is none, or the transducer has a value already.
    pub fn push(&mut self, transducer: &str, unit: &str, value: Value) -> Result<(), Fault> {
        Ok(self.values.push(transducer, unit, value)?)
    }

    /// Adds a value of a transducer that was parsed before.
    ///
    /// # Errors
    ///
    /// The transducer has a value already.
    pub fn push_channel(&mut self, channel: &Channel, value: Value) -> Result<(), Fault> {
        Ok(self.values.add(channel.transducer.clone(), channel.unit.clone(), value)?)
    }

    /// Adds a float, where there is one.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn float(&mut self, name: &str, unit: &str, value: Option<f64>) -> Result<(), Fault> {
        value.map_or(Ok(()), |value| self.push(name, unit, Value::Float(value)))
    }

    /// Adds an integer, where there is one.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn integer(&mut self, name: &str, unit: &str, value: Option<i64>) -> Result<(), Fault> {
        value.map_or(Ok(()), |value| self.push(name, unit, Value::Integer(value)))
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The sample.
    #[must_use]
    pub fn into_sample(self, time: Timestamp) -> Sample {
        self.values.into_sample(time)
    }
}
