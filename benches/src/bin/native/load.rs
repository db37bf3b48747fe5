//! One turn of work: connect, subscribe, publish, and wait until everybody has everything.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use sekisho::{
    Batch, Client, ClientOptions, Delivery, Endpoint, Publisher, Sample, SampleValue, Subscription,
    TransducerName, Trust, Unit, Value, clock,
};
use sekisho_benches::{
    city::City,
    server::{Server, own_processor_s},
};
use sekisho_proto::{ContentType, Timestamp};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::PUBLISHER;

/// A sample's value and time together.
const SAMPLE_BYTES: usize = 256;
/// A body of the kind that is only bytes.
pub(crate) const BODY_BYTES: usize = 16 * 1024;
/// How often samples are due where they come evenly.
const TICKS_PER_S: u64 = 1_000;
const PACED_S: u64 = 5;
/// How long one turn may take.
const TURN_MAX: Duration = Duration::from_secs(60);

/// What is published.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// Samples, as fast as they are taken, gathered as the SDK does unless told otherwise.
    Batched { samples: u64 },
    /// The same, each in an envelope of its own.
    Single { samples: u64 },
    /// Samples when they are due, each in an envelope of its own.
    Paced { per_s: u64 },
    /// Bodies of 16 KiB.
    Bytes { bodies: u64 },
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) bytes_each: usize,
    pub(crate) passed_s: f64,
    pub(crate) node_s: f64,
    pub(crate) own_s: f64,
    pub(crate) late_us: Option<(u64, u64)>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, delivered) = (float(self.sent), float(self.delivered));
        let each_us = |seconds: f64| seconds * 1e6 / sent;
        write!(
            f,
            "{:.0}/s sent, {:.0}/s delivered, {:.1} MB/s delivered, node {:.2} µs and {:.2} cores, \
             clients {:.2} µs and {:.2} cores",
            sent / self.passed_s,
            delivered / self.passed_s,
            delivered / self.passed_s * float(self.bytes_each as u64) / 1e6,
            each_us(self.node_s),
            self.node_s / self.passed_s,
            each_us(self.own_s),
            self.own_s / self.passed_s,
        )?;
        match self.late_us {
            Some((p50, p99)) => write!(f, ", p50 {p50} µs, p99 {p99} µs"),
            None => Ok(()),
        }
    }
}

impl Load {
    const fn count(self) -> u64 {
        match self {
            Self::Batched { samples } | Self::Single { samples } => samples,
            Self::Paced { per_s } => per_s * PACED_S,
            Self::Bytes { bodies } => bodies,
        }
    }

    const fn bytes_each(self) -> usize {
        match self {
            Self::Batched { .. } | Self::Single { .. } | Self::Paced { .. } => SAMPLE_BYTES,
            Self::Bytes { .. } => BODY_BYTES,
        }
    }

    fn batch(self) -> Batch {
        match self {
            Self::Batched { .. } | Self::Bytes { .. } => Batch::default(),
            Self::Single { .. } | Self::Paced { .. } => Batch::single(),
        }
    }
}

/// One turn.
pub(crate) async fn run(
    city: &City,
    server: &Server,
    load: Load,
    subscribers: u64,
) -> Result<Figures> {
    timeout(TURN_MAX, turn(city, server, load, subscribers)).await.context("a turn that ends")?
}

async fn turn(city: &City, server: &Server, load: Load, subscribers: u64) -> Result<Figures> {
    let (topic, count) = (city.topic("bench/load"), load.count());
    let (mut clients, mut readers) = (Vec::new(), JoinSet::new());
    for number in 0..subscribers {
        let client = connect(city, server, number).await?;
        let subscription = client.subscribe(city.filter("bench/#")).start().await?;
        clients.push(client);
        readers.spawn(read(subscription, load, count));
    }
    let client = connect(city, server, PUBLISHER).await?;
    let publisher = client.publisher(topic).batch(load.batch()).start().await?;
    let (node, own, begun) = (server.processor_s()?, own_processor_s()?, now());
    let writing = tokio::spawn(async move {
        write(&publisher, load, count).await?;
        publisher.flush().await.context("flush")
    });
    let mut late = Histogram::new(3)?;
    while let Some(reader) = readers.join_next().await {
        late.add(reader??)?;
    }
    let passed_s = begun.elapsed().as_secs_f64();
    writing.await??;
    let is_paced = matches!(load, Load::Paced { .. });
    let figures = Figures {
        sent: count,
        delivered: count * subscribers,
        bytes_each: load.bytes_each(),
        passed_s,
        node_s: server.processor_s()? - node,
        own_s: own_processor_s()? - own,
        late_us: is_paced.then(|| (late.value_at_quantile(0.5), late.value_at_quantile(0.99))),
    };
    client.close().await;
    for client in clients {
        client.close().await;
    }
    Ok(figures)
}

async fn connect(city: &City, server: &Server, number: u64) -> Result<Client> {
    let endpoint = Endpoint {
        address: server.address().to_string(),
        node_key: city.node().public_key(),
        organisation: city.organisation().clone(),
    };
    let trust = Trust { organisation: city.organisation().clone(), root: city.root() };
    let identity = Arc::new(city.device(number));
    Ok(Client::connect(endpoint, identity, trust, ClientOptions::default()).await?)
}

async fn write(publisher: &Publisher, load: Load, count: u64) -> Result<()> {
    let value = SampleValue {
        transducer: TransducerName::parse("value")?,
        unit: Unit::none(),
        value: Value::Blob(vec![7; SAMPLE_BYTES - size_of::<Timestamp>()]),
    };
    match load {
        Load::Batched { .. } | Load::Single { .. } => {
            for _ in 0..count {
                let sample = Sample { time: clock::now(), values: vec![value.clone()] };
                publisher.publish(sample).await?;
            }
        }
        Load::Paced { per_s } => {
            let mut tick = interval(Duration::from_secs(1) / u32::try_from(TICKS_PER_S)?);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for number in 0..count {
                if number % (per_s / TICKS_PER_S) == 0 {
                    tick.tick().await;
                }
                let sample = Sample { time: clock::now(), values: vec![value.clone()] };
                publisher.publish(sample).await?;
            }
        }
        Load::Bytes { .. } => {
            let body = bytes::Bytes::from(vec![7; BODY_BYTES]);
            for _ in 0..count {
                publisher
                    .publish_body(ContentType::parse("application/x-bytes")?, body.clone())
                    .await?;
            }
        }
    }
    Ok(())
}

/// Reads so much, and tells how long after it was handed over each sample was there, µs.
async fn read(mut subscription: Subscription, load: Load, count: u64) -> Result<Histogram<u64>> {
    let mut late = Histogram::new(3)?;
    let mut left = count;
    while left > 0 {
        let message = match subscription.next().await.context("a subscription that goes on")?? {
            Delivery::Message(message) => message,
            Delivery::Gap(gap) => bail!("wanted every record, found {gap:?}"),
        };
        if matches!(load, Load::Bytes { .. }) {
            ensure!(message.body()?.len() == BODY_BYTES, "wanted the body as it was");
            left -= 1;
            continue;
        }
        let here = clock::now();
        for sample in message.samples()? {
            left = left.checked_sub(1).context("no more samples than were published")?;
            late.saturating_record(u64::try_from(here.saturating_since(sample.time).as_micros())?);
        }
    }
    subscription.close().await;
    Ok(late)
}

#[expect(clippy::disallowed_methods, reason = "what the program is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}
