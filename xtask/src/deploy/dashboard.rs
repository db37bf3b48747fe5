//! The Grafana dashboard: the part of its format that we use, and every series it asks for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::expression;
use super::metrics::Metrics;
use crate::report::Finding;

/// Columns of Grafana's grid.
const GRID_COLUMNS: u32 = 24;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Dashboard {
    uid: String,
    title: String,
    description: String,
    tags: Vec<String>,
    schema_version: u32,
    timezone: String,
    refresh: String,
    time: Range,
    templating: Templating,
    panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Range {
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Templating {
    list: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Variable {
    name: String,
    label: String,
    #[serde(rename = "type")]
    kind: String,
    query: String,
    datasource: Option<Datasource>,
    #[serde(default)]
    include_all: bool,
    #[serde(default)]
    refresh: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Datasource {
    #[serde(rename = "type")]
    kind: String,
    uid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Panel {
    id: u32,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    description: String,
    grid_pos: Place,
    datasource: Datasource,
    field_config: BTreeMap<String, serde_json::Value>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Target {
    ref_id: String,
    expr: String,
    legend_format: String,
}

/// Everything wrong with the dashboard `text`.
pub(super) fn check(path: &str, text: &str, metrics: &Metrics) -> Vec<Finding> {
    let dashboard: Dashboard = match serde_json::from_str(text) {
        Ok(dashboard) => dashboard,
        Err(error) => return vec![Finding::at(path, error.line(), error.to_string())],
    };
    let mut findings = Vec::new();
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in &dashboard.panels {
        let mut tell = |what: String| {
            findings.push(Finding::new(path, format!("panel `{}`: {what}", panel.title)));
        };
        if !ids.insert(panel.id) {
            tell(format!("id {} is taken", panel.id));
        }
        if panel.description.is_empty() || panel.targets.is_empty() {
            tell("wanted a description and a target".to_owned());
        }
        let Place { x, y, w, h } = panel.grid_pos;
        let own = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        if x + w > GRID_COLUMNS || own.filter(|cell| !cells.insert(*cell)).count() > 0 {
            tell("overlaps another panel or leaves the grid".to_owned());
        }
        for target in &panel.targets {
            expression::faults(&target.expr, metrics).into_iter().for_each(&mut tell);
        }
    }
    for variable in &dashboard.templating.list {
        if !text.contains(&format!("${{{}}}", variable.name))
            && !text.contains(&format!("${}", variable.name))
        {
            findings.push(Finding::new(path, format!("variable `{}` is not used", variable.name)));
        }
    }
    findings
}

#[cfg(test)]
mod tests;
