//! The X.509 side of TLS, for those that know no raw public keys: browsers, services, MQTT devices.
//!
//! A certificate is a box that carries a key. The node's own is either the operator's or one that it
//! made itself, which a client pins. A client's is taken from anybody who holds its Ed25519 key,
//! whatever it says of names, issuers and dates: who may hold which key is judged where every key is
//! judged.

pub(crate) mod renewing;

use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName as AuthorityName, Error,
    SignatureScheme,
};
use sekisho_proto::{Hash, PublicKey, Signature, StatementVerifier as _};
use sekisho_seal::StrictVerifier;
use thiserror::Error as ThisError;
use tracing::info;

use crate::config::{Config, TlsFiles, TlsSource};

/// A PEM file, bytes: a chain of a dozen certificates.
const PEM_BYTES_MAX: u64 = 256 * 1024;
/// Permission bits of group and others, and those that change who runs a file.
const FORBIDDEN_MODE: u32 = 0o7077;
/// A client's certificate, DER bytes: an Ed25519 key and what a city's authority writes around it.
const CLIENT_CERTIFICATE_BYTES_MAX: usize = 8 * 1024;
/// Until when a certificate that a node made for itself holds (RFC 5280 §4.1.2.5): it is pinned, and
/// replaced when somebody replaces it.
const MADE_UNTIL: (i32, u8, u8) = (9999, 12, 31);

/// What is shown to clients that know certificates.
#[derive(Clone)]
pub(crate) struct Certificate {
    key: Arc<CertifiedKey>,
    hash: Hash,
    provider: Arc<CryptoProvider>,
}

/// Why there is no certificate to show.
#[derive(Debug, ThisError)]
pub enum TlsFileError {
    /// A file could not be read or written.
    #[error("{}: wanted to {action} it", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{}: wanted {wanted}, found {found}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What it holds.
        found: String,
    },
    /// Others may read the key, so that others may have it.
    #[error("{}: wanted mode 0600, found {found:04o}", path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Permission bits.
        found: u32,
    },
    /// Key and certificate do not belong together, or the TLS library cannot use them.
    #[error("certificate {}: wanted one that goes with its key", path.display())]
    Pair {
        /// The certificate.
        path: PathBuf,
        /// What the TLS library said.
        source: Error,
    },
    /// A certificate could not be made.
    #[error("certificate {}: cannot be made", path.display())]
    Make {
        /// The certificate.
        path: PathBuf,
        /// What the library said.
        source: rcgen::Error,
    },
    /// The TLS library lacks what every version of it has.
    #[error("TLS library: wanted TLS 1.2 and 1.3")]
    Library(#[source] Error),
}

impl Certificate {
    /// The operator's certificate, or the node's own, which is made where it is missing.
    ///
    /// # Errors
    /// A file cannot be read or written, holds something else, or others can read the key.
    pub(crate) fn load_or_make(config: &Config) -> Result<Self, TlsFileError> {
        let files = &config.tls;
        if files.source == TlsSource::Made && !exists(&files.certificate)? {
            make(files, config)?;
        }
        let certificate = Self::load(files)?;
        let (path, fingerprint) = (files.certificate.display(), certificate.hash);
        info!(certificate = %path, %fingerprint, "what clients that know certificates are shown");
        Ok(certificate)
    }

    fn load(files: &TlsFiles) -> Result<Self, TlsFileError> {
        let found = |path: &Path, wanted, found: String| TlsFileError::Content {
            path: path.to_owned(),
            wanted,
            found,
        };
        let wanted = "certificates as PEM";
        let text = read(&files.certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|fault| found(&files.certificate, wanted, fault.to_string()))?;
        let Some(first) = chain.first() else {
            return Err(found(&files.certificate, wanted, "none".to_owned()));
        };
        let hash = Hash::of(first);
        check_mode(&files.key)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?);
        let key =
            key.map_err(|fault| found(&files.key, "one private key as PEM", fault.to_string()))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|source| TlsFileError::Pair { path: files.certificate.clone(), source })?;
        Ok(Self { key: Arc::new(key), hash, provider })
    }

    /// Whether the other has the same certificates, and so the same key.
    fn is_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    /// SHA-256 of the certificate: what a client compares with the one it was shown.
    pub(crate) const fn hash(&self) -> Hash {
        self.hash
    }

    /// TLS for a listener that speaks these application protocols. A client may show a certificate
    /// of its own and need not; sessions are not resumed, so that nothing of one is kept.
    ///
    /// # Errors
    /// The TLS library cannot do what is wanted.
    pub(crate) fn server_config(&self, alpn: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsFileError> {
        let verifier = Arc::new(AnyEd25519 { no_authorities: Vec::new() });
        // Of TLS 1.2 this library has nothing but ephemeral keys and authenticated ciphers.
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsFileError::Library)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&self.key))));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// The key that a client has proven to hold with its certificate; `None` where it showed none.
pub(crate) fn peer_public_key(connection: &ServerConnection) -> Option<PublicKey> {
    key_in(connection.peer_certificates()?.first()?)
}

/// The key in a client's certificate (DER), where it is an Ed25519 key that may hold an identity.
#[must_use]
pub fn client_key(certificate: &[u8]) -> Option<PublicKey> {
    key_in(&CertificateDer::from(certificate))
}

/// The Ed25519 key in a certificate, if it is one that may hold an identity.
fn key_in(certificate: &CertificateDer<'_>) -> Option<PublicKey> {
    if certificate.len() > CLIENT_CERTIFICATE_BYTES_MAX {
        return None;
    }
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let key = PublicKey::from_spki_der(&parsed.subject_public_key_info()).ok()?;
    StrictVerifier.acceptable(&key).then_some(key)
}

/// Takes the certificate of any client that holds its Ed25519 key.
#[derive(Debug)]
struct AnyEd25519 {
    no_authorities: Vec<AuthorityName>,
}

impl AnyEd25519 {
    /// The same strict verifier that admits envelopes, so that no second opinion on signatures
    /// exists.
    fn verify(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let key = key_in(certificate).ok_or_else(not_a_box)?;
        let signature = Signature::try_from(signed.signature()).ok().ok_or_else(bad)?;
        let is_ed25519 = signed.scheme == SignatureScheme::ED25519;
        if is_ed25519 && StrictVerifier.verify(&key, message, &signature) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(bad())
    }
}

fn not_a_box() -> Error {
    Error::InvalidCertificate(CertificateError::BadEncoding)
}

impl ClientCertVerifier for AnyEd25519 {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[AuthorityName] {
        &self.no_authorities
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        key_in(end_entity).map(|_key| ClientCertVerified::assertion()).ok_or_else(not_a_box)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::verify(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Makes a certificate that signs itself. The key comes first: one without its certificate was
/// never shown to anybody and is made again.
fn make(files: &TlsFiles, config: &Config) -> Result<(), TlsFileError> {
    let path = &files.certificate;
    let fault = |source| TlsFileError::Make { path: path.clone(), source };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fault)?;
    let mut params = CertificateParams::new(names(config)).map_err(fault)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, format!("Sekisho node of {}", config.organisation));
    params.distinguished_name = subject;
    let (year, month, day) = MADE_UNTIL;
    (params.not_before, params.not_after) =
        (date_time_ymd(2024, 1, 1), date_time_ymd(year, month, day));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(fault)?;
    for folder in [&files.key, path].map(|file| file.parent()).into_iter().flatten() {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|source| io(folder, "make", source))?;
    }
    write(&files.key, 0o600, &key.serialize_pem())?;
    // Everybody is shown it, and clients of other users pin it.
    write(path, 0o644, &certificate.pem())
}

/// What clients may call the node that they reach: its addresses, as far as it knows them.
fn names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> =
        ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().collect();
    for address in [config.listen_web, config.listen_mqtt].into_iter().flatten() {
        let ip: IpAddr = address.ip();
        if !ip.is_unspecified() && !names.contains(&ip.to_string()) {
            names.push(ip.to_string());
        }
    }
    names
}

/// Puts a whole file in place, or nothing.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), TlsFileError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let write = || -> std::io::Result<()> {
        if unfinished.try_exists()? {
            std::fs::remove_file(&unfinished)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().map_err(|source| io(path, "write", source))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let bytes = std::fs::metadata(path).map_err(|source| io(path, "read", source))?.len();
    if bytes > PEM_BYTES_MAX {
        let wanted = "at most 256 KiB of PEM";
        let found = format!("{bytes} bytes");
        return Err(TlsFileError::Content { path: path.to_owned(), wanted, found });
    }
    std::fs::read(path).map_err(|source| io(path, "read", source))
}

fn exists(path: &Path) -> Result<bool, TlsFileError> {
    path.try_exists().map_err(|source| io(path, "look for", source))
}

fn check_mode(path: &Path) -> Result<(), TlsFileError> {
    let mode = std::fs::metadata(path).map_err(|source| io(path, "read", source))?.mode();
    if mode & FORBIDDEN_MODE == 0 {
        return Ok(());
    }
    Err(TlsFileError::Mode { path: path.to_owned(), found: mode & 0o7777 })
}

fn io(path: &Path, action: &'static str, source: std::io::Error) -> TlsFileError {
    TlsFileError::Io { path: path.to_owned(), action, source }
}

#[cfg(test)]
mod tests;
