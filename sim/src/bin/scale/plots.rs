//! Which plots there are.

use sekisho_plot::{Plot, Series};
use sekisho_sim::scale::{Change, OfPeers, OfSubscriptions, OfTopics, Scaled};

use crate::Figures;

const NODES: &str = "organisations";

/// Every plot with its file name.
pub(crate) fn draw(figures: &Figures) -> Vec<(&'static str, String)> {
    let all = &figures.federations;
    let alone = &figures.alone;
    let plots = [
        ("interest-bytes.svg", interest(all)),
        ("link-bytes.svg", per_link(all)),
        ("convergence.svg", convergence(all)),
        ("healing.svg", healing(all)),
        ("memory.svg", memory(all)),
        ("hops.svg", hops(all)),
        ("reach.svg", reach(all)),
        ("records.svg", records(all)),
        ("known-topics.svg", known_topics(all, &figures.mirrored)),
        ("topic-memory.svg", topic_memory(&alone.topics)),
        ("topic-time.svg", topic_time(&alone.topics)),
        ("subscription-time.svg", subscription_time(&alone.subscriptions)),
        ("peer-time.svg", peer_time(&alone.peers)),
    ];
    plots.into_iter().map(|(name, plot)| (name, plot.draw())).collect()
}

fn of_nodes(name: &str, all: &[Scaled], value: impl Fn(&Scaled) -> f64) -> Series {
    let points = all.iter().map(|scaled| (scaled.nodes as f64, value(scaled))).collect();
    Series { name: name.to_owned(), points }
}

/// The kinds of change that are drawn: what costs nothing is not, nor what costs the same as another.
const DRAWN: [&str; 4] = [
    "somebody wants something new",
    "nobody wants it any longer",
    "a revocation",
    "a contract takes more",
];

/// A line for each kind of change.
fn of_changes(
    all: &[Scaled],
    changes: impl Fn(&Scaled) -> &[Change],
    value: impl Fn(&Change) -> f64,
) -> Vec<Series> {
    let Some(first) = all.first() else { return Vec::new() };
    let names = changes(first).iter().map(|change| change.what.clone());
    names
        .map(|name| {
            let found = |scaled: &Scaled| {
                let change = changes(scaled).iter().find(|change| change.what == name);
                change.map_or(0.0, &value)
            };
            of_nodes(&name, all, found)
        })
        .collect()
}

fn interest(all: &[Scaled]) -> Plot {
    let mut series = of_changes(all, |scaled| &scaled.changes, |change| change.bytes);
    series.retain(|series| DRAWN.contains(&series.name.as_str()));
    Plot {
        title: "Bytes on all links for one change",
        below: NODES,
        side: "bytes",
        is_log: true,
        series,
    }
}

fn per_link(all: &[Scaled]) -> Plot {
    let mut series = of_changes(all, |scaled| &scaled.changes, |change| change.bytes_per_link);
    series.retain(|series| DRAWN.iter().skip(2).any(|drawn| *drawn == series.name));
    Plot {
        title: "Bytes on each link concerned, for one change",
        below: NODES,
        side: "bytes",
        is_log: false,
        series,
    }
}

fn convergence(all: &[Scaled]) -> Plot {
    let stated = |scaled: &Scaled, what: &str| {
        scaled.changes.iter().find(|change| change.what == what).map(|change| change.converged)
    };
    let series =
        ["somebody wants something new", "a revocation", "a contract takes more"].map(|what| {
            let slowest = |scaled: &Scaled| stated(scaled, what).map_or(0.0, |all| all.max_ms);
            of_nodes(what, all, slowest)
        });
    let half = |scaled: &Scaled| stated(scaled, "a revocation").map_or(0.0, |all| all.median_ms);
    let series = series.into_iter().chain([of_nodes("a revocation: median", all, half)]).collect();
    Plot {
        title: "Slowest time until everybody has it whom it concerns",
        below: NODES,
        side: "milliseconds, virtual",
        is_log: false,
        series,
    }
}

fn healing(all: &[Scaled]) -> Plot {
    let healed = |value: fn(&Change) -> f64| of_changes(all, |scaled| &scaled.healing, value);
    let named = |series: Vec<Series>, which: &'static str| {
        series
            .into_iter()
            .map(move |series| Series { name: format!("{}: {which}", series.name), ..series })
    };
    let median = named(healed(|change| change.converged.median_ms / 1_000.0), "median");
    let slowest = named(healed(|change| change.converged.max_ms / 1_000.0), "slowest");
    Plot {
        title: "After two minutes without a cable",
        below: NODES,
        side: "seconds, virtual",
        is_log: false,
        series: median.chain(slowest).collect(),
    }
}

fn memory(all: &[Scaled]) -> Plot {
    Plot {
        title: "Heap for each",
        below: NODES,
        side: "bytes",
        is_log: true,
        series: vec![
            of_nodes("topic at a node", all, |scaled| scaled.memory.per_topic),
            of_nodes("subscription", all, |scaled| scaled.memory.per_subscription),
            of_nodes("link with the peer's log", all, |scaled| scaled.memory.per_link),
            of_nodes("node with its contracts", all, |scaled| scaled.memory.per_node),
        ],
    }
}

fn hops(all: &[Scaled]) -> Plot {
    Plot {
        title: "Hops",
        below: NODES,
        side: "peerings",
        is_log: false,
        series: vec![
            of_nodes("of records, mean", all, |scaled| scaled.crossing.hops_mean),
            of_nodes("between two, mean", all, |scaled| scaled.graph.distance_mean),
            of_nodes("between two, most", all, |scaled| scaled.graph.distance_max as f64),
        ],
    }
}

fn reach(all: &[Scaled]) -> Plot {
    let within = |place: usize| {
        move |scaled: &Scaled| scaled.graph.within.get(place).map_or(0.0, |share| share * 100.0)
    };
    Plot {
        title: "Pairs of organisations within reach",
        below: NODES,
        side: "percent",
        is_log: false,
        series: vec![
            of_nodes("one peering", all, within(0)),
            of_nodes("two", all, within(1)),
            of_nodes("three", all, within(2)),
        ],
    }
}

fn records(all: &[Scaled]) -> Plot {
    Plot {
        title: "Bytes on a link for one record",
        below: NODES,
        side: "bytes",
        is_log: false,
        series: vec![
            of_nodes("all frames", all, |scaled| scaled.crossing.bytes_per_record),
            of_nodes("the envelope", all, |scaled| scaled.crossing.envelope_bytes),
        ],
    }
}

fn known_topics(all: &[Scaled], mirrored: &[Scaled]) -> Plot {
    let each = |scaled: &Scaled| scaled.topics_known as f64 / scaled.nodes as f64;
    let interests = |scaled: &Scaled| scaled.interests as f64 / scaled.nodes as f64;
    Plot {
        title: "What one node has of its own and its peers' topics",
        below: NODES,
        side: "on average",
        is_log: true,
        series: vec![
            of_nodes("topics, as subscribed", all, each),
            of_nodes("topics, all that contracts let in", mirrored, each),
            of_nodes("interests, as subscribed", all, interests),
        ],
    }
}

fn of_topics(name: &str, all: &[OfTopics], value: impl Fn(&OfTopics) -> f64) -> Series {
    let points = all.iter().map(|of| (of.topics as f64, value(of))).collect();
    Series { name: name.to_owned(), points }
}

fn topic_memory(all: &[OfTopics]) -> Plot {
    Plot {
        title: "Heap for each topic of one node",
        below: "topics",
        side: "bytes",
        is_log: false,
        series: vec![
            of_topics("router, at home", all, |of| of.router_bytes),
            of_topics("router, imported", all, |of| of.follower_bytes),
            of_topics("index of the log", all, |of| of.store_bytes),
        ],
    }
}

fn topic_time(all: &[OfTopics]) -> Plot {
    Plot {
        title: "Time for each record and subscriber of one node",
        below: "topics",
        side: "nanoseconds",
        is_log: true,
        series: vec![
            of_topics("find subscriptions", all, |of| of.match_ns),
            of_topics("decide", all, |of| of.decide_ns),
            of_topics("decide again", all, |of| of.decide_again_ns),
        ],
    }
}

fn subscription_time(all: &[OfSubscriptions]) -> Plot {
    let of = |name: &str, value: fn(&OfSubscriptions) -> f64| Series {
        name: name.to_owned(),
        points: all.iter().map(|of| (of.subscriptions as f64, value(of) / 1_000.0)).collect(),
    };
    Plot {
        title: "Time for each change at one node",
        below: "subscriptions",
        side: "microseconds",
        is_log: true,
        series: vec![
            of("somebody comes or goes", |of| of.change_ns),
            of("the policy changes", |of| of.policy_ns),
        ],
    }
}

fn peer_time(all: &[OfPeers]) -> Plot {
    let of = |name: &str, value: fn(&OfPeers) -> f64| Series {
        name: name.to_owned(),
        points: all.iter().map(|of| (of.peers as f64, value(of) / 1_000.0)).collect(),
    };
    Plot {
        title: "Time at a node with many peers",
        below: "peers",
        side: "microseconds",
        is_log: true,
        series: vec![
            of("whose key is it", |of| of.whose_ns),
            of("may a record be taken", |of| of.import_ns),
            of("apply one statement", |of| of.apply_ns),
        ],
    }
}
