//! The table that is printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    job::Figures,
    work::{Goal, Side, Work},
};

/// Everything that was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    machine: String,
    /// What each side said of itself.
    versions: BTreeMap<String, String>,
    rows: Vec<Row>,
}

/// One kind of work: our figures beside one other's.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    what: String,
    work: Work,
    ours: Summary,
    other: Side,
    theirs: Summary,
    /// The median of the ratios of ours to theirs in each round, with the least and the greatest.
    ratio: [f64; 3],
    goal: Goal,
}

/// Medians of one side's rounds, and what went wrong in all of them.
#[derive(Debug, Serialize, Deserialize)]
struct Summary {
    value: f64,
    processor_us: f64,
    cores: f64,
    late_us: Option<[u64; 3]>,
    delivered: u64,
    lost: u64,
    wrong: u64,
    rounds: Vec<Figures>,
}

/// The rounds of one kind of work as they come.
#[derive(Debug)]
pub(crate) struct Turns {
    work: Work,
    /// Rounds that failed are none.
    sides: Vec<(Side, BTreeMap<usize, Figures>)>,
}

impl Turns {
    pub(crate) fn new(work: Work, sides: &[Side]) -> Self {
        Self { work, sides: sides.iter().map(|side| (*side, BTreeMap::new())).collect() }
    }

    pub(crate) fn add(&mut self, of: Side, round: usize, figures: Figures) {
        for (_side, rounds) in self.sides.iter_mut().filter(|(side, _rounds)| *side == of) {
            rounds.insert(round, figures);
        }
    }
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { machine: machine(), ..Self::default() }
    }

    /// The reports of several runs as one; what was measured twice counts as the later one says.
    pub(crate) fn read(files: &[String]) -> Result<Self> {
        let mut whole = Self::default();
        for file in files {
            let text = fs::read_to_string(file).with_context(|| file.clone())?;
            let one: Self = serde_json::from_str(&text).with_context(|| file.clone())?;
            whole.machine = one.machine;
            whole.versions.extend(one.versions);
            for row in one.rows {
                whole.rows.retain(|old| (&old.what, old.other) != (&row.what, row.other));
                whole.rows.push(row);
            }
        }
        let order: Vec<_> = Work::all().into_iter().map(Work::name).collect();
        whole.rows.sort_by_key(|row| order.iter().position(|name| *name == row.what));
        Ok(whole)
    }

    pub(crate) fn add(&mut self, turns: Turns, versions: &BTreeMap<String, String>) {
        self.versions.extend(versions.clone());
        let Some(((_ours, ours), others)) = turns.sides.split_first() else { return };
        let work = turns.work;
        for (other, theirs) in others {
            let pairs = ours.iter().filter_map(|(round, ours)| Some((ours, theirs.get(round)?)));
            let ratios = sorted(pairs.map(|(ours, theirs)| ratio(work, ours, theirs)));
            if ratios.is_empty() {
                continue;
            }
            let least = ratios.first().copied().unwrap_or(f64::NAN);
            let most = ratios.last().copied().unwrap_or(f64::NAN);
            self.rows.push(Row {
                what: work.name(),
                work,
                ours: Summary::of(ours),
                other: *other,
                theirs: Summary::of(theirs),
                ratio: [middle(&ratios), least, most],
                goal: work.goal(*other),
            });
        }
    }

    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    #[expect(clippy::print_stdout, reason = "a bench prints its figures")]
    pub(crate) fn print(&self) -> Result<()> {
        println!("{}\n", self.machine);
        for (side, version) in &self.versions {
            println!("- {side}: {version}");
        }
        println!(
            "\n| Work | Sekisho | Beside | Its figure | Ratio | Wanted | | CPU µs each | theirs |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for row in &self.rows {
            println!("{}", row.line());
        }
        // Our own remarks belong to several rows.
        let mut told = BTreeSet::new();
        for line in self.rows.iter().flat_map(Row::remarks) {
            if told.insert(line.clone()) {
                println!("\n{line}");
            }
        }
        Ok(())
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { what, ours, other, theirs, ratio: [middle, least, most], goal, .. } = self;
        let (wanted, verdict) = match goal {
            Goal::AtLeast(goal) => (format!("≥ {goal}"), self.verdict()),
            Goal::AtMost(goal) => (format!("≤ {goal}"), self.verdict()),
            Goal::None => (String::new(), ""),
        };
        let [figure, its] = [ours, theirs].map(|side| grouped(side.value));
        let range = format!("{} ({} to {})", short(*middle), short(*least), short(*most));
        let [cpu, cpu_theirs] = [ours, theirs].map(|side| short(side.processor_us));
        format!(
            "| {what} | {figure} | {other} | {its} | {range} | {wanted} | {verdict} | {cpu} | {cpu_theirs} |"
        )
    }

    fn verdict(&self) -> &'static str {
        let [ratio, _least, _most] = self.ratio;
        match self.goal.is_met(ratio) {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        }
    }

    /// What the table has no room for.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (name, side) in
            [("Sekisho".to_owned(), &self.ours), (self.other.to_string(), &self.theirs)]
        {
            if side.lost > 0 || side.wrong > 0 {
                let Summary { lost, wrong, delivered, .. } = side;
                remarks.push(format!(
                    "{}: {name}: {lost} lost, {wrong} wrong, {delivered} delivered",
                    self.what
                ));
            }
            if let Some([median, p99, p999]) = side.late_us {
                remarks.push(format!(
                    "{}: {name}: p50 {median}, p99 {p99}, p99.9 {p999} µs",
                    self.what
                ));
            }
        }
        remarks
    }
}

impl Summary {
    fn of(rounds: &BTreeMap<usize, Figures>) -> Self {
        let of = |figure: fn(&Figures) -> f64| middle(&sorted(rounds.values().map(figure)));
        let total = |figure: fn(&Figures) -> u64| rounds.values().map(figure).sum();
        let mut late: Vec<_> = rounds.values().filter_map(|figures| figures.late_us).collect();
        // By their 99th percentiles.
        late.sort_unstable_by_key(|[_median, p99, _p999]| *p99);
        Self {
            value: of(|figures| figures.value),
            processor_us: of(|figures| figures.processor_us),
            cores: of(|figures| figures.cores),
            late_us: late.get(late.len() / 2).copied(),
            delivered: total(|figures| figures.delivered),
            lost: total(|figures| figures.lost),
            wrong: total(|figures| figures.wrong),
            rounds: rounds.values().copied().collect(),
        }
    }
}

/// Shows that it goes on.
#[expect(clippy::print_stderr, reason = "a bench that takes minutes says where it is")]
pub(crate) fn tell(work: Work, side: Side, round: usize, figures: &Figures) {
    let Figures { value, processor_us, cores, lost, wrong, .. } = figures;
    eprintln!(
        "{round} {}: {side}: {} ({processor_us:.1} µs of CPU each, {cores:.2} cores, {lost} lost, \
         {wrong} wrong)",
        work.name(),
        grouped(*value),
    );
}

/// Says that a turn came to nothing.
#[expect(clippy::print_stderr, reason = "a bench that takes minutes says where it is")]
pub(crate) fn miss(work: Work, side: Side, round: usize, cause: &anyhow::Error) {
    eprintln!("{round} {}: {side}: no figures: {cause:#}", work.name());
}

/// Ours by theirs. Signatures alone are compared by what a node's core does with its time.
fn ratio(work: Work, ours: &Figures, theirs: &Figures) -> f64 {
    match work {
        Work::Single => theirs.processor_us / ours.processor_us,
        Work::Flow { .. }
        | Work::Bytes
        | Work::Mqtt { .. }
        | Work::Latency
        | Work::MqttLatency { .. }
        | Work::Idle => ours.value / theirs.value,
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The median: of an even number the mean of the two in the middle.
fn middle(sorted: &[f64]) -> f64 {
    let at = |place| sorted.get(place).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.saturating_sub(1)), at(half))
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Three digits that matter, thousands apart.
fn grouped(value: f64) -> String {
    if value < 1_000.0 {
        return short(value);
    }
    let scale = 10_f64.powf(value.log10().floor() - 2.0);
    let digits = format!("{:.0}", (value / scale).round() * scale);
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Which machine this is.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let of = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key).map(str::to_owned));
        line.map(|line| line.trim_matches([':', ' ', '\t']).to_owned()).unwrap_or_default()
    };
    let (processor, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let cores = processor.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores ({}), {} of memory, Linux {}",
        of(&processor, "model name"),
        of(&memory, "MemTotal"),
        kernel.trim()
    )
}
