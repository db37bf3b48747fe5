//! TLS to the broker: who it must be, and who this client is.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sekisho::tls::PinnedCertificate;
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
            let pinned = CertificateDer::from_pem_file(path)
                .map_err(|cause| fault(&shown(path), "a certificate in PEM", cause.to_string()))?;
            Arc::new(PinnedCertificate::new(pinned, Arc::clone(&provider)))
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
