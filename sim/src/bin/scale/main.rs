//! Grows a federation and draws what it costs.
//!
//! ```text
//! cargo run --release --package sekisho-sim --bin scale -- --nodes 10,30,100,300,1000
//! ```
//!
//! Prints what it does on standard error and a table on standard output; `--json FILE` keeps the
//! figures, `--plots FOLDER` draws them, `--from FILE` takes those of an earlier run.

mod clock;
mod options;
mod plots;
mod table;

use std::{
    alloc::System,
    error::Error,
    fs,
    io::{self, Write as _},
};

use sekisho_sim::scale::{Alone, Gauges, Most, Plan, Scaled, grow, weigh};
use serde::{Deserialize, Serialize};
use stats_alloc::StatsAlloc;

use options::Options;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// What is kept of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    federations: Vec<Scaled>,
    /// The same where nodes take everything that contracts let them take.
    mirrored: Vec<Scaled>,
    alone: Alone,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let figures = match &options.from {
        Some(path) => serde_json::from_str(&fs::read_to_string(path)?)?,
        None => measure(&options)?,
    };
    io::stdout().write_all(table::render(&figures).as_bytes())?;
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&figures)?)?;
    }
    if let Some(folder) = &options.plots {
        fs::create_dir_all(folder)?;
        for (name, drawing) in plots::draw(&figures) {
            fs::write(folder.join(name), drawing)?;
        }
    }
    Ok(())
}

fn measure(options: &Options) -> Result<Figures, Box<dyn Error>> {
    let gauges = Gauges { allocated, elapsed: clock::elapsed };
    let mut figures = Figures::default();
    for nodes in &options.nodes {
        let plan = Plan { nodes: *nodes, ..options.plan };
        let mut tell = |what: &str| say(&format!("{nodes} nodes: {what}"));
        figures.federations.push(grow(&plan, &gauges, &mut tell)?);
        let mut tell = |what: &str| say(&format!("{nodes} nodes that mirror: {what}"));
        figures.mirrored.push(grow(&Plan { mirrors: true, ..plan }, &gauges, &mut tell)?);
    }
    let most = Most {
        topics: options.topics_most,
        subscriptions: options.subscriptions_most,
        peers: options.peers_most,
    };
    let scratch = std::env::temp_dir().join(format!("sekisho-scale-{}", std::process::id()));
    fs::create_dir(&scratch)?;
    let alone = weigh(&most, &scratch, &gauges, &mut say);
    fs::remove_dir_all(&scratch)?;
    figures.alone = alone?;
    Ok(figures)
}

/// Bytes on the heap: asked for and not given back.
fn allocated() -> u64 {
    let stats = stats_alloc::INSTRUMENTED_SYSTEM.stats();
    let bytes = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn say(what: &str) {
    let line = format!("{:8.1} s  {what}\n", clock::elapsed().as_secs_f64());
    // Nobody may be there to read it.
    drop(io::stderr().write_all(line.as_bytes()));
}
