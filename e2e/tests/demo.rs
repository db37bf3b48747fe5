//! The demo, as a newcomer runs it, and what becomes of what was started in a terminal that is closed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::path::Path;

use sekisho_e2e::{City, Process, program, sekisho};
use serde_json::Value;
use tokio::process::Command;

/// A figure that was counted.
fn figure(report: &Value, pointer: &str) -> f64 {
    let found = report.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("wanted a figure at {pointer}, found {report:#}"))
}

#[tokio::test]
async fn two_cities_on_one_machine_end_with_every_figure_in_order() {
    let arguments = ["demo", "--trucks", "3", "--hz", "2", "--seconds", "6", "--json"];
    let said = sekisho(&arguments).await;
    let lines: Vec<&str> = said.output.lines().collect();
    let [line] = lines[..] else { panic!("wanted one line, found {said:?}") };
    let report: Value = serde_json::from_str(line).unwrap();
    assert_eq!(said.code, Some(0), "{report:#}\n{}", said.error);
    assert_eq!(report["ok"], true, "{report:#}");
    let exactly = [("/nodes", 2), ("/trucks", 3), ("/lost", 0), ("/duplicated", 0), ("/gaps", 0)];
    for (pointer, wanted) in exactly.into_iter().chain([("/plaintext_found", 0)]) {
        assert!((figure(&report, pointer) - f64::from(wanted)).abs() < f64::EPSILON, "{pointer}");
    }
    // Three trucks, twice a second, for six seconds; the first and the last may fall outside.
    let published = figure(&report, "/samples_published");
    assert!((18.0..=60.0).contains(&published), "{report:#}");
    assert!((figure(&report, "/samples_delivered") - published).abs() < f64::EPSILON, "{report:#}");
    let envelopes = figure(&report, "/envelopes_published");
    assert!(envelopes > 0.0 && envelopes <= published, "{report:#}");
    assert!(figure(&report, "/seconds") > 0.0);
    let [p50, p99, max] =
        ["p50", "p99", "max"].map(|quantile| figure(&report, &format!("/latency_ms/{quantile}")));
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{report:#}");
    let dashboard = report["pages"]["dashboard"].as_str().unwrap();
    assert!(dashboard.starts_with("http://127.0.0.1:") && !dashboard.contains('#'), "{dashboard}");
    for refused in ["unauthorised", "forged", "replayed"] {
        assert!(figure(&report, &format!("/refused/{refused}")) >= 1.0, "{refused}: {report:#}");
    }
}

/// Processes among whose arguments a folder is named.
fn at_work_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("a plain path");
    let processes = std::fs::read_dir("/proc").expect("the system's processes");
    let said = processes.filter_map(|process| {
        let said = std::fs::read(process.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&said).replace('\0', " "))
    });
    said.filter(|said| said.contains(folder)).collect()
}

#[tokio::test]
async fn a_demo_whose_terminal_is_closed_leaves_no_process_and_no_key_behind() {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["demo", "--trucks", "1", "--hz", "1"]).env("TMPDIR", place.path());
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut demo = Process::spawn("the demo", command, log.path());
    while !demo.line().await.starts_with("the fleet drives off") {}
    // Two nodes, two stewards, a fleet and others.
    assert!(at_work_in(place.path()).len() > 4, "{:?}", at_work_in(place.path()));
    demo.hang_up();
    let said = demo.rest().await;
    let status = demo.wait().await;
    assert_eq!(at_work_in(place.path()), Vec::<String>::new());
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(status.code(), Some(0), "{said}");
}

#[tokio::test]
async fn a_node_whose_terminal_is_closed_ends_in_good_order_unless_it_was_told_to_stay() {
    let mut city = City::plan("fujisawa").await;
    city.start_node().await;
    city.node().hang_up();
    assert_eq!(city.node_ends().await, Some(0));

    let mut command = Command::new("nohup");
    command.arg(program()).args(["serve", "--dir"]).arg(city.dir());
    let log = city.place("nohup.log");
    let mut node = Process::spawn("a node that is to stay", command, &log);
    assert!(node.line().await.starts_with("serving on"));
    node.hang_up();
    drop(city.page("/readyz").await);
    // Were it ending already, a second signal would end it where it stands.
    node.terminate();
    assert_eq!(node.wait().await.code(), Some(0));
    assert!(node.log().contains("signal=15"), "{}", node.log());
}
