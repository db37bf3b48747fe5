//! `node restored`: what was put back from a backup goes on behind all that was published since.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::exit::Exit;
use crate::{organisation, output};

/// Of which node.
#[derive(Debug, Args)]
pub(crate) struct Restored {
    /// The organisation's folder, whose `data/` was put back.
    #[arg(long, default_value = ".", env = "SEKISHO_DIR", hide_env_values = true)]
    dir: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl Restored {
    pub(crate) fn run(self) -> Result<Exit> {
        organisation::check(&self.dir)?;
        let (ended, next) = sekisho_broker::set_ahead(&self.dir)?;
        if self.json {
            output::json(&json!({ "ended": ended.value(), "next": next.value() }));
        } else {
            output::line(format!(
                "the copy ends at position {ended}; records go on at {next}, and readers and peers \
                 are told of a gap between"
            ));
        }
        Ok(Exit::Done)
    }
}
