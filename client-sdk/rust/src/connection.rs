//! Gets from an address to a connection: every address of the name in turn, the pinned key proven,
//! then Hello until the node says Welcome. A TLS handshake alone is not a connection: in TLS 1.3 the
//! client is done before the node has judged its key.

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

use crate::{
    framing::{FrameReader, FrameWriter, StreamError},
    refusal::Refusal,
    tls::{self, HANDSHAKE_TIMEOUT},
};

pub use self::failure::ConnectError;

/// Addresses of one name that are tried before the attempt counts as failed.
const ADDRESSES_MAX: usize = 8;

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

/// A connection to a node that has said Welcome. Dropping every clone of it ends it.
#[derive(Debug, Clone)]
pub struct Connection {
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
}

/// The two directions of a stream.
#[derive(Debug)]
pub struct Stream {
    /// To the node.
    pub writer: FrameWriter,
    /// From the node.
    pub reader: FrameReader,
}

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
    /// Dials, proves `signing` and introduces itself as `software`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(
        endpoint: &Endpoint,
        signing: &SigningKey,
        software: &str,
    ) -> Result<Welcomed, ConnectError> {
        let config = tls::quic_client_config(signing, &endpoint.node_key)?;
        greet(endpoint, &config, software).await
    }

    /// Opens another stream: one per subscription or followed log.
    ///
    /// # Errors
    /// [`StreamError::Connection`].
    pub async fn stream(&self) -> Result<Stream, StreamError> {
        let (send, receive) = self.connection.open_bi().await?;
        Ok(Stream { writer: FrameWriter::new(send), reader: FrameReader::new(receive) })
    }

    /// Resolves when the connection has ended.
    pub async fn closed(&self) -> quinn::ConnectionError {
        self.connection.closed().await
    }

    /// Ends the connection at once; the node is told `why`.
    pub fn close(&self, why: &str) {
        self.connection.close(0_u32.into(), why.as_bytes());
    }

    /// Waits until the last packets have left.
    pub async fn wait_idle(&self) {
        self.endpoint.wait_idle().await;
    }

    /// Goes on over another local socket, as after a change of network. The node follows the
    /// client to its new address.
    ///
    /// # Errors
    /// The operating system's, where no socket can be had.
    pub fn rebind(&self) -> io::Result<()> {
        let local = unspecified_for(self.connection.remote_address());
        self.endpoint.rebind(tls::client_socket(local)?)
    }

    /// The local address packets leave from.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }
}

/// Connects to the first address of the node that proves the pinned key.
pub(crate) async fn dial(
    address: &str,
    config: &quinn::ClientConfig,
) -> Result<(Connection, Stream), ConnectError> {
    let addresses = tokio::net::lookup_host(address).await.map_err(|source| {
        ConnectError::Address { address: address.to_owned(), source: Arc::new(source) }
    })?;
    let mut last = ConnectError::NoAddress { address: address.to_owned() };
    for remote in addresses.take(ADDRESSES_MAX) {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, dial_one(remote, config)).await {
            Ok(Ok(opened)) => return Ok(opened),
            Ok(Err(failure)) => last = failure,
            Err(_elapsed) => {
                last = ConnectError::Timeout {
                    address: remote.to_string(),
                    wanted: "a handshake",
                    waited: HANDSHAKE_TIMEOUT,
                    last: None,
                }
            }
        }
    }
    Err(last)
}

async fn dial_one(
    remote: SocketAddr,
    config: &quinn::ClientConfig,
) -> Result<(Connection, Stream), ConnectError> {
    let endpoint = tls::client_endpoint(unspecified_for(remote))
        .map_err(|source| ConnectError::Socket(Arc::new(source)))?;
    let connection = endpoint
        .connect_with(config.clone(), remote, tls::SERVER_NAME)
        .map_err(|source| ConnectError::Dial { remote, source })?
        .await
        .map_err(|source| ConnectError::Handshake { remote, source })?;
    let connection = Connection { endpoint, connection };
    let control = connection
        .stream()
        .await
        .map_err(|source| ConnectError::Stream { address: remote.to_string(), source })?;
    Ok((connection, control))
}

/// Dials and introduces the client.
pub(crate) async fn greet(
    endpoint: &Endpoint,
    config: &quinn::ClientConfig,
    software: &str,
) -> Result<Welcomed, ConnectError> {
    let (connection, mut control) = dial(&endpoint.address, config).await?;
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
