//! The table that is printed.

use anyhow::Result;
use sekisho_benches::ratio::verdict;
use serde::Serialize;

use crate::load::{Figures, Work};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    sekisho: String,
    mosquitto: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    work: Work,
    sekisho: Vec<Figures>,
    mosquitto: Vec<Figures>,
    /// Ours by theirs, medians.
    ratio: f64,
    goal: f64,
    verdict: &'static str,
}

impl Report {
    pub(crate) fn new(sekisho: &str, mosquitto: &str) -> Self {
        Self { sekisho: sekisho.to_owned(), mosquitto: mosquitto.to_owned(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, work: Work, sekisho: Vec<Figures>, mosquitto: Vec<Figures>) {
        let ratio = median(&sekisho, figure) / median(&mosquitto, figure);
        let (goal, is_met) = match work {
            Work::Throughput { .. } => (1.5, ratio >= 1.5),
            Work::Latency { .. } | Work::Memory => (1.0, ratio <= 1.0),
        };
        let verdict = verdict(is_met);
        self.rows.push(Row { work, sekisho, mosquitto, ratio, goal, verdict });
    }

    /// Shows that it goes on.
    #[expect(clippy::print_stderr, reason = "a bench that takes minutes says where it is")]
    pub(crate) fn tell(&self) {
        if let Some(row) = self.rows.last() {
            eprintln!("{}", row.line());
        }
    }

    #[expect(clippy::print_stdout, reason = "a bench prints its figures")]
    pub(crate) fn print(&self) -> Result<()> {
        println!("{} beside {}\n", self.sekisho, self.mosquitto);
        println!("| Work | Sekisho | Mosquitto | Ratio | Wanted | | CPU µs each | theirs |");
        println!("|---|---|---|---|---|---|---|---|");
        for row in &self.rows {
            println!("{}", row.line());
        }
        println!("\n{}", serde_json::to_string(self)?);
        Ok(())
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { work, sekisho, mosquitto, ratio, goal, verdict } = self;
        let bound = match work {
            Work::Throughput { .. } => "≥",
            Work::Latency { .. } | Work::Memory => "≤",
        };
        let [ours, theirs] = [sekisho, mosquitto].map(|figures| median(figures, figure));
        let [cpu, cpu_theirs] = [sekisho, mosquitto].map(|figures| median(figures, processor));
        format!(
            "| {work} | {ours:.0} | {theirs:.0} | {ratio:.2} | {bound} {goal} | {verdict} | \
             {cpu:.1} | {cpu_theirs:.1} |"
        )
    }
}

const fn figure(figures: &Figures) -> f64 {
    figures.figure
}

const fn processor(figures: &Figures) -> f64 {
    figures.processor_us
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
