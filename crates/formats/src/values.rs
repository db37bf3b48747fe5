//! The values of a sample in the making: each transducer once, and not too many of them.

use sekisho_proto::{Sample, SampleValue, Timestamp, TransducerName, Unit, Value, limits};

use crate::Fault;

/// The values of a sample in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    values: Vec<SampleValue>,
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
    /// The name or unit is none, the transducer has a value already, or there are as many as a batch
    /// has columns.
    pub fn push(&mut self, transducer: &str, unit: &str, value: Value) -> Result<(), Fault> {
        let name = TransducerName::parse(transducer)
            .map_err(|error| Fault::field("transducer", error.wanted(), transducer.as_bytes()))?;
        let unit = Unit::parse(unit)
            .map_err(|error| Fault::field("unit", error.wanted(), unit.as_bytes()))?;
        self.add(name, unit, value)
    }

    /// Adds a value of a transducer that was parsed before.
    ///
    /// # Errors
    ///
    /// The transducer has a value already, or there are as many as a batch has columns.
    pub fn add(
        &mut self,
        transducer: TransducerName,
        unit: Unit,
        value: Value,
    ) -> Result<(), Fault> {
        let found = transducer.as_str().as_bytes();
        if self.values.len() >= limits::COLUMNS_MAX {
            let wanted = format!("at most {} of them in one sample", limits::COLUMNS_MAX);
            return Err(Fault::field("transducer", wanted, found));
        }
        if self.values.iter().any(|other| other.transducer == transducer) {
            return Err(Fault::field("transducer", "each transducer once", found));
        }
        self.values.push(SampleValue { transducer, unit, value });
        Ok(())
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The sample.
    #[must_use]
    pub fn into_sample(self, time: Timestamp) -> Sample {
        Sample { time, values: self.values }
    }
}
