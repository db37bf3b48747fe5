//! What a node weighs: idle, with a thousand idle clients, with a subscription for each of them; and
//! how long these take to connect.
//!
//! The node is the built `sekisho` command in a process of its own; beside it a server of the bare
//! QUIC library, with the same TLS and transport settings and the same allocator, gets the same
//! clients and streams. What the node weighs beyond that server is ours. Prints one JSON object.
//!
//! ```text
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-benches --bin memory
//! cargo run --release --package sekisho-benches --bin memory -- 10000 0    # clients, further subscriptions
//! ```

mod bare;
mod crowd;
mod report;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use sekisho::clock;
use sekisho_benches::{city::City, server::Server};
use sekisho_proto::Action;

use crowd::Crowd;
use report::{Report, Weights};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Clients that connect, each a principal of its own, unless the first argument says otherwise.
const CLIENTS: u64 = 1_000;
/// Subscriptions of each client in the second round, beside the one of the first, unless the second
/// argument says otherwise.
const FURTHER: u32 = 31;
/// The argument that makes this program the bare server.
const BARE: &str = "bare";

#[tokio::main]
async fn main() -> Result<()> {
    let mut city = City::new("fujisawa", clock::now());
    if std::env::args().nth(1).as_deref() == Some(BARE) {
        return bare::serve(&city).await;
    }
    let mut arguments = std::env::args().skip(1);
    let clients = arguments.next().map_or(Ok(CLIENTS), |clients| clients.parse())?;
    let further = arguments.next().map_or(Ok(FURTHER), |further| further.parse())?;
    city.grant_everybody(Action::Subscribe, city.filter("#"));
    for number in 0..clients {
        city.enrol_device(number);
    }
    let this = std::env::current_exe().context("this program: its path")?;
    let bare = Server::start_bare(&this, BARE)?;
    let bare = weigh((&city, clients, further), bare).await.context("the bare server")?;
    let node = Server::start_node(&command(&this)?, &city).await?;
    let node = weigh((&city, clients, further), node).await.context("the node")?;
    let further = u64::from(further).saturating_mul(clients);
    let report = Report { clients, further, bare, node };
    report.print()
}

/// The command beside this program.
fn command(this: &std::path::Path) -> Result<PathBuf> {
    let path = this.with_file_name("sekisho");
    let hint = "cargo build --release --package sekisho-cli";
    ensure!(path.exists(), "{}: wanted the built command ({hint})", path.display());
    Ok(path)
}

async fn weigh((city, clients, each): (&City, u64, u32), server: Server) -> Result<Weights> {
    let idle = server.settled().await?;
    let begun = clock::now();
    let mut crowd = Crowd::connect(city, server.address(), clients).await?;
    let connect_s = clock::now().saturating_since(begun).as_secs_f64();
    let connected = server.settled().await?;
    crowd.subscribe(1).await?;
    let subscribed = server.settled().await?;
    crowd.subscribe(each).await?;
    let further = server.settled().await?;
    crowd.leave().await;
    let left = server.settled().await?;
    server.stop().await;
    Ok(Weights { idle, connect_s, connected, subscribed, further, left })
}
