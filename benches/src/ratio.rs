//! The ratio of two costs, measured side by side so that a busy machine slows both.
//!
//! Both sides run in short turns, one after the other; each side's figure is the median of its
//! turns. A turn is long enough for the clock and short enough that both sides of a pair meet the
//! same neighbours.

use std::time::{Duration, Instant};

/// Turns of each side.
const TURNS: usize = 101;

/// Two costs of one run.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// Time of one baseline operation.
    pub baseline: Duration,
    /// Time of one whole operation.
    pub whole: Duration,
}

impl Ratio {
    /// Runs both sides in turns. Each is told how many operations a turn has and answers how long
    /// they took.
    pub fn measure(
        operations: u32,
        mut baseline: impl FnMut(u32) -> Duration,
        mut whole: impl FnMut(u32) -> Duration,
    ) -> Self {
        // The first turn of each warms caches and is thrown away.
        let (mut baselines, mut wholes) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            // Whoever comes second finds the caches of the first.
            let (one, other) = if turn % 2 == 0 {
                (baseline(operations), whole(operations))
            } else {
                let other = whole(operations);
                (baseline(operations), other)
            };
            if turn > 0 {
                baselines.push(one);
                wholes.push(other);
            }
        }
        Self { baseline: median(baselines) / operations, whole: median(wholes) / operations }
    }

    /// Whole by baseline.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.whole.as_secs_f64() / self.baseline.as_secs_f64()
    }

    /// Whole less baseline; zero where the baseline is the longer.
    #[must_use]
    pub fn difference(&self) -> Duration {
        self.whole.saturating_sub(self.baseline)
    }

    /// Prints the factor beside its goal.
    #[expect(clippy::print_stdout, reason = "a bench prints its figures")]
    pub fn print_factor(&self, what: &str, goal: f64) {
        let Self { baseline, whole } = self;
        let factor = self.factor();
        let verdict = verdict(factor <= goal);
        println!(
            "RATIO {what}: {whole:.2?} / {baseline:.2?} = {factor:.3}, wanted <= {goal}: {verdict}"
        );
    }

    /// Prints the difference beside its goal.
    #[expect(clippy::print_stdout, reason = "a bench prints its figures")]
    pub fn print_difference(&self, what: &str, goal: Duration) {
        let Self { baseline, whole } = self;
        let more = self.difference();
        let verdict = verdict(more <= goal);
        println!(
            "DIFFERENCE {what}: {whole:.2?} - {baseline:.2?} = {more:.2?}, wanted <= {goal:.2?}: \
             {verdict}"
        );
    }
}

/// The word behind a figure.
#[must_use]
pub const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

/// Runs an operation so many times and tells how long that took.
#[expect(clippy::disallowed_methods, reason = "a bench is what a clock is for")]
pub fn timed(operations: u32, mut operation: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..operations {
        operation();
    }
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
