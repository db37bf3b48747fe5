//! How costs grow with the work: runs `sekisho bench` over a series of each kind of work, keeps what
//! it said, and draws it.
//!
//! ```text
//! cargo build --release --package sekisho-cli --package sekisho-benches
//! target/release/charts                        # every series, into docs/performance; ten minutes
//! target/release/charts topics connections     # some of them
//! target/release/charts --draw                 # only draws again what was kept
//! ```

mod series;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use sekisho_plot::{Plot, Series};
use serde_json::Value;

use series::{Gauge, SERIES, Work};

/// Where figures and charts are, from the folder with the sources.
const FOLDER: &str = "docs/performance";
/// Draws, and measures nothing.
const DRAW: &str = "--draw";

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let names: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != DRAW).collect();
    for name in &names {
        let known = SERIES.iter().any(|work| work.name == *name);
        let all: Vec<&str> = SERIES.iter().map(|work| work.name).collect();
        ensure!(known, "{name}: wanted one of {}", all.join(", "));
    }
    let folder = Path::new(FOLDER);
    fs::create_dir_all(folder).with_context(|| FOLDER.to_owned())?;
    for work in SERIES.iter().filter(|work| names.is_empty() || names.contains(&work.name)) {
        let path = folder.join(format!("{}.json", work.name));
        if !words.iter().any(|word| word == DRAW) {
            let runs = work.runs().map(|options| measure(&options)).collect::<Result<Vec<_>>>()?;
            fs::write(&path, serde_json::to_string_pretty(&runs)? + "\n")
                .with_context(|| path.display().to_string())?;
        }
        let runs = fs::read(&path).with_context(|| path.display().to_string())?;
        let runs: Vec<Value> = serde_json::from_slice(&runs)?;
        for (kind, plot) in plots(work, &runs) {
            fs::write(folder.join(format!("{}-{kind}.svg", work.name)), plot.draw())?;
        }
    }
    Ok(())
}

/// One run of the built command.
#[expect(clippy::print_stderr, reason = "a program that takes minutes says where it is")]
fn measure(options: &[String]) -> Result<Value> {
    eprintln!("sekisho bench {}", options.join(" "));
    let mut command = Command::new(program()?);
    command.arg("bench").args(options).arg("--json").stderr(Stdio::inherit());
    let output = command.output().context("sekisho bench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let run: Value = serde_json::from_str(said.trim())
        .with_context(|| format!("sekisho bench {}: {}", options.join(" "), output.status))?;
    ensure!(output.status.success(), "sekisho bench {}: {run:#}", options.join(" "));
    Ok(run)
}

/// The command beside this program.
fn program() -> Result<PathBuf> {
    let path = env::current_exe().context("this program: its path")?.with_file_name("sekisho");
    let hint = "cargo build --release --package sekisho-cli";
    ensure!(path.exists(), "{}: wanted the built command ({hint})", path.display());
    Ok(path)
}

/// Throughput, lateness and memory of one series.
fn plots(work: &Work, runs: &[Value]) -> Vec<(&'static str, Plot)> {
    work.gauges
        .iter()
        .map(|gauge| {
            let lines = gauge.lines().iter().map(|(name, pointer)| Series {
                name: (*name).to_owned(),
                points: runs.iter().filter_map(|run| point(work, run, pointer)).collect(),
            });
            let plot = Plot {
                title: gauge.title(),
                below: work.below,
                side: gauge.side(),
                is_log: matches!(gauge, Gauge::Latency),
                series: lines.collect(),
            };
            (gauge.name(), plot)
        })
        .collect()
}

fn point(work: &Work, run: &Value, pointer: &str) -> Option<(f64, f64)> {
    let below = run.pointer(work.pointer)?.as_f64()?;
    // A logarithmic axis has no 0: none stands where one would.
    Some((below.max(1.0), run.pointer(pointer)?.as_f64()?))
}
