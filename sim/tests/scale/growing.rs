//! One copy for each peer, changes in bounded bytes, everybody comes to know, and everything has a
//! weight that does not grow.

use std::{
    alloc::System,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sekisho_sim::scale::{Alone, Change, Gauges, Most, Plan, Scaled, grow, weigh};
use stats_alloc::StatsAlloc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// What asking a peer for one more filter may cost, answer included.
const INTEREST_BYTES_MAX: f64 = 256.0;
/// There and back at 150 ms.
const INTEREST_MS_MAX: f64 = 310.0;
/// What a statement about one right may cost on one link, with the checkpoint that it brings and its
/// cosignature.
const BYTES_PER_LINK_MAX: f64 = 2_048.0;
/// What a new contract may cost on one link, connections and all that is asked for again included.
const CONTRACT_BYTES_PER_LINK_MAX: f64 = 8_192.0;
/// Latencies are 150 ms at most, and a statement takes one.
const STATEMENT_MS_MAX: f64 = 200.0;
/// Longest pause before dialling, and what is said until records flow.
const HEALED_MS_MAX: f64 = 65_000.0;
const SUBSCRIPTION_BYTES_MAX: f64 = 1_024.0;
/// With what it makes nodes ask their peers for, on both sides.
const SUBSCRIPTION_OF_FEDERATION_BYTES_MAX: f64 = 2_560.0;
/// With the decisions, recipients and the record itself that its first record leaves behind.
const TOPIC_OF_FEDERATION_BYTES_MAX: f64 = 4_096.0;
const TOPIC_BYTES_MAX: f64 = 1_024.0;
/// With its share of the newest records and of the buffer that is written from.
const TOPIC_IN_LOG_BYTES_MAX: f64 = 1_536.0;
const LINK_BYTES_MAX: f64 = 256.0 * 1_024.0;
const STATEMENT_BYTES_MAX: f64 = 6.0 * 1_024.0;

const PLAN: Plan = Plan {
    nodes: 10,
    topics_per_node: 200,
    subscriptions_per_node: 100,
    mirrors: false,
    samples: 4,
    seed: 1,
};

/// The heap is that of the whole process: one measures at a time.
static TURN: Mutex<()> = Mutex::new(());
static SCALED: LazyLock<Scaled> = LazyLock::new(scaled);
static ALONE: LazyLock<Alone> = LazyLock::new(alone);

const GAUGES: Gauges = Gauges { allocated, elapsed };

#[expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
fn scaled() -> Scaled {
    let _turn = TURN.lock().unwrap();
    grow(&PLAN, &GAUGES, &mut |_what| {}).unwrap()
}

#[expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
fn alone() -> Alone {
    let _turn = TURN.lock().unwrap();
    let folder = std::env::temp_dir().join(format!("sekisho-scale-test-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let most = Most { topics: 1_000, subscriptions: 1_000, peers: 10 };
    let alone = weigh(&most, &folder, &GAUGES, &mut |_what| {});
    std::fs::remove_dir_all(&folder).unwrap();
    alone.unwrap()
}

fn allocated() -> u64 {
    let stats = stats_alloc::INSTRUMENTED_SYSTEM.stats();
    (stats.bytes_allocated - stats.bytes_deallocated) as u64
}

/// Nothing here is about real time.
fn elapsed() -> Duration {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    Duration::from_micros(CALLS.fetch_add(1, Ordering::Relaxed))
}

#[expect(clippy::unwrap_used, reason = "a change that was not measured fails its test")]
fn change(what: &str) -> &'static Change {
    let scaled = &*SCALED;
    let mut all = scaled.changes.iter().chain(&scaled.healing);
    all.find(|change| change.what == what).unwrap()
}

#[test]
fn each_record_crosses_each_link_once_whatever_the_number_of_subscribers() {
    let crossing = &SCALED.crossing;
    assert_eq!(crossing.published, 2_000, "every topic had a record");
    assert!(crossing.wanted > 500, "nodes ask for {}", crossing.wanted);
    assert_eq!(crossing.crossed, crossing.wanted);
    assert_eq!(crossing.links_off, 0);
    assert!(crossing.fan_out_max > 1, "nobody shared a copy with anybody");
    assert!(crossing.delivered > crossing.published, "people got {}", crossing.delivered);
    assert_eq!(crossing.hops_max, 1, "what crosses a peering has passed its home alone");
}

#[test]
fn who_subscribes_to_what_others_subscribe_to_costs_no_link_anything() {
    let change = change("one more subscribes");
    assert_eq!(change.samples, PLAN.samples);
    assert!(change.links > 1.0);
    assert_eq!((change.frames, change.bytes), (0.0, 0.0));
}

#[test]
fn a_new_interest_costs_one_link_three_frames_and_its_end_one() {
    let new = change("somebody wants something new");
    assert_eq!((new.samples, new.converged.complete), (PLAN.samples, PLAN.samples));
    assert_eq!(new.frames, 3.0, "asked, answered, and told that everything has come");
    assert!(new.bytes > 0.0 && new.bytes <= INTEREST_BYTES_MAX, "{} bytes", new.bytes);
    let found = new.converged.max_ms;
    assert!(found > 0.0 && found <= INTEREST_MS_MAX, "{found} ms");

    let over = change("nobody wants it any longer");
    assert_eq!(over.frames, 1.0, "let go once");
    assert!(over.bytes > 0.0 && over.bytes <= INTEREST_BYTES_MAX, "{} bytes", over.bytes);
}

#[test]
fn a_change_of_rights_costs_each_link_bounded_bytes() {
    for what in ["a grant", "a revocation"] {
        let change = change(what);
        let found = change.bytes_per_link;
        assert!(found > 100.0 && found <= BYTES_PER_LINK_MAX, "{what}: {found} bytes");
    }
    let found = change("a contract takes more").bytes_per_link;
    assert!(found > 100.0 && found <= CONTRACT_BYTES_PER_LINK_MAX, "{found} bytes");
}

#[test]
fn everybody_comes_to_know_what_concerns_them() {
    for what in ["a grant", "a revocation"] {
        let converged = change(what).converged;
        assert_eq!(converged.complete, PLAN.samples, "{what}");
        let found = converged.max_ms;
        assert!(found > 0.0 && found <= STATEMENT_MS_MAX, "{what}: {found} ms");
    }
    let contract = change("a contract takes more");
    assert_eq!(contract.converged.complete, contract.samples);
}

#[test]
fn what_a_cut_cable_kept_back_comes_when_it_is_whole_again() {
    for what in ["a grant made meanwhile", "20 records"] {
        let healed = change(what);
        assert!(healed.samples >= PLAN.samples, "{what}");
        assert_eq!(healed.converged.complete, healed.samples, "{what}");
        let found = healed.converged.max_ms;
        assert!(found > 0.0 && found <= HEALED_MS_MAX, "{what}: {found} ms");
    }
}

#[test]
fn topics_subscriptions_links_and_statements_have_bounded_weight() {
    let (scaled, alone) = (&*SCALED, &*ALONE);
    let bounds = [
        ("topic of a federation", scaled.memory.per_topic, TOPIC_OF_FEDERATION_BYTES_MAX),
        (
            "subscription of a federation",
            scaled.memory.per_subscription,
            SUBSCRIPTION_OF_FEDERATION_BYTES_MAX,
        ),
        ("link", scaled.memory.per_link, LINK_BYTES_MAX),
        ("topic at home", alone.topics[0].router_bytes, TOPIC_BYTES_MAX),
        ("topic that is imported", alone.topics[0].follower_bytes, TOPIC_BYTES_MAX),
        ("topic in the log's index", alone.topics[0].store_bytes, TOPIC_IN_LOG_BYTES_MAX),
        ("subscription", alone.subscriptions[0].bytes, SUBSCRIPTION_BYTES_MAX),
        ("statement", alone.peers[0].statement_bytes, STATEMENT_BYTES_MAX),
    ];
    for (what, found, most) in bounds {
        assert!(found > 32.0 && found <= most, "{what}: wanted at most {most}, found {found}");
    }
}

#[test]
fn the_same_plan_makes_the_same_federation() {
    let first = &*SCALED;
    let again = scaled();
    assert_eq!(first.crossing.crossed, again.crossing.crossed);
    let figures = |scaled: &Scaled| {
        let all = scaled.changes.iter().chain(&scaled.healing);
        all.map(|change| (change.bytes_max, format!("{:?}", change.converged))).collect::<Vec<_>>()
    };
    assert_eq!(figures(first), figures(&again));
}
