//! The agent as a vehicle runs it: a configuration file and the `agent` command.

use std::path::{Path, PathBuf};

use crate::city::City;
use crate::command::{Said, sekisho};
use crate::member::Member;
use crate::process::Process;

/// An agent that is configured and not running.
#[derive(Debug, Clone)]
pub struct Agent {
    name: String,
    config: PathBuf,
    log: PathBuf,
    spool: PathBuf,
}

impl Agent {
    /// One that publishes for everybody in the federation what `inputs`, tables of the agent's
    /// configuration, describe.
    #[must_use]
    pub fn configure(city: &City, member: &Member, inputs: &str) -> Self {
        let name = member.name().name().to_owned();
        let config = city.place(format!("{name}.agent.toml"));
        let spool = city.place(format!("{name}.spool"));
        let text = format!(
            "[publish]\nidentity = {}\nspool = {}\nscope = \"federation\"\n\n{inputs}",
            quoted(member.dir()),
            quoted(&spool)
        );
        std::fs::write(&config, text).expect("a configuration can be kept");
        let log = city.place(format!("{name}.agent.log"));
        Self { name, config, log, spool }
    }

    /// Runs it to the end of its inputs, as fast as it can.
    pub async fn run(&self) -> Said {
        sekisho(&self.arguments()).await
    }

    /// Starts it, as fast as it can.
    #[must_use]
    pub fn start(&self) -> Process {
        Process::start(&format!("agent of {}", self.name), &self.arguments(), &self.log)
    }

    /// Where it keeps what the node does not have yet.
    #[must_use]
    pub fn spool(&self) -> &Path {
        &self.spool
    }

    fn arguments(&self) -> [&str; 5] {
        let config = self.config.to_str().expect("a path of text");
        ["agent", "--config", config, "--speed", "max"]
    }
}

fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("a path of text"))
}
