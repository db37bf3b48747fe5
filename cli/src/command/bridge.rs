//! `bridge`: the ways to other systems.

mod republish;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use sekisho_sensinact::{Config, Tally};
use serde_json::{Map, Value, json};

use republish::Republish;

use crate::command::serve::Logging;
use crate::exit::Exit;
use crate::{output, signals};

/// Bring readings to other systems, and their commands back.
#[derive(Debug, Subcommand)]
pub(crate) enum Bridge {
    Sensinact(Sensinact),
    Republish(Republish),
}

/// Republish to an MQTT broker what Eclipse sensiNact reads there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho enrol sensinact --kind bridge --read 'fujisawa/truck/#' --dir fujisawa
  sekisho grant sensinact@fujisawa bridge 'fujisawa/truck/#' --dir fujisawa
  sekisho bridge sensinact --config sensinact.toml --check
  sekisho bridge sensinact --config sensinact.toml

bridges/sensinact has examples and what sensiNact is to be given; docs/sensinact.md explains both. It \
goes on until SIGTERM or Ctrl-C, and where it was, with the next start.")]
pub(crate) struct Sensinact {
    #[command(flatten)]
    configured: Configured,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    logging: Logging,
}

/// What every bridge is told.
#[derive(Debug, Args)]
struct Configured {
    /// What to read and where to publish it; bridges/ has examples.
    #[arg(long)]
    config: PathBuf,
    /// Say whether the configuration can be run, and do nothing else.
    #[arg(long)]
    check: bool,
}

impl Bridge {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Sensinact(command) => command.run().await,
            Self::Republish(command) => command.run().await,
        }
    }
}

impl Sensinact {
    async fn run(self) -> Result<Exit> {
        self.logging.start()?;
        let config = Config::load(&self.configured.config)?;
        if self.configured.check {
            let filters: Vec<String> =
                config.node.filters.iter().map(ToString::to_string).collect();
            if self.json {
                output::json(&json!({ "broker": config.mqtt.address, "filters": filters }));
            } else {
                let (filters, broker) = (filters.join(" "), config.mqtt.address);
                output::line(format!("{filters} would be republished to {broker}"));
            }
            return Ok(Exit::Done);
        }
        let tally = sekisho_sensinact::run(&config, &signals::stop()).await?;
        if self.json {
            output::json(&document(&tally));
        } else {
            output::line(tally.to_string());
        }
        Ok(Exit::Done)
    }
}

fn document(tally: &Tally) -> Value {
    let left_out = tally.left_out.iter().map(|(why, count)| (why.word().to_owned(), json!(count)));
    json!({
        "messages": tally.messages,
        "samples": tally.samples,
        "late": tally.late,
        "published": tally.published,
        "commands": tally.commanded,
        "commands_refused": tally.commands_refused,
        "left_out": left_out.collect::<Map<_, _>>(),
    })
}
