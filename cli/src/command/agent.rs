//! `agent`: the side of a vehicle.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sekisho_agent::replay::Speed;
use sekisho_agent::run::InputReport;
use sekisho_agent::{Config, Report, publish_to_node};
use serde_json::{Value, json};

use crate::command::serve::Logging;
use crate::exit::Exit;
use crate::{output, signals};

/// Sample, spool and publish, as a truck does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho agent --config truck-17/agent.toml
  sekisho agent --config recorded.toml --speed max --json

It reads NMEA 0183, gpsd, CSV, JSON lines and SenML from files, sockets, serial lines and standard \
input; agent/examples has a configuration for each. Broken lines are counted, shown and skipped. It \
ends with its inputs, or with SIGTERM or Ctrl-C after what was read is safe.")]
pub(crate) struct Agent {
    /// What to read and where to publish it; see agent/examples.
    #[arg(long)]
    config: PathBuf,
    /// How fast recordings are replayed: wall (as recorded), a factor such as 10x, or max.
    #[arg(long)]
    speed: Option<Speed>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    logging: Logging,
}

impl Agent {
    pub(crate) async fn run(self) -> Result<Exit> {
        self.logging.start()?;
        let mut config = Config::load(&self.config)?;
        if let Some(speed) = self.speed {
            config.replay.speed = speed;
        }
        let report = publish_to_node(&config, &signals::stop()).await?;
        if self.json {
            output::json(&document(&report));
        } else {
            output::line(report.to_string());
        }
        if let Some(failure) = report.failure {
            return Err(failure.into());
        }
        Ok(if report.is_complete() { Exit::Done } else { Exit::Local })
    }
}

fn document(report: &Report) -> Value {
    let input = |input: &InputReport| {
        json!({
            "name": input.name,
            "lines": input.tally.lines,
            "samples": input.tally.samples,
            "skipped": input.tally.skipped,
            "broken": input.tally.broken,
            "implausible": input.tally.implausible,
            "failure": input.failure.as_ref().map(ToString::to_string),
        })
    };
    json!({
        "published": report.published,
        "lost": report.losses.lost,
        "given_up": report.losses.given_up,
        "abandoned": report.abandoned,
        "without_topic": report.without_topic,
        "located": report.located,
        "unlocated": report.unlocated,
        "failure": report.failure.as_ref().map(ToString::to_string),
        "inputs": report.inputs.iter().map(input).collect::<Vec<_>>(),
    })
}
