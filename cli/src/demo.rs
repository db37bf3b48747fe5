//! `demo`: two cities on this machine, as separate processes, and everything between them.
//!
//! The demo does by program what README does by hand, watches it from outside, and counts. Its
//! children are this same program: two nodes, two stewards, a fleet, two dashboards, and four who
//! have no business there. What it reports was counted at the far end or read from the nodes.

mod cities;
mod dashboard;
mod fleet;
mod intruders;
mod pages;
mod people;
mod relay;
mod report;
mod route;
mod search;
mod table;

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::clock;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::command::serve::Logging;
use crate::exit::Exit;
use crate::launch::Child;
use crate::temporary::Folder;
use crate::{output, signals};
use cities::Cities;
use dashboard::Watched;
use pages::Pages;
use people::People;
use report::Report;
use table::Table;

pub(crate) use dashboard::Dashboard;
pub(crate) use fleet::Fleet;
pub(crate) use intruders::Intruder;

/// Two cities, a fleet, dashboards and intruders, all on this machine.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Trucks in Fujisawa.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    trucks: u32,
    /// Samples per second of each truck.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hz: u32,
    /// Stop after so many seconds; without it, on Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
    /// Print one JSON object at the end and nothing else.
    #[arg(long)]
    json: bool,
    /// Keep everything in this folder; default a temporary one that is removed.
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    logging: Logging,
}

/// What the figures are drawn from while the demo runs.
struct Stage {
    cities: Cities,
    watched: Watched,
    fleet: Child,
    intruders: Vec<Child>,
    trucks: u32,
}

/// How often the table is drawn again.
const REPAINT: Duration = Duration::from_millis(500);

impl Demo {
    pub(crate) async fn run(self) -> Result<Exit> {
        let stop = signals::stop_with_children();
        let folder = Folder::make(self.dir.clone(), "demo")?;
        let say = |text: &str| {
            if !self.json {
                output::line(text);
            }
        };
        say("making two cities: Fujisawa and Santander …");
        let cities = Cities::found(folder.path()).await?;
        say(&format!("enrolling {} trucks, two dashboards and four intruders …", self.trucks));
        let people = People::enrol(&cities, folder.path(), self.trucks).await?;
        let pages = Pages::open(&cities, self.trucks).await?;
        let mut stage = self.begin(cities, &people).await?;
        say(&pages.words());
        say("the fleet drives off; Ctrl-C ends it");
        self.watch(&mut stage, &stop).await?;
        say("\nstopping: what is under way arrives first …");
        let report = stage.end().await?;
        if self.json {
            output::json(&report.document(&pages));
        } else {
            output::line(report.summary());
        }
        Ok(if report.is_ok() { Exit::Done } else { Exit::No })
    }

    async fn begin(&self, cities: Cities, people: &People) -> Result<Stage> {
        let watched = Watched::start(people).await?;
        let fleet = Fleet::start(people, self.hz)?;
        let intruders = Intruder::start_all(people)?;
        Ok(Stage { cities, watched, fleet, intruders, trucks: self.trucks })
    }

    async fn watch(&self, stage: &mut Stage, stop: &CancellationToken) -> Result<()> {
        let started = clock::now();
        let mut end = pin!(sleep(self.seconds.map_or(Duration::MAX, Duration::from_secs)));
        let mut repaint = interval(REPAINT);
        let mut table = Table::new(!self.json);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = &mut end => return Ok(()),
                _at = repaint.tick() => {
                    let passed = clock::now().saturating_since(started);
                    table.draw(&stage.watched.latest(), passed);
                }
                ended = stage.fleet.ended() => {
                    return ended.context("the fleet ended before it was told to");
                }
            }
        }
    }
}

impl Stage {
    /// Stops the fleet, waits until the dashboards have what it published, then stops the rest.
    async fn end(self) -> Result<Report> {
        let Self { cities, watched, fleet, intruders, trucks } = self;
        let published = fleet::finish(fleet).await?;
        for intruder in intruders {
            intruder.wait().await?;
        }
        let delivered = watched.finish(&published).await?;
        let refused = cities.refusals().await?;
        let searched = cities.close().await?;
        Ok(Report::new(trucks, &published, delivered, refused, searched))
    }
}
