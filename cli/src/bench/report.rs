//! All figures of one run: the document that `--json` prints, as docs/performance.md describes it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;

use anyhow::Result;
use serde::Serialize;

use super::audience::Counts;
use super::figures::{Figures, Quantiles, float};
use super::fleet::Published;
use super::load::Load;
use super::plan::{Interest, Plan, Rate};
use super::process::Usage;

/// Grows when a figure changes its meaning or goes away; new ones may come without.
const SCHEMA: u32 = 1;
const KIB_PER_MIB: f64 = 1_024.0;
const BYTES_PER_MIB: f64 = 1_048_576.0;

/// See the module.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    version: &'static str,
    machine: Machine,
    pub(super) plan: Planned,
    preparation: Preparation,
    pub(super) counts: Counted,
    pub(super) per_second: PerSecond,
    pub(super) latency_ms: Late,
    #[serde(flatten)]
    pub(super) used: Used,
    ok: bool,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
}

/// What was asked for; `null` where it does not apply.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    pub(super) trucks: u32,
    /// `null`: as many as are acknowledged, within the window.
    pub(super) rate_hz: Option<f64>,
    window: Option<u32>,
    pub(super) transducers: Option<u32>,
    batch: Option<Batching>,
    pub(super) payload_bytes: Option<usize>,
    pub(super) topics: u32,
    pub(super) subscribers: u32,
    pub(super) filter: Interest,
    pub(super) nodes: u32,
    pub(super) connections: u32,
    subscriptions: u32,
    history: u64,
    pub(super) seconds: u64,
    warm_up_s: u64,
}

#[derive(Debug, Serialize)]
struct Batching {
    samples: usize,
    ms: u128,
    bytes: usize,
}

/// How long everything before the measured work took, s.
#[derive(Debug, Default, Serialize)]
pub(super) struct Preparation {
    pub(super) found_s: f64,
    pub(super) enrol_s: f64,
    pub(super) connect_idle_s: f64,
    pub(super) connect_s: f64,
    pub(super) history_s: f64,
}

/// Samples or bodies from the first to the last, warm-up and history included.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    pub(super) published: u64,
    pub(super) acknowledged: u64,
    /// Handed over and never known to be stored.
    pub(super) unacknowledged: u64,
    envelopes: u64,
    /// Over all subscribers: stored after they had subscribed.
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
    pub(super) rejected: u64,
    pub(super) unopened: u64,
    /// Gaps that the node told of, by reason.
    pub(super) gaps: BTreeMap<String, u64>,
}

/// Means of the measured time.
#[derive(Debug, Serialize)]
pub(super) struct PerSecond {
    pub(super) published: f64,
    pub(super) acknowledged: f64,
    pub(super) delivered: f64,
    /// Of opened bodies, over all subscribers.
    pub(super) delivered_mib: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Late {
    pub(super) delivery: Quantiles,
    pub(super) acknowledgement: Quantiles,
    pub(super) schedule: Quantiles,
}

/// What processes used within the measured time.
#[derive(Debug, Serialize)]
pub(crate) struct Used {
    /// How long it really was.
    measured_s: f64,
    pub(super) nodes: Vec<Process>,
    pub(super) generator: Process,
}

#[derive(Debug, Serialize)]
pub(super) struct Process {
    pub(super) name: String,
    /// Cores kept busy, on average.
    pub(super) cores: f64,
    /// Before anybody connected; of the generator at the beginning of the measured time.
    resident_before_mib: f64,
    /// At the end.
    pub(super) resident_mib: f64,
    /// The most since the process began.
    pub(super) resident_max_mib: f64,
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        preparation: Preparation,
        published: Published,
        counts: Counts,
        figures: &Figures,
        used: Used,
    ) -> Self {
        let per_second = PerSecond::new(figures, used.measured_s);
        let counts = Counted::new(published, counts);
        let ok = counts.is_ok();
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            machine: Machine::look(),
            plan: Planned::new(plan),
            preparation,
            counts,
            per_second,
            latency_ms: Late {
                delivery: figures.delivery.quantiles(),
                acknowledgement: figures.acknowledgement.quantiles(),
                schedule: figures.schedule.quantiles(),
            },
            used,
            ok,
        }
    }

    /// Whether everything arrived once, in order and readable.
    pub(crate) const fn is_ok(&self) -> bool {
        self.ok
    }
}

impl Machine {
    fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let named = processors.lines().find_map(|line| line.strip_prefix("model name"));
        let named = named.and_then(|rest| rest.split_once(':')).map(|(_, name)| name.trim());
        Self {
            cores: available_parallelism().map_or(0, Into::into),
            processor: named.unwrap_or("unknown").to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl Planned {
    fn new(plan: &Plan) -> Self {
        let (rate_hz, window) = match plan.rate {
            Rate::PerSecond(rate) => (Some(rate), None),
            Rate::Max => (None, Some(plan.window)),
        };
        let (transducers, batch, payload_bytes) = match &plan.load {
            Load::Samples { transducers, batch } => {
                let (samples, ms, bytes) = (batch.samples, batch.interval.as_millis(), batch.bytes);
                (Some(*transducers), Some(Batching { samples, ms, bytes }), None)
            }
            Load::Opaque { bytes } => (None, None, Some(*bytes)),
        };
        Self {
            trucks: plan.trucks,
            rate_hz,
            window,
            transducers,
            batch,
            payload_bytes,
            topics: plan.topics,
            subscribers: plan.subscribers,
            filter: plan.interest,
            nodes: plan.nodes,
            connections: plan.connections,
            subscriptions: plan.subscriptions,
            history: plan.history,
            seconds: plan.seconds,
            warm_up_s: plan.warm_up_s,
        }
    }
}

impl Counted {
    fn new(published: Published, counts: Counts) -> Self {
        let Published { samples, acknowledged, envelopes } = published;
        Self {
            published: samples,
            acknowledged,
            unacknowledged: samples.saturating_sub(acknowledged),
            envelopes,
            expected: counts.expected,
            delivered: counts.delivered,
            lost: counts.expected.saturating_sub(counts.delivered),
            doubled: counts.doubled,
            out_of_order: counts.out_of_order,
            rejected: counts.rejected,
            unopened: counts.unopened,
            gaps: counts.gaps,
        }
    }

    fn is_ok(&self) -> bool {
        let faults = [
            self.unacknowledged,
            self.lost,
            self.doubled,
            self.out_of_order,
            self.rejected,
            self.unopened,
        ];
        self.acknowledged > 0 && faults.iter().all(|count| *count == 0)
    }
}

impl PerSecond {
    fn new(figures: &Figures, seconds: f64) -> Self {
        let tally = &figures.tally;
        let rate =
            |count: &std::sync::atomic::AtomicU64| float(count.load(Ordering::Relaxed)) / seconds;
        Self {
            published: rate(&tally.published),
            acknowledged: rate(&tally.acknowledged),
            delivered: rate(&tally.delivered),
            delivered_mib: rate(&tally.body_bytes) / BYTES_PER_MIB,
        }
    }
}

impl Used {
    pub(super) fn new(
        names: Vec<String>,
        (before, from, to): (&[Usage], &[Usage], &[Usage]),
        (own_from, own_to): (Usage, Usage),
        measured_s: f64,
    ) -> Result<Self> {
        let process = |name: String, before: &Usage, from: &Usage, to: &Usage| Process {
            name,
            cores: (to.processor_s - from.processor_s) / measured_s,
            resident_before_mib: float(before.resident_kib) / KIB_PER_MIB,
            resident_mib: float(to.resident_kib) / KIB_PER_MIB,
            resident_max_mib: float(to.resident_kib_max) / KIB_PER_MIB,
        };
        let nodes = names.into_iter().zip(before).zip(from.iter().zip(to));
        let nodes = nodes.map(|((name, before), (from, to))| process(name, before, from, to));
        Ok(Self {
            measured_s,
            nodes: nodes.collect(),
            generator: process("generator".to_owned(), &own_from, &own_from, &own_to),
        })
    }
}
