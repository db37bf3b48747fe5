//! Sekisho beside other brokers: the same work on the same machine with TLS on, in turns within one
//! run, so that neighbours slow all of them.
//!
//! Prints a Markdown table of medians and of the medians of ratios. The brokers are processes of
//! their own; so is the load of every turn, which this program starts as `peers load`.
//!
//! ```text
//! benches/peers/install
//! cargo build --locked --release --package sekisho-cli
//! cd benches/peers
//! cargo run --locked --release                          # everything but zenohd
//! cargo run --locked --release --features zenoh         # everything
//! cargo run --locked --release -- 'QoS 0' JetStream     # rows whose name has one of these words
//! cargo run --locked --release -- --rounds 9 --json figures.json
//! cargo run --locked --release -- table figures.json    # the table again, of one file or several
//! ```

mod clients;
mod job;
mod load;
mod report;
mod servers;
mod tally;
mod work;

use std::{fs, io, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{report::Report, servers::Servers, work::Work};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns of each side with each kind of work.
const ROUNDS: usize = 5;

/// What the command line asks for.
struct Wanted {
    rounds: usize,
    json: Option<PathBuf>,
    words: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Zenoh's client brings a second provider along, so that nobody else finds the only one.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("wanted to choose what TLS computes with, found it chosen");
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, [])) if first == "load" => load::answer(io::stdin(), io::stdout()).await,
        Some((first, [])) if first == "quinn" => servers::quinn::serve().await,
        Some((first, files)) if first == "table" => Report::read(files)?.print(),
        _ => measure(wanted(&arguments)?).await,
    }
}

fn wanted(arguments: &[String]) -> Result<Wanted> {
    let mut wanted = Wanted { rounds: ROUNDS, json: None, words: Vec::new() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => {
                let rounds = arguments.next().context("--rounds: wanted a number")?;
                wanted.rounds = rounds.parse().context("--rounds: wanted a number")?;
            }
            "--json" => {
                wanted.json = Some(arguments.next().context("--json: wanted a file")?.into());
            }
            option if option.starts_with('-') => bail!("wanted --rounds or --json, found {option}"),
            word => wanted.words.push(word.to_owned()),
        }
    }
    Ok(wanted)
}

async fn measure(wanted: Wanted) -> Result<()> {
    let folder = tempfile::tempdir().context("a folder")?;
    let mut servers = Servers::new(folder.path())?;
    let mut report = Report::new();
    let is_wanted = |work: &Work| {
        wanted.words.is_empty() || wanted.words.iter().any(|word| work.name().contains(word))
    };
    for work in Work::all().into_iter().filter(is_wanted) {
        let sides = servers.start(work.sides()).await?;
        let mut turns = report::Turns::new(work, &sides);
        for round in 0..wanted.rounds {
            if round > 0 && work.is_of_memory() {
                servers.stop().await;
                servers.start(work.sides()).await?;
            }
            // Whoever comes second finds the caches of the first.
            let mut order = sides.clone();
            if round % 2 == 1 {
                order.reverse();
            }
            for side in order {
                match load::turn(&servers.job(work, side, round)?).await {
                    Ok(figures) => {
                        report::tell(work, side, round, &figures);
                        turns.add(side, round, figures);
                    }
                    // A round without one of the others is a round of the rest.
                    Err(cause) => report::miss(work, side, round, &cause),
                }
            }
        }
        report.add(turns, servers.versions());
        // What one kind of work left behind is none of the next one's business.
        servers.stop().await;
        if let Some(path) = &wanted.json {
            fs::write(path, report.json()?).with_context(|| path.display().to_string())?;
        }
    }
    report.print()
}
