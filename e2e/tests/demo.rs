//! The demo, as a newcomer runs it.

#![expect(clippy::panic, reason = "helpers of tests fail and speak as tests do")]

use sekisho_e2e::sekisho;
use serde_json::Value;

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
