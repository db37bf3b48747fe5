//! Tells where a sensor was: joins the latest position of a vehicle to samples that have none.

use std::time::Duration;

use sekisho_proto::{SampleValue, Timestamp};

use crate::observation::{ALTITUDE, LATITUDE, LONGITUDE, Observation};

/// Where positions come from, and how old they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeConfig {
    /// The input that has them.
    pub input: String,
    /// The stream of that input; `None` = any that has a latitude.
    pub stream: Option<String>,
    /// How far apart in time a sample and its position may be.
    pub age_max: Duration,
}

/// What joining did to an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It is a position, or has one of its own.
    Own,
    /// It was given one.
    Given,
    /// There is none that is fresh enough.
    Unlocated,
}

/// Joins positions to samples.
#[derive(Debug)]
pub struct Joiner {
    config: MergeConfig,
    fix: Option<(Timestamp, Vec<SampleValue>)>,
}

impl Joiner {
    /// A joiner that knows no position yet.
    #[must_use]
    pub fn new(config: MergeConfig) -> Self {
        Self { config, fix: None }
    }

    /// Takes the position of an observation, or gives it the latest one.
    pub fn join(&mut self, input: &str, observation: &mut Observation) -> Joined {
        if observation.value(LATITUDE).is_some() {
            if self.is_source(input, observation) {
                self.take(observation);
            }
            return Joined::Own;
        }
        let time = observation.sample.time;
        let Some((_, values)) = self.fix.as_ref().filter(|(fix, _)| self.is_fresh(*fix, time))
        else {
            return Joined::Unlocated;
        };
        for value in values {
            if observation.value(value.transducer.as_str()).is_none() {
                observation.sample.values.push(value.clone());
            }
        }
        Joined::Given
    }

    fn is_source(&self, input: &str, observation: &Observation) -> bool {
        let stream = self.config.stream.as_deref();
        self.config.input == input && stream.is_none_or(|stream| *stream == *observation.stream)
    }

    fn take(&mut self, observation: &Observation) {
        let wanted = |value: &&SampleValue| {
            [LATITUDE, LONGITUDE, ALTITUDE].contains(&value.transducer.as_str())
        };
        let values = observation.sample.values.iter().filter(wanted).cloned().collect();
        self.fix = Some((observation.sample.time, values));
    }

    fn is_fresh(&self, fix: Timestamp, sample: Timestamp) -> bool {
        let apart = fix.as_micros().abs_diff(sample.as_micros());
        u128::from(apart) <= self.config.age_max.as_micros()
    }
}

#[cfg(test)]
mod tests;
