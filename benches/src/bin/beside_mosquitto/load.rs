//! What is asked of a broker, and how well it does it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    broker::Broker,
    client::{self, Ear, Mouth},
    packets::{self, Heard},
};

/// Turns of each broker with each kind of work.
const ROUNDS: usize = 5;
const PAYLOAD_BYTES: usize = 256;
/// Messages of quality 1 without their answer.
const WINDOW: u64 = 100;
/// Messages of quality 0 that are written at once.
const AT_ONCE: u64 = 32;
/// Messages per second where latency is asked for, and how often some are due.
const RATE: u64 = 5_000;
const TICKS: u64 = 1_000;
const LATENCY_SECONDS: u64 = 4;
/// Clients that do nothing.
const IDLE: usize = 1_000;
/// The client that publishes; its subscribers come before it.
const WRITER: usize = 999;
/// How long the system is given until memory has settled.
const SETTLE: Duration = Duration::from_secs(2);
/// How long one turn may take.
const TURN_MAX: Duration = Duration::from_secs(120);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Work {
    /// As many messages as go through, to so many subscribers.
    Throughput { quality: u8, subscribers: usize },
    /// From publisher to subscriber, at a rate that is no burden.
    Latency { quality: u8 },
    /// What a client weighs that only stays.
    Memory,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throughput { quality, subscribers } => {
                write!(f, "QoS {quality}, 1 → {subscribers}, deliveries/s")
            }
            Self::Latency { quality } => write!(f, "QoS {quality}, p99 at 5,000 messages/s, µs"),
            Self::Memory => f.write_str("idle client, bytes resident"),
        }
    }
}

/// How it went: the unit is the work's.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figures {
    /// Deliveries per second; the 99th percentile in µs; bytes of resident memory for each client.
    pub(crate) figure: f64,
    /// The processor's time of the broker, µs for each delivery or client.
    pub(crate) processor_us: f64,
}

impl Work {
    /// Memory first: what was freed once is not taken from the system again.
    pub(crate) const ALL: [Self; 7] = [
        Self::Memory,
        Self::Throughput { quality: 0, subscribers: 1 },
        Self::Throughput { quality: 1, subscribers: 1 },
        Self::Throughput { quality: 0, subscribers: 50 },
        Self::Throughput { quality: 1, subscribers: 50 },
        Self::Latency { quality: 0 },
        Self::Latency { quality: 1 },
    ];

    /// The turns.
    pub(crate) const fn rounds(self) -> std::ops::Range<usize> {
        match self {
            Self::Memory => 0..1,
            Self::Throughput { .. } | Self::Latency { .. } => 0..ROUNDS,
        }
    }

    /// Messages of a turn: enough for about a second.
    const fn messages(self) -> u64 {
        match self {
            Self::Throughput { subscribers: 1, quality: 0 } => 60_000,
            Self::Throughput { subscribers: 1, .. } => 30_000,
            Self::Throughput { .. } => 4_000,
            Self::Latency { .. } => RATE * LATENCY_SECONDS,
            Self::Memory => 0,
        }
    }

    pub(crate) async fn run(self, broker: &Broker, round: usize) -> Result<Figures> {
        let turn = async {
            match self {
                Self::Throughput { quality, subscribers } => {
                    self.throughput(broker, quality, subscribers, round).await
                }
                Self::Latency { quality } => self.latency(broker, quality, round).await,
                Self::Memory => memory(broker, round).await,
            }
        };
        let turn = timeout(TURN_MAX, turn).await.context("a turn that ends")?;
        turn.with_context(|| format!("{}: {self:?}", broker.name()))
    }

    async fn throughput(
        self,
        broker: &Broker,
        quality: u8,
        subscribers: usize,
        round: usize,
    ) -> Result<Figures> {
        let messages = self.messages();
        let topic = format!("throughput/{round}");
        let mut readers = JoinSet::new();
        for number in 0..subscribers {
            let (mouth, ear) = client::subscribe(broker, number, &topic, quality).await?;
            readers.spawn(read(mouth, ear, messages, None));
        }
        let writer = client::connect(broker, WRITER).await?;
        let (used, begun) = (broker.processor_s()?, now());
        let writing = tokio::spawn(write(writer, topic, quality, messages));
        while let Some(reader) = readers.join_next().await {
            reader??;
        }
        let passed = begun.elapsed().as_secs_f64();
        writing.await??;
        let deliveries = float(messages * subscribers as u64);
        let processor_us = (broker.processor_s()? - used) * 1e6 / deliveries;
        Ok(Figures { figure: deliveries / passed, processor_us })
    }

    async fn latency(self, broker: &Broker, quality: u8, round: usize) -> Result<Figures> {
        let messages = self.messages();
        let topic = format!("latency/{round}");
        let (mouth, ear) = client::subscribe(broker, 0, &topic, quality).await?;
        let writer = client::connect(broker, WRITER).await?;
        let (used, begun) = (broker.processor_s()?, now());
        let reading = tokio::spawn(read(mouth, ear, messages, Some(begun)));
        pace(writer, (&topic, quality), messages, begun).await?;
        let latencies = reading.await??;
        let processor_us = (broker.processor_s()? - used) * 1e6 / float(messages);
        Ok(Figures { figure: float(latencies.value_at_quantile(0.99)), processor_us })
    }
}

/// Reads so many messages, answers those that want it, and tells how late each was, µs.
async fn read(
    mut mouth: Mouth,
    mut ear: Ear,
    messages: u64,
    begun: Option<Instant>,
) -> Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    let mut left = messages;
    while left > 0 {
        let mut heard = Some(ear.next().await?);
        let now = begun.map(|begun| begun.elapsed());
        while let Some(packet) = heard {
            if let Heard::Message(number, payload) = packet {
                left -= 1;
                if let Some(number) = number {
                    packets::acknowledge(&mut mouth.out, number);
                }
                if let (Some(now), Some(due)) = (now, payload.first_chunk::<8>()) {
                    let due = Duration::from_micros(u64::from_be_bytes(*due));
                    let late = u64::try_from(now.saturating_sub(due).as_micros())?;
                    latencies.record(late.max(1))?;
                }
            }
            heard = ear.ready();
        }
        mouth.say().await?;
    }
    mouth.leave().await?;
    Ok(latencies)
}

/// Writes so many messages as fast as they are taken.
async fn write(
    (mut mouth, ear): (Mouth, Ear),
    topic: String,
    quality: u8,
    messages: u64,
) -> Result<()> {
    let payload = [7; PAYLOAD_BYTES];
    let stored = Arc::new(Stored::default());
    let hearing = (quality > 0).then(|| tokio::spawn(hear(ear, messages, Arc::clone(&stored))));
    let mut sent = 0;
    while sent < messages {
        let room = match quality {
            0 => AT_ONCE,
            _ => WINDOW.saturating_sub(sent - stored.count.load(Ordering::Acquire)),
        };
        if room == 0 {
            stored.more.notified().await;
            continue;
        }
        for _ in 0..room.min(messages - sent) {
            packets::publish(&mut mouth.out, &topic, number(quality, sent), &payload);
            sent += 1;
        }
        mouth.say().await?;
    }
    if let Some(hearing) = hearing {
        hearing.await??;
    }
    mouth.leave().await
}

/// Messages that were answered.
#[derive(Debug, Default)]
struct Stored {
    count: AtomicU64,
    more: Notify,
}

/// Counts answers.
async fn hear(mut ear: Ear, messages: u64, stored: Arc<Stored>) -> Result<()> {
    let mut count = 0;
    while count < messages {
        let mut heard = Some(ear.next().await?);
        while let Some(packet) = heard {
            count += u64::from(packet == Heard::Stored);
            heard = ear.ready();
        }
        stored.count.store(count, Ordering::Release);
        stored.more.notify_one();
    }
    Ok(())
}

/// Writes messages when they are due, each with the time at which it was: one that waits because
/// the broker is slow counts as late.
async fn pace(
    (mut mouth, ear): (Mouth, Ear),
    (topic, quality): (&str, u8),
    messages: u64,
    begun: Instant,
) -> Result<()> {
    let hearing = (quality > 0).then(|| tokio::spawn(hear(ear, messages, Arc::default())));
    let mut tick = interval(Duration::from_secs(1) / u32::try_from(TICKS)?);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut payload = [7; PAYLOAD_BYTES];
    for sent in 0..messages {
        if sent % (RATE / TICKS) == 0 {
            mouth.say().await?;
            let due = tick.tick().await.saturating_duration_since(begun);
            let due = u64::try_from(due.as_micros())?;
            if let Some(start) = payload.first_chunk_mut::<8>() {
                *start = due.to_be_bytes();
            }
        }
        packets::publish(&mut mouth.out, topic, number(quality, sent), &payload);
    }
    mouth.say().await?;
    if let Some(hearing) = hearing {
        hearing.await??;
    }
    mouth.leave().await
}

async fn memory(broker: &Broker, round: usize) -> Result<Figures> {
    sleep(SETTLE).await;
    let (before, used) = (broker.resident_kib()?, broker.processor_s()?);
    let mut clients = Vec::new();
    for number in 0..IDLE {
        let topic = format!("idle/{round}/{number}");
        clients.push(client::subscribe(broker, number, &topic, 0).await?);
    }
    sleep(SETTLE).await;
    let more = broker.resident_kib()?.saturating_sub(before);
    let processor_us = (broker.processor_s()? - used) * 1e6 / float(IDLE as u64);
    for (mouth, _ear) in clients {
        mouth.leave().await?;
    }
    Ok(Figures { figure: float(more * 1_024) / float(IDLE as u64), processor_us })
}

#[expect(clippy::disallowed_methods, reason = "a bench is what a clock is for")]
fn now() -> Instant {
    Instant::now()
}

fn number(quality: u8, sent: u64) -> Option<u16> {
    // From 1 on, as often as there are messages; never two of a window alike.
    (quality > 0).then(|| u16::try_from(sent % 60_000 + 1).unwrap_or(1))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn float(count: u64) -> f64 {
    count as f64
}
