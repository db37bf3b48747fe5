//! Somebody who dials a node with any key, any handshake and any bytes: nothing of the SDK's
//! manners but its TLS, and that may be changed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connecting, ConnectionError, Endpoint};
use sekisho::{OrgName, OsEntropy, PublicKey, SigningKey, tls};
use sekisho_proto::frame::Hello;
use sekisho_proto::{Frame, limits::PROTOCOL_VERSION};

use crate::city::City;
use crate::member::Member;
use crate::patience::within;
use crate::wire::Wire;

/// Who dials, and whom.
#[derive(Debug, Clone)]
pub struct Stranger {
    node: SocketAddr,
    node_key: PublicKey,
    organisation: OrgName,
    signing: SigningKey,
}

impl Stranger {
    /// Somebody with a key of their own that no statement names.
    #[must_use]
    pub fn draw(city: &City) -> Self {
        let signing = SigningKey::generate(&mut OsEntropy::new()).expect("a key");
        Self::with(city, signing)
    }

    /// Somebody who speaks with a member's key.
    #[must_use]
    pub fn as_member(city: &City, member: &Member) -> Self {
        Self::with(city, member.identity().signing().clone())
    }

    /// Somebody with this key.
    #[must_use]
    pub fn with(city: &City, signing: SigningKey) -> Self {
        let node_key = city.administrator().profile().node_key;
        let organisation = city.name().parse().expect("an organisation's name");
        Self { node: city.quic(), node_key, organisation, signing }
    }

    /// Where the node is that it dials.
    #[must_use]
    pub const fn node(&self) -> SocketAddr {
        self.node
    }

    /// The key it dials with.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key that it expects of the node.
    #[must_use]
    pub const fn node_key(&self) -> &PublicKey {
        &self.node_key
    }

    /// Expects another key of the node.
    #[must_use]
    pub fn expecting(mut self, node_key: PublicKey) -> Self {
        self.node_key = node_key;
        self
    }

    /// The handshake of an honest client, to be changed.
    #[must_use]
    pub fn tls(&self) -> rustls::ClientConfig {
        tls::client_config(&self.signing, &self.node_key).expect("TLS takes the key")
    }

    /// The greeting of an honest client.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            software: "sekisho-e2e".to_owned(),
            organisation: self.organisation.clone(),
        }
    }

    /// Dials as an honest client does, and says nothing yet.
    pub async fn dial(&self) -> Wire {
        match self.dial_with(self.tls()).await {
            Ok(wire) => wire,
            Err(error) => panic!("{}: wanted a connection, found {error}", self.node),
        }
    }

    /// Dials and says a proper Hello; resolves after the Welcome.
    pub async fn welcome(&self) -> Wire {
        let mut wire = self.dial().await;
        wire.send(self.hello()).await;
        match wire.hear().await {
            Some(Frame::Welcome(_)) => wire,
            other => panic!("{}: wanted a welcome, found {other:?}", self.node),
        }
    }

    /// Dials with another handshake.
    ///
    /// # Errors
    /// How the connection ended before the client was done.
    pub async fn dial_with(&self, tls: rustls::ClientConfig) -> Result<Wire, ConnectionError> {
        self.dial_as(quic(tls)).await
    }

    /// Dials with another QUIC.
    ///
    /// # Errors
    /// How the connection ended before the client was done.
    pub async fn dial_as(&self, config: ClientConfig) -> Result<Wire, ConnectionError> {
        let (endpoint, dialling) = self.begin(config);
        let connection = within("a handshake or its refusal", dialling).await?;
        Ok(Wire::open(endpoint, connection).await)
    }

    /// Begins to dial from a socket of its own.
    #[must_use]
    pub fn begin(&self, config: ClientConfig) -> (Endpoint, Connecting) {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = tls::client_endpoint(local).expect("a socket");
        let dialling = endpoint.connect_with(config, self.node, tls::SERVER_NAME);
        (endpoint, dialling.expect("it can be dialled"))
    }

    /// Dials with a handshake that must fail, at whichever end: a client is done before the node
    /// has judged its key.
    pub async fn fail_with(&self, tls: rustls::ClientConfig) -> ConnectionError {
        let (_endpoint, dialling) = self.begin(quic(tls));
        match within("a handshake or its refusal", dialling).await {
            Ok(connection) => within("the node's refusal", connection.closed()).await,
            Err(error) => error,
        }
    }
}

/// QUIC with the library's defaults over a handshake.
#[must_use]
pub fn quic(tls: rustls::ClientConfig) -> ClientConfig {
    let crypto = QuicClientConfig::try_from(tls).expect("TLS has QUIC's first cipher suite");
    ClientConfig::new(Arc::new(crypto))
}
