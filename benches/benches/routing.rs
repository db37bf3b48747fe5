//! What routing costs: finding a topic's subscriptions among many that it does not match, taking an
//! envelope from the door to the outboxes, and telling a repetition from news.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use sekisho_benches::{
    ratio::timed,
    routes::{Routes, topics, tree},
};
use sekisho_proto::Topic;

/// Subscriptions in the tree.
const SUBSCRIPTIONS: [u64; 4] = [100, 10_000, 100_000, 1_000_000];
/// Topics that the router knows streams of.
const TOPICS: [u64; 3] = [100, 10_000, 1_000_000];
/// Live subscribers of one topic.
const SUBSCRIBERS: [u64; 3] = [0, 1, 100];
/// Envelopes that one group commit makes durable.
const GROUP: u64 = 128;
/// Given back by a subscriber after each group: as many records as it had.
const CREDIT: u32 = 128;
const ENVELOPE_BYTES: usize = 1_024;

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing");
    for subscriptions in SUBSCRIPTIONS {
        let tree = tree(subscriptions);
        let topics: Vec<Topic> = topics(subscriptions, 7);
        let mut topics = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("match of five levels", subscriptions), |bencher| {
            bencher.iter(|| topics.next().map(|topic| tree.matches(topic)));
        });
    }
    group.finish();
}

fn publishing(criterion: &mut Criterion) {
    let mut routes = Routes::new();
    let envelopes = routes.verified(&mut routes.stream(0, ENVELOPE_BYTES), GROUP);
    let mut group = criterion.benchmark_group("routing");
    group.throughput(Throughput::Elements(GROUP));
    for subscribers in SUBSCRIBERS {
        let admitted = routes.admitted(&envelopes);
        let delivered = routes.publish(&mut routes.router(subscribers), admitted);
        assert_eq!(delivered, GROUP * subscribers, "everybody gets everything");
        group.bench_function(
            BenchmarkId::new("a group of 128 to live subscribers", subscribers),
            |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut took = Duration::ZERO;
                    for _ in 0..rounds {
                        let mut router = routes.router(subscribers);
                        let mut admitted = Some(routes.admitted(&envelopes));
                        took += timed(1, || {
                            routes.publish(&mut router, admitted.take().unwrap_or_default());
                        });
                    }
                    took
                });
            },
        );
    }
    let mut router = routes.router(0);
    let admitted = routes.admitted(&envelopes);
    routes.publish(&mut router, admitted);
    group.bench_function("a group of 128 that was there before", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let mut admitted = Some(routes.admitted(&envelopes));
                took += timed(1, || {
                    routes.publish(&mut router, admitted.take().unwrap_or_default());
                });
            }
            took
        });
    });
    assert_eq!(router.counters().appended, GROUP, "a repetition is not appended");
    group.finish();
}

/// The cost of one more envelope is to be the same whatever else is known.
fn among_topics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing");
    group.throughput(Throughput::Elements(GROUP));
    for topics in TOPICS {
        let mut routes = Routes::new();
        let mut router = routes.router_of_topics(topics);
        let spread = topics.div_ceil(GROUP);
        let mut streams: Vec<_> =
            (0..GROUP).map(|number| routes.stream(number * spread, ENVELOPE_BYTES)).collect();
        group.bench_function(
            BenchmarkId::new("a group of 128 on 128 of so many topics", topics),
            |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut took = Duration::ZERO;
                    for _ in 0..rounds {
                        let next = streams.iter_mut().flat_map(|one| routes.verified(one, 1));
                        let envelopes: Vec<_> = next.collect();
                        let mut admitted = Some(routes.admitted(&envelopes));
                        took += timed(1, || {
                            routes.publish(&mut router, admitted.take().unwrap_or_default());
                        });
                        Routes::grant(&mut router, 1, CREDIT);
                    }
                    took
                });
            },
        );
    }
    group.finish();
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    matching(&mut criterion);
    publishing(&mut criterion);
    among_topics(&mut criterion);
    criterion.final_summary();
}
