//! Checks a handshake's signature against a bare Ed25519 key, with the same strict verifier that
//! admits envelopes, so that no second opinion on signatures exists. Knows no names and no dates.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use sekisho_proto::{PublicKey, Signature, StatementVerifier as _};
use sekisho_seal::StrictVerifier;

/// The key in an Ed25519 SubjectPublicKeyInfo, if it is one that may hold an identity.
pub(super) fn parse(spki: &CertificateDer<'_>) -> Option<PublicKey> {
    let key = PublicKey::from_spki_der(spki.as_ref()).ok()?;
    StrictVerifier.acceptable(&key).then_some(key)
}

/// A client's check: the node holds exactly the pinned key.
pub(super) struct PinnedNode {
    key: PublicKey,
}

impl PinnedNode {
    pub(super) fn new(key: PublicKey) -> Self {
        Self { key }
    }
}

impl fmt::Debug for PinnedNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PinnedNode").field("key", &self.key).finish()
    }
}

impl ServerCertVerifier for PinnedNode {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match only_key(end_entity, intermediates)? {
            found if found == self.key => Ok(ServerCertVerified::assertion()),
            found => Err(refusal(WrongKey { wanted: self.key, found })),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_handshake(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A node's check: the client holds some acceptable key. Which one is judged after the handshake,
/// where a refusal can be told in words.
#[derive(Debug)]
pub(super) struct AnyClient {
    no_authorities: Vec<DistinguishedName>,
}

impl AnyClient {
    pub(super) fn new() -> Self {
        Self { no_authorities: Vec::new() }
    }
}

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.no_authorities
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        only_key(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_handshake(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn only_key(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<PublicKey, Error> {
    if !intermediates.is_empty() {
        return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
    }
    parse(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn verify_handshake(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    if dss.scheme != SignatureScheme::ED25519 {
        return Err(bad());
    }
    let key = parse(cert).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let signature = Signature::try_from(dss.signature()).ok().ok_or_else(bad)?;
    if StrictVerifier.verify(&key, message, &signature) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(bad())
    }
}

fn refusal(cause: WrongKey) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(cause))))
}

#[derive(thiserror::Error)]
#[error("node key: wanted {wanted}, found {found}")]
struct WrongKey {
    wanted: PublicKey,
    found: PublicKey,
}

/// The TLS library prints only this, so it says the same as the text for people.
impl fmt::Debug for WrongKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
