use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use quinn::{
    ConnectionError, Endpoint, TransportErrorCode,
    crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig},
};
use rustls::{
    ClientConfig, NamedGroup,
    client::AlwaysResolvesClientRawPublicKeys,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    version::TLS13,
};
use sekisho_proto::PublicKey;
use sekisho_seal::{SeededEntropy, SigningKey};
use tokio::{net::UdpSocket, sync::watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    ALPN, SERVER_NAME, certified_key, client_config, client_endpoint, peer_key, quic_client_config,
    quic_server_config, raw_key::PinnedNode, server_config, server_endpoint,
};

/// TLS alert numbers of RFC 8446 §6.
const ALERT_HANDSHAKE_FAILURE: u8 = 40;
const ALERT_NO_APPLICATION_PROTOCOL: u8 = 120;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&mut SeededEntropy::new(seed)).unwrap()
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn node() -> Endpoint {
    server_endpoint(loopback(), quic_server_config(&key(1)).unwrap(), &key(1)).unwrap()
}

/// Dials a node with a configuration; returns what the client and the node made of it. A client is
/// done before the node has judged its key, so where the node refuses, its end is waited for.
async fn meet(node: &Endpoint, config: quinn::ClientConfig) -> (Outcome, Outcome) {
    let client = client_endpoint(loopback()).unwrap();
    let dialled = client.connect_with(config, node.local_addr().unwrap(), SERVER_NAME).unwrap();
    let (dialled, accepted) = tokio::join!(dialled, async { node.accept().await.unwrap().await });
    match (dialled, accepted) {
        (Ok(dialled), Err(refused)) => (Err(dialled.closed().await), Err(refused)),
        outcomes => outcomes,
    }
}

type Outcome = Result<quinn::Connection, ConnectionError>;

/// The code with which a handshake ended, whoever ended it.
fn code(outcome: Outcome) -> TransportErrorCode {
    let refused = outcome.unwrap_err();
    if let ConnectionError::TransportError(error) = &refused {
        return error.code;
    }
    let ConnectionError::ConnectionClosed(close) = refused else {
        panic!("wanted the handshake refused, found {refused}");
    };
    close.error_code
}

/// A client that differs from ours in what `change` does to it.
fn unlike(change: impl FnOnce(&mut ClientConfig)) -> quinn::ClientConfig {
    let mut config = client_config(&key(2), &key(1).public_key()).unwrap();
    change(&mut config);
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
}

fn classical() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    }
}

fn handshake(connection: &quinn::Connection) -> HandshakeData {
    *connection.handshake_data().unwrap().downcast().unwrap()
}

#[tokio::test]
async fn both_ends_prove_their_keys_over_a_post_quantum_key_exchange() {
    let node = node();
    let config = quic_client_config(&key(2), &key(1).public_key()).unwrap();
    let (dialled, accepted) = meet(&node, config).await;
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    assert_eq!(peer_key(&dialled).unwrap(), key(1).public_key());
    assert_eq!(peer_key(&accepted).unwrap(), key(2).public_key());
    for end in [&dialled, &accepted] {
        assert_eq!(handshake(end).negotiated_key_exchange_group, NamedGroup::X25519MLKEM768);
        assert_eq!(handshake(end).protocol.as_deref(), Some(ALPN));
    }
}

#[tokio::test]
async fn a_node_with_another_key_than_the_pinned_one_is_refused() {
    let node = node();
    let config = quic_client_config(&key(2), &key(3).public_key()).unwrap();
    let (dialled, accepted) = meet(&node, config).await;
    let refused = dialled.unwrap_err();
    assert!(refused.to_string().contains("node key: wanted"), "{refused}");
    accepted.unwrap_err();
}

#[tokio::test]
async fn a_client_with_classical_key_exchange_only_is_refused() {
    let node = node();
    let config = ClientConfig::builder_with_provider(Arc::new(classical()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedNode::new(key(1).public_key())))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
            certified_key(&key(2)).unwrap(),
        )));
    let mut config = config;
    config.alpn_protocols = vec![ALPN.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let (dialled, accepted) = meet(&node, config).await;
    assert_eq!(code(dialled), TransportErrorCode::crypto(ALERT_HANDSHAKE_FAILURE));
    accepted.unwrap_err();
}

#[tokio::test]
async fn a_node_with_classical_key_exchange_only_is_refused() {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(classical()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(super::AnyClient::new()))
        .with_cert_resolver(Arc::new(super::AlwaysResolvesServerRawPublicKeys::new(
            certified_key(&key(1)).unwrap(),
        )));
    config.alpn_protocols = vec![ALPN.to_vec()];
    let config = QuicServerConfig::try_from(config).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(config));
    let node = server_endpoint(loopback(), config, &key(1)).unwrap();
    let config = quic_client_config(&key(2), &key(1).public_key()).unwrap();
    let (dialled, accepted) = meet(&node, config).await;
    dialled.unwrap_err();
    assert_eq!(code(accepted), TransportErrorCode::crypto(ALERT_HANDSHAKE_FAILURE));
}

#[tokio::test]
async fn another_application_protocol_is_refused() {
    let node = node();
    let config = unlike(|config| config.alpn_protocols = vec![b"sekisho/2".to_vec()]);
    let (dialled, accepted) = meet(&node, config).await;
    assert_eq!(code(dialled), TransportErrorCode::crypto(ALERT_NO_APPLICATION_PROTOCOL));
    accepted.unwrap_err();
}

#[tokio::test]
async fn no_application_protocol_is_refused() {
    let node = node();
    let config = unlike(|config| config.alpn_protocols = Vec::new());
    let (dialled, accepted) = meet(&node, config).await;
    assert_eq!(code(dialled), TransportErrorCode::crypto(ALERT_NO_APPLICATION_PROTOCOL));
    accepted.unwrap_err();
}

#[tokio::test]
async fn a_client_that_shows_no_key_is_refused() {
    let node = node();
    let config = ClientConfig::builder_with_provider(Arc::new(super::provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedNode::new(key(1).public_key())))
        .with_no_client_auth();
    let mut config = config;
    config.alpn_protocols = vec![ALPN.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let (dialled, accepted) = meet(&node, config).await;
    dialled.unwrap_err();
    accepted.unwrap_err();
}

#[tokio::test]
async fn a_client_that_shows_a_key_it_does_not_hold_is_refused() {
    let node = node();
    let config = unlike(|config| {
        let stolen = CertificateDer::from(key(3).public_key().spki_der().to_vec());
        let own = Arc::unwrap_or_clone(certified_key(&key(2)).unwrap());
        let shown = rustls::sign::CertifiedKey { cert: vec![stolen], ..own };
        config.client_auth_cert_resolver =
            Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(shown)));
    });
    let (dialled, accepted) = meet(&node, config).await;
    dialled.unwrap_err();
    let refused = accepted.unwrap_err();
    assert!(refused.to_string().contains("BadSignature"), "{refused}");
}

#[tokio::test]
async fn a_known_node_is_offered_no_early_data() {
    let node = node();
    let config = unlike(|config| config.enable_early_data = true);
    let client = client_endpoint(loopback()).unwrap();
    for _ in 0..2 {
        let address = node.local_addr().unwrap();
        let dialling = client.connect_with(config.clone(), address, SERVER_NAME).unwrap();
        let dialling = dialling.into_0rtt().map(|_early| ()).unwrap_err();
        let (dialled, accepted) =
            tokio::join!(dialling, async { node.accept().await.unwrap().await });
        let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
        // A ticket would arrive ahead of this byte.
        let mut stream = dialled.open_bi().await.unwrap();
        stream.0.write_all(b"x").await.unwrap();
        let mut answer = accepted.accept_bi().await.unwrap();
        answer.0.write_all(b"y").await.unwrap();
        stream.1.read_exact(&mut [0]).await.unwrap();
    }
}

/// Passes the datagrams of one client to the node of the moment, and back.
async fn relay(socket: UdpSocket, node: watch::Receiver<SocketAddr>) {
    let (mut client, mut buffer) = (None, [0; 65_536]);
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let node = *node.borrow();
        let to = if from.port() == node.port() { client } else { Some(node) };
        if from.port() != node.port() {
            client.get_or_insert(from);
        }
        if let Some(to) = to {
            socket.send_to(&buffer[..length], to).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_node_that_lost_its_connections_in_a_crash_says_so_at_once() {
    let (before, after) = (node(), node());
    let (switch, present) = watch::channel(before.local_addr().unwrap());
    let socket = UdpSocket::bind(loopback()).await.unwrap();
    let address = socket.local_addr().unwrap();
    let _relay = AbortOnDropHandle::new(tokio::spawn(relay(socket, present)));

    let client = client_endpoint(loopback()).unwrap();
    let config = quic_client_config(&key(2), &key(1).public_key()).unwrap();
    let dialling = client.connect_with(config, address, SERVER_NAME).unwrap();
    let (dialled, accepted) =
        tokio::join!(dialling, async { before.accept().await.unwrap().await.unwrap() });
    let dialled = dialled.unwrap();
    switch.send(after.local_addr().unwrap()).unwrap();
    let mut stream = dialled.open_bi().await.unwrap().0;
    stream.write_all(b"are you there").await.unwrap();
    let lost = dialled.closed().await;
    assert!(matches!(lost, ConnectionError::Reset), "{lost:?}");
    drop(accepted);
}

#[test]
fn tls_1_2_is_refused() {
    // RFC 5246 §7.4.1.2: version 3.3, a random, no session, one suite, no compression, and one
    // extension (signature algorithms) so that nothing else is amiss.
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7]);
    let length = u8::try_from(body.len()).unwrap();
    let mut hello = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    hello.extend(body);
    let server = server_config(&key(1)).unwrap();
    let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
    server.read_tls(&mut hello.as_slice()).unwrap();
    let refused = server.process_new_packets().unwrap_err();
    assert!(
        matches!(
            refused,
            rustls::Error::PeerIncompatible(
                rustls::PeerIncompatible::SupportedVersionsExtensionRequired
            )
        ),
        "{refused:?}"
    );
}

#[test]
fn keys_of_another_length_or_order_are_refused() {
    let whole = key(1).public_key().spki_der().to_vec();
    let parse = |der: &[u8]| super::raw_key::parse(&CertificateDer::from(der.to_vec()));
    assert_eq!(parse(&whole), Some(key(1).public_key()));
    assert_eq!(parse(&whole[..43]), None);
    assert_eq!(parse(&[whole.as_slice(), &[0]].concat()), None);
    assert_eq!(parse(&[]), None);
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    assert_eq!(parse(&PublicKey::new(identity_point).spki_der()), None);
}
