//! Connections that must not come about: by other cryptography, by another protocol, with a key
//! that is none or is somebody else's.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::HandshakeData;
use quinn::{ConnectionError, TransportErrorCode};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, NamedGroup, SignatureScheme};
use sekisho::{PublicKey, tls};
use sekisho_e2e::{Credulous, Stranger, quic, within};
use tokio::net::UdpSocket;

use crate::scene::Scene;

/// TLS alerts of RFC 8446 §6.
const HANDSHAKE_FAILURE: u8 = 40;
const BAD_CERTIFICATE: u8 = 42;
const DECRYPT_ERROR: u8 = 51;
const CERTIFICATE_REQUIRED: u8 = 116;
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Shows what it has as a certificate of the kind that browsers know, or as no key at all.
#[derive(Debug)]
struct Certificate(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.is_none()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// An honest client's handshake, but for the key exchange.
fn exchanging(stranger: &Stranger, provider: CryptoProvider) -> ClientConfig {
    let honest = stranger.tls();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous::RawKey))
        .with_client_cert_resolver(Arc::clone(&honest.client_auth_cert_resolver));
    config.alpn_protocols = honest.alpn_protocols;
    config
}

/// A client that signs with its own key and shows something else.
fn showing(stranger: &Stranger, spki: Vec<u8>) -> ClientConfig {
    let pkcs8 = stranger.signing().pkcs8_der();
    let key = aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8.as_slice())).unwrap();
    let shown = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], key));
    let mut config = stranger.tls();
    config.client_auth_cert_resolver = Arc::new(AlwaysResolvesClientRawPublicKeys::new(shown));
    config
}

/// The SubjectPublicKeyInfo of an Ed25519 key of any length: RFC 8410 §4.
fn spki_of(key: &[u8]) -> Vec<u8> {
    let length = u8::try_from(key.len()).unwrap();
    let prefix = [0x30, length + 10, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, length + 1, 0];
    [&prefix, key].concat()
}

/// The alert with which a node ended a handshake.
fn alert(end: &ConnectionError) -> u8 {
    let ConnectionError::ConnectionClosed(close) = end else {
        panic!("wanted the node to refuse the handshake, found {end:?}");
    };
    let code = u64::from(close.error_code);
    let alerts = u64::from(TransportErrorCode::crypto(0));
    u8::try_from(code - alerts).unwrap_or_else(|_| panic!("wanted an alert, found {end:?}"))
}

fn group(connection: &quinn::Connection) -> NamedGroup {
    let data: Box<HandshakeData> = connection.handshake_data().unwrap().downcast().unwrap();
    data.negotiated_key_exchange_group
}

#[tokio::test]
async fn only_post_quantum_handshakes_of_this_protocol_with_a_key_of_one_s_own_succeed() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let honest = stranger.dial().await;
    assert_eq!(group(honest.connection()), NamedGroup::X25519MLKEM768);
    assert_eq!(tls::peer_key(honest.connection()).unwrap(), *stranger.node_key());
    let kx = |kx_groups| CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() };
    let classical = kx(vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1]);
    let lone_mlkem = kx(vec![aws_lc_rs::kx_group::MLKEM768]);
    let alpn = |protocols: &[&[u8]]| {
        let mut config = stranger.tls();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    };
    let resolving = |certificate| {
        let mut config = stranger.tls();
        config.client_auth_cert_resolver = Arc::new(Certificate(certificate));
        config
    };
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let own = spki_of(stranger.signing().public_key().as_ref());
    let x509 = showing(&stranger, own.clone()).client_auth_cert_resolver.resolve(&[], &[]);
    let others = scene.city.administrator().identity().public_key();
    let node = *stranger.node_key();
    let short = stranger.signing().public_key().as_ref()[..31].to_vec();
    let long = [stranger.signing().public_key().as_ref(), &[0]].concat();
    let attempts = [
        ("classical key exchange", exchanging(&stranger, classical), HANDSHAKE_FAILURE),
        ("half a hybrid", exchanging(&stranger, lone_mlkem), HANDSHAKE_FAILURE),
        ("another version", alpn(&[b"sekisho/2"]), NO_APPLICATION_PROTOCOL),
        ("another protocol", alpn(&[b"h3", b"mqtt"]), NO_APPLICATION_PROTOCOL),
        ("no protocol", alpn(&[]), NO_APPLICATION_PROTOCOL),
        ("no key", resolving(None), CERTIFICATE_REQUIRED),
        ("an X.509 client", resolving(x509), HANDSHAKE_FAILURE),
        ("31 bytes", showing(&stranger, spki_of(&short)), BAD_CERTIFICATE),
        ("33 bytes", showing(&stranger, spki_of(&long)), BAD_CERTIFICATE),
        ("a weak key", showing(&stranger, spki_of(&identity_point)), BAD_CERTIFICATE),
        ("zeros", showing(&stranger, spki_of(&[0; 32])), BAD_CERTIFICATE),
        ("no key at all", showing(&stranger, Vec::new()), BAD_CERTIFICATE),
        ("bytes behind the key", showing(&stranger, [own, vec![0]].concat()), BAD_CERTIFICATE),
        ("somebody else's key", showing(&stranger, spki_of(others.as_ref())), DECRYPT_ERROR),
        ("the node's own key", showing(&stranger, spki_of(node.as_ref())), DECRYPT_ERROR),
    ];
    let mut counted = scene.turned_away("tls").await;
    for (what, config, wanted) in attempts {
        let end = stranger.fail_with(config).await;
        assert_eq!(alert(&end), wanted, "{what}: {end:?}");
        counted += 1.0;
        scene.have_turned_away("tls", counted, what).await;
    }
    assert_eq!(scene.turned_away("tls").await, counted, "wanted each counted once");
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_client_that_pinned_another_key_hangs_up_before_it_says_a_word() {
    let mut scene = Scene::open().await;
    let other = Stranger::draw(&scene.city).signing().public_key();
    let stranger = Stranger::draw(&scene.city).expecting(other);
    let end = stranger.dial_with(stranger.tls()).await.unwrap_err();
    let told = end.to_string();
    assert!(told.contains(&format!("node key: wanted {other}, found ")), "{told}");
    // The command tells it as the node not being there: whoever answers is not it.
    let administrator = scene.city.administrator();
    let (pinned, profile) = (other.to_string(), administrator.dir().join("profile.toml"));
    let text = std::fs::read_to_string(&profile).unwrap();
    let own: PublicKey = administrator.profile().node_key;
    std::fs::write(&profile, text.replace(&own.to_string(), &pinned)).unwrap();
    let said = scene.city.run(&["who", "fujisawa/bystander/air"]).await;
    std::fs::write(&profile, text).unwrap();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.error.contains(&format!("node key: wanted {pinned}")), "{said:?}");
    assert!(said.error.contains("another node answers there"), "{said:?}");
    assert!(!said.error.contains("OtherError"), "{said:?}");
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn nothing_is_resumed_and_nothing_is_heard_before_the_handshake() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let mut tls = stranger.tls();
    tls.enable_early_data = true;
    tls.resumption = Resumption::in_memory_sessions(16);
    let config = quic(tls);
    for _ in 0..3 {
        let (endpoint, dialling) = stranger.begin(config.clone());
        let Err(dialling) = dialling.into_0rtt() else {
            panic!("wanted no early data, found some")
        };
        let connection = within("a handshake", dialling).await.unwrap();
        assert_eq!(group(&connection), NamedGroup::X25519MLKEM768);
        // A ticket would arrive ahead of this answer.
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[0xff; 4]).await.unwrap();
        assert!(!receive.read_to_end(4_096).await.unwrap_or_else(|_| vec![0]).is_empty());
        connection.close(0_u32.into(), b"");
        within("the last packets", endpoint.wait_idle()).await;
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn datagrams_that_are_no_quic_of_version_1_get_no_more_back_than_they_cost() {
    let mut scene = Scene::open().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(scene.city.quic()).await.unwrap();
    let long = |version: u32, length: usize| {
        let mut packet =
            [&[0xc0][..], &version.to_be_bytes(), &[8], &[7; 8], &[8], &[9; 8]].concat();
        packet.resize(length, 0);
        packet
    };
    let silent = [
        vec![0],
        vec![0xff; 1],
        vec![0x40; 20],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        // Initial packets must fill a datagram of 1200 bytes: RFC 9000 §14.1.
        long(1, 100),
        long(1, 1_199),
        long(0xbaba_baba, 100),
        vec![0xff; 65_507],
    ];
    for packet in &silent {
        socket.send(packet).await.unwrap();
    }
    let unknown = long(0xbaba_baba, 1_200);
    socket.send(&unknown).await.unwrap();
    let mut answer = vec![0; 2_048];
    let length = within("an answer", socket.recv(&mut answer)).await.unwrap();
    answer.truncate(length);
    assert!(length <= unknown.len(), "{length} bytes for {}", unknown.len());
    assert_eq!(answer[1..5], [0; 4], "version negotiation: {answer:x?}");
    let versions: Vec<_> = answer[23..].chunks(4).collect();
    assert!(versions.contains(&&[0, 0, 0, 1][..]), "{versions:x?}");
    // It was the only answer: packets are taken in order, and loopback loses none of them.
    let more = tokio::time::timeout(Duration::ZERO, socket.recv(&mut answer)).await;
    assert!(more.is_err(), "wanted one answer, found {answer:x?}");
    scene.goes_on().await;
    scene.ends_well().await;
}
