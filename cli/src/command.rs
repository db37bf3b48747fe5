//! The commands, one module each noun, and what they have in common.

pub(crate) mod accesses;
pub(crate) mod agent;
pub(crate) mod bench;
pub(crate) mod bridge;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod enrol;
pub(crate) mod erase;
pub(crate) mod init;
pub(crate) mod issuer;
pub(crate) mod join;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod publish;
pub(crate) mod question;
pub(crate) mod revoke;
pub(crate) mod role;
pub(crate) mod root;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod signing;
pub(crate) mod statement;
pub(crate) mod subscribe;

use std::path::PathBuf;

use clap::Args;

use crate::via::ViaArgs;

/// What every command that speaks to a node takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// What to tell on the side: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, default_value = "error", env = "SEKISHO_LOG", hide_env_values = true)]
    pub(crate) log: String,
    /// The folder made by `sekisho init` (you act as its administrator) or `sekisho join`.
    #[arg(long, default_value = ".", env = "SEKISHO_DIR", hide_env_values = true)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) via: ViaArgs,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What every command takes that works on an organisation's folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The organisation's folder, made by `sekisho init`; or that of one of its administrators, where
    /// the command says so.
    #[arg(long, default_value = ".", env = "SEKISHO_DIR", hide_env_values = true)]
    pub(crate) dir: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Place {
    /// The same for what speaks to the node.
    pub(crate) fn common(&self) -> Common {
        Common {
            log: "error".to_owned(),
            dir: self.dir.clone(),
            via: ViaArgs::default(),
            json: self.json,
        }
    }
}
