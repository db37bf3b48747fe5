//! A report for people: Markdown tables that fit 80 columns.

use super::figures::Quantiles;
use super::plan::Interest;
use super::report::{Process, Report};

impl Report {
    /// The same figures without their digits.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![self.headline(), String::new()];
        let (counts, rates) = (&self.counts, &self.per_second);
        lines.push("| Samples         |        in all |    per second |".to_owned());
        lines.push("|-----------------|--------------:|--------------:|".to_owned());
        for (name, count, rate) in [
            ("published", counts.published, Some(rates.published)),
            ("acknowledged", counts.acknowledged, Some(rates.acknowledged)),
            ("delivered", counts.delivered, Some(rates.delivered)),
            ("unacknowledged", counts.unacknowledged, None),
            ("lost", counts.lost, None),
            ("doubled", counts.doubled, None),
            ("out of order", counts.out_of_order, None),
            ("rejected", counts.rejected, None),
            ("unopened", counts.unopened, None),
        ] {
            let rate = rate.map_or_else(String::new, |rate| format!("{rate:.0}"));
            lines.push(format!("| {name:<15} | {count:>13} | {rate:>13} |"));
        }
        for (reason, count) in &counts.gaps {
            lines.push(format!("| {:<15} | {count:>13} | {:>13} |", format!("gap: {reason}"), ""));
        }
        lines.push(String::new());
        lines.push(
            "| Latency, ms     |     p50 |     p90 |     p99 |   p99.9 |     max |".to_owned(),
        );
        lines.push(
            "|-----------------|--------:|--------:|--------:|--------:|--------:|".to_owned(),
        );
        let late = &self.latency_ms;
        for (name, quantiles) in [
            ("delivery", late.delivery),
            ("acknowledgement", late.acknowledgement),
            ("handed over", late.schedule),
        ] {
            let Quantiles { p50, p90, p99, p99_9, max, .. } = quantiles;
            let cells = [p50, p90, p99, p99_9, max].map(|ms| format!("{ms:>7.1}")).join(" | ");
            lines.push(format!("| {name:<15} | {cells} |"));
        }
        lines.push(String::new());
        lines.push("| Process         |   cores | resident MiB | at most MiB |".to_owned());
        lines.push("|-----------------|--------:|-------------:|------------:|".to_owned());
        for process in self.used.nodes.iter().chain([&self.used.generator]) {
            let Process { name, cores, resident_mib, resident_max_mib, .. } = process;
            lines.push(format!(
                "| {name:<15} | {cores:>7.2} | {resident_mib:>12.1} | {resident_max_mib:>11.1} |"
            ));
        }
        lines.push(String::new());
        lines.push(verdict(self.is_ok()).to_owned());
        lines.join("\n")
    }

    fn headline(&self) -> String {
        let plan = &self.plan;
        let rate = plan.rate_hz.map_or_else(|| "max".to_owned(), |rate| format!("{rate} Hz"));
        let of = match (plan.payload_bytes, plan.transducers) {
            (Some(bytes), _) => format!("{bytes} bytes"),
            (None, transducers) => format!("{} transducers", transducers.unwrap_or_default()),
        };
        let filter = match plan.filter {
            Interest::All => "all",
            Interest::Own => "own",
        };
        format!(
            "{} trucks x {rate} x {of}, {} topics each\n\
             {} subscribers ({filter}), {} nodes, {} idle connections; {} s measured",
            plan.trucks, plan.topics, plan.subscribers, plan.nodes, plan.connections, plan.seconds
        )
    }
}

const fn verdict(ok: bool) -> &'static str {
    if ok { "all is well" } else { "SOMETHING IS WRONG: see above" }
}
