//! A fleet load generator: what `sekisho bench` sets up, drives and counts.
//!
//! ```text
//! ground ── cities as processes          roll ── everybody's keys and rights, stated in bulk
//! fleet ─── lanes: a publisher each      audience ── subscriptions, a ledger for each stream
//! figures ─ histograms and tallies of the measured time; report is what becomes of them
//! ```

mod audience;
mod descriptors;
mod figures;
mod fleet;
mod ground;
mod lane;
mod ledger;
mod load;
mod plan;
mod process;
mod report;
mod roll;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sekisho::clock;
use tokio::time::sleep;

use crate::output;
use audience::Audience;
use figures::Figures;
use fleet::Fleet;
use ground::Ground;
use process::Usage;
use report::{Preparation, Report, Used};
use roll::Roll;

pub(crate) use load::Load;
pub(crate) use plan::{Interest, Plan, Rate};

/// How often people are told how far it has come.
const REPAINT: Duration = Duration::from_millis(200);
/// From the call to everybody until they set off.
const RUN_UP: Duration = Duration::from_millis(200);

/// Sets everything up in a folder, measures, and puts it all away.
pub(crate) async fn run(plan: &Plan, folder: &Path) -> Result<Report> {
    descriptors::make_room(plan)?;
    let mut preparation = Preparation::default();
    let begun = clock::now();
    let sign = output::waiting("making the cities");
    let ground = Ground::found(plan, folder).await?;
    preparation.found_s = since(begun);
    drop(sign);

    let begun = clock::now();
    let sign = output::waiting_since("enrolling everybody");
    let roll = Roll::enrol(plan, &ground).await?;
    preparation.enrol_s = since(begun);
    drop(sign);

    let before = ground.usage()?;
    let begun = clock::now();
    let sign = output::waiting_since("connecting everybody");
    let figures = Arc::new(Figures::new()?);
    let idle = roll.connect_idle(plan).await?;
    preparation.connect_idle_s = since(begun);
    let begun = clock::now();
    let mut fleet = Fleet::connect(plan, &roll, &figures).await?;
    preparation.connect_s = since(begun);
    drop(sign);

    let begun = clock::now();
    let sign = output::waiting_since("storing what was before");
    fleet.store(plan.history).await?;
    preparation.history_s = since(begun);
    drop(sign);
    let mut audience = Audience::subscribe(plan, &roll, &fleet, &figures).await?;
    fleet.store_one_each().await?;
    audience.wait_for(&fleet).await?;

    let used = measure(plan, (&ground, &before), &mut fleet, &figures).await?;
    let sign = output::waiting("waiting for what is under way");
    fleet.finish().await?;
    audience.wait_for(&fleet).await?;
    let counts = audience.finish(&fleet).await?;
    let published = fleet.close().await?;
    drop(sign);
    let report = Report::new(plan, preparation, published, counts, &figures, used);
    idle.leave().await;
    ground.close().await?;
    Ok(report)
}

/// Lets the fleet drive, and looks at the processes when the measured time begins and ends.
async fn measure(
    plan: &Plan,
    (ground, before): (&Ground, &[Usage]),
    fleet: &mut Fleet,
    figures: &Arc<Figures>,
) -> Result<Used> {
    let start = clock::now().saturating_add(RUN_UP);
    let from = start.saturating_add(Duration::from_secs(plan.warm_up_s));
    let to = from.saturating_add(Duration::from_secs(plan.seconds));
    figures.window.set(from, to);
    fleet.set_off(start, to);
    let bar = output::progress(plan.warm_up_s + plan.seconds);
    let mut first = None;
    loop {
        let now = clock::now();
        if first.is_none() && now >= from {
            first = Some((now, ground.usage()?, process::own()?));
        }
        if now >= to {
            break;
        }
        bar.set(now.saturating_since(start).as_secs(), figures.tally.words());
        let next = if first.is_none() { from } else { to };
        fleet.watch(sleep(next.saturating_since(now).min(REPAINT))).await?;
    }
    let (began, nodes, own) = first.unwrap_or((from, ground.usage()?, process::own()?));
    let seconds = clock::now().saturating_since(began).as_secs_f64();
    Used::new(ground.names(), (before, &nodes, &ground.usage()?), (own, process::own()?), seconds)
}

fn since(begun: sekisho::Timestamp) -> f64 {
    clock::now().saturating_since(begun).as_secs_f64()
}
