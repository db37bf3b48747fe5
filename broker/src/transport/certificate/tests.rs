use std::os::unix::fs::PermissionsExt as _;

use rcgen::{KeyPair, PKCS_ED25519};
use tempfile::TempDir;

use super::*;

fn config(dir: &Path, more: &str) -> Config {
    let text = format!("organisation = \"a\"\n{more}");
    Config::parse(&text, dir, &dir.join("sekisho.toml")).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

fn client_certificate() -> CertificateDer<'static> {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().der().clone()
}

#[test]
fn a_node_without_a_certificate_makes_one_and_keeps_it() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path(), "");
    let made = Certificate::load_or_make(&config).unwrap();
    assert_eq!(mode(&config.tls.key), 0o600);
    assert_eq!(mode(&config.tls.certificate) & 0o700, 0o600);
    let again = Certificate::load_or_make(&config).unwrap();
    assert_eq!(made.hash(), again.hash());
    made.server_config(&[b"h2"]).unwrap();
}

#[test]
fn a_key_whose_certificate_was_never_written_is_replaced() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path(), "");
    let first = Certificate::load_or_make(&config).unwrap();
    std::fs::remove_file(&config.tls.certificate).unwrap();
    let second = Certificate::load_or_make(&config).unwrap();
    assert_ne!(first.hash(), second.hash());
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path(), "");
    Certificate::load_or_make(&config).unwrap();
    std::fs::set_permissions(&config.tls.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let fault = Certificate::load_or_make(&config).unwrap_err();
    assert!(fault.to_string().contains("wanted mode 0600, found 0644"), "{fault}");
}

#[test]
fn a_given_certificate_is_never_made_and_has_to_go_with_its_key() {
    let [dir, other] = [(); 2].map(|()| TempDir::new().unwrap());
    let given =
        config(dir.path(), "[tls]\ncertificate = \"tls/certificate.pem\"\nkey = \"tls/key.pem\"\n");
    assert!(matches!(Certificate::load_or_make(&given), Err(TlsFileError::Io { .. })));
    Certificate::load_or_make(&config(dir.path(), "")).unwrap();
    Certificate::load_or_make(&given).unwrap();
    let foreign = config(other.path(), "");
    Certificate::load_or_make(&foreign).unwrap();
    std::fs::copy(&foreign.tls.key, &given.tls.key).unwrap();
    assert!(matches!(Certificate::load_or_make(&given), Err(TlsFileError::Pair { .. })));
    std::fs::write(&given.tls.certificate, "no certificate").unwrap();
    assert!(matches!(Certificate::load_or_make(&given), Err(TlsFileError::Content { .. })));
}

#[test]
fn a_box_with_an_ed25519_key_is_a_key_and_nothing_else_is() {
    let certificate = client_certificate();
    assert!(key_in(&certificate).is_some());
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let other = CertificateParams::new(Vec::new()).unwrap().self_signed(&other).unwrap();
    assert_eq!(key_in(other.der()), None);
    let long = vec![0; CLIENT_CERTIFICATE_BYTES_MAX + 1];
    assert_eq!(key_in(&CertificateDer::from(long)), None);
}

#[test]
fn no_bytes_in_place_of_a_certificate_end_in_a_panic() {
    let whole = client_certificate();
    for length in 0..whole.len() {
        let cut = CertificateDer::from(whole.get(..length).unwrap().to_vec());
        assert_eq!(key_in(&cut), None, "{length} bytes");
    }
    for place in 0..whole.len() {
        for flip in [1, 0x20, 0x80, 0xff] {
            let mut changed = whole.to_vec();
            if let Some(byte) = changed.get_mut(place) {
                *byte ^= flip;
            }
            // Whatever it is taken for, it is taken for something.
            let _key = key_in(&CertificateDer::from(changed));
        }
    }
}
