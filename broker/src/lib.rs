//! The node: one organisation's broker. It admits, keeps and routes envelopes that it cannot open.
//!
//! `hub` owns all live state; `session` speaks the protocol; `transport` carries its frames; `links`
//! pull from peers, `homeward` brings them what their publishers gave to this node. What decides anything is in the crates below this one, which do no I/O.

pub mod clock;
pub mod config;
mod engine;
pub mod genesis;
mod homeward;
mod http;
pub mod hub;
mod links;
mod mqtt;
mod node;
mod session;
mod transport;

pub use node::{Addresses, Insecure, ListenError, NodeError, TlsFileError, serve, set_ahead};
pub use transport::certificate::client_key;
pub use transport::web::are_built as are_pages_built;

/// The node's name and version, for logs and peers.
pub const SOFTWARE: &str = concat!("sekisho-node/", env!("CARGO_PKG_VERSION"));
