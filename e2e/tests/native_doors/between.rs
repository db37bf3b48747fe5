//! Somebody between a client and its node who ends TLS and passes everything on: both sides notice.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ServerConfig};
use sekisho::{ConnectError, RefusalCode, SigningKey, Via};
use sekisho_e2e::{Credulous, Member};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::task::AbortOnDropHandle;

use crate::{city, doors, truck};

#[tokio::test]
async fn a_node_with_another_key_than_the_pinned_one_is_refused_at_every_door() {
    let (city, web) = city().await;
    let other = SigningKey::from_seed(&[7; 32]).public_key();
    let truck = truck(&city).await.expecting(other);
    for (door, via) in doors(web) {
        let refused = truck.through(via).try_connect().await.unwrap_err();
        // The client's proof names the key it means to reach, so that the node may refuse first.
        let refused = if let ConnectError::Timeout { last: Some(last), .. } = refused {
            *last
        } else {
            refused
        };
        assert!(
            matches!(&refused, ConnectError::NodeKey { .. })
                || code(&refused) == Some(RefusalCode::BadSignature),
            "{door}: {refused:?}"
        );
    }
}

fn code(refused: &ConnectError) -> Option<RefusalCode> {
    let ConnectError::Refused { refusal, .. } = refused else { return None };
    Some(refusal.code)
}

#[tokio::test]
async fn whoever_ends_tls_in_between_is_found_out_at_every_door() {
    let (city, web) = city().await;
    let truck = truck(&city).await;
    for (door, _via) in doors(web) {
        let alpn = if door == "grpc" { "h2" } else { "http/1.1" };
        let (between, _relaying) = interpose(web, alpn).await;
        let address = between.to_string();
        let via = if door == "grpc" { Via::Grpc { address } } else { Via::WebSocket { address } };
        let refused = truck.through(via).try_connect().await.unwrap_err();
        assert_eq!(code(&refused), Some(RefusalCode::BadSignature), "{door}: {refused:?}");
        let ConnectError::Refused { refusal, .. } = &refused else { panic!("{refused:?}") };
        assert!(refusal.to_string().contains("certificate"), "{door}: {refusal}");
    }
    reaches(&truck, web).await;
}

/// Without anybody in between it is let in.
async fn reaches(truck: &Member, web: SocketAddr) {
    for (_door, via) in doors(web) {
        truck.through(via).connect().await.close().await;
    }
}

/// Ends TLS with a certificate of its own, and begins it again towards the node.
async fn interpose(node: SocketAddr, alpn: &str) -> (SocketAddr, AbortOnDropHandle<()>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let provider = Arc::new(default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    server.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous::Certificate))
        .with_no_client_auth();
    client.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let (acceptor, connector) =
        (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let relaying = tokio::spawn(async move {
        while let Ok((stream, _from)) = listener.accept().await {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            tokio::spawn(async move {
                let mut victim = acceptor.accept(stream).await.unwrap();
                let onward = TcpStream::connect(node).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut onward = connector.connect(name, onward).await.unwrap();
                drop(copy_bidirectional(&mut victim, &mut onward).await);
            });
        }
    });
    (address, AbortOnDropHandle::new(relaying))
}
