//! Just enough of PromQL to see which series of ours an expression asks for, and how.

use super::metrics::{Kind, Metrics};

/// What is wrong with the expression, in words.
pub(super) fn faults(expression: &str, metrics: &Metrics) -> Vec<String> {
    let mut faults = Vec::new();
    for (before, name) in series(expression) {
        match metrics.series(name) {
            None => faults.push(format!("{name} is not exported: take a name from the catalogue")),
            Some(Kind::Counter | Kind::Histogram) if !is_rate(before) => {
                faults.push(format!("{name} only grows: ask for its `rate` or `increase`"));
            }
            Some(_) => {}
        }
    }
    let open = expression.matches('(').count();
    if open != expression.matches(')').count() {
        faults.push(format!("unbalanced brackets in `{expression}`"));
    }
    faults
}

/// Series of ours, each with what stands before it.
fn series(expression: &str) -> impl Iterator<Item = (&str, &str)> {
    expression.match_indices("sekisho_").filter_map(|(start, _)| {
        let (before, from) = expression.split_at_checked(start)?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if before.ends_with(is_word) {
            return None;
        }
        let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
        Some((before, from.get(..end)?))
    })
}

fn is_rate(before: &str) -> bool {
    ["rate(", "increase("].iter().any(|function| before.ends_with(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let known = [
            ("sekisho_links", Kind::Gauge),
            ("sekisho_gaps_total", Kind::Counter),
            ("sekisho_append_seconds", Kind::Histogram),
        ];
        Metrics(known.map(|(name, kind)| (name.to_owned(), kind)).into())
    }

    #[test]
    fn expressions_over_exported_series_pass() {
        for expression in [
            "sekisho_links == 0",
            "sum by (reason) (rate(sekisho_gaps_total{job=\"sekisho\"}[5m])) > 0",
            "histogram_quantile(0.99, rate(sekisho_append_seconds_bucket[5m]))",
            "up{job=\"sekisho\"}",
        ] {
            assert_eq!(faults(expression, &metrics()), [""; 0], "{expression}");
        }
    }

    #[test]
    fn a_series_nobody_exports_is_found() {
        let found = faults("sekisho_link_count + sekisho_append_seconds", &metrics());
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_counter_without_a_rate_is_found() {
        let found = faults("sekisho_gaps_total > 0", &metrics());
        assert!(found[0].contains("only grows"), "{found:?}");
    }

    #[test]
    fn a_bracket_too_few_is_found() {
        assert_eq!(faults("sum(sekisho_links", &metrics()).len(), 1);
    }
}
