//! The native path: one publisher, the node in a process of its own, subscribers; all signed, sealed,
//! stored, delivered, verified and opened.
//!
//! Prints a line for each kind of work, with the processor's time that node and clients took.
//!
//! ```text
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-benches --bin native
//! cargo run --release --package sekisho-benches --bin native -- single 'batched, 1 → 50'
//! ```

mod load;
mod raw;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use load::{Figures, Load};
use sekisho::clock;
use sekisho_benches::{city::City, server::Server};
use sekisho_proto::{Action, Actions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The argument that makes this program the receiver of bare streams.
const RAW: &str = "raw-receiver";
/// The device that publishes; those that read come before it.
const PUBLISHER: u64 = 100;
const READERS: u64 = 50;

/// What is asked of the node.
#[derive(Debug, Clone, Copy)]
struct Work {
    name: &'static str,
    subscribers: u64,
    load: Load,
}

const WORK: [Work; 6] = [
    Work { name: "batched, 1 → 1", subscribers: 1, load: Load::Batched { samples: 2_000_000 } },
    Work { name: "batched, 1 → 50", subscribers: 50, load: Load::Batched { samples: 200_000 } },
    Work { name: "single, 1 → 1", subscribers: 1, load: Load::Single { samples: 120_000 } },
    Work { name: "single, 1 → 50", subscribers: 50, load: Load::Single { samples: 6_000 } },
    Work { name: "paced single, 1 → 1", subscribers: 1, load: Load::Paced { per_s: 5_000 } },
    Work { name: "bytes, 1 → 1", subscribers: 1, load: Load::Bytes { bodies: 30_000 } },
];

#[tokio::main]
async fn main() -> Result<()> {
    let mut city = City::new("fujisawa", clock::now());
    if std::env::args().nth(1).as_deref() == Some(RAW) {
        return raw::receive(&city).await;
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    populate(&mut city);
    let this = std::env::current_exe().context("this program: its path")?;
    let server = Server::start_node(&command(&this)?, &city).await?;
    for work in WORK.iter().filter(|work| is_wanted(work.name)) {
        let figures = load::run(&city, &server, work.load, work.subscribers).await;
        tell(work.name, &figures.with_context(|| work.name)?);
    }
    if is_wanted("bare stream") {
        let receiver = Server::start_bare(&this, RAW)?;
        tell("bare stream", &raw::send(&city, &receiver).await?);
    }
    Ok(())
}

fn populate(city: &mut City) {
    city.enrol_device(PUBLISHER);
    city.grant_device(PUBLISHER, Action::Publish, city.filter("#"));
    for number in 0..READERS {
        city.enrol_device(number);
        city.grant_key(number);
    }
    let reading = Actions::from(Action::Subscribe);
    for number in 0..READERS {
        city.grant_device_all(number, reading, city.filter("#"));
    }
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn tell(name: &str, figures: &Figures) {
    println!("{name}: {figures}");
}

/// The command beside this program.
fn command(this: &std::path::Path) -> Result<PathBuf> {
    let path = this.with_file_name("sekisho");
    let hint = "cargo build --release --package sekisho-cli";
    ensure!(path.exists(), "{}: wanted the built command ({hint})", path.display());
    Ok(path)
}
