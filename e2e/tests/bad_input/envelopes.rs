//! Envelopes that are none, whose signature does not cover them, or that are spelt otherwise.

use sekisho::{PublicKey, RefusalCode};
use sekisho_e2e::{Message, PlainHeader, Stranger, assembled};
use sekisho_proto::limits::ENVELOPE_BYTES_DEFAULT;
use sekisho_proto::{Signature, envelope_signing_input};

use crate::scene::Scene;

const TOPIC: &str = "fujisawa/presser/air";

/// A header with one thing wrong, with what it is called.
fn wrong_headers(good: &PlainHeader) -> Vec<(PlainHeader, RefusalCode, &'static str)> {
    let good = || good.clone();
    vec![
        (PlainHeader { version: 2, ..good() }, RefusalCode::UnknownVersion, "found 2"),
        (PlainHeader { version: 0, ..good() }, RefusalCode::UnknownVersion, "found 0"),
        (PlainHeader { suite: 9, ..good() }, RefusalCode::Malformed, "suite"),
        (PlainHeader { suite: 0, ..good() }, RefusalCode::Malformed, "suite"),
        (PlainHeader { publisher: vec![7; 31], ..good() }, RefusalCode::Malformed, "publisher"),
        (PlainHeader { publisher: vec![7; 33], ..good() }, RefusalCode::Malformed, "publisher"),
        (PlainHeader { publisher: vec![7; 32], ..good() }, RefusalCode::WrongPublisher, "found"),
        (PlainHeader { boot: vec![7; 15], ..good() }, RefusalCode::Malformed, "boot"),
        (PlainHeader { boot: Vec::new(), ..good() }, RefusalCode::Malformed, "boot"),
        (PlainHeader { key_header: vec![7; 17], ..good() }, RefusalCode::Malformed, "key_header"),
        (PlainHeader { previous: vec![7; 31], ..good() }, RefusalCode::Malformed, "previous"),
        (
            PlainHeader { content_type: String::new(), ..good() },
            RefusalCode::Malformed,
            "content_type",
        ),
        (PlainHeader { scope: 7, ..good() }, RefusalCode::Malformed, "scope"),
        (PlainHeader { epoch: 0, ..good() }, RefusalCode::Malformed, "epoch"),
        (PlainHeader { sequence: u64::MAX, ..good() }, RefusalCode::Malformed, "sequence"),
    ]
}

/// The same header in other encodings, as bytes.
fn other_spellings(good: &PlainHeader) -> Vec<Vec<u8>> {
    let encoded = good.message().encoded();
    let with = |more: Message| [encoded.clone(), more.encoded()].concat();
    let version_last = Message::new().number(1, 1).encoded();
    let moved = [&encoded[version_last.len()..], &version_last].concat();
    // The version, 1, in two bytes.
    let padded = [&[0x08, 0x81, 0x00], &encoded[version_last.len()..]].concat();
    vec![
        with(Message::new().bytes(99, "unknown")),
        with(Message::new().bytes(11, "text/plain")),
        with(Message::new().number(13, 0)),
        moved,
        padded,
    ]
}

#[tokio::test]
async fn what_is_no_envelope_is_refused_with_the_part_that_is_wrong() {
    let mut scene = Scene::open().await;
    let (_, mut wire, press) = scene.device("presser", "fujisawa/presser/#", TOPIC).await;
    let attached = press.attached();
    let good = press.plain_header();
    for (header, code, words) in wrong_headers(&good) {
        let envelope = press.sign(header.message().as_ref(), b"sealed");
        scene.refuses(&mut wire, (envelope, attached.clone()), (code, words)).await;
    }
    for header in other_spellings(&good) {
        let parcel = (press.sign(&header, b"sealed"), attached.clone());
        scene.refuses(&mut wire, parcel, (RefusalCode::NonCanonical, "header")).await;
    }
    let whole = press.sign(good.message().as_ref(), b"sealed");
    let malformed = [
        b"not protobuf".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        Message::new().bytes(1, good.message()).bytes(2, "sealed").bytes(3, [7; 63]).encoded(),
        Message::new().bytes(1, good.message()).bytes(2, "sealed").encoded(),
    ];
    for envelope in malformed {
        let parcel = (envelope, attached.clone());
        scene.refuses(&mut wire, parcel, (RefusalCode::Malformed, "")).await;
    }
    let nothing = (Vec::new(), attached.clone());
    scene.refuses(&mut wire, nothing, (RefusalCode::UnknownVersion, "found 0")).await;
    for more in [Message::new().bytes(99, "x"), Message::new().bytes(2, "again")] {
        let parcel = ([whole.clone(), more.encoded()].concat(), attached.clone());
        scene.refuses(&mut wire, parcel, (RefusalCode::NonCanonical, "envelope")).await;
    }
    let large = press.sign(good.message().as_ref(), &vec![7; ENVELOPE_BYTES_DEFAULT]);
    let words = format!("wanted at most {ENVELOPE_BYTES_DEFAULT} bytes");
    scene.refuses(&mut wire, (large, attached), (RefusalCode::Oversized, &words)).await;
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn an_envelope_with_any_bit_of_it_changed_is_refused_and_as_a_whole_is_taken() {
    let mut scene = Scene::open().await;
    let (_, mut wire, mut press) = scene.device("presser", "fujisawa/presser/#", TOPIC).await;
    let key_header = press.key_header().encoded().clone();
    let whole = press.next("untouched").encoded().clone();
    // Every byte once, in a bit that differs from one to the next.
    for (place, bit) in (0..whole.len()).zip((0..8).cycle()) {
        let mut changed = whole.to_vec();
        changed[place] ^= 1 << bit;
        let refused = wire.publish(changed, Some(key_header.clone())).await;
        assert!(refused.is_err(), "bit {bit} of byte {place}: {refused:?}");
    }
    for length in 0..whole.len() {
        let refused = wire.publish(whole.slice(..length), Some(key_header.clone())).await;
        assert!(refused.is_err(), "{length} bytes: {refused:?}");
    }
    for (place, bit) in (0..key_header.len()).step_by(17).zip((0..8).cycle()) {
        let mut changed = key_header.to_vec();
        changed[place] ^= 1 << bit;
        let refused = wire.publish(whole.clone(), Some(changed.into())).await;
        assert!(refused.is_err(), "bit {bit} of byte {place} of the key header: {refused:?}");
    }
    scene.goes_on().await;
    wire.publish(whole, Some(key_header)).await.unwrap();
    scene.ends_well().await;
}

#[tokio::test]
async fn only_the_publisher_s_own_signature_over_an_envelope_s_own_parts_counts() {
    let mut scene = Scene::open().await;
    let (_, mut wire, mut press) = scene.device("presser", "fujisawa/presser/#", TOPIC).await;
    let attached = press.attached();
    let good = press.plain_header().message().encoded();
    let other = Stranger::draw(&scene.city);
    let honest = press.fork().next("honest");
    let input = envelope_signing_input(&good, b"sealed");
    let wrong_context = [b"sekisho-envelope-v2\0", &input[20..]].concat();
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let weak = PublicKey::new(identity_point);
    // Under the weak key this would be a signature of everything.
    let of_the_weak_key = [weak.as_ref(), &[0; 32]].concat();
    let signatures = [
        ("another's", other.signing().sign(&input)),
        ("of another context", press.signing().sign(&wrong_context)),
        ("of another envelope", *honest.signature()),
        ("of zeros", Signature::new([0; 64])),
        ("of the weak key", Signature::try_from(of_the_weak_key.as_slice()).unwrap()),
    ];
    for (whose, signature) in signatures {
        let envelope = assembled(&good, b"sealed", &signature);
        let words = "signature";
        let expected = (RefusalCode::BadSignature, words);
        let refused = scene.refuses(&mut wire, (envelope, attached.clone()), expected).await;
        assert!(!refused.why.is_empty(), "{whose}: {refused:?}");
    }
    // The refused ones left nothing behind that the honest one could be taken for.
    let envelope = press.next("honest").encoded().clone();
    wire.publish(envelope, attached).await.unwrap();
    scene.goes_on().await;
    scene.ends_well().await;
}

/// A key header is known by its content alone: nothing of one is remembered that its publisher did
/// not sign.
#[tokio::test]
async fn a_key_header_that_was_forged_first_keeps_the_genuine_one_of_the_same_name_not_out() {
    let mut scene = Scene::open().await;
    let (_, mut wire, mut press) = scene.device("presser", "fujisawa/presser/#", TOPIC).await;
    let envelope = press.next("sealed").encoded().clone();
    let genuine = press.attached().unwrap();
    let mut forged = genuine.to_vec();
    // In the signature, which is its last part and no part of its name.
    *forged.last_mut().unwrap() ^= 1;
    let forged = (envelope.clone(), Some(forged.into()));
    scene.refuses(&mut wire, forged, (RefusalCode::BadSignature, "key header")).await;
    let without = (envelope.clone(), None);
    scene.refuses(&mut wire, without, (RefusalCode::KeyHeaderMissing, "found none here")).await;
    wire.publish(envelope, Some(genuine)).await.unwrap();
    scene.goes_on().await;
    scene.ends_well().await;
}
