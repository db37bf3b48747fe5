//! What is measured while everything is under way: how late, how many, of the time that counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use hdrhistogram::Histogram;
use sekisho::Timestamp;
use serde::Serialize;

/// A latency above this counts as this: an hour, µs.
const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Digits of a latency that are right.
const DIGITS: u8 = 3;

/// Everything that trucks and subscribers write down together.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) window: Window,
    pub(super) tally: Tally,
    /// From when a sample was due to when a subscriber had verified and opened it.
    pub(super) delivery: Latencies,
    /// From when it was due to when its publisher knew it stored.
    pub(super) acknowledgement: Latencies,
    /// From when it was due to when it was handed to its publisher: how far the generator itself
    /// was behind.
    pub(super) schedule: Latencies,
}

/// The time that counts.
#[derive(Debug)]
pub(super) struct Window {
    from: AtomicI64,
    to: AtomicI64,
}

/// What happened within it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) published: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) delivered: AtomicU64,
    /// Bytes of opened bodies.
    pub(super) body_bytes: AtomicU64,
}

/// How late samples were that were due within it.
#[derive(Debug)]
pub(super) struct Latencies {
    recorded: Mutex<Histogram<u64>>,
}

/// The same for a report, milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p99_9: f64,
    pub(super) max: f64,
    pub(super) samples: u64,
}

impl Figures {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            window: Window { from: AtomicI64::new(i64::MAX), to: AtomicI64::new(i64::MAX) },
            tally: Tally::default(),
            delivery: Latencies::new()?,
            acknowledgement: Latencies::new()?,
            schedule: Latencies::new()?,
        })
    }

    /// Counts what happened now to samples that were due then.
    pub(super) fn count(
        &self,
        (counter, latencies): (&AtomicU64, &Latencies),
        dues: impl Iterator<Item = Timestamp>,
        now: Timestamp,
    ) {
        let is_within = self.window.holds(now);
        let mut recorded = latencies.lock();
        for due in dues {
            if is_within {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            if self.window.holds(due) {
                let late = now.saturating_since(due).as_micros();
                recorded.saturating_record(u64::try_from(late).unwrap_or(u64::MAX));
            }
        }
    }
}

impl Window {
    pub(super) fn set(&self, from: Timestamp, to: Timestamp) {
        self.to.store(to.as_micros(), Ordering::Release);
        self.from.store(from.as_micros(), Ordering::Release);
    }

    pub(super) fn holds(&self, time: Timestamp) -> bool {
        let (from, to) = (self.from.load(Ordering::Acquire), self.to.load(Ordering::Acquire));
        (from..to).contains(&time.as_micros())
    }
}

impl Tally {
    /// Where it stands, for people.
    pub(super) fn words(&self) -> String {
        let [published, delivered] =
            [&self.published, &self.delivered].map(|count| count.load(Ordering::Relaxed));
        match published {
            0 => "warming up".to_owned(),
            _ => format!("{published} published, {delivered} delivered"),
        }
    }
}

impl Latencies {
    fn new() -> Result<Self> {
        let recorded = Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS)?;
        Ok(Self { recorded: Mutex::new(recorded) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let recorded = self.lock();
        let ms = |us: u64| float(us) / 1_000.0;
        let at = |quantile| ms(recorded.value_at_quantile(quantile));
        Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: ms(recorded.max()),
            samples: recorded.len(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn what_was_due_within_the_time_counts_from_then_on_however_late_it_comes() {
        let figures = Figures::new().unwrap();
        figures.window.set(at(1_000_000), at(2_000_000));
        let of = || (&figures.tally.delivered, &figures.delivery);
        figures.count(of(), [at(999_999)].into_iter(), at(1_000_010));
        figures.count(of(), [at(1_000_000), at(1_999_999)].into_iter(), at(2_999_999));
        figures.count(of(), [at(2_000_000)].into_iter(), at(2_000_001));
        let quantiles = figures.delivery.quantiles();
        assert_eq!(quantiles.samples, 2);
        assert!((quantiles.p50 - 1_000.0).abs() < 1.0 && (quantiles.max - 2_000.0).abs() < 2.0);
        assert_eq!(figures.tally.delivered.load(Ordering::Relaxed), 1);
    }
}
