//! Which work is measured, at which sizes, and what is drawn of it.

/// One kind of work at growing sizes.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// What the axis below measures, and where a run tells it.
    pub(crate) below: &'static str,
    pub(crate) pointer: &'static str,
    /// The option that grows, with its values.
    option: &'static str,
    sizes: &'static [u32],
    /// Options that all runs have.
    options: &'static str,
    pub(crate) gauges: &'static [Gauge],
}

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gauge {
    /// Samples or bodies delivered and acknowledged.
    Throughput,
    /// The same in bytes.
    Bytes,
    Latency,
    Memory,
    Processor,
}

/// A fleet that is far from what the machine can do: what grows is the only thing that changes.
const STEADY: &[Gauge] = &[Gauge::Processor, Gauge::Latency, Gauge::Memory];
/// As much as goes through.
const MOST: &[Gauge] = &[Gauge::Throughput, Gauge::Latency, Gauge::Memory];

pub(crate) const SERIES: [Work; 7] = [
    Work {
        name: "topics",
        below: "topics",
        pointer: "/plan/topics",
        option: "--topics",
        sizes: &[1, 10, 100, 1_000, 4_000],
        options: "--trucks 1 --rate 2000 --transducers 1 --batch-samples 1 --seconds 5 --warm-up 4",
        gauges: STEADY,
    },
    Work {
        name: "subscriptions",
        below: "subscriptions of idle clients that match nothing, each of 100",
        pointer: "/plan/subscriptions",
        option: "--subscriptions",
        sizes: &[1, 3, 10, 30, 100],
        options: "--connections 100 --trucks 1 --rate max --seconds 5 --warm-up 1",
        gauges: MOST,
    },
    Work {
        name: "subscribers",
        below: "subscribers of one topic",
        pointer: "/plan/subscribers",
        option: "--subscribers",
        sizes: &[1, 3, 10, 30, 100],
        options: "--trucks 1 --rate max --seconds 5 --warm-up 1",
        gauges: MOST,
    },
    Work {
        name: "connections",
        below: "idle connections",
        pointer: "/plan/connections",
        option: "--connections",
        // More want more memory for their own side than a small machine has.
        sizes: &[1, 100, 300, 1_000, 3_000],
        options: "--trucks 10 --rate 100 --seconds 5 --warm-up 1",
        gauges: STEADY,
    },
    Work {
        name: "payload",
        below: "bytes of a body",
        pointer: "/plan/payload_bytes",
        option: "--payload",
        sizes: &[64, 1_024, 16_384, 65_536, 262_144, 1_046_000],
        options: "--trucks 1 --rate max --seconds 5 --warm-up 1 --window 64",
        gauges: &[Gauge::Throughput, Gauge::Bytes, Gauge::Latency, Gauge::Memory],
    },
    Work {
        name: "nodes",
        below: "nodes: one, and its peers with a subscriber each",
        pointer: "/plan/nodes",
        option: "--nodes",
        sizes: &[1, 2, 3, 5],
        options: "--trucks 10 --rate 100 --subscribers 4 --seconds 5 --warm-up 1",
        gauges: STEADY,
    },
    Work {
        name: "history",
        below: "samples stored before",
        pointer: "/plan/history",
        option: "--history",
        sizes: &[1, 1_000, 10_000, 100_000, 1_000_000],
        options: "--trucks 10 --rate 100 --seconds 5 --warm-up 1",
        gauges: STEADY,
    },
];

impl Work {
    /// The options of each run.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Vec<String>> {
        self.sizes.iter().map(|size| {
            let fixed = self.options.split_whitespace().map(str::to_owned);
            fixed.chain([self.option.to_owned(), size.to_string()]).collect()
        })
    }
}

impl Gauge {
    /// The end of a chart's file name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Bytes => "bytes",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Processor => "processor",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Throughput => "Samples a second, as many as go through",
            Self::Bytes => "Bytes a second, as many as go through",
            Self::Latency => "Latency",
            Self::Memory => "Memory of the node",
            Self::Processor => "Processor",
        }
    }

    pub(crate) const fn side(self) -> &'static str {
        match self {
            Self::Throughput => "per second",
            Self::Bytes => "MiB per second",
            Self::Latency => "milliseconds",
            Self::Memory => "resident MiB",
            Self::Processor => "cores",
        }
    }

    /// Its lines, and where a run tells them.
    pub(crate) const fn lines(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Throughput => &[
                ("delivered", "/per_second/delivered"),
                ("acknowledged", "/per_second/acknowledged"),
            ],
            Self::Bytes => &[("delivered", "/per_second/delivered_mib")],
            Self::Latency => &[
                ("delivery, p99", "/latency_ms/delivery/p99"),
                ("delivery, p50", "/latency_ms/delivery/p50"),
                ("acknowledgement, p99", "/latency_ms/acknowledgement/p99"),
            ],
            Self::Memory => &[("at the end", "/nodes/0/resident_mib")],
            Self::Processor => {
                &[("first node", "/nodes/0/cores"), ("generator", "/generator/cores")]
            }
        }
    }
}
