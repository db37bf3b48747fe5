//! Gets from an address to a connection: the pinned key proven, then Hello until the node says
//! Welcome. A TLS handshake alone is not a connection: in TLS 1.3 the client is done before the node
//! has judged its key.
//!
//! This is the seam below which the ways to a node differ. Over QUIC each subscription has a stream
//! of its own; over WebSocket and gRPC all of them share one channel, from which each is handed what
//! is its. Above it nobody knows.

#[cfg(feature = "channel")]
mod channel;
mod dial;
mod failure;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use sekisho_proto::{
    Frame, OrgName, PublicKey,
    frame::{Hello, Welcome},
    limits::PROTOCOL_VERSION,
};
use sekisho_seal::SigningKey;

#[cfg(feature = "channel")]
use self::channel::Channel;
use crate::{
    framing::{FrameReader, FrameWriter, StreamError},
    refusal::Refusal,
    tls::{self, HANDSHAKE_TIMEOUT},
};

#[cfg(feature = "grpc")]
pub use self::channel::GrpcMessages;
#[cfg(feature = "channel")]
pub(crate) use self::channel::{Inlet, Outlet};
pub(crate) use self::dial::Dial;
pub use self::failure::{ChannelError, ConnectError};

/// A node to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`, the host a name or an address; looked up at each attempt.
    pub address: String,
    /// The key the node must prove to hold.
    pub node_key: PublicKey,
    /// Whose node it is.
    pub organisation: OrgName,
}

/// What carries the frames to the own organisation's node. Nodes that carry home are reached over
/// QUIC, whose addresses their contracts name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// QUIC, at the endpoint's address.
    #[default]
    Quic,
    /// WebSocket over TLS: where only HTTPS gets through.
    #[cfg(feature = "websocket")]
    WebSocket {
        /// The node's web listener, `host:port`.
        address: String,
    },
    /// gRPC over TLS.
    #[cfg(feature = "grpc")]
    Grpc {
        /// The node's web listener, `host:port`.
        address: String,
    },
}

/// A connection to a node. Dropping every clone of it, and every stream of it, ends it.
#[derive(Debug, Clone)]
pub struct Connection {
    road: Road,
}

#[derive(Debug, Clone)]
enum Road {
    Quic {
        endpoint: quinn::Endpoint,
        connection: quinn::Connection,
    },
    #[cfg(feature = "channel")]
    Channel(Channel),
}

/// The two directions of a stream.
#[derive(Debug)]
pub struct Stream {
    /// To the node.
    pub writer: FrameWriter,
    /// From the node.
    pub reader: FrameReader,
}

/// A connection that nothing was said on yet, and its first stream.
pub(crate) type Opened = (Connection, Stream);

/// What [`Connection::open`] gives.
#[derive(Debug)]
pub struct Welcomed {
    /// The connection.
    pub connection: Connection,
    /// Its first stream, on which requests go and answers come.
    pub control: Stream,
    /// What the node said.
    pub welcome: Welcome,
}

impl Connection {
    /// Dials over QUIC, proves `signing` and introduces itself as `software`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(
        endpoint: &Endpoint,
        signing: &SigningKey,
        software: &str,
    ) -> Result<Welcomed, ConnectError> {
        greet(&Dial::new(endpoint.clone(), signing, &Via::Quic)?, software).await
    }

    async fn dial_quic(
        remote: SocketAddr,
        config: &quinn::ClientConfig,
    ) -> Result<Opened, ConnectError> {
        let endpoint = tls::client_endpoint(unspecified_for(remote))
            .map_err(|source| ConnectError::Socket(Arc::new(source)))?;
        let connection = endpoint
            .connect_with(config.clone(), remote, tls::SERVER_NAME)
            .map_err(|source| ConnectError::Dial { remote, source })?
            .await
            .map_err(|source| ConnectError::Handshake { remote, source })?;
        let connection = Self { road: Road::Quic { endpoint, connection } };
        // No number is that of the first one.
        let control = connection
            .stream(0)
            .await
            .map_err(|source| ConnectError::Stream { address: remote.to_string(), source })?;
        Ok((connection, control))
    }

    /// Opens another stream: one per subscription or followed log, under its number, which no other
    /// stream of this connection has had.
    ///
    /// # Errors
    /// [`StreamError`] where the connection has ended.
    pub async fn stream(&self, subscription: u32) -> Result<Stream, StreamError> {
        match &self.road {
            Road::Quic { connection, .. } => {
                tracing::trace!(subscription, "a stream is opened");
                let (send, receive) = connection.open_bi().await?;
                Ok(Stream { writer: FrameWriter::new(send), reader: FrameReader::new(receive) })
            }
            #[cfg(feature = "channel")]
            Road::Channel(channel) => channel.stream(subscription),
        }
    }

    /// Resolves when the connection has ended.
    pub async fn closed(&self) -> StreamError {
        match &self.road {
            Road::Quic { connection, .. } => StreamError::Connection(connection.closed().await),
            #[cfg(feature = "channel")]
            Road::Channel(channel) => channel.closed().await,
        }
    }

    /// Ends the connection at once; over QUIC the node is told `why`.
    pub fn close(&self, why: &str) {
        match &self.road {
            Road::Quic { connection, .. } => connection.close(0_u32.into(), why.as_bytes()),
            #[cfg(feature = "channel")]
            Road::Channel(channel) => channel.close(),
        }
    }

    /// Waits until the last packets have left.
    pub async fn wait_idle(&self) {
        match &self.road {
            Road::Quic { endpoint, .. } => endpoint.wait_idle().await,
            #[cfg(feature = "channel")]
            Road::Channel(channel) => channel.wait_idle().await,
        }
    }

    /// Goes on over another local socket, as after a change of network. Over QUIC the node follows
    /// the client to its new address; elsewhere the connection ends, and whoever holds it makes
    /// another.
    ///
    /// # Errors
    /// The operating system's, where no socket can be had.
    pub fn rebind(&self) -> io::Result<()> {
        match &self.road {
            Road::Quic { endpoint, connection } => {
                let local = unspecified_for(connection.remote_address());
                endpoint.rebind(tls::client_socket(local)?)
            }
            #[cfg(feature = "channel")]
            Road::Channel(channel) => {
                channel.close();
                Ok(())
            }
        }
    }

    /// The local address packets leave from.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match &self.road {
            Road::Quic { endpoint, .. } => endpoint.local_addr(),
            #[cfg(feature = "channel")]
            Road::Channel(channel) => Ok(channel.local_address()),
        }
    }
}

/// Dials and introduces the client.
pub(crate) async fn greet(dial: &Dial, software: &str) -> Result<Welcomed, ConnectError> {
    let (connection, mut control) = dial.dial().await?;
    let endpoint = &dial.endpoint;
    let address = &endpoint.address;
    let answer = tokio::time::timeout(HANDSHAKE_TIMEOUT, hello(endpoint, software, &mut control));
    match answer.await {
        Ok(Ok(welcome)) if welcome.organisation == endpoint.organisation => {
            Ok(Welcomed { connection, control, welcome })
        }
        Ok(Ok(welcome)) => Err(ConnectError::Organisation {
            address: address.clone(),
            wanted: endpoint.organisation.clone(),
            found: welcome.organisation,
        }),
        Ok(Err(failure)) => Err(failure),
        Err(_elapsed) => Err(ConnectError::Timeout {
            address: address.clone(),
            wanted: "Welcome",
            waited: HANDSHAKE_TIMEOUT,
            last: None,
        }),
    }
}

async fn hello(
    endpoint: &Endpoint,
    software: &str,
    control: &mut Stream,
) -> Result<Welcome, ConnectError> {
    let address = endpoint.address.clone();
    let in_stream = |source| ConnectError::Stream { address: address.clone(), source };
    let hello = Frame::Hello(Hello {
        version: PROTOCOL_VERSION,
        software: software.to_owned(),
        organisation: endpoint.organisation.clone(),
    });
    control.writer.send(&hello).await.map_err(in_stream)?;
    let wanted = "Welcome or Refused";
    match control.reader.next().await.map_err(in_stream)? {
        Some(Frame::Welcome(welcome)) if welcome.version == PROTOCOL_VERSION => Ok(welcome),
        Some(Frame::Welcome(_)) => {
            Err(in_stream(StreamError::Unexpected { wanted, found: "another version" }))
        }
        Some(Frame::Refused(refused)) => {
            Err(ConnectError::Refused { address, refusal: Refusal::from(refused) })
        }
        Some(other) => Err(in_stream(StreamError::Unexpected { wanted, found: other.name() })),
        None => Err(in_stream(StreamError::Ended { wanted })),
    }
}

fn unspecified_for(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}
