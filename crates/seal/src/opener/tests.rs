use sekisho_proto::{
    BootId, Envelope, Header, KeyHeader, Topic, envelope_signing_input, key_header_signing_input,
};

use super::*;
use crate::{
    EpochKeyPair, EpochPublic, Sealer, SeededEntropy, SigningKey,
    fixture::{BOOT, EPOCH, SEALING, Scene, draft, topic, tree},
    verify, verify_key_header,
};

const SUITE: Suite = Suite::X25519Aes256Gcm;

/// The same content otherwise, signed by whoever it then names.
fn resigned(
    scene: &Scene,
    signing: &SigningKey,
    change: impl FnOnce(&mut KeyHeaderContent),
) -> VerifiedKeyHeader {
    let mut content = scene.sealer.key_header().content().clone();
    content.publisher = signing.id();
    change(&mut content);
    let content = content.encode();
    let signature = signing.sign(&key_header_signing_input(&content));
    let key_header = KeyHeader::assemble(content, signature).unwrap();
    verify_key_header(key_header, &signing.verifying_key()).unwrap()
}

/// A sealed body under another header, signed by whoever that names.
fn reheaded(
    envelope: &Envelope,
    signing: &SigningKey,
    change: impl FnOnce(&mut Header),
) -> Verified {
    let mut header = envelope.header().clone();
    header.publisher = signing.id();
    change(&mut header);
    let (header, body) = (header.encode(), envelope.body().clone());
    let signature = signing.sign(&envelope_signing_input(&header, &body));
    let envelope = Envelope::assemble(header, body, signature).unwrap();
    verify(envelope, &signing.verifying_key()).unwrap()
}

fn attacker() -> SigningKey {
    SigningKey::generate(&mut SeededEntropy::new(666)).unwrap()
}

#[test]
fn a_ciphertext_that_somebody_else_signed_again_does_not_open() {
    for suite in SEALING {
        let mut scene = Scene::new(suite);
        let envelope = scene.seal(0, b"12.5");
        let stolen = reheaded(&envelope, &attacker(), |_header| {});
        let error = scene.opener().open(&stolen).unwrap_err();
        assert!(matches!(error, OpenError::Stream { field: "publisher", .. }), "{error}");
    }
}

#[test]
fn a_key_header_that_somebody_else_signed_again_gives_no_key() {
    for suite in SEALING {
        let scene = Scene::new(suite);
        let stolen = resigned(&scene, &attacker(), |_content| {});
        let error = Opener::new(&stolen, &scene.epoch_keys).unwrap_err();
        assert!(matches!(error, OpenError::Commitment { .. }), "{error}");
    }
}

#[test]
fn a_key_header_moved_to_another_topic_epoch_or_boot_gives_no_key() {
    let scene = Scene::new(SUITE);
    let moved = [
        resigned(&scene, &scene.signing, |content| {
            content.topic = Topic::parse("fujisawa/truck-17/pm10").unwrap();
        }),
        resigned(&scene, &scene.signing, |content| content.epoch = EPOCH.next()),
        resigned(&scene, &scene.signing, |content| content.boot = BootId::new([9; 16])),
    ];
    for moved in moved {
        let error = Opener::new(&moved, &scene.epoch_keys).unwrap_err();
        assert!(matches!(error, OpenError::Commitment { .. }), "{error}");
    }
}

#[test]
fn every_changed_bit_of_a_commitment_is_refused() {
    let scene = Scene::new(SUITE);
    for bit in 0..256 {
        let wrong = resigned(&scene, &scene.signing, |content| {
            content.commitment[bit / 8] ^= 1 << (bit % 8);
        });
        let error = Opener::new(&wrong, &scene.epoch_keys).unwrap_err();
        assert!(matches!(error, OpenError::Commitment { .. }), "{error}");
    }
}

#[test]
fn every_changed_byte_of_an_encapsulation_is_refused() {
    for suite in [SUITE, Suite::XWingAes256Gcm] {
        let scene = Scene::new(suite);
        let length = scene.sealer.key_header().content().encapsulation.len();
        for byte in (0..length).step_by(7).chain([length - 1]) {
            let wrong = resigned(&scene, &scene.signing, |content| {
                let mut changed = content.encapsulation.to_vec();
                changed[byte] ^= 1;
                content.encapsulation = changed.into();
            });
            assert!(Opener::new(&wrong, &scene.epoch_keys).is_err(), "byte {byte}");
        }
    }
}

#[test]
fn an_encapsulation_of_low_order_is_refused() {
    for suite in [SUITE, Suite::XWingAes256Gcm] {
        let scene = Scene::new(suite);
        let weak = resigned(&scene, &scene.signing, |content| {
            let mut changed = content.encapsulation.to_vec();
            let start = changed.len() - 32;
            changed[start..].fill(0);
            content.encapsulation = changed.into();
        });
        let error = Opener::new(&weak, &scene.epoch_keys).unwrap_err();
        assert_eq!(error, OpenError::Kem(KemError::Weak));
    }
}

#[test]
fn a_key_header_of_another_suite_than_the_epoch_is_refused() {
    let scene = Scene::new(SUITE);
    let other = resigned(&scene, &scene.signing, |content| {
        content.suite = Suite::X25519ChaCha20Poly1305;
    });
    let error = Opener::new(&other, &scene.epoch_keys).unwrap_err();
    assert!(matches!(error, OpenError::Suite { .. }), "{error}");
}

#[test]
fn an_envelope_of_another_stream_is_refused_by_name() {
    let mut scene = Scene::new(SUITE);
    let envelope = scene.seal(0, b"12.5");
    let (opener, signing) = (scene.opener(), &scene.signing);
    let others = [
        (
            "topic",
            reheaded(&envelope, signing, |header| {
                header.topic = Topic::parse("fujisawa/truck-17/pm10").unwrap();
            }),
        ),
        ("epoch", reheaded(&envelope, signing, |header| header.epoch = EPOCH.next())),
        ("boot", reheaded(&envelope, signing, |header| header.boot = BootId::new([9; 16]))),
        (
            "suite",
            reheaded(&envelope, signing, |header| {
                header.suite = Suite::X25519ChaCha20Poly1305;
            }),
        ),
        (
            "key header",
            reheaded(&envelope, signing, |header| {
                header.key_header = Some([9; 16].into());
            }),
        ),
        (
            "key header",
            reheaded(&envelope, signing, |header| {
                (header.suite, header.key_header) = (Suite::Open, None);
                header.epoch = sekisho_proto::Epoch::ZERO;
            }),
        ),
    ];
    for (wanted, other) in others {
        let error = opener.open(&other).unwrap_err();
        assert!(
            matches!(error, OpenError::Stream { field, .. } if field == wanted),
            "{wanted}: {error}"
        );
    }
}

#[test]
fn a_body_under_another_header_of_the_same_stream_does_not_open() {
    let mut scene = Scene::new(SUITE);
    let envelope = scene.seal(0, b"12.5");
    let (opener, signing) = (scene.opener(), &scene.signing);
    let others = [
        reheaded(&envelope, signing, |header| header.sequence = header.sequence.next()),
        reheaded(&envelope, signing, |header| header.sample_count = 2),
        reheaded(&envelope, signing, |header| header.flags = 1),
        reheaded(&envelope, signing, |header| header.previous = Some([1; 32].into())),
    ];
    for other in others {
        let error = opener.open(&other).unwrap_err();
        assert!(matches!(error, OpenError::Body { .. }), "{error}");
    }
}

#[test]
fn a_body_too_short_for_a_tag_does_not_open() {
    let scene = Scene::new(SUITE);
    let mut envelope = Scene::new(SUITE);
    let header = envelope.seal(0, b"").header().clone().encode();
    for length in [0, 15, 16] {
        let body = vec![0; length];
        let signature = scene.signing.sign(&envelope_signing_input(&header, &body));
        let forged = Envelope::assemble(header.clone(), body, signature).unwrap();
        let error = scene.opener().open(&scene.verified(&forged)).unwrap_err();
        assert_eq!(
            error,
            OpenError::Body { key_header: scene.opener().key_header_id(), found: length }
        );
    }
}

#[test]
fn a_removed_reader_opens_nothing_of_the_next_epoch_and_a_late_one_nothing_before() {
    for suite in SEALING {
        let mut scene = Scene::new(suite);
        let next_keys = EpochKeyPair::generate(suite, &mut scene.entropy).unwrap();
        let next = EpochPublic::new(tree(), EPOCH.next(), next_keys.public_key().clone());
        let next_sealer =
            Sealer::new(&scene.signing, topic(), BOOT, &next, &mut scene.entropy).unwrap();
        let next_header = next_sealer.key_header().clone();
        let next_header = verify_key_header(next_header, &scene.signing.verifying_key()).unwrap();
        assert!(Opener::new(&next_header, &scene.epoch_keys).is_err());
        assert!(Opener::new(&scene.key_header(), &next_keys).is_err());
        Opener::new(&next_header, &next_keys).unwrap();
    }
}

#[test]
fn an_envelope_of_another_sealer_of_the_same_stream_is_refused() {
    let mut scene = Scene::new(SUITE);
    let mut again =
        Sealer::new(&scene.signing, topic(), BOOT, &scene.epoch, &mut scene.entropy).unwrap();
    let envelope = again.seal(draft(0), b"12.5").unwrap();
    let error = scene.opener().open(&scene.verified(&envelope)).unwrap_err();
    assert!(matches!(error, OpenError::Stream { field: "key header", .. }), "{error}");
}
