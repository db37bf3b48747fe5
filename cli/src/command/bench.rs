//! `bench`: what a node carries, measured from outside with a fleet of real clients.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, value_parser};
use sekisho::Batch;

use crate::bench::{self, Interest, Load, Plan, Rate};
use crate::command::serve::Logging;
use crate::exit::Exit;
use crate::temporary::Folder;
use crate::{fault, output, signals};

/// Measure what a node carries: a city, a fleet and its subscribers, in a temporary folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho bench
  sekisho bench --trucks 100 --rate 100 --subscribers 2 --seconds 30 --json
  sekisho bench --trucks 1 --rate max --seconds 10
  sekisho bench --trucks 1 --payload 16384 --rate max
  sekisho bench --trucks 10 --nodes 2
  sekisho bench --connections 10000 --subscriptions 1

Node and steward are processes of their own, made for this run and removed with it; trucks and \
subscribers are real clients with keys of their own, all in this process. Every envelope is sealed, \
signed, verified, stored and opened. Latency is counted from the moment at which a sample was due, \
so that one that had to wait counts as late. docs/performance.md explains the figures and --json.

Exit codes:
  0  measured, and every sample arrived once, in order and readable
  1  measured, and something was lost, doubled, out of order or unreadable
  2  the command was not used as it can be
  4  a file, limit or process of this machine is at fault")]
pub(crate) struct Bench {
    /// Trucks, 1 to 100000: each has a key, a connection and topics of its own.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=100_000))]
    trucks: u32,
    /// Samples per second of each truck, 0.001 to 1000000, on a fixed schedule; or `max`, as many as
    /// are acknowledged.
    #[arg(long, value_name = "HZ", default_value = "10")]
    rate: Rate,
    /// Values of each sample, 1 to 1000.
    #[arg(long, default_value_t = 23, value_parser = value_parser!(u32).range(1..=1000))]
    transducers: u32,
    /// In place of samples: opaque bodies of so many bytes, 16 to 1046000, an envelope each.
    #[arg(long, value_name = "BYTES", value_parser = value_parser!(u32).range(16..=1_046_000),
        conflicts_with_all = ["transducers", "batch_samples", "batch_ms", "batch_bytes"])]
    payload: Option<u32>,
    /// An envelope is sealed when it holds so many samples, 1 to 65536 …
    #[arg(long, value_name = "SAMPLES", default_value_t = 64,
        value_parser = value_parser!(u32).range(1..=65_536))]
    batch_samples: u32,
    /// … or its first one is so many milliseconds old, 0 to 60000 (0 = at once) …
    #[arg(long, value_name = "MS", default_value_t = 50,
        value_parser = value_parser!(u64).range(..=60_000))]
    batch_ms: u64,
    /// … or it holds so many bytes before encoding, 256 to 786432.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384,
        value_parser = value_parser!(u32).range(256..=786_432))]
    batch_bytes: u32,
    /// With `--rate max`: samples of each topic on their way at a time, 1 to 1000000.
    #[arg(long, value_name = "SAMPLES", default_value_t = 8_192,
        value_parser = value_parser!(u32).range(1..=1_000_000))]
    window: u32,
    /// Topics of each truck, 1 to 4096; it takes them in turn.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=4096))]
    topics: u32,
    /// Subscribers, 0 to 10000, each with a key and a connection of its own.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(..=10_000))]
    subscribers: u32,
    /// What each subscribes to: all trucks, or one truck of its own.
    #[arg(long, value_enum, default_value = "all")]
    filter: Interest,
    /// Nodes, 1 to 9: trucks are at the first, an organisation's; the subscribers at the others,
    /// each another's and federated with the first.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=9))]
    nodes: u32,
    /// Further connections to the first node, 0 to 100000, of keys of their own, that stay idle.
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u32).range(..=100_000))]
    connections: u32,
    /// Subscriptions of each idle connection, 0 to 250, to topics that nobody publishes on.
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u32).range(..=250))]
    subscriptions: u32,
    /// Samples stored before anybody subscribes, 0 to 100000000, in envelopes like all others.
    #[arg(long, value_name = "SAMPLES", default_value_t = 0,
        value_parser = value_parser!(u64).range(..=100_000_000))]
    history: u64,
    /// How long is measured, 1 to 86400 s.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How long the same work goes on before it is measured, 0 to 3600 s.
    #[arg(long, value_name = "SECONDS", default_value_t = 2,
        value_parser = value_parser!(u64).range(..=3_600))]
    warm_up: u64,
    /// Keep the cities in this new folder; default a temporary one that is removed.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print one JSON object in place of a table.
    #[arg(long)]
    json: bool,
    /// What to tell on the side: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, default_value = "error", env = "SEKISHO_LOG", hide_env_values = true)]
    log: String,
}

impl Bench {
    pub(crate) async fn run(self) -> Result<Exit> {
        Logging::quiet(&self.log).start()?;
        let plan = self.plan()?;
        let stop = signals::stop_with_children();
        let folder = Folder::make(self.dir.clone(), "bench")?;
        let report = tokio::select! {
            report = bench::run(&plan, folder.path()) => report?,
            () = stop.cancelled() => return Err(fault::no("stopped before there were figures")),
        };
        if self.json {
            output::json(&serde_json::to_value(&report)?);
        } else {
            output::line(report.table());
        }
        Ok(if report.is_ok() { Exit::Done } else { Exit::No })
    }

    fn plan(&self) -> Result<Plan> {
        if self.subscriptions > 0 && self.connections == 0 {
            return Err(fault::usage(
                "--subscriptions: wanted --connections with it, found none to subscribe",
            ));
        }
        if self.nodes > 1 && self.subscribers < self.nodes - 1 {
            return Err(fault::usage(format!(
                "--nodes {}: wanted a subscriber for each node but the first, found --subscribers {}",
                self.nodes, self.subscribers
            )));
        }
        let load = match self.payload {
            Some(bytes) => Load::Opaque { bytes: usize::try_from(bytes)? },
            None => Load::Samples {
                transducers: self.transducers,
                batch: Batch {
                    interval: Duration::from_millis(self.batch_ms),
                    samples: usize::try_from(self.batch_samples)?,
                    bytes: usize::try_from(self.batch_bytes)?,
                },
            },
        };
        Ok(Plan {
            trucks: self.trucks,
            rate: self.rate,
            window: self.window,
            load,
            topics: self.topics,
            subscribers: self.subscribers,
            interest: self.filter,
            nodes: self.nodes,
            connections: self.connections,
            subscriptions: self.subscriptions,
            history: self.history,
            seconds: self.seconds,
            warm_up_s: self.warm_up,
        })
    }
}
