use proptest::prelude::*;
use sekisho_proto::limits::ENVELOPE_BYTES_MAX;

use super::*;
use crate::{
    Opener, VerifyingKey,
    fixture::{BOOT, EPOCH, SEALING, Scene, Scripted, Zeros, draft, topic, tree},
    verify,
};

#[test]
fn what_is_sealed_opens_again_with_every_suite() {
    for suite in SEALING {
        let mut scene = Scene::new(suite);
        let envelope = scene.seal(0, b"PM2.5 = 12.5");
        assert_ne!(envelope.body().as_ref(), b"PM2.5 = 12.5");
        let opened = scene.opener().open(&scene.verified(&envelope)).unwrap();
        assert_eq!(opened, b"PM2.5 = 12.5");
    }
}

#[test]
fn the_header_says_everything_about_the_stream() {
    let mut scene = Scene::new(Suite::XWingAes256Gcm);
    let header = scene.seal(0, b"").header().clone();
    assert_eq!(header.suite, Suite::XWingAes256Gcm);
    assert_eq!(header.topic, topic());
    assert_eq!(header.publisher, scene.signing.id());
    assert_eq!(header.boot, BOOT);
    assert_eq!(header.epoch, EPOCH);
    assert_eq!(header.key_header, Some(scene.sealer.key_header().id()));
    let content = scene.sealer.key_header().content().clone();
    assert_eq!((content.suite, content.topic), (header.suite, header.topic));
    assert_eq!((content.publisher, content.boot), (header.publisher, header.boot));
    assert_eq!((content.epoch, scene.sealer.epoch()), (header.epoch, header.epoch));
}

#[test]
fn two_sealers_never_share_a_key() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    let again =
        Sealer::new(&scene.signing, topic(), BOOT, &scene.epoch, &mut scene.entropy).unwrap();
    let (first, second) = (scene.sealer.key_header(), again.key_header());
    assert_ne!(first.id(), second.id());
    assert_ne!(first.content().commitment, second.content().commitment);
}

#[test]
fn a_sequence_is_never_sealed_twice_nor_backwards() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    scene.seal(5, b"");
    for found in [5, 4, 0] {
        let error = scene.sealer.seal(draft(found), b"other").unwrap_err();
        assert!(matches!(error, SealError::Sequence { .. }), "{error}");
    }
    scene.seal(6, b"");
    scene.seal(u64::MAX, b"");
    assert!(scene.sealer.seal(draft(u64::MAX), b"").is_err());
}

#[test]
fn a_sequence_stays_used_up_where_the_envelope_is_too_large() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    let error = scene.sealer.seal(draft(5), &vec![0; ENVELOPE_BYTES_MAX]).unwrap_err();
    assert!(matches!(error, SealError::Message(DecodeError::Oversized { .. })), "{error}");
    assert!(matches!(scene.sealer.seal(draft(5), b""), Err(SealError::Sequence { .. })));
}

#[test]
fn a_key_is_not_used_beyond_its_limit() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    assert_eq!(scene.sealer.left, 1 << 32);
    scene.sealer.left = 1;
    scene.seal(0, b"");
    let error = scene.sealer.seal(draft(1), b"").unwrap_err();
    assert!(matches!(error, SealError::Exhausted { .. }), "{error}");
}

#[test]
fn a_topic_outside_the_epochs_tree_is_not_sealed() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    let other = Topic::parse("fujisawa/truck-18/pm25").unwrap();
    let error =
        Sealer::new(&scene.signing, other, BOOT, &scene.epoch, &mut scene.entropy).unwrap_err();
    assert!(matches!(error, SealError::Topic { .. }), "{error}");
}

#[test]
fn no_sealer_is_made_without_randomness() {
    let scene = Scene::new(Suite::X25519Aes256Gcm);
    let made = Sealer::new(&scene.signing, topic(), BOOT, &scene.epoch, &mut Zeros);
    assert!(matches!(made, Err(SealError::Kem(KemError::Entropy(_)))));
    let mut short = Scripted(vec![1; 63]);
    let made = Sealer::new(&scene.signing, topic(), BOOT, &scene.epoch, &mut short);
    assert!(matches!(made, Err(SealError::Kem(KemError::Entropy(_)))));
}

#[test]
fn the_key_of_an_epoch_of_zeros_opens_nothing() {
    let mut scene = Scene::new(Suite::X25519Aes256Gcm);
    scene.seal(0, b"12.5");
    let zeros = crate::EpochKeyPair::from_seed(Suite::X25519Aes256Gcm, &[0; 32]).unwrap();
    assert!(Opener::new(&scene.key_header(), &zeros).is_err());
}

#[test]
fn an_open_envelope_is_signed_and_readable() {
    let scene = Scene::new(Suite::X25519Aes256Gcm);
    let envelope = sign_open(&scene.signing, topic(), BOOT, draft(0), b"12.5").unwrap();
    assert_eq!(envelope.body().as_ref(), b"12.5");
    assert_eq!(envelope.header().suite, Suite::Open);
    assert_eq!(envelope.header().key_header, None);
    let key = VerifyingKey::parse(&scene.signing.public_key()).unwrap();
    verify(envelope, &key).unwrap();
}

#[test]
fn a_sealer_that_is_printed_shows_no_secret() {
    let scene = Scene::new(Suite::X25519Aes256Gcm);
    let printed = format!("{:?}", scene.sealer);
    assert!(printed.starts_with("Sealer { topic: "), "{printed}");
    assert!(!printed.contains("key:"), "{printed}");
    assert_eq!(scene.epoch.tree(), &tree());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_body_survives_sealing_and_opening(
        body in proptest::collection::vec(any::<u8>(), 0..4_096),
        sequence in any::<u64>(),
        suite in 0_usize..4,
    ) {
        let mut scene = Scene::new(SEALING[suite]);
        let envelope = scene.seal(sequence, &body);
        let again = Envelope::decode(envelope.encoded().clone()).unwrap();
        prop_assert_eq!(scene.opener().open(&scene.verified(&again)).unwrap(), body);
    }
}
