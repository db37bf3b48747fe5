//! A node that was taken over: it has the node's key, so that everybody who comes to it is where
//! they want to be, and does to what passes whatever it likes.
//!
//! What it does not do itself, the honest node behind it does: every guest's streams go on there
//! under the guest's own key, which the test hands to it. It uses that key for nothing else; a node
//! that was taken over would need no other node behind it.

mod attempt;
mod control_log;
mod promises;
mod records;
mod relay;
mod spoils;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use attempt::{Attempt, NodeKey};
pub use relay::serve;

/// Where it stands and what it is after.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it tries.
    pub attempt: Attempt,
    /// The file with the node's keys.
    pub node_key: PathBuf,
    /// The node behind it.
    pub node: SocketAddr,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who comes to it: folders with a profile and keys.
    pub guests: Vec<PathBuf>,
    /// Where it keeps everything that it could see.
    pub spoils: PathBuf,
}

impl Plan {
    /// From the arguments of the `turncoat` program, in the order in which
    /// [`arguments`](Self::arguments) has them.
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut next = |what: &str| arguments.next().ok_or_else(|| format!("wanted {what}"));
        let attempt = next("an attempt")?;
        let attempt = attempt.parse().map_err(|()| format!("no attempt {attempt:?}"))?;
        let node_key = next("the node's key file")?.into();
        let address = |text: String| text.parse().map_err(|_other| format!("no address {text:?}"));
        let node = address(next("the node's address")?)?;
        let listen = address(next("an address to listen at")?)?;
        let spoils = next("a file for what it sees")?.into();
        Ok(Self {
            attempt,
            node_key,
            node,
            listen,
            spoils,
            guests: arguments.map(Into::into).collect(),
        })
    }

    /// The arguments that say the same to the `turncoat` program.
    #[must_use]
    pub fn arguments(&self) -> Vec<std::ffi::OsString> {
        let mut arguments = vec![
            self.attempt.name().into(),
            self.node_key.clone().into(),
            self.node.to_string().into(),
            self.listen.to_string().into(),
            self.spoils.clone().into(),
        ];
        arguments.extend(self.guests.iter().map(|guest| guest.clone().into_os_string()));
        arguments
    }
}
