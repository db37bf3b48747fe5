//! Clocks of nodes and trucks: wrong by up to a minute, and put right or wrong by somebody now and
//! then.

use std::time::Duration;

use sekisho_proto::Timestamp;

use crate::random::Random;

/// As far as the clock of a machine that somebody looks after is wrong: two that are wrong against
/// each other still differ by less than a node lets pass.
const WRONG_MAX: Duration = Duration::from_secs(59);

/// How far a clock is ahead of the true time, or behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    ahead_micros: i64,
}

impl Clock {
    pub(crate) fn drawn(random: &mut Random) -> Self {
        let most = u64::try_from(WRONG_MAX.as_micros()).unwrap_or(0);
        let drawn = i64::try_from(random.below(most.saturating_mul(2))).unwrap_or(0);
        Self { ahead_micros: drawn.saturating_sub(i64::try_from(most).unwrap_or(0)) }
    }

    /// What it shows at a true time.
    pub(crate) const fn read(self, truth: Timestamp) -> Timestamp {
        Timestamp::from_micros(truth.as_micros().saturating_add(self.ahead_micros))
    }

    /// When it shows a time.
    pub(crate) const fn truth(self, shown: Timestamp) -> Timestamp {
        Timestamp::from_micros(shown.as_micros().saturating_sub(self.ahead_micros))
    }
}
