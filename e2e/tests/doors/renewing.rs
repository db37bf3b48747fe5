//! A certificate that is replaced while the node runs: whoever comes from then on is shown it, and a
//! broken one is not shown.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use sekisho_e2e::{City, Member, eventually};
use sekisho_proto::Hash;
use sekisho_proto::frame::{Ping, Pong};

use crate::talk::{Talk, Via};
use crate::tls::{Shown, dial};

/// What a door shows.
async fn shown(city: &City, door: &str) -> Hash {
    let protocol: &[u8] = if door == "web" { b"http/1.1" } else { b"mqtt" };
    dial(city.door(door), protocol, Shown::Nothing).await.expect("TLS").certificate
}

/// Puts a file in its place at once.
fn place(path: &Path, mode: u32, text: &str) {
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, text).unwrap();
    std::fs::set_permissions(&unfinished, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::rename(unfinished, path).unwrap();
}

/// A key and a certificate of it, as a known authority would give them.
fn renew(city: &City) -> Hash {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let params = CertificateParams::new(vec!["node.fujisawa.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    place(&city.dir().join("tls/key.pem"), 0o600, &key.serialize_pem());
    place(&city.dir().join("tls/certificate.pem"), 0o644, &certificate.pem());
    Hash::of(certificate.der())
}

async fn both_show(city: &City, wanted: Hash) {
    for door in ["web", "mqtt"] {
        eventually("the new certificate", || async {
            (shown(city, door).await == wanted).then_some(())
        })
        .await;
    }
}

async fn refused(city: &City, wanted: f64) {
    let name = "sekisho_certificate_renewals_total{outcome=\"refused\"}";
    eventually("a certificate that was refused", || async {
        (city.metric(name).await >= wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let mut city = City::plan("fujisawa").await;
    let (_web, _mqtt) = (city.open("web"), city.open("mqtt"));
    city.start().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let first = shown(&city, "mqtt").await;
    let mut old = Talk::welcome(&city, Via::WebSocket, &member).await;
    let second = renew(&city);
    assert_ne!(first, second);
    both_show(&city, second).await;
    // Who was here before is here still.
    old.send(Ping { token: 7 }).await;
    assert_eq!(old.hear().await, Some(Pong { token: 7 }.into()));
    // Whoever is bound to what it was shown is, to the new one.
    drop(Talk::welcome(&city, Via::WebSocket, &member).await);

    // None of these is shown: no certificate, a key that others can read, one of another.
    place(&city.dir().join("tls/certificate.pem"), 0o644, "no certificate\n");
    refused(&city, 1.0).await;
    let log = city.log();
    assert!(log.contains("the new certificate cannot be shown"), "{log}");
    let third = renew(&city);
    both_show(&city, third).await;
    let key = city.dir().join("tls/key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&city, 2.0).await;
    let another = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    place(&key, 0o600, &another.serialize_pem());
    refused(&city, 3.0).await;
    both_show(&city, third).await;
    let fourth = renew(&city);
    both_show(&city, fourth).await;
}
