//! Spreads reconnections, so that a fleet that lost its node does not return in one instant.

use std::time::Duration;

use sekisho_seal::Entropy;

/// Doublings after which the delay has surely reached its maximum: 2^20 × 1 ms > 17 minutes.
const DOUBLINGS_MAX: u32 = 20;

/// Exponential delays between `min` and `max`, each drawn from the upper half of its step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), failures: 0 }
    }

    /// The delay before the next attempt. Where no random number can be had the delay is the
    /// step's longest.
    pub(crate) fn next_delay(&mut self, entropy: &mut dyn Entropy) -> Duration {
        let factor = 1_u32 << self.failures.min(DOUBLINGS_MAX);
        self.failures = self.failures.saturating_add(1);
        let step = self.min.saturating_mul(factor).min(self.max);
        let mut random = [u8::MAX; 4];
        if entropy.fill(&mut random).is_err() {
            return step;
        }
        let half = step / 2;
        let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
        half + half.mul_f64(share)
    }

    /// The attempt succeeded: the next failure starts over.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests;
