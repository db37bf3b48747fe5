//! TLS to the broker: who it must be, and who this client is.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::WireError;
use crate::config::{TlsConfig, TlsTrust};

/// What dials, and the name that it asks for.
pub(super) fn connector(
    config: &TlsConfig,
    address: &str,
) -> Result<(TlsConnector, ServerName<'static>), WireError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _port)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host.clone())
        .map_err(|_odd| fault(address, "a name or an address before the port", host))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match &config.trust {
        TlsTrust::Authorities(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|cause| {
                    fault(&shown(path), "authorities' certificates", cause.to_string())
                })?;
            }
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            verifier.build().map_err(|cause| {
                fault(&shown(path), "authorities' certificates", cause.to_string())
            })?
        }
        TlsTrust::Certificate(path) => {
            Arc::new(Pinned { pinned: certificates(path)?, provider: Arc::clone(&provider) })
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| fault("TLS", "1.2 and 1.3", cause.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &config.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let found = PrivateKeyDer::from_pem_file(key)
                .map_err(|cause| fault(&shown(key), "a private key in PEM", cause.to_string()))?;
            builder.with_client_auth_cert(chain, found).map_err(|cause| {
                fault(&shown(key), "the key of the certificate", cause.to_string())
            })?
        }
    };
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WireError> {
    let wanted = "certificates in PEM";
    let odd = |cause: rustls::pki_types::pem::Error| fault(&shown(path), wanted, cause.to_string());
    let read = CertificateDer::pem_file_iter(path).map_err(odd)?;
    let found = read.collect::<Result<Vec<_>, _>>().map_err(odd)?;
    if found.is_empty() {
        return Err(fault(&shown(path), wanted, "none".to_owned()));
    }
    Ok(found)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn fault(what: &str, wanted: &'static str, found: String) -> WireError {
    WireError::Tls { what: what.to_owned(), wanted, found }
}

/// Takes the certificate it was given and no other, whatever it says.
#[derive(Debug)]
struct Pinned {
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pinned.first().is_some_and(|pinned| pinned == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("certificate: wanted the one given, found another".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
