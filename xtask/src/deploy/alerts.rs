//! Prometheus alert rules: their format, their series, and that each says what to do.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::expression;
use super::metrics::Metrics;
use crate::report::Finding;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Rule {
    alert: String,
    expr: String,
    #[serde(rename = "for")]
    lasting: String,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Labels {
    severity: Severity,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Page,
    Ticket,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotations {
    summary: String,
    action: String,
}

/// Everything wrong with the rules in `text`.
pub(super) fn check(path: &str, text: &str, metrics: &Metrics) -> Vec<Finding> {
    let rules: Rules = match serde_saphyr::from_str(text) {
        Ok(rules) => rules,
        Err(error) => return vec![Finding::new(path, error.to_string())],
    };
    let mut findings = Vec::new();
    let mut names = BTreeSet::new();
    for group in &rules.groups {
        for rule in &group.rules {
            let mut tell = |what: String| {
                let message = format!("alert {} of {}: {what}", rule.alert, group.name);
                findings.push(Finding::new(path, message));
            };
            if !names.insert(&rule.alert) {
                tell("the name is taken".to_owned());
            }
            if rule.annotations.summary.is_empty() || rule.annotations.action.is_empty() {
                tell("wanted a summary and an action".to_owned());
            }
            expression::faults(&rule.expr, metrics).into_iter().for_each(tell);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::metrics::Kind;
    use super::*;

    fn told(expression: &str, severity: &str) -> Vec<String> {
        let text = format!(
            "groups:\n  - name: node\n    rules:\n      - alert: LinkDown\n        expr: {expression}\n        \
             for: 5m\n        labels:\n          severity: {severity}\n        annotations:\n          \
             summary: A link is down.\n          action: Look at it.\n"
        );
        let metrics = Metrics([("sekisho_links".to_owned(), Kind::Gauge)].into());
        check("a.yaml", &text, &metrics).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_over_exported_series_passes() {
        assert_eq!(told("sekisho_links == 0", "page"), [""; 0]);
    }

    #[test]
    fn a_series_nobody_exports_is_found() {
        let found = told("sekisho_lynx == 0", "page");
        assert!(found[0].contains("alert LinkDown of node: sekisho_lynx"), "{found:?}");
    }

    #[test]
    fn an_unknown_severity_is_found() {
        assert_eq!(told("sekisho_links == 0", "panic").len(), 1);
    }
}
