//! A peer that lies: a program with a real peer's node key, its organisation's keys and its control
//! log, in the place where the honest node was. Some of it waits for the other city's node to come
//! for records, the rest of it comes to that node as a follower that is never content.
//!
//! What it does is said on standard output, so that a test knows that it was done. What is never its
//! to make, such as another organisation's envelopes, the test puts into its luggage.

mod attempt;
mod floods;
mod guest;
mod host;
mod luggage;
mod script;
mod stolen;

use std::net::SocketAddr;
use std::path::PathBuf;

use sekisho::{Filter, OrgName, PublicKey};

pub use attempt::Misdeed;
pub(crate) use host::welcome;
pub use luggage::Luggage;
pub(crate) use stolen::{followed, shown_checkpoint, stolen_log};

use host::Host;

/// Where it stands and what it is after.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it does.
    pub misdeed: Misdeed,
    /// The folder of the organisation whose node it was; that node has ended.
    pub organisation: PathBuf,
    /// Where that node listened.
    pub listen: SocketAddr,
    /// The node that it is after.
    pub node: SocketAddr,
    /// The key of that node.
    pub node_key: PublicKey,
    /// Whose node that is.
    pub victim: OrgName,
    /// What of that organisation's topics the contract gives it.
    pub offered: Filter,
    /// The file with what it sends of others.
    pub luggage: PathBuf,
    /// How much of what can be counted; what that is, the misdeed says.
    pub count: u64,
}

impl Plan {
    /// From the arguments of the `false_peer` program, in the order in which
    /// [`arguments`](Self::arguments) has them.
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut next = |what: &str| arguments.next().ok_or_else(|| format!("wanted {what}"));
        let misdeed = next("a misdeed")?;
        let misdeed = misdeed.parse().map_err(|()| format!("no misdeed {misdeed:?}"))?;
        let organisation = next("an organisation's folder")?.into();
        let listen = parsed(&next("an address to listen at")?)?;
        let node = parsed(&next("the address of a node")?)?;
        let node_key = parsed(&next("that node's key")?)?;
        let victim = parsed(&next("that node's organisation")?)?;
        let offered = parsed(&next("a filter")?)?;
        let luggage = next("a file of envelopes")?.into();
        let count = parsed(&next("a number")?)?;
        Ok(Self { misdeed, organisation, listen, node, node_key, victim, offered, luggage, count })
    }

    /// The arguments that say the same to the `false_peer` program.
    #[must_use]
    pub fn arguments(&self) -> Vec<std::ffi::OsString> {
        vec![
            self.misdeed.name().into(),
            self.organisation.clone().into(),
            self.listen.to_string().into(),
            self.node.to_string().into(),
            self.node_key.to_string().into(),
            self.victim.to_string().into(),
            self.offered.to_string().into(),
            self.luggage.clone().into(),
            self.count.to_string().into(),
        ]
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_other| format!("not understood: {text:?}"))
}

/// Does it until the process is ended.
pub async fn act(plan: Plan) {
    let luggage = Luggage::unpack(&plan.luggage);
    if plan.misdeed.is_of_a_guest() {
        return guest::act(&plan).await;
    }
    if plan.misdeed == Misdeed::Deaf {
        return host::swallow(&plan).await;
    }
    let mut host = Host::stand_in(&plan);
    tell(format_args!("serving on {}", plan.listen));
    loop {
        let connection = host.next().await;
        plan.misdeed.serve(&mut host, connection, &luggage, &plan).await;
    }
}

/// Says on standard output what was done: a test waits for it.
fn tell(what: impl std::fmt::Display) {
    let line = format!("{what}\n");
    drop(std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()));
}
