//! Proves on every connection which key the other end holds, and nothing else: raw public keys both
//! ways (RFC 7250), TLS 1.3 only, post-quantum key exchange only. Who may hold which key is judged
//! elsewhere: a client pins its node's key, a node judges a client's key at Hello or Enrol.

mod pinned;
mod quic;
mod raw_key;
#[cfg(feature = "channel")]
mod web;

use std::{any::Any, sync::Arc};

use rustls::{
    ClientConfig, ServerConfig,
    client::{AlwaysResolvesClientRawPublicKeys, Resumption},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime},
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    sign::CertifiedKey,
    time_provider::TimeProvider,
    version::TLS13,
};
use sekisho_proto::PublicKey;
use sekisho_seal::SigningKey;
use thiserror::Error;

use self::raw_key::{AnyClient, PinnedNode};

pub use self::pinned::PinnedCertificate;
pub(crate) use self::quic::client_socket;
pub use self::quic::{
    BIDIRECTIONAL_STREAMS_BEFORE_WELCOME, BIDIRECTIONAL_STREAMS_MAX, CONTROL_BUFFER_BYTES,
    HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, INCOMING_MAX, KEEP_ALIVE, client_endpoint, endpoint_config,
    quic_client_config, quic_server_config, server_endpoint,
};
#[cfg(feature = "channel")]
pub(crate) use self::web::web_client_config;

/// The protocol name both ends must agree on before a frame is read.
pub const ALPN: &[u8] = b"sekisho/1";

/// Name a client puts into the server-name field that QUIC libraries insist on. It identifies
/// nothing: the pinned key does.
pub const SERVER_NAME: &str = "sekisho.invalid";

/// Why a TLS configuration could not be made, or a connection's key not be told.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The signing key is not one the TLS library takes.
    #[error("signing key of this principal: wanted an Ed25519 key that TLS can sign with")]
    Key(#[source] rustls::Error),
    /// The library lacks TLS 1.3 or the one key exchange we allow.
    #[error("TLS library: wanted TLS 1.3 with X25519MLKEM768")]
    Provider(#[source] rustls::Error),
    /// The library lacks the cipher suite QUIC starts with.
    #[error("TLS library: wanted TLS13_AES_128_GCM_SHA256 for QUIC's first packets")]
    InitialSuite(#[source] quinn::crypto::rustls::NoInitialCipherSuite),
    /// The other end of the connection showed no key.
    #[error("connection from {remote}: wanted one raw public key, found none")]
    NoPeerKey {
        /// Address of the other end.
        remote: std::net::SocketAddr,
    },
    /// The other end showed something that is not one Ed25519 key.
    #[error("connection from {remote}: wanted one Ed25519 raw public key, found another thing")]
    PeerKey {
        /// Address of the other end.
        remote: std::net::SocketAddr,
    },
}

/// TLS for a client that speaks to the one node whose key is `node_key`, and to no other.
///
/// # Errors
/// [`TlsError`] where the key or the library cannot do what we require.
pub fn client_config(signing: &SigningKey, node_key: &PublicKey) -> Result<ClientConfig, TlsError> {
    let identity = certified_key(signing)?;
    let mut config =
        ClientConfig::builder_with_details(Arc::new(provider()), Arc::new(RawKeysDoNotExpire))
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Provider)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinnedNode::new(*node_key)))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(identity)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    Ok(config)
}

/// TLS for a node: proves `signing`, and takes any well-formed Ed25519 key from a client that can
/// sign with it. The caller decides from [`peer_key`] what that key may do.
///
/// # Errors
/// [`TlsError`] where the key or the library cannot do what we require.
pub fn server_config(signing: &SigningKey) -> Result<ServerConfig, TlsError> {
    let identity = certified_key(signing)?;
    let mut config =
        ServerConfig::builder_with_details(Arc::new(provider()), Arc::new(RawKeysDoNotExpire))
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Provider)?
            .with_client_cert_verifier(Arc::new(AnyClient::new()))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(identity)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The key that the other end of an established connection has proven to hold.
///
/// # Errors
/// [`TlsError::NoPeerKey`] or [`TlsError::PeerKey`] where the connection was not made with the
/// configurations of this module.
pub fn peer_key(connection: &quinn::Connection) -> Result<PublicKey, TlsError> {
    let remote = connection.remote_address();
    let identity: Box<dyn Any> =
        connection.peer_identity().ok_or(TlsError::NoPeerKey { remote })?;
    let shown: Option<&Vec<CertificateDer<'static>>> = identity.downcast_ref();
    match shown.map(Vec::as_slice) {
        Some([spki]) => raw_key::parse(spki).ok_or(TlsError::PeerKey { remote }),
        Some(_) | None => Err(TlsError::PeerKey { remote }),
    }
}

/// The library's algorithms, reduced to the one post-quantum hybrid key exchange.
fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    }
}

fn certified_key(signing: &SigningKey) -> Result<Arc<CertifiedKey>, TlsError> {
    let pkcs8 = signing.pkcs8_der();
    let key = aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()))
        .map_err(TlsError::Key)?;
    let spki = CertificateDer::from(signing.public_key().spki_der().to_vec());
    Ok(Arc::new(CertifiedKey::new(vec![spki], key)))
}

/// A raw public key has no validity period, so TLS needs no clock.
#[derive(Debug)]
struct RawKeysDoNotExpire;

impl TimeProvider for RawKeysDoNotExpire {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}

#[cfg(test)]
mod tests;
