//! What is to be measured.

use std::str::FromStr;

use clap::ValueEnum;
use serde::Serialize;

use super::load::Load;

/// A run as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) trucks: u32,
    pub(crate) rate: Rate,
    /// Samples of a topic on their way at a time, where the rate is the most there can be.
    pub(crate) window: u32,
    pub(crate) load: Load,
    /// Of each truck.
    pub(crate) topics: u32,
    pub(crate) subscribers: u32,
    pub(crate) interest: Interest,
    pub(crate) nodes: u32,
    /// Idle ones.
    pub(crate) connections: u32,
    /// Of each idle connection.
    pub(crate) subscriptions: u32,
    /// Samples stored before.
    pub(crate) history: u64,
    pub(crate) seconds: u64,
    pub(crate) warm_up_s: u64,
}

/// How often a truck samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// So many times a second, whatever becomes of the samples before.
    PerSecond(f64),
    /// As often as samples are acknowledged.
    Max,
}

/// What a subscriber subscribes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Interest {
    /// All trucks.
    All,
    /// One truck; subscribers take them in turn.
    Own,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(rate) if (0.001..=1_000_000.0).contains(&rate) => Ok(Self::PerSecond(rate)),
            Ok(_) | Err(_) => {
                Err(format!("wanted 0.001 to 1000000 per second, or max, found {text:?}"))
            }
        }
    }
}

impl Plan {
    /// How many clients there are.
    pub(super) fn clients(&self) -> u64 {
        u64::from(self.trucks) + u64::from(self.subscribers) + u64::from(self.connections)
    }

    /// Whether a subscriber's subscription holds a truck, both by number.
    pub(super) fn is_followed(&self, subscriber: u32, truck: u32) -> bool {
        match self.interest {
            Interest::All => true,
            Interest::Own => subscriber % self.trucks == truck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_its_range_or_the_most_there_can_be() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("0.5".parse(), Ok(Rate::PerSecond(0.5)));
        for wrong in ["", "0", "-1", "fast", "1000001", "NaN", "inf"] {
            let said = wrong.parse::<Rate>().unwrap_err();
            assert!(said.contains("wanted 0.001 to 1000000 per second, or max"), "{said}");
        }
    }
}
