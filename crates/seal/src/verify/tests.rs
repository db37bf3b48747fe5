use sekisho_proto::{Envelope, KeyHeader, Suite, envelope_signing_input, key_header_signing_input};

use super::*;
use crate::{
    SeededEntropy, SigningKey,
    fixture::{BOOT, Scene, draft, topic},
    sign_open,
};

/// Whether a node would admit these bytes as the key holder's envelope.
fn admits(encoded: Vec<u8>, key: &VerifyingKey) -> bool {
    Envelope::decode(encoded.into()).is_ok_and(|envelope| verify(envelope, key).is_ok())
}

fn admits_key_header(encoded: Vec<u8>, key: &VerifyingKey) -> bool {
    KeyHeader::decode(encoded.into()).is_ok_and(|header| verify_key_header(header, key).is_ok())
}

fn every_change_is_refused(encoded: &[u8], admits: impl Fn(Vec<u8>) -> bool) {
    assert!(admits(encoded.to_vec()));
    for bit in 0..encoded.len() * 8 {
        let mut changed = encoded.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!admits(changed), "bit {bit} changed");
    }
    for length in 0..encoded.len() {
        assert!(!admits(encoded[..length].to_vec()), "cut to {length} bytes");
    }
    for added in [0, 1, 0xff] {
        assert!(!admits([encoded, &[added]].concat()), "{added} added");
    }
}

#[test]
fn every_changed_bit_and_every_truncation_of_a_sealed_envelope_is_refused() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    let envelope = scene.seal(0, &[0x5a; 256]);
    let key = scene.signing.verifying_key();
    assert!(envelope.encoded().len() * 8 > 3_888);
    every_change_is_refused(envelope.encoded(), |changed| admits(changed, &key));
}

#[test]
fn every_changed_bit_and_every_truncation_of_an_open_envelope_is_refused() {
    let key = SigningKey::generate(&mut SeededEntropy::new(1)).unwrap();
    let envelope = sign_open(&key, topic(), BOOT, draft(0), b"12.5").unwrap();
    let key = key.verifying_key();
    every_change_is_refused(envelope.encoded(), |changed| admits(changed, &key));
}

/// A header of `publisher` that `attester` signs for.
fn attested_header(publisher: &SigningKey, attester: Option<&SigningKey>) -> Header {
    let signed = sign_open(publisher, topic(), BOOT, draft(0), b"").unwrap();
    Header { attester: attester.map(SigningKey::id), ..signed.header().clone() }
}

fn three_keys() -> [SigningKey; 3] {
    [1, 2, 3].map(|seed| SigningKey::generate(&mut SeededEntropy::new(seed)).unwrap())
}

#[test]
fn every_changed_bit_and_every_truncation_of_an_attested_envelope_is_refused() {
    let [device, node, _] = three_keys();
    let attested = attest(&node, attested_header(&device, Some(&node)), b"12.5").unwrap();
    let signed = sign_attested(&node, attested.envelope()).unwrap();
    let key = node.verifying_key();
    every_change_is_refused(signed.encoded(), |changed| {
        Envelope::decode(changed.into())
            .is_ok_and(|envelope| verify_attested(envelope, &key).is_ok())
    });
}

#[test]
fn what_is_attested_is_what_a_verifier_finds() {
    let [device, node, _] = three_keys();
    let header = attested_header(&device, Some(&node));
    let attested = attest(&node, header.clone(), b"12.5").unwrap();
    assert_eq!(*attested.header(), header);
    let signed = sign_attested(&node, attested.envelope()).unwrap();
    let found = verify_attested(signed.clone(), &node.verifying_key()).unwrap();
    assert_eq!((found.header(), found.hash()), (attested.header(), attested.hash()));
    let again = sign_attested(&node, attested.envelope()).unwrap();
    assert_eq!(again, signed, "signing is deterministic");
    assert!(!is_outstanding(&signed));
}

#[test]
fn what_is_attested_and_not_signed_yet_verifies_for_nobody() {
    let [device, node, other] = three_keys();
    let header = attested_header(&device, Some(&node));
    let outstanding = attest(&node, header.clone(), b"12.5").unwrap().into_envelope();
    assert!(is_outstanding(&outstanding));
    let refused = verify_attested(outstanding.clone(), &node.verifying_key()).unwrap_err();
    assert_eq!(refused, VerifyError::Attestation { attester: node.id() });
    let refused = sign_attested(&other, &outstanding).unwrap_err();
    assert!(matches!(refused, AttestError::Attester(_)), "{refused}");
    let own = sign_open(&device, topic(), BOOT, draft(0), b"12.5").unwrap();
    assert!(!is_outstanding(&own));
    assert!(sign_attested(&device, &own).is_err(), "it is its publisher's to sign");
}

#[test]
fn an_attested_envelope_is_nobodys_but_its_attesters() {
    let [device, node, other] = three_keys();
    let header = attested_header(&device, Some(&node));
    let attested = attest(&node, header.clone(), b"12.5").unwrap();
    let envelope = sign_attested(&node, attested.envelope()).unwrap();
    for key in [&device, &node] {
        let refused = verify(envelope.clone(), &key.verifying_key()).unwrap_err();
        assert!(matches!(refused, VerifyError::Attester { .. }), "{refused}");
    }
    for key in [&device, &other] {
        let refused = verify_attested(envelope.clone(), &key.verifying_key()).unwrap_err();
        assert!(matches!(refused, VerifyError::Attester { .. }), "{refused}");
    }
    let bytes = header.encode();
    let by_device = device.sign(&envelope_signing_input(&bytes, b"12.5"));
    let forged = Envelope::assemble(bytes, b"12.5".to_vec(), by_device).unwrap();
    let refused = verify_attested(forged, &node.verifying_key()).unwrap_err();
    assert_eq!(refused, VerifyError::Attestation { attester: node.id() });
}

#[test]
fn nobody_attests_in_anothers_name_nor_what_a_publisher_signs() {
    let [device, node, other] = three_keys();
    for attester in [None, Some(&other)] {
        let header = attested_header(&device, attester);
        let refused = attest(&node, header.clone(), b"12.5").unwrap_err();
        assert!(matches!(refused, AttestError::Attester(_)), "{refused}");
    }
    let signed = sign_open(&device, topic(), BOOT, draft(0), b"12.5").unwrap();
    let refused = verify_attested(signed, &device.verifying_key()).unwrap_err();
    assert!(matches!(refused, VerifyError::Attester { .. }), "{refused}");
}

#[test]
fn every_changed_bit_and_every_truncation_of_a_key_header_is_refused() {
    let scene = Scene::new(Suite::X25519Aes256Gcm);
    let key = scene.signing.verifying_key();
    every_change_is_refused(scene.sealer.key_header().encoded(), |changed| {
        admits_key_header(changed, &key)
    });
}

#[test]
fn a_genuine_envelope_is_verified_and_knows_its_hash() {
    let mut scene = Scene::new(Suite::XWingAes256Gcm);
    let envelope = scene.seal(0, b"12.5");
    let verified = scene.verified(&envelope);
    assert_eq!(verified.hash(), envelope.hash());
    assert_eq!(verified.header(), envelope.header());
    assert_eq!(verified.envelope(), &envelope);
    assert_eq!(verified.into_envelope(), envelope);
}

#[test]
fn a_genuine_key_header_is_verified() {
    let scene = Scene::new(Suite::XWingAes256Gcm);
    let verified = scene.key_header();
    assert_eq!(verified.key_header(), scene.sealer.key_header());
    assert_eq!(&verified.into_key_header(), scene.sealer.key_header());
}

#[test]
fn an_envelope_of_another_publisher_is_refused_before_its_signature_is_looked_at() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    let envelope = scene.seal(0, b"12.5");
    let other = SigningKey::generate(&mut scene.entropy).unwrap();
    let (wanted, found) = (other.id(), scene.signing.id());
    assert_eq!(
        verify(envelope, &other.verifying_key()).unwrap_err(),
        VerifyError::Publisher { thing: "envelope", wanted, found }
    );
    assert_eq!(
        verify_key_header(scene.sealer.key_header().clone(), &other.verifying_key()).unwrap_err(),
        VerifyError::Publisher { thing: "key header", wanted, found }
    );
}

#[test]
fn a_signature_by_somebody_else_is_refused() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    let envelope = scene.seal(0, b"12.5");
    let other = SigningKey::generate(&mut scene.entropy).unwrap();
    let signature = other.sign(&envelope.signed_bytes());
    let (header, body) = (envelope.header_bytes().clone(), envelope.body().clone());
    let forged = Envelope::assemble(header, body, signature).unwrap();
    assert_eq!(
        verify(forged, &scene.signing.verifying_key()).unwrap_err(),
        VerifyError::Signature { thing: "envelope", publisher: scene.signing.id() }
    );
}

#[test]
fn a_signature_on_one_kind_of_thing_is_not_one_on_another() {
    let scene = Scene::new(Suite::X25519Aes256Gcm);
    let key = &scene.signing;
    let envelope = sign_open(key, topic(), BOOT, draft(0), b"").unwrap();
    let header = envelope.header_bytes();
    let foreign = [
        key.sign(header),
        key.sign(&[header.as_ref(), envelope.body()].concat()),
        key.sign(&key_header_signing_input(header)),
        key.sign(&envelope_signing_input(header, b"")[..20]),
        key.sign(&envelope.signed_bytes().replace_version()),
    ];
    for signature in foreign {
        let forged = Envelope::assemble(header.clone(), Vec::new(), signature).unwrap();
        assert!(verify(forged, &key.verifying_key()).is_err());
    }
}

trait ReplaceVersion {
    fn replace_version(self) -> Self;
}

impl ReplaceVersion for Vec<u8> {
    /// The context string of a protocol that does not exist yet.
    fn replace_version(mut self) -> Self {
        let digit = self.iter().position(|byte| *byte == b'1').unwrap();
        self[digit] = b'2';
        self
    }
}

#[test]
fn the_strict_verifier_refuses_weak_keys_and_takes_others() {
    let key = SigningKey::generate(&mut SeededEntropy::new(1)).unwrap();
    let signature = key.sign(b"message");
    assert!(StrictVerifier.acceptable(&key.public_key()));
    assert!(StrictVerifier.verify(&key.public_key(), b"message", &signature));
    assert!(!StrictVerifier.verify(&key.public_key(), b"messagE", &signature));
    let weak = PublicKey::new([0; 32]);
    assert!(!StrictVerifier.acceptable(&weak));
    assert!(!StrictVerifier.verify(&weak, b"message", &signature));
}
