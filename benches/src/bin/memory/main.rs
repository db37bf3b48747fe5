//! What a node weighs: idle, with a thousand idle clients, with a subscription for each of them.
//!
//! The node is the built `sekisho` command in a process of its own; beside it a server of the bare
//! QUIC library, with the same TLS and transport settings and the same allocator, gets the same
//! clients and streams. What the node weighs beyond that server is ours. Prints one JSON object.
//!
//! ```text
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-benches --bin memory
//! ```

mod bare;
mod crowd;
mod process;
mod report;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use sekisho::clock;
use sekisho_benches::city::City;
use sekisho_proto::Action;

use crowd::Crowd;
use process::Server;
use report::{Report, Weights};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Clients that connect, each a principal of its own.
const CLIENTS: u64 = 1_000;
/// Subscriptions of each client in the second round, beside the one of the first.
const FURTHER: u32 = 31;
/// The argument that makes this program the bare server.
const BARE: &str = "bare";

#[tokio::main]
async fn main() -> Result<()> {
    let mut city = City::new("fujisawa", clock::now());
    if std::env::args().nth(1).as_deref() == Some(BARE) {
        return bare::serve(&city).await;
    }
    city.grant_everybody(Action::Subscribe, city.filter("#"));
    for number in 0..CLIENTS {
        city.enrol_device(number);
    }
    let this = std::env::current_exe().context("this program: its path")?;
    let bare = Server::start_bare(&this, BARE)?;
    let bare = weigh(&city, bare).await.context("the bare server")?;
    let node = Server::start_node(&command(&this)?, &city)?;
    let node = weigh(&city, node).await.context("the node")?;
    let report = Report { clients: CLIENTS, further: u64::from(FURTHER) * CLIENTS, bare, node };
    report.print()
}

/// The command beside this program.
fn command(this: &std::path::Path) -> Result<PathBuf> {
    let path = this.with_file_name("sekisho");
    let hint = "cargo build --release --package sekisho-cli";
    ensure!(path.exists(), "{}: wanted the built command ({hint})", path.display());
    Ok(path)
}

async fn weigh(city: &City, server: Server) -> Result<Weights> {
    let idle = server.settled().await?;
    let mut crowd = Crowd::connect(city, server.address(), CLIENTS).await?;
    let connected = server.settled().await?;
    crowd.subscribe(1).await?;
    let subscribed = server.settled().await?;
    crowd.subscribe(FURTHER).await?;
    let further = server.settled().await?;
    crowd.leave().await;
    let left = server.settled().await?;
    server.stop().await;
    Ok(Weights { idle, connected, subscribed, further, left })
}
