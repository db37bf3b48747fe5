//! How long records stay: rules by topic, decided by the owner, applied by trimming.

use std::time::Duration;

use sekisho_proto::{Filter, Topic};

/// How much of a topic is kept. Exhaustive: an engine must know every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing that has been delivered: every record goes with the next trim, also the last.
    Nothing,
    /// The last record.
    Last,
    /// Records received within this time, and the last.
    For(Duration),
    /// The newest records up to this many bytes of log, and the last.
    Bytes(u64),
    /// Everything.
    Everything,
}

/// Which topics are kept how long. Trimming works on whole segments: a record may stay longer than
/// its rule says, never shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRules {
    /// The first filter that matches a topic decides.
    pub rules: Vec<(Filter, Keep)>,
    /// Topics that no filter matches.
    pub otherwise: Keep,
    /// Where the log as a whole is larger than this, bytes, its oldest records go before their
    /// rule says so; never the last of a topic, and nothing of a topic that keeps everything.
    pub log_bytes_max: Option<u64>,
}

impl RetentionRules {
    /// The same for every topic.
    #[must_use]
    pub fn uniform(keep: Keep) -> Self {
        Self { rules: Vec::new(), otherwise: keep, log_bytes_max: None }
    }

    /// What the rules say of a topic.
    #[must_use]
    pub fn keep(&self, topic: &Topic) -> Keep {
        self.rules
            .iter()
            .find(|(filter, _keep)| filter.matches(topic))
            .map_or(self.otherwise, |(_filter, keep)| *keep)
    }
}
