//! What is in `deploy/` cannot all be run in a test; here it is held against what it talks about.
//!
//! Our own checks always run. The tools' linters run where they are installed, and where one is
//! not, that is said aloud.

mod alerts;
mod compose;
mod container;
mod dashboard;
mod expression;
mod linters;
mod metrics;
mod units;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::report::Finding;
use metrics::Metrics;

const METRICS: &str = "broker/src/hub/metrics.rs";
const DASHBOARD: &str = "deploy/grafana/sekisho.json";
const ALERTS: &str = "deploy/prometheus/alerts.yaml";
const COMPOSE: &str = "deploy/compose.yaml";
const DOCKERFILE: &str = "deploy/Dockerfile";
const UNITS: [&str; 3] = [
    "deploy/systemd/sekisho-agent.service",
    "deploy/systemd/sekisho-node.service",
    "deploy/systemd/sekisho-steward.service",
];

/// Runs every check over `deploy/` of the repository at `root`.
///
/// # Errors
/// The node's metrics cannot be read, or a linter that is installed cannot be started.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let catalogue = fs::read_to_string(root.join(METRICS)).context(METRICS)?;
    let metrics = metrics::registered(&catalogue).context(METRICS)?;
    let mut findings = own(root, &metrics);
    findings.extend(linters::systemd(root, &UNITS)?);
    findings.extend(linters::compose(root, COMPOSE)?);
    findings.extend(linters::prometheus(root, ALERTS)?);
    findings.sort();
    Ok(findings)
}

/// Our own checks over each file.
fn own(root: &Path, metrics: &Metrics) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut each = |path: &str, check: &dyn Fn(&str) -> Vec<Finding>| {
        findings.extend(match fs::read_to_string(root.join(path)) {
            Ok(text) => check(&text),
            Err(error) => vec![Finding::new(path, format!("cannot be read: {error}"))],
        });
    };
    each(DASHBOARD, &|text| dashboard::check(DASHBOARD, text, metrics));
    each(ALERTS, &|text| alerts::check(ALERTS, text, metrics));
    each(COMPOSE, &|text| compose::check(COMPOSE, text));
    each(DOCKERFILE, &|text| container::check(DOCKERFILE, text));
    for path in UNITS {
        each(path, &|text| units::check(path, text));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deployed_holds() {
        let findings = check(&crate::root().unwrap()).unwrap();
        let told: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
    }
}
