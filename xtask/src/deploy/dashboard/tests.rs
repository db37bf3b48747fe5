use super::super::metrics::Kind;
use super::*;

fn panel(id: u32, x: u32, expression: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id, "type": "timeseries", "title": "Links", "description": "Links.",
        "gridPos": { "x": x, "y": 0, "w": 12, "h": 8 },
        "datasource": { "type": "prometheus", "uid": "${source}" },
        "fieldConfig": { "defaults": {} },
        "targets": [{ "refId": "A", "expr": expression, "legendFormat": "" }],
    })
}

fn told(panels: &[serde_json::Value]) -> Vec<String> {
    let dashboard = serde_json::json!({
        "uid": "a", "title": "A", "description": "A.", "tags": [], "schemaVersion": 39,
        "timezone": "utc", "refresh": "10s", "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [] }, "panels": panels,
    });
    let metrics = Metrics([("sekisho_links".to_owned(), Kind::Gauge)].into());
    check("a.json", &dashboard.to_string(), &metrics).iter().map(ToString::to_string).collect()
}

#[test]
fn panels_side_by_side_over_exported_series_pass() {
    assert_eq!(told(&[panel(1, 0, "sekisho_links"), panel(2, 12, "sekisho_links")]), [""; 0]);
}

#[test]
fn a_series_nobody_exports_is_found() {
    let found = told(&[panel(1, 0, "sekisho_lynx")]);
    assert!(found[0].contains("panel `Links`: sekisho_lynx is not exported"), "{found:?}");
}

#[test]
fn panels_on_top_of_each_other_are_found() {
    let found = told(&[panel(1, 0, "sekisho_links"), panel(1, 11, "sekisho_links")]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_field_we_do_not_use_is_found() {
    let mut odd = panel(1, 0, "sekisho_links");
    odd["colour"] = "red".into();
    assert!(told(&[odd])[0].contains("unknown field `colour`"));
}
