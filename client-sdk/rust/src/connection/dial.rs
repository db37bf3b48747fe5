//! From an address to a connection on which nothing was said yet: every address of the name in turn,
//! until one proves the pinned key.

use std::{net::SocketAddr, sync::Arc};

use sekisho_proto::PublicKey;
use sekisho_seal::SigningKey;

#[cfg(feature = "channel")]
use super::channel::{self, Web};
use super::{ConnectError, Connection, Endpoint, Opened, Via};
use crate::tls::{self, HANDSHAKE_TIMEOUT};

/// Addresses of one name that are tried before the attempt counts as failed.
const ADDRESSES_MAX: usize = 8;

/// All it takes to dial one node, again and again.
#[derive(Clone)]
pub(crate) struct Dial {
    /// Where the node is.
    pub(crate) endpoint: Endpoint,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Quic(quinn::ClientConfig),
    #[cfg(feature = "channel")]
    Web(Arc<Web>),
}

impl Dial {
    /// Everything made ready, nothing sent.
    pub(crate) fn new(
        endpoint: Endpoint,
        signing: &SigningKey,
        via: &Via,
    ) -> Result<Self, ConnectError> {
        let way = match via {
            Via::Quic => Way::Quic(tls::quic_client_config(signing, &endpoint.node_key)?),
            #[cfg(feature = "websocket")]
            Via::WebSocket { address } => {
                let protocol = channel::Protocol::WebSocket;
                return Self::web(endpoint, signing, address, protocol);
            }
            #[cfg(feature = "grpc")]
            Via::Grpc { address } => {
                return Self::web(endpoint, signing, address, channel::Protocol::Grpc);
            }
        };
        Ok(Self { endpoint, way })
    }

    #[cfg(feature = "channel")]
    fn web(
        endpoint: Endpoint,
        signing: &SigningKey,
        address: &str,
        protocol: channel::Protocol,
    ) -> Result<Self, ConnectError> {
        let web = Web::new(protocol, address, signing, endpoint.node_key)?;
        // What is said of the connection names the address that was dialled.
        let endpoint = Endpoint { address: address.to_owned(), ..endpoint };
        Ok(Self { endpoint, way: Way::Web(Arc::new(web)) })
    }

    /// Connects to the first address of the node that proves the pinned key.
    pub(crate) async fn dial(&self) -> Result<Opened, ConnectError> {
        let address = &self.endpoint.address;
        let addresses = tokio::net::lookup_host(address).await.map_err(|source| {
            ConnectError::Address { address: address.clone(), source: Arc::new(source) }
        })?;
        let mut last = ConnectError::NoAddress { address: address.clone() };
        for remote in addresses.take(ADDRESSES_MAX) {
            // It is large, and there is one of it for each connection made.
            let dialling = Box::pin(self.dial_one(remote));
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, dialling).await {
                Ok(Ok(opened)) => return Ok(opened),
                // Somebody is there who does not want this key: no other address changes that.
                Ok(Err(refused @ ConnectError::Refused { .. })) => return Err(refused),
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

    async fn dial_one(&self, remote: SocketAddr) -> Result<Opened, ConnectError> {
        match &self.way {
            Way::Quic(config) => Connection::dial_quic(remote, config).await,
            #[cfg(feature = "channel")]
            Way::Web(web) => Box::pin(web.dial(remote)).await,
        }
    }
}

/// Which key the node proves.
impl std::fmt::Debug for Dial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key: &PublicKey = &self.endpoint.node_key;
        formatter.debug_struct("Dial").field("node", key).finish_non_exhaustive()
    }
}
