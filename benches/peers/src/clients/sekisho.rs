//! Sekisho: the SDK as it comes. Every sample is sealed and signed, in batches unless asked
//! otherwise; every subscriber verifies and opens.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use sekisho::{
    Batch, Client, ClientOptions, ContentType, Delivery, Filter, Profile, Publisher, Sample,
    SampleValue, Timestamp, Topic, TransducerName, Unit, Value,
};

use crate::{job::Job, tally::Ear, work::Work};

/// What the turn's topics begin with; the load's members have rights below it.
const TREE: &str = "fujisawa/load";

async fn connect(folder: &Path) -> Result<Client> {
    let told = || folder.display().to_string();
    let profile = Profile::load(folder).with_context(told)?;
    let identity = Profile::identity(folder).with_context(told)?;
    // Not `Client::open`: several clients of one principal would share what they remember.
    let (endpoint, trust) = (profile.endpoint(), profile.trust());
    Client::connect(endpoint, identity, trust, ClientOptions::default()).await.with_context(told)
}

pub(crate) struct Mouth {
    client: Client,
    publisher: Publisher,
    transducer: TransducerName,
    unit: Unit,
    /// Whether messages are bodies of their own rather than samples.
    is_large: bool,
}

impl Mouth {
    pub(super) async fn open(job: &Job) -> Result<Self> {
        let client = connect(job.server.members.first().context("a publisher")?).await?;
        let topic = Topic::parse(&format!("{TREE}/{}", job.subject()))?;
        let publisher = client.publisher(topic);
        let publisher = match job.work {
            Work::Single | Work::Latency => publisher.batch(Batch::single()),
            Work::Flow { .. }
            | Work::Bytes
            | Work::Mqtt { .. }
            | Work::MqttLatency { .. }
            | Work::Idle => publisher,
        };
        Ok(Self {
            publisher: publisher.start().await?,
            client,
            transducer: TransducerName::parse("load")?,
            unit: Unit::none(),
            is_large: job.work == Work::Bytes,
        })
    }

    pub(super) async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        if self.is_large {
            let kind = ContentType::parse("application/octet-stream")?;
            return Ok(self.publisher.publish_body(kind, payload.to_vec()).await?);
        }
        let value = SampleValue {
            transducer: self.transducer.clone(),
            unit: self.unit.clone(),
            value: Value::Blob(payload.to_vec()),
        };
        Ok(self.publisher.publish(Sample { time: wall(), values: vec![value] }).await?)
    }

    pub(super) async fn leave(self) -> Result<()> {
        self.publisher.flush().await?;
        self.client.close().await;
        Ok(())
    }
}

pub(super) async fn listen(job: &Job, ear: &Ear, number: usize) -> Result<()> {
    let readers = job.server.members.get(1..).unwrap_or_default();
    let folder = readers.get(number % readers.len().max(1)).context("a reader")?;
    let client = connect(folder).await?;
    let filter = Filter::parse(&format!("{TREE}/{}", job.subject()))?;
    let mut deliveries = client.subscribe(filter).start().await?;
    while let Some(delivery) = deliveries.next().await {
        let Delivery::Message(message) = delivery? else {
            bail!("wanted a message, found a gap");
        };
        if job.work == Work::Bytes {
            match message.body() {
                Ok(body) => ear.hear(body),
                // The steward is not done with the reader yet.
                Err(_closed) if !ear.is_ready() => {}
                Err(cause) => return Err(cause.into()),
            }
            continue;
        }
        let samples = match message.samples() {
            Ok(samples) => samples,
            Err(_closed) if !ear.is_ready() => continue,
            Err(cause) => return Err(cause.into()),
        };
        for value in samples.iter().flat_map(|sample| &sample.values) {
            if let Value::Blob(payload) = &value.value {
                ear.hear(payload);
            }
        }
    }
    bail!("wanted messages, found the end of the subscription")
}

#[expect(clippy::disallowed_methods, reason = "a bench is what a clock is for")]
fn wall() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_micros(i64::try_from(passed.as_micros()).unwrap_or(i64::MAX))
}
