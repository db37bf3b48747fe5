//! Why there is no connection, told apart by what could be done about it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use sekisho_proto::{Hash, OrgName, PublicKey};
use thiserror::Error;

use crate::{framing::StreamError, refusal::Refusal, tls::TlsError, trust::TrustError};

/// Why there is no connection to the node.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address names no host.
    #[error("address {address}: wanted a host and port that can be looked up")]
    Address {
        /// The address.
        address: String,
        /// What the look-up said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The look-up found nothing.
    #[error("address {address}: wanted at least one address, found none")]
    NoAddress {
        /// The address.
        address: String,
    },
    /// No socket could be had here.
    #[error("local UDP socket: wanted one")]
    Socket(#[source] Arc<io::Error>),
    /// The identity cannot be used for TLS.
    #[error("identity: wanted one that TLS takes")]
    Tls(#[from] TlsError),
    /// The connection was not begun.
    #[error("node at {remote}: wanted to dial it")]
    Dial {
        /// The address tried.
        remote: SocketAddr,
        /// Why not.
        #[source]
        source: quinn::ConnectError,
    },
    /// The handshake failed: nobody is there, or it is not the pinned key.
    #[error("node at {remote}: wanted a handshake with the pinned key")]
    Handshake {
        /// The address tried.
        remote: SocketAddr,
        /// How it ended.
        #[source]
        source: quinn::ConnectionError,
    },
    /// There is no way to the node's web listener: nobody is there, or it is something else.
    #[error("node at {remote}: wanted its web listener")]
    Web {
        /// The address tried.
        remote: SocketAddr,
        /// How it ended.
        #[source]
        source: ChannelError,
    },
    /// It proves another key than the pinned one, or none.
    #[error("node at {remote}: node key: wanted a proof of {wanted}, found {found}")]
    NodeKey {
        /// The address tried.
        remote: SocketAddr,
        /// As in the endpoint.
        wanted: PublicKey,
        /// What it proves.
        found: String,
    },
    /// The node vouches for another certificate than was shown: somebody stands in between.
    #[error(
        "node at {remote}: certificate: wanted the node's own, {wanted}, found {found}; something in \
         between ends TLS in its place"
    )]
    Certificate {
        /// The address tried.
        remote: SocketAddr,
        /// What the node says that it shows.
        wanted: Hash,
        /// What was shown.
        found: Hash,
    },
    /// The node did not answer in time.
    #[error("node at {address}: wanted {wanted} within {waited:?}, found no answer")]
    Timeout {
        /// The address tried.
        address: String,
        /// What was due.
        wanted: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// The failure before that, where there was one.
        #[source]
        last: Option<Box<Self>>,
    },
    /// The node does not take this client.
    #[error("node at {address}: refused this client")]
    Refused {
        /// The address.
        address: String,
        /// In the node's words.
        #[source]
        refusal: Refusal,
    },
    /// Another organisation's node answered.
    #[error("node at {address}: wanted one of {wanted}, found one of {found}")]
    Organisation {
        /// The address.
        address: String,
        /// As in the endpoint.
        wanted: OrgName,
        /// As the node says.
        found: OrgName,
    },
    /// The node does not keep to the protocol, or the connection broke.
    #[error("control stream to {address}: wanted Welcome")]
    Stream {
        /// The address.
        address: String,
        /// What happened.
        #[source]
        source: StreamError,
    },
    /// The node shows a control log that is not trusted: other than before, old, or without its
    /// witnesses.
    #[error("node at {address}: not trusted")]
    Trust {
        /// The address.
        address: String,
        /// What is wrong with the log.
        #[source]
        source: Box<TrustError>,
    },
    /// The client was closed.
    #[error("client: wanted a connection, found the client closed")]
    Closed,
}

/// Why a channel that carries all frames could not be had, or has ended.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// TCP or TLS broke.
    #[error("TCP and TLS: wanted {wanted}")]
    Io {
        /// What was to be done.
        wanted: &'static str,
        /// What the system or the TLS library said.
        #[source]
        source: Arc<io::Error>,
    },
    /// What answers speaks another protocol, or not as it should.
    #[error("{protocol}: wanted {wanted}, found {found}")]
    Protocol {
        /// WebSocket, HTTP/2 or gRPC.
        protocol: &'static str,
        /// What was due.
        wanted: &'static str,
        /// What came.
        found: String,
    },
    /// The node ended it.
    #[error("{protocol}: ended by the node: {why}")]
    Ended {
        /// WebSocket or gRPC.
        protocol: &'static str,
        /// Its close code or status, and its words.
        why: String,
    },
    /// Nothing was heard for too long.
    #[error("wanted a sign of life within {waited:?}, found none")]
    Silent {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It was closed here.
    #[error("closed here")]
    Closed,
}

impl ConnectError {
    /// Whether trying again without changing anything is pointless.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Tls(_) | Self::Organisation { .. } | Self::Trust { .. } | Self::Closed => true,
            Self::Refused { refusal, .. } => !refusal.code.is_passing(),
            Self::Address { .. }
            | Self::NoAddress { .. }
            | Self::Socket(_)
            | Self::Dial { .. }
            | Self::Handshake { .. }
            | Self::Web { .. }
            | Self::NodeKey { .. }
            | Self::Certificate { .. }
            | Self::Timeout { .. }
            | Self::Stream { .. } => false,
        }
    }
}
