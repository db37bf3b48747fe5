//! One direction of a relay: which datagrams arrive, when, and how often.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Weather;

#[expect(clippy::disallowed_methods, reason = "weather takes place in real time")]
fn now() -> Instant {
    Instant::now()
}

/// One direction, with a fate of its own.
pub(super) struct Wind {
    state: u64,
    weather: watch::Receiver<Weather>,
    under_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    taken: u64,
    /// When the narrowest place is free again.
    free: Instant,
}

impl Wind {
    pub(super) fn new(seed: u64, weather: watch::Receiver<Weather>) -> Self {
        Self { state: seed, weather, under_way: BinaryHeap::new(), taken: 0, free: now() }
    }

    /// Carries until nobody sends any more.
    pub(super) async fn carry(
        mut self,
        mut coming: mpsc::Receiver<Vec<u8>>,
        mut arrive: impl AsyncFnMut(Vec<u8>),
    ) -> io::Result<()> {
        loop {
            let due = self.under_way.peek().map(|Reverse((due, ..))| *due);
            let next = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // What is due goes first, or a flood would hold it up.
                biased;
                () = next => {
                    if let Some(Reverse((_due, _number, datagram))) = self.under_way.pop() {
                        arrive(datagram).await;
                    }
                }
                came = coming.recv() => match came {
                    Some(datagram) => self.take(&datagram),
                    None => return Ok(()),
                },
            }
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        let weather = *self.weather.borrow();
        if weather.is_cut || self.happens(weather.lost_per_mille) {
            return;
        }
        let now = now();
        if let Some(bytes_per_s) = weather.bytes_per_s {
            let bytes = u64::try_from(datagram.len()).unwrap_or(u64::MAX);
            let micros = bytes.saturating_mul(1_000_000) / bytes_per_s.max(1);
            self.free = self.free.max(now) + Duration::from_micros(micros);
        }
        let from = self.free.max(now) + weather.delay;
        let copies = 1 + u64::from(self.happens(weather.repeated_per_mille));
        for _copy in 0..copies {
            let due = from + self.up_to(weather.jitter);
            self.taken += 1;
            self.under_way.push(Reverse((due, self.taken, datagram.to_vec())));
        }
    }

    fn happens(&mut self, per_mille: u64) -> bool {
        self.draw() % 1_000 < per_mille
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.draw() % micros.saturating_add(1))
    }

    /// SplitMix64.
    const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}
