//! Cities of real processes for tests: nodes and stewards that are founded, joined, peered, stopped
//! and killed as people and power cuts do it, by the `sekisho` command that is shipped.
//!
//! Everything here fails the test that calls it, with the words of the process that failed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "what goes wrong in a harness has to fail the test that uses it"
)]

mod agent;
pub mod bare_quic;
mod city;
mod command;
mod contract;
mod credulous;
mod false_node;
pub mod false_peer;
mod full_disk;
mod granting;
mod impostor;
mod lab;
mod member;
mod message;
mod mosquitto;
mod page;
mod patience;
mod peering;
mod port;
mod press;
mod process;
mod program;
mod reader;
mod recorded;
mod relay;
mod rights;
mod sample;
mod search;
mod secret;
pub mod siege;
#[expect(unreachable_pub, reason = "it is shared")]
mod skipped;
mod stranger;
pub mod turncoat;
mod volume;
mod wire;

pub use agent::Agent;
pub use city::City;
pub use command::{Said, sekisho, sekisho_reading};
pub use contract::{Terms, contract, contract_until};
pub use credulous::Credulous;
pub use false_node::{FalseNode, Recorded};
pub use granting::grant;
pub use impostor::{Guest, Impostor, Stalled};
pub use lab::{Lab, Site};
pub use member::Member;
pub use message::{Message, framed};
pub use mosquitto::{Mosquitto, TIMED_OUT};
pub use page::Page;
pub use patience::{PATIENCE, eventually, within};
pub use peering::{linked, peer, peer_with};
pub use port::Port;
pub use press::{PlainHeader, Press, assembled, epoch_of};
pub use process::Process;
pub use program::program;
pub use reader::Reader;
pub use recorded::RecordedCity;
pub use relay::{Relay, Weather};
pub use rights::{holds_key, permitted};
pub use sample::{number_of, sample, samples};
pub use search::{Found, Needles};
pub use secret::{Secrets, command_lines};
pub use skipped::skipped;
pub use stranger::{Stranger, quic};
pub use volume::Volume;
pub use wire::Wire;
