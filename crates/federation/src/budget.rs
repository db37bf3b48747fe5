//! How many bytes a peer may send: a token bucket that may go into debt, since what has arrived has
//! arrived; until the debt is paid the peer gets no new credit.

use std::time::Duration;

use sekisho_proto::Timestamp;

const MICROS_PER_S: i128 = 1_000_000;

/// A token bucket of bytes that holds at most one second's worth.
#[derive(Clone, Debug)]
pub struct Budget {
    bytes_per_s: u64,
    /// Millionths of a byte, so that no refill is lost to rounding.
    tokens: i128,
    refilled: Timestamp,
}

impl Budget {
    /// A full bucket.
    #[must_use]
    pub fn new(bytes_per_s: u64, now: Timestamp) -> Self {
        let bytes_per_s = bytes_per_s.max(1);
        Self { bytes_per_s, tokens: capacity(bytes_per_s), refilled: now }
    }

    /// Takes what has arrived.
    pub fn spend(&mut self, bytes: usize, now: Timestamp) {
        self.refill(now);
        let spent = i128::try_from(bytes).unwrap_or(i128::MAX).saturating_mul(MICROS_PER_S);
        self.tokens = self.tokens.saturating_sub(spent);
    }

    /// Until when nothing more may be asked for; none where something may.
    pub fn exhausted_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.refill(now);
        if self.tokens >= 0 {
            return None;
        }
        let micros = self.tokens.unsigned_abs().div_ceil(u128::from(self.bytes_per_s));
        let pause = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        Some(now.saturating_add(pause))
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = now.saturating_since(self.refilled).as_micros();
        let gained = i128::try_from(passed).unwrap_or(i128::MAX);
        let gained = gained.saturating_mul(i128::from(self.bytes_per_s));
        self.tokens = self.tokens.saturating_add(gained).min(capacity(self.bytes_per_s));
        self.refilled = now;
    }
}

fn capacity(bytes_per_s: u64) -> i128 {
    i128::from(bytes_per_s).saturating_mul(MICROS_PER_S)
}

#[cfg(test)]
mod tests;
