//! What subscribers have heard: every message is counted and checked, and a publisher waits for the
//! slowest of them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

/// The number of a message that only asks whether somebody listens yet.
const PROBE: u64 = u64::MAX;
/// How long nothing may arrive before a turn is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is later than this is as late as this, µs.
const LATE_MAX_US: u64 = 60_000_000;
/// How long it takes to believe that what is missing does not come.
const LAST_CALL: Duration = Duration::from_secs(2);

/// What all subscribers of a turn have heard.
#[derive(Debug)]
pub(crate) struct Tally {
    ears: Vec<Heard>,
    payload_bytes: usize,
    begun: Instant,
    /// Somebody waits for room.
    waits: AtomicBool,
    room: Notify,
    /// How late messages were that were due after the first that count, µs.
    late: Mutex<Histogram<u64>>,
    /// When those are due that count, ns from the beginning; `u64::MAX` where nobody asks.
    counts_from: AtomicU64,
}

/// What one subscriber has heard. On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Heard {
    is_ready: AtomicBool,
    /// The number that comes next.
    next: AtomicU64,
    received: AtomicU64,
    wrong: AtomicU64,
}

/// One subscriber.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    tally: Arc<Tally>,
    number: usize,
}

impl Tally {
    pub(crate) fn new(subscribers: usize, payload_bytes: usize) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            ears: (0..subscribers).map(|_| Heard::default()).collect(),
            payload_bytes,
            begun: now(),
            waits: AtomicBool::new(false),
            room: Notify::new(),
            late: Mutex::new(Histogram::new_with_bounds(1, LATE_MAX_US, 3)?),
            counts_from: AtomicU64::new(u64::MAX),
        }))
    }

    pub(crate) fn ear(self: &Arc<Self>, number: usize) -> Ear {
        Ear { tally: Arc::clone(self), number }
    }

    /// A payload that is only there to be heard.
    pub(crate) fn probe(&self) -> Vec<u8> {
        self.payload(PROBE, Duration::ZERO)
    }

    /// A payload with its number and, where lateness is asked for, the time at which it is due.
    pub(crate) fn payload(&self, number: u64, due: Duration) -> Vec<u8> {
        let mut payload = vec![7; self.payload_bytes];
        stamp(&mut payload, number, due);
        payload
    }

    /// Time since the turn began.
    pub(crate) fn passed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Lateness counts for messages that are due from now on.
    pub(crate) fn count_from(&self, due: Duration) {
        self.counts_from.store(nanoseconds(due), Ordering::Release);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ears.iter().all(|ear| ear.is_ready.load(Ordering::Acquire))
    }

    /// Deliveries so far.
    pub(crate) fn received(&self) -> u64 {
        self.ears.iter().map(|ear| ear.received.load(Ordering::Relaxed)).sum()
    }

    /// Deliveries that were not as they should be.
    pub(crate) fn wrong(&self) -> u64 {
        self.ears.iter().map(|ear| ear.wrong.load(Ordering::Relaxed)).sum()
    }

    /// Median, 99th and 99.9th percentile of lateness, µs.
    pub(crate) fn late_us(&self) -> Option<[u64; 3]> {
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        (!late.is_empty())
            .then(|| [0.5, 0.99, 0.999].map(|quantile| late.value_at_quantile(quantile)))
    }

    /// The number that the slowest subscriber waits for.
    pub(crate) fn slowest(&self) -> u64 {
        let next = self.ears.iter().map(|ear| ear.next.load(Ordering::Acquire));
        next.min().unwrap_or_default()
    }

    /// Resolves with the slowest subscriber's next number once that is at least this.
    pub(crate) async fn reach(&self, number: u64) -> Result<u64> {
        let reached = async {
            loop {
                let notified = self.room.notified();
                self.waits.store(true, Ordering::SeqCst);
                let slowest = self.slowest();
                if slowest >= number {
                    self.waits.store(false, Ordering::SeqCst);
                    return slowest;
                }
                // Where the last word was missed, time helps.
                drop(timeout(Duration::from_millis(20), notified).await);
            }
        };
        timeout(PATIENCE, reached).await.context("wanted deliveries to go on, found none")
    }

    /// Waits until everybody has heard everything, or nothing more comes.
    pub(crate) async fn settle(&self, sent: u64) {
        let (mut received, mut since) = (self.received(), now());
        while self.slowest() < sent && since.elapsed() < LAST_CALL {
            sleep(Duration::from_millis(10)).await;
            let received_now = self.received();
            if received_now != received {
                (received, since) = (received_now, now());
            }
        }
    }
}

impl Ear {
    /// Takes a payload that came.
    pub(crate) fn hear(&self, payload: &[u8]) {
        let Some(heard) = self.tally.ears.get(self.number) else { return };
        let Some((number, due)) = read(payload) else {
            heard.wrong.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if number == PROBE {
            heard.is_ready.store(true, Ordering::Release);
            return;
        }
        let next = heard.next.load(Ordering::Relaxed);
        if payload.len() != self.tally.payload_bytes || number < next {
            heard.wrong.fetch_add(1, Ordering::Relaxed);
            return;
        }
        heard.received.fetch_add(1, Ordering::Relaxed);
        heard.next.store(number + 1, Ordering::Release);
        if due >= self.tally.counts_from.load(Ordering::Relaxed) {
            let late = nanoseconds(self.tally.passed()).saturating_sub(due) / 1_000;
            let mut histogram = self.tally.late.lock().unwrap_or_else(PoisonError::into_inner);
            histogram.saturating_record(late.max(1));
        }
        if self.tally.waits.load(Ordering::Relaxed)
            && self.tally.waits.swap(false, Ordering::SeqCst)
        {
            self.tally.room.notify_one();
        }
    }

    /// Whether a probe has come.
    pub(crate) fn is_ready(&self) -> bool {
        let heard = self.tally.ears.get(self.number);
        heard.is_some_and(|heard| heard.is_ready.load(Ordering::Acquire))
    }
}

/// Puts number and time where a payload begins.
pub(crate) fn stamp(payload: &mut [u8], number: u64, due: Duration) {
    let stamp = number.to_be_bytes().into_iter().chain(nanoseconds(due).to_be_bytes());
    for (place, byte) in payload.iter_mut().zip(stamp) {
        *place = byte;
    }
}

fn read(payload: &[u8]) -> Option<(u64, u64)> {
    let (number, rest) = payload.split_first_chunk()?;
    let (due, _rest) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), u64::from_be_bytes(*due)))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "a bench is what a clock is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
