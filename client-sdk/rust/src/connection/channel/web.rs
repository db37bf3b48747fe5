//! To a node's web listener: TCP, TLS with whatever certificate it shows, then WebSocket or gRPC.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::pki_types::ServerName;
use sekisho_proto::{Hash, PublicKey};
use sekisho_seal::SigningKey;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

#[cfg(feature = "grpc")]
use super::grpc;
#[cfg(feature = "websocket")]
use super::websocket;
use super::{
    Channel, Protocol,
    carrier::{Receiver, Sender},
    login::Claim,
};
use crate::{
    connection::{ChannelError, ConnectError, Opened},
    tls,
};

/// All it takes to dial a node's web listener, again and again.
pub(crate) struct Web {
    protocol: Protocol,
    address: String,
    signing: SigningKey,
    node: PublicKey,
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl Web {
    pub(crate) fn new(
        protocol: Protocol,
        address: &str,
        signing: &SigningKey,
        node: PublicKey,
    ) -> Result<Self, ConnectError> {
        let alpn = match protocol {
            #[cfg(feature = "websocket")]
            Protocol::WebSocket => websocket::ALPN,
            #[cfg(feature = "grpc")]
            Protocol::Grpc => grpc::ALPN,
        };
        let tls = TlsConnector::from(Arc::new(tls::web_client_config(alpn)?));
        let (address, signing) = (address.to_owned(), signing.clone());
        let name = server_name(&address);
        Ok(Self { protocol, address, signing, node, tls, name })
    }

    /// Connects to one address, and logs in.
    pub(crate) async fn dial(&self, remote: SocketAddr) -> Result<Opened, ConnectError> {
        let broken = |source| ConnectError::Web { remote, source };
        let (stream, local) = self.connect(remote).await.map_err(broken)?;
        let shown = certificate(&stream).map_err(broken)?;
        let claim = Claim { signing: &self.signing, node: self.node, remote, shown };
        match self.protocol {
            #[cfg(feature = "websocket")]
            Protocol::WebSocket => {
                let (sender, receiver) =
                    websocket::open(stream, &self.address).await.map_err(broken)?;
                begin(&claim, sender, receiver, local).await
            }
            #[cfg(feature = "grpc")]
            Protocol::Grpc => {
                let (sender, receiver) = grpc::open(stream, &self.address).await.map_err(broken)?;
                begin(&claim, sender, receiver, local).await
            }
        }
    }

    async fn connect(
        &self,
        remote: SocketAddr,
    ) -> Result<(TlsStream<TcpStream>, SocketAddr), ChannelError> {
        let failed =
            |wanted| move |source: io::Error| ChannelError::Io { wanted, source: Arc::new(source) };
        let stream = TcpStream::connect(remote).await.map_err(failed("a connection"))?;
        stream.set_nodelay(true).map_err(failed("no delay before packets"))?;
        let local = stream.local_addr().map_err(failed("its local address"))?;
        let connecting = self.tls.connect(self.name.clone(), stream);
        Ok((connecting.await.map_err(failed("a TLS handshake"))?, local))
    }
}

async fn begin(
    claim: &Claim<'_>,
    mut sender: impl Sender,
    mut receiver: impl Receiver,
    local: SocketAddr,
) -> Result<Opened, ConnectError> {
    claim.prove(&mut sender, &mut receiver).await?;
    Ok(Channel::start(sender, receiver, local))
}

/// The certificate whose key the other end has just proven to hold.
fn certificate(stream: &TlsStream<TcpStream>) -> Result<Hash, ChannelError> {
    let (_stream, connection) = stream.get_ref();
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    let shown = shown.ok_or_else(|| ChannelError::Protocol {
        protocol: "TLS",
        wanted: "a certificate",
        found: "none".to_owned(),
    })?;
    Ok(Hash::of(shown))
}

/// What the listener is asked for, so that what routes by names can route it. It identifies nothing:
/// the pinned key does.
fn server_name(address: &str) -> ServerName<'static> {
    let host = address.rsplit_once(':').map_or(address, |(host, _port)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_not_a_name| ServerName::from(std::net::IpAddr::from([0, 0, 0, 0])))
}
