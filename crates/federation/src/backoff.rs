//! Pauses between attempts that grow, and that differ between nodes that failed together.

use std::time::Duration;

/// Exponential back-off: each pause is drawn from the upper half of a bound that doubles.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// Pauses of at most `min` at first and at most `max` in the end; `seed` decides the jitter.
    #[must_use]
    pub const fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max, failures: 0, random: seed }
    }

    /// The pause after another failure.
    pub fn next_pause(&mut self) -> Duration {
        let doublings = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        let bound = self.min.saturating_mul(doublings).min(self.max);
        let half = bound / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        half.saturating_add(Duration::from_micros(self.draw() % micros.saturating_add(1)))
    }

    /// An attempt held: the next pause is a short one.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014): jitter needs spread, not secrecy.
    const fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests;
