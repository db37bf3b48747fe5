//! What was done and what was not, counted by reason.

use std::collections::BTreeMap;
use std::fmt;

/// Why something was not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Records that the node does not have any more, or does not give; a gap each.
    Gap,
    /// A record that did not stand verification.
    Rejected,
    /// A body for which there is no key.
    Unopened,
    /// A body that holds no samples.
    Opaque,
    /// A topic that this bridge has no right to bring out.
    Withheld,
    /// It was published by this bridge itself.
    Own,
    /// A number that JSON cannot write.
    NotFinite,
    /// A text beyond the limit.
    Oversized,
    /// A value of another type than the resource's first one.
    Retyped,
    /// A time that sensiNact would take for seconds.
    Untimed,
    /// More devices or resources than are kept.
    TooMany,
    /// The MQTT broker refused it.
    Refused,
}

impl Why {
    /// A word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Rejected => "rejected",
            Self::Unopened => "unopened",
            Self::Opaque => "opaque",
            Self::Withheld => "withheld",
            Self::Own => "own",
            Self::NotFinite => "not-finite",
            Self::Oversized => "oversized",
            Self::Retyped => "retyped",
            Self::Untimed => "untimed",
            Self::TooMany => "too-many",
            Self::Refused => "refused",
        }
    }
}

/// Everything that was counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that came and were verified.
    pub messages: u64,
    /// Samples in them.
    pub samples: u64,
    /// What the MQTT broker has acknowledged.
    pub published: u64,
    /// Of the samples, those that reached their home late.
    pub late: u64,
    /// Commands that were published.
    pub commanded: u64,
    /// Commands that were not.
    pub commands_refused: u64,
    /// What was not passed on.
    pub left_out: BTreeMap<Why, u64>,
}

impl Tally {
    /// Counts one more of these.
    pub fn leave_out(&mut self, why: Why) {
        self.leave_out_many(why, 1);
    }

    /// Counts that many more of these.
    pub fn leave_out_many(&mut self, why: Why, count: u64) {
        let counted = self.left_out.entry(why).or_default();
        *counted = counted.saturating_add(count);
    }

    /// How many of these there were.
    #[must_use]
    pub fn count(&self, why: Why) -> u64 {
        self.left_out.get(&why).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, samples, published, late, commanded, commands_refused, left_out } =
            self;
        write!(f, "messages {messages}, samples {samples}, late {late}, published {published}")?;
        write!(f, ", commands {commanded}, commands refused {commands_refused}")?;
        for (why, count) in left_out {
            write!(f, ", {} {count}", why.word())?;
        }
        Ok(())
    }
}
