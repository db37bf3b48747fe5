//! How much a peer may send: token buckets that may go into debt, since what has arrived has
//! arrived; until the debt is paid the peer gets no new credit, or is not listened to.

use std::time::Duration;

use sekisho_proto::Timestamp;

const MICROS_PER_S: i128 = 1_000_000;

/// A token bucket, of bytes or of anything else that is counted.
#[derive(Clone, Debug)]
pub struct Budget {
    per_s: u64,
    /// What may come at once.
    burst: u64,
    /// Millionths of a token, so that no refill is lost to rounding.
    tokens: i128,
    refilled: Timestamp,
}

impl Budget {
    /// A full bucket that holds one second's worth.
    #[must_use]
    pub fn new(per_s: u64, now: Timestamp) -> Self {
        Self::with_burst(per_s, per_s, now)
    }

    /// A full bucket that holds `burst`.
    #[must_use]
    pub fn with_burst(per_s: u64, burst: u64, now: Timestamp) -> Self {
        let (per_s, burst) = (per_s.max(1), burst.max(1));
        Self { per_s, burst, tokens: micros(burst), refilled: now }
    }

    /// From now on one second's worth is another; what is owed stays owed.
    pub fn set_rate(&mut self, per_s: u64, now: Timestamp) {
        if per_s.max(1) == self.per_s {
            return;
        }
        self.refill(now);
        self.per_s = per_s.max(1);
        self.burst = self.per_s;
        self.tokens = self.tokens.min(micros(self.burst));
    }

    /// Takes what has arrived; whether that was the last that may come for now.
    pub fn spend(&mut self, count: usize, now: Timestamp) -> bool {
        self.refill(now);
        let had = self.tokens >= 0;
        let spent = i128::try_from(count).unwrap_or(i128::MAX).saturating_mul(MICROS_PER_S);
        self.tokens = self.tokens.saturating_sub(spent);
        had && self.tokens < 0
    }

    /// Until when nothing more may be asked for; none where something may.
    pub fn exhausted_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.refill(now);
        if self.tokens >= 0 {
            return None;
        }
        let micros = self.tokens.unsigned_abs().div_ceil(u128::from(self.per_s));
        let pause = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        Some(now.saturating_add(pause))
    }

    /// Whether nobody has taken anything for so long that it holds all it can.
    pub fn is_full(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        self.tokens == micros(self.burst)
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = now.saturating_since(self.refilled).as_micros();
        let gained = i128::try_from(passed).unwrap_or(i128::MAX);
        let gained = gained.saturating_mul(i128::from(self.per_s));
        self.tokens = self.tokens.saturating_add(gained).min(micros(self.burst));
        self.refilled = now;
    }
}

fn micros(tokens: u64) -> i128 {
    i128::from(tokens).saturating_mul(MICROS_PER_S)
}

#[cfg(test)]
mod tests;
