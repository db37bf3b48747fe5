//! `bridge republish`: sealed topics on others, in clear.

use anyhow::Result;
use clap::Args;
use sekisho_republish::Config;
use serde_json::json;

use super::Configured;
use crate::command::serve::Logging;
use crate::exit::Exit;
use crate::{output, signals};

/// Publish what is sealed on other topics, for those who can open nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho enrol open-data --kind bridge --read 'fujisawa/truck/+/air' \\
    --topics 'fujisawa/open/truck/#' --dir fujisawa
  sekisho grant open-data@fujisawa bridge 'fujisawa/truck/+/air' --dir fujisawa
  sekisho bridge republish --config open-data.toml

Whoever reads the other topics sees the bridge's signature, not the device's. It goes on until SIGTERM \
or Ctrl-C, and where it was, with the next start.")]
pub(crate) struct Republish {
    #[command(flatten)]
    configured: Configured,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    logging: Logging,
}

impl Republish {
    pub(crate) async fn run(self) -> Result<Exit> {
        self.logging.start()?;
        let config = Config::load(&self.configured.config)?;
        if self.configured.check {
            let route = |route: &sekisho_republish::config::Route| json!({ "from": route.from.to_string(), "to": route.to.to_string() });
            let routes: Vec<_> = config.routes.iter().map(route).collect();
            if self.json {
                output::json(&json!({ "routes": routes }));
            } else {
                for route in &config.routes {
                    output::line(format!("{} would be republished on {}", route.from, route.to));
                }
            }
            return Ok(Exit::Done);
        }
        let tally = sekisho_republish::run(&config, &signals::stop()).await?;
        if self.json {
            output::json(&json!({
                "messages": tally.messages,
                "published": tally.published,
                "withheld": tally.withheld,
                "unfit": tally.unfit,
                "missed": tally.missed,
            }));
        } else {
            output::line(format!(
                "messages {}, published {}, withheld {}, unfit {}, missed {}",
                tally.messages, tally.published, tally.withheld, tally.unfit, tally.missed
            ));
        }
        Ok(Exit::Done)
    }
}
