//! The load generator, as somebody runs it who wants figures: what it counts is true, and what it
//! cannot do it says.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use sekisho_e2e::sekisho;
use serde_json::Value;

/// A number that was counted.
fn count(report: &Value, pointer: &str) -> u64 {
    let found = report.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("wanted a count at {pointer}, found {report:#}"))
}

fn figure(report: &Value, pointer: &str) -> f64 {
    let found = report.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("wanted a figure at {pointer}, found {report:#}"))
}

async fn run(options: &[&str]) -> Value {
    let said = sekisho(&[&["bench", "--json"], options].concat()).await;
    let lines: Vec<&str> = said.output.lines().collect();
    let [line] = lines[..] else { panic!("wanted one line, found {said:?}") };
    let report: Value = serde_json::from_str(line).unwrap();
    assert_eq!(said.code, Some(0), "{report:#}\n{}", said.error);
    assert_eq!(report["ok"], true, "{report:#}");
    for fault in ["unacknowledged", "lost", "doubled", "out_of_order", "rejected", "unopened"] {
        assert_eq!(count(&report, &format!("/counts/{fault}")), 0, "{fault}: {report:#}");
    }
    assert_eq!(count(&report, "/schema"), 1);
    report
}

#[tokio::test]
async fn a_small_fleet_on_its_schedule_loses_nothing_and_every_sample_is_counted() {
    let report = run(&[
        "--trucks",
        "5",
        "--rate",
        "10",
        "--topics",
        "2",
        "--subscribers",
        "3",
        "--connections",
        "4",
        "--subscriptions",
        "2",
        "--history",
        "20",
        "--seconds",
        "3",
        "--warm-up",
        "1",
    ])
    .await;
    // Four seconds of five trucks at 10 Hz, 20 before, one on each of the ten topics.
    let published = count(&report, "/counts/published");
    assert_eq!(published, 4 * 5 * 10 + 20 + 10, "{report:#}");
    assert_eq!(count(&report, "/counts/acknowledged"), published);
    // Three subscribers get all but what was before.
    assert_eq!(count(&report, "/counts/delivered"), 3 * (published - 20), "{report:#}");
    assert_eq!(count(&report, "/counts/expected"), count(&report, "/counts/delivered"));
    // Only what was due in the last three seconds is timed.
    assert_eq!(count(&report, "/latency_ms/acknowledgement/samples"), 150, "{report:#}");
    assert_eq!(count(&report, "/latency_ms/delivery/samples"), 450, "{report:#}");
    for kind in ["delivery", "acknowledgement"] {
        let [p50, p90, p99, p99_9, max] = ["p50", "p90", "p99", "p99_9", "max"]
            .map(|quantile| figure(&report, &format!("/latency_ms/{kind}/{quantile}")));
        let rises = 0.0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= p99_9 && p99_9 <= max;
        assert!(rises, "{kind}: {report:#}");
    }
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(1), "{report:#}");
    for memory in ["resident_before_mib", "resident_mib", "resident_max_mib"] {
        assert!(figure(&report, &format!("/nodes/0/{memory}")) > 1.0, "{memory}: {report:#}");
    }
    assert!(figure(&report, "/generator/cores") > 0.0, "{report:#}");
}

#[tokio::test]
async fn bodies_go_as_fast_as_they_are_acknowledged_to_a_subscriber_each_at_another_node() {
    let report = run(&[
        "--trucks",
        "2",
        "--rate",
        "max",
        "--window",
        "32",
        "--payload",
        "300",
        "--subscribers",
        "2",
        "--filter",
        "own",
        "--nodes",
        "2",
        "--seconds",
        "1",
        "--warm-up",
        "1",
    ])
    .await;
    let published = count(&report, "/counts/published");
    assert!(published > 2, "{report:#}");
    // Each body is an envelope, and goes to one of both.
    assert_eq!(count(&report, "/counts/envelopes"), published, "{report:#}");
    assert_eq!(count(&report, "/counts/delivered"), published, "{report:#}");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(2), "{report:#}");
    assert_eq!(report["plan"]["rate_hz"], Value::Null);
}

#[tokio::test]
async fn what_it_cannot_do_is_refused_with_words() {
    let refused: [(&[&str], &str); 7] = [
        (&["--rate", "fast"], "wanted 0.001 to 1000000 per second, or max"),
        (&["--trucks", "0"], "1..=100000"),
        (&["--payload", "15"], "16..=1046000"),
        (&["--payload", "64", "--batch-ms", "10"], "cannot be used with"),
        (&["--filter", "some"], "all, own"),
        (&["--subscriptions", "3"], "wanted --connections with it"),
        (
            &["--nodes", "3", "--subscribers", "1"],
            "wanted a subscriber for each node but the first",
        ),
    ];
    for (options, wanted) in refused {
        let said = sekisho(&[&["bench"], options].concat()).await;
        assert_eq!(said.code, Some(2), "{options:?}: {said:?}");
        assert!(said.error.contains(wanted) && said.output.is_empty(), "{options:?}: {said:?}");
    }
}

#[tokio::test]
async fn its_table_fits_eighty_columns() {
    let said = sekisho(&["bench", "--trucks", "2", "--seconds", "1", "--warm-up", "0"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    for words in
        ["| published ", "| lost ", "| delivery ", "| bench ", "| generator ", "all is well"]
    {
        assert!(said.output.contains(words), "{words}: {}", said.output);
    }
    let widest = said.output.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{}", said.output);
}
