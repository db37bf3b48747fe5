//! How long a node takes to start after a crash: a log of 1 GiB with 100,000 topics, whose last write
//! was torn, opened by itself and by the built `sekisho` command, from a disk of which the system
//! remembers nothing where that can be asked of it.
//!
//! Prints one JSON object.
//!
//! ```text
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-benches --bin recovery
//! cargo run --release --package sekisho-benches --bin recovery -- FOLDER    # on another disk
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use sekisho::clock;
use sekisho_benches::{
    city::City,
    door,
    ratio::verdict,
    server::{Home, Server},
    stored::record,
    stream::Stream,
};
use sekisho_store::{StdDisk, Store, StoreOptions};
use serde::Serialize;
use tempfile::TempDir;

const LOG_BYTES: u64 = 1 << 30;
const ENVELOPE_BYTES: usize = 1_024;
const TOPICS: u64 = 100_000;
/// Records made durable by one flush.
const GROUP: u64 = 2_048;
/// Bytes of the write that the crash tore.
const TORN_BYTES: usize = 700;
/// Read at once, without opening a log.
const READ_BYTES: usize = 1024 * 1024;
const ROUNDS: usize = 5;
/// How long the node is at work before the first crash.
const AT_WORK: Duration = Duration::from_secs(3);
const GOAL_S: f64 = 2.0;

#[derive(Debug, Serialize)]
struct Figures {
    log_bytes: u64,
    records: u64,
    /// Whether the system was made to forget the files before each opening.
    cold: bool,
    /// How long the disk takes to give the same files to nobody in particular, in each round.
    read_s: Vec<f64>,
    /// How long the log takes to open, in each round.
    opened_s: Vec<f64>,
    /// How long the node takes to serve, in each round.
    serving_s: Vec<f64>,
    goal_s: f64,
    verdict: &'static str,
}

fn main() -> Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => TempDir::new_in(folder),
        None => TempDir::new(),
    };
    let city = door::city();
    let home = Home::in_folder(folder.context("a folder for the node")?, &city)?;
    let program = std::env::current_exe()?.with_file_name("sekisho");
    let hint = "cargo build --release --package sekisho-cli";
    ensure!(program.exists(), "{}: wanted the built command ({hint})", program.display());
    let data = home.data();
    let records = fill(&data, &city)?;
    work(&program, &home)?;
    let [mut read_s, mut opened_s, mut serving_s] = [const { Vec::new() }; 3];
    let mut cold = true;
    for _ in 0..ROUNDS {
        tear(&data)?;
        cold &= forget();
        let begun = clock::now();
        read(&data)?;
        read_s.push(seconds(clock::now().saturating_since(begun)));
        cold &= forget();
        let begun = clock::now();
        let store = open(&data)?;
        opened_s.push(seconds(clock::now().saturating_since(begun)));
        ensure!(
            store.report.log.records == records && store.report.log.truncated_bytes > 0,
            "wanted {records} records and a torn end, found {:?}",
            store.report.log
        );
        drop(store);
        tear(&data)?;
        cold &= forget();
        let begun = clock::now();
        let node = Server::start_in(&program, &home)?;
        serving_s.push(seconds(clock::now().saturating_since(begun)));
        drop(node);
    }
    let log_bytes = log_files(&data)?.iter().map(|(_path, bytes)| bytes).sum();
    let slowest = serving_s.iter().chain(&opened_s).copied().fold(0.0, f64::max);
    let verdict = verdict(slowest <= GOAL_S);
    let goal_s = GOAL_S;
    print(&Figures { log_bytes, records, cold, read_s, opened_s, serving_s, goal_s, verdict })
}

/// A node that crashes has been at work, and has kept what it found in the log until then.
#[expect(clippy::disallowed_methods, reason = "nothing else runs here")]
fn work(program: &Path, home: &Home) -> Result<()> {
    let node = Server::start_in(program, home)?;
    thread::sleep(AT_WORK);
    drop(node);
    Ok(())
}

fn open(data: &Path) -> Result<Store> {
    Ok(Store::open(Arc::new(StdDisk), data, StoreOptions::default())?)
}

/// Writes the log; how many records it holds.
fn fill(data: &Path, city: &City) -> Result<u64> {
    let mut store = open(data)?;
    let topic = city.topic("trucks/0/air");
    let mut stream = Stream::new(city, city.device(0).signing(), topic, ENVELOPE_BYTES);
    let envelope = stream.seal_next().encoded().clone();
    let mut number = 0;
    while log_files(data)?.iter().map(|(_path, bytes)| bytes).sum::<u64>() < LOG_BYTES {
        for _ in 0..GROUP {
            store.records.append(record(number, TOPICS, envelope.clone()))?;
            number += 1;
        }
        store.records.commit()?;
    }
    Ok(number)
}

/// Leaves a write at the end that was never finished.
fn tear(data: &Path) -> Result<()> {
    let files = log_files(data)?;
    let (newest, _bytes) = files.last().context("wanted a segment, found none")?;
    let mut file = OpenOptions::new().append(true).open(newest)?;
    file.write_all(&vec![7; TORN_BYTES])?;
    Ok(file.sync_all()?)
}

/// The segments, oldest first.
fn log_files(data: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(data.join("log"))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|end| end == "segment") {
            files.push((entry.path(), entry.metadata()?.len()));
        }
    }
    files.sort();
    Ok(files)
}

/// Reads every segment and looks at nothing.
fn read(data: &Path) -> Result<()> {
    let mut window = vec![0; READ_BYTES];
    for (path, _bytes) in log_files(data)? {
        let mut file = File::open(path)?;
        while file.read(&mut window)? > 0 {}
    }
    Ok(())
}

/// Has the system forget what it remembers of files; whether it did.
fn forget() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

#[expect(clippy::print_stdout, reason = "this is the program's answer")]
fn print(figures: &Figures) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(figures)?);
    Ok(())
}
