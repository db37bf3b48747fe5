//! TLS as a client of the web listener has it: any server's certificate, and one of its own or
//! anything in its place.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use sekisho::SigningKey;
use sekisho_e2e::{Credulous, within};
use sekisho_proto::Hash;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What a client shows.
pub(crate) enum Shown {
    Nothing,
    /// A certificate with the key in it.
    Box(SigningKey),
    /// These bytes, signed for with the key.
    Bytes(Vec<u8>, SigningKey),
}

/// A connection, and the certificate that the node showed.
pub(crate) struct Dialled {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) certificate: Hash,
}

/// TLS 1.3 to a node, in which this protocol is spoken.
pub(crate) async fn dial(node: SocketAddr, alpn: &[u8], shown: Shown) -> std::io::Result<Dialled> {
    dial_in(&rustls::version::TLS13, node, alpn, shown).await
}

pub(crate) async fn dial_in(
    version: &'static SupportedProtocolVersion,
    node: SocketAddr,
    alpn: &[u8],
    shown: Shown,
) -> std::io::Result<Dialled> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous::Certificate));
    let mut config = match shown {
        Shown::Nothing => builder.with_no_client_auth(),
        Shown::Box(key) => {
            builder.with_client_cert_resolver(Arc::new(certified(boxed(&key), &key)))
        }
        Shown::Bytes(bytes, key) => {
            builder.with_client_cert_resolver(Arc::new(certified(bytes.into(), &key)))
        }
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let connect = async {
        let stream = TcpStream::connect(node).await?;
        let name = ServerName::from(node.ip());
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let stream = Box::pin(within("a handshake or its refusal", connect)).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap();
    let certificate = Hash::of(certificates.first().unwrap());
    Ok(Dialled { stream, certificate })
}

/// A certificate that signs itself and carries this key.
pub(crate) fn boxed(key: &SigningKey) -> CertificateDer<'static> {
    let pkcs8 = key.pkcs8_der();
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).unwrap();
    CertificateParams::new(Vec::new()).unwrap().self_signed(&pair).unwrap().der().clone()
}

fn certified(certificate: CertificateDer<'static>, key: &SigningKey) -> Fixed {
    let der = PrivateKeyDer::Pkcs8(key.pkcs8_der().to_vec().into());
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(der).unwrap();
    Fixed(Arc::new(CertifiedKey::new(vec![certificate], key)))
}

#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesClientCert for Fixed {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
