//! A dashboard: verifies, opens and counts what it gets, in a process of its own.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use hdrhistogram::Histogram;
use sekisho::{BootId, Delivery, Message, Sample, Start, SubscribeError, Value, clock};
use sekisho_proto::Filter;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::ChildStdin;
use tokio::time::{interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::fleet::Published;
use super::people::{People, TRUCKS};
use crate::access::Access;
use crate::exit::Exit;
use crate::launch::{Child, arguments};
use crate::output;

/// Follow topics, print a summary now and then, and figures at the end.
#[derive(Debug, Args)]
pub(crate) struct Dashboard {
    /// The profile's folder.
    #[arg(long)]
    dir: PathBuf,
    /// Which topics.
    #[arg(long)]
    filter: Filter,
    /// The text that every sample carries.
    #[arg(long)]
    mark: String,
}

/// How often a summary is printed.
const SUMMARY: Duration = Duration::from_millis(250);
/// How long what was published may take to arrive once everything else has stopped.
const LATE_MAX: Duration = Duration::from_secs(30);

/// The last that is known of one truck.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) publisher: String,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) pm2_5: f64,
    pub(super) temperature: f64,
    pub(super) latency_ms: f64,
}

/// What a dashboard counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Delivered {
    pub(super) samples: u64,
    pub(super) envelopes: u64,
    pub(super) duplicated: u64,
    pub(super) gaps: u64,
    pub(super) rejected: u64,
    pub(super) unopened: u64,
    pub(super) marked: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Ready,
    Readings(Vec<Reading>),
    Final(Delivered),
}

/// Both dashboards as the demo sees them.
#[derive(Debug)]
pub(super) struct Watched {
    far: Screen,
    local: Screen,
}

/// What both dashboards counted.
#[derive(Debug, Clone)]
pub(super) struct Both {
    pub(super) far: Delivered,
    pub(super) local: Delivered,
}

#[derive(Debug)]
struct Screen {
    readings: Arc<Mutex<Vec<Reading>>>,
    input: ChildStdin,
    last: AbortOnDropHandle<Result<Delivered>>,
}

impl Watched {
    /// Starts both; resolves when both have subscribed.
    pub(super) async fn start(people: &People) -> Result<Self> {
        let (far, local) = tokio::try_join!(
            Screen::start("dashboard@santander", people.far.clone(), &people.mark),
            Screen::start("dashboard@fujisawa", people.local.clone(), &people.mark),
        )?;
        Ok(Self { far, local })
    }

    /// What the far dashboard shows now.
    pub(super) fn latest(&self) -> Vec<Reading> {
        self.far.readings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells both how much was published, and waits until they have it or give up.
    pub(super) async fn finish(self, published: &Published) -> Result<Both> {
        let (far, local) =
            tokio::try_join!(self.far.finish(published), self.local.finish(published))?;
        Ok(Both { far, local })
    }
}

impl Screen {
    async fn start(name: &str, dir: PathBuf, mark: &str) -> Result<Self> {
        let mut child = Child::start(
            name,
            arguments([
                &"simulate",
                &"dashboard",
                &"--dir",
                &dir,
                &"--filter",
                &TRUCKS,
                &"--mark",
                &mark,
            ]),
        )?;
        let input = child.take_input().context("a child has an input")?;
        let Said::Ready = child.document().await? else {
            anyhow::bail!("{name}: wanted it to subscribe first")
        };
        let readings = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&readings);
        let last = tokio::spawn(async move {
            loop {
                match child.document().await? {
                    Said::Ready => {}
                    Said::Readings(new) => {
                        *shown.lock().unwrap_or_else(PoisonError::into_inner) = new;
                    }
                    Said::Final(delivered) => {
                        child.wait().await?;
                        return Ok(delivered);
                    }
                }
            }
        });
        Ok(Self { readings, input, last: AbortOnDropHandle::new(last) })
    }

    async fn finish(mut self, published: &Published) -> Result<Delivered> {
        let line = format!("{}\n", published.samples);
        self.input.write_all(line.as_bytes()).await?;
        self.input.flush().await?;
        self.last.await?
    }
}

impl Dashboard {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::load(&self.dir)?.connect().await?;
        let mut subscription = client.subscribe(self.filter).from(Start::Earliest).start().await?;
        say(&Said::Ready)?;
        let mut counts = Counts::new(self.mark)?;
        let mut input = BufReader::new(tokio::io::stdin()).lines();
        let mut summary = interval(SUMMARY);
        let mut wanted = None;
        let mut deadline = pin!(sleep(Duration::MAX));
        while wanted.is_none_or(|wanted| counts.delivered.samples < wanted) {
            tokio::select! {
                delivery = subscription.next() => match delivery {
                    Some(Ok(Delivery::Message(message))) => counts.take(&message),
                    Some(Ok(Delivery::Gap(_))) => counts.delivered.gaps += 1,
                    Some(Err(SubscribeError::Rejected { .. })) => counts.delivered.rejected += 1,
                    Some(Err(error)) => return Err(error.into()),
                    None => break,
                },
                line = input.next_line(), if wanted.is_none() => match line? {
                    Some(line) => {
                        wanted = Some(line.trim().parse().context("wanted a number of samples")?);
                        deadline.set(sleep(LATE_MAX));
                    }
                    None => break,
                },
                _at = summary.tick() => say(&Said::Readings(counts.readings()))?,
                () = &mut deadline => break,
            }
        }
        counts.linger(&mut subscription).await;
        say(&Said::Final(counts.finish()))?;
        client.close().await;
        Ok(Exit::Done)
    }
}

fn say(said: &Said) -> Result<()> {
    output::json(&serde_json::to_value(said)?);
    Ok(())
}

struct Counts {
    mark: String,
    delivered: Delivered,
    latency_us: Histogram<u64>,
    seen: HashMap<(String, BootId), u64>,
    last: BTreeMap<String, Reading>,
}

/// A latency above this counts as this: an hour.
const LATENCY_MAX_US: u64 = 3_600_000_000;

/// How long is waited for what should not come any more: a second copy.
const LINGER: Duration = Duration::from_millis(500);

impl Counts {
    fn new(mark: String) -> Result<Self> {
        let (seen, last) = (HashMap::new(), BTreeMap::new());
        let delivered = Delivered::default();
        // Bounds: without them what is recorded would be clamped to the first that is allocated.
        let latency_us = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3)?;
        Ok(Self { mark, delivered, latency_us, seen, last })
    }

    fn take(&mut self, message: &Message) {
        let header = message.envelope.header();
        let stream = (message.topic.to_string(), header.boot);
        let next = self.seen.entry(stream).or_insert(0);
        if header.sequence.value() < *next {
            self.delivered.duplicated += 1;
            return;
        }
        *next = header.sequence.value() + 1;
        let Ok(samples) = message.samples() else {
            self.delivered.unopened += 1;
            return;
        };
        self.delivered.envelopes += 1;
        let now = clock::now();
        for sample in &samples {
            let latency = now.saturating_since(sample.time);
            self.latency_us.saturating_record(latency.as_micros().try_into().unwrap_or(u64::MAX));
            self.delivered.samples += 1;
            let marked = |entry: &sekisho::SampleValue| matches!(&entry.value, Value::Text(text) if *text == self.mark);
            self.delivered.marked += u64::from(sample.values.iter().any(marked));
        }
        if let Some(sample) = samples.last() {
            let latency = now.saturating_since(sample.time);
            let reading = Reading::of(message, sample, latency);
            self.last.insert(reading.publisher.clone(), reading);
        }
    }

    async fn linger(&mut self, subscription: &mut sekisho::Subscription) {
        let mut end = pin!(sleep(LINGER));
        loop {
            tokio::select! {
                () = &mut end => return,
                delivery = subscription.next() => match delivery {
                    Some(Ok(Delivery::Message(message))) => self.take(&message),
                    Some(Ok(Delivery::Gap(_))) => self.delivered.gaps += 1,
                    Some(Err(_)) => self.delivered.rejected += 1,
                    None => return,
                },
            }
        }
    }

    fn readings(&self) -> Vec<Reading> {
        self.last.values().cloned().collect()
    }

    fn finish(mut self) -> Delivered {
        #[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^53 µs")]
        let ms = |us: u64| us as f64 / 1_000.0;
        self.delivered.p50_ms = ms(self.latency_us.value_at_quantile(0.5));
        self.delivered.p99_ms = ms(self.latency_us.value_at_quantile(0.99));
        self.delivered.max_ms = ms(self.latency_us.max());
        self.delivered
    }
}

impl Reading {
    fn of(message: &Message, sample: &Sample, latency: Duration) -> Self {
        let value = |name: &str| {
            sample.values.iter().find(|entry| entry.transducer.to_string() == name).map_or(
                f64::NAN,
                |entry| {
                    if let Value::Float(number) = entry.value { number } else { f64::NAN }
                },
            )
        };
        Self {
            publisher: message.publisher.to_string(),
            latitude: value("latitude"),
            longitude: value("longitude"),
            pm2_5: value("pm2_5"),
            temperature: value("temperature"),
            latency_ms: latency.as_secs_f64() * 1_000.0,
        }
    }
}
