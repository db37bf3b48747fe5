//! The MQTT listener beside Mosquitto: the same clients, payloads and TLS on the same machine, in
//! turns within one run, so that neighbours slow both.
//!
//! Prints a Markdown table of medians and their ratios, and one JSON object.
//!
//! ```text
//! apt-get install mosquitto
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-benches --bin beside_mosquitto
//! cargo run --release --package sekisho-benches --bin beside_mosquitto -- 'QoS 0' idle
//! ```

mod broker;
mod client;
mod load;
mod packets;
mod report;

use anyhow::{Context as _, Result};
use broker::Broker;
use load::{Figures, Work};
use report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder")?;
    let ours = Broker::sekisho(folder.path()).await?;
    let theirs = Broker::mosquitto(folder.path()).await?;
    let mut report = Report::new(ours.version(), theirs.version());
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |work: &Work| {
        wanted.is_empty() || wanted.iter().any(|word| work.to_string().contains(word))
    };
    for work in Work::ALL.into_iter().filter(is_wanted) {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for round in work.rounds() {
            // Whoever comes second finds the caches of the first.
            let (one, other): (Figures, Figures) = if round % 2 == 0 {
                (work.run(&ours, round).await?, work.run(&theirs, round).await?)
            } else {
                let other = work.run(&theirs, round).await?;
                (work.run(&ours, round).await?, other)
            };
            here.push(one);
            there.push(other);
        }
        report.add(work, here, there);
        report.tell();
    }
    report.print()
}
