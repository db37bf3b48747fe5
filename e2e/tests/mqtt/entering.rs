//! Who comes in by the MQTT door, and who does not; and what is refused of those who did.

use sekisho::OsEntropy;
use sekisho_e2e::{Member, Mosquitto, eventually};
use sekisho_proto::{Hash, LoginNonce, PublicKey, Signature};
use sekisho_seal::{LoginTranscript, SigningKey};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::raw::{Raw, connect, counted, login, packet, publish, subscribe, text};
use crate::tls::Shown;
use crate::town::town;

const ALL: &str = "fujisawa/mqtt/#";
const METHOD: &str = "SEKISHO-ED25519";

/// CONNACK's code, or DISCONNECT's.
async fn code(raw: &mut Raw, connect: &[u8]) -> Option<u8> {
    let (first, body) = raw.ask(connect).await?;
    assert_eq!(first, 0x20, "{body:?}");
    body.get(1).copied()
}

#[tokio::test]
async fn a_password_and_a_certificate_each_let_their_principal_in() {
    let (city, who) = town().await;
    for version in [4, 5] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        assert_eq!(code(&mut raw, &connect(version, "a", Some(&who), &[])).await, Some(0));
    }
    let member = Member::device(&city, "truck-1", ALL).await;
    let shown = || Shown::Box(member.identity().signing().clone());
    let mut raw = Raw::dial(&city, shown()).await;
    assert_eq!(code(&mut raw, &connect(4, "b", None, &[])).await, Some(0));
    // It holds a key: nobody signs in its place.
    let mut raw = Raw::dial(&city, shown()).await;
    assert_eq!(code(&mut raw, &connect(5, "c", None, &[])).await, Some(0));
    let (first, body) = raw.ask(&publish(1, "a", &[], b"x")).await.unwrap();
    assert_eq!((first, body.get(2)), (0x40, Some(&0x87)), "{body:?}");
    // A certificate of nobody.
    let stranger = SigningKey::generate(&mut OsEntropy::new()).unwrap();
    let mut raw = Raw::dial(&city, Shown::Box(stranger)).await;
    assert_eq!(code(&mut raw, &connect(5, "d", None, &[])).await, Some(0x87));
}

#[tokio::test]
async fn a_signed_challenge_lets_its_principal_in_and_proves_the_node() {
    let (city, _who) = town().await;
    let member = Member::device(&city, "truck-1", ALL).await;
    let key = member.identity().signing();
    let node = city.administrator().profile().node_key;
    let client_nonce = LoginNonce::new([7; 32]);
    let method = |data: &[u8]| {
        let mut said = vec![0x15];
        said.extend(text(METHOD));
        said.push(0x16);
        said.extend(text(data));
        said
    };
    let file = city.dir().join("tls/certificate.pem");
    let certificate = Hash::of(&CertificateDer::from_pem_file(file).unwrap());
    let cases =
        [(true, None), (false, None), (true, Some(certificate)), (false, Some(certificate))];
    for (honest, certificate) in cases {
        let mut hello = [key.public_key().as_ref(), client_nonce.as_ref()].concat();
        hello.extend_from_slice(certificate.as_ref().map_or(&[], AsRef::as_ref));
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let (first, body) = raw.ask(&connect(5, "e", None, &method(&hello))).await.unwrap();
        assert_eq!((first, body[0]), (0xf0, 0x18));
        let data = body.get(body.len() - 64..).unwrap();
        let shown = PublicKey::try_from(&data[..32]).unwrap();
        let node_nonce = LoginNonce::try_from(&data[32..]).unwrap();
        assert_eq!(shown, node);
        let client = key.public_key();
        let transcript = LoginTranscript { node_nonce, client_nonce, node, client, certificate };
        let stranger = SigningKey::generate(&mut OsEntropy::new()).unwrap();
        let signer = if honest { key } else { &stranger };
        let proof = method(transcript.sign_as_client(signer).as_ref());
        let mut answer = vec![0x18];
        answer.extend(counted(&proof));
        let (first, body) = raw.ask(&packet(0xf0, &answer)).await.unwrap();
        assert_eq!(first, 0x20);
        if honest {
            assert_eq!(body[1], 0);
            let signed = text(METHOD);
            let at = body.windows(signed.len()).position(|part| part == signed).unwrap();
            let proof = body.get(at + signed.len() + 3..at + signed.len() + 67).unwrap();
            assert!(transcript.is_proven_by_node(&Signature::try_from(proof).unwrap()));
        } else {
            assert_eq!(body[1], 0x87);
        }
    }
    // Somebody in between shows another certificate.
    let other = Hash::of(b"another certificate");
    let hello = [key.public_key().as_ref(), client_nonce.as_ref(), other.as_ref()].concat();
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(code(&mut raw, &connect(5, "e", None, &method(&hello))).await, Some(0x87));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike_and_not_without_end() {
    let (city, (name, password)) = town().await;
    let wrong = (name.clone(), "wrong".to_owned());
    let nobody = ("nobody@fujisawa".to_owned(), password.clone());
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    let first = raw.ask(&connect(5, "a", Some(&wrong), &[])).await.unwrap();
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    let second = raw.ask(&connect(5, "a", Some(&nobody), &[])).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.1.get(1), Some(&0x86));
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(code(&mut raw, &connect(4, "a", Some(&wrong), &[])).await, Some(4));
    eventually("a limit of what one address may try", || async {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let code = code(&mut raw, &connect(5, "a", Some(&wrong), &[])).await;
        (code == Some(0x9f)).then_some(())
    })
    .await;
    // Also the right one waits then: it could be told from a wrong one otherwise.
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    let right = (name, password);
    assert_eq!(code(&mut raw, &connect(5, "a", Some(&right), &[])).await, Some(0x9f));
}

#[tokio::test]
async fn nobody_comes_in_without_saying_who_they_are() {
    let (city, who) = town().await;
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(code(&mut raw, &connect(5, "a", None, &[])).await, Some(0x87));
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(code(&mut raw, &connect(4, "a", None, &[])).await, Some(5));
    for first in [
        publish(1, "a", &[], b"x"),
        subscribe(1, "#", 0),
        packet(0xc0, &[]),
        packet(0x20, &[0, 0, 0]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0x10, 0xff, 0xff, 0xff, 0x7f],
    ] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        assert_eq!(raw.ask(&first).await, None, "{first:?}");
    }
    // A second CONNECT is the last packet.
    let mut raw = Raw::connected(&city, "a", &who).await;
    let (first, body) = raw.ask(&connect(5, "a", Some(&who), &[])).await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x82));
    assert_eq!(raw.hear().await, None);
}

#[tokio::test]
async fn only_its_own_principal_takes_a_client_over() {
    let (city, who) = town().await;
    let other = Mosquitto::enrol(&city, "other", &[ALL], &[ALL]).await;
    let other = login(&city, &other);
    for client in ["shared", "#", "+", "/", "a b", "../../x"] {
        let mut first = Raw::connected(&city, client, &who).await;
        let mut stranger = Raw::connected(&city, client, &other).await;
        for raw in [&mut first, &mut stranger] {
            assert_eq!(raw.ask(&packet(0xc0, &[])).await, Some((0xd0, Vec::new())), "{client}");
        }
        let _second = Raw::connected(&city, client, &who).await;
        let (kind, body) = first.hear().await.unwrap();
        assert_eq!((kind, body[0]), (0xe0, 0x8e), "{client}");
        assert_eq!(stranger.ask(&packet(0xc0, &[])).await, Some((0xd0, Vec::new())), "{client}");
    }
}

#[tokio::test]
async fn names_that_are_none_hide_something_or_are_the_servers_are_refused() {
    let (city, who) = town().await;
    let mut raw = Raw::connected(&city, "a", &who).await;
    let long = "x".repeat(65_535);
    let deep = vec!["x"; 1_000].join("/");
    let refused = [
        "a\u{feff}b",
        "a\u{202e}b",
        "e\u{301}",
        "a\tb",
        "a\rb",
        "a\nb",
        "$SYS/x",
        "$sys/x",
        "$share/a/b",
        "$MQTT",
        "$Queue/x",
        "$CONTROL/x",
        &long,
        &deep,
    ];
    for name in refused {
        let short: String = name.chars().take(20).collect();
        let (first, body) = raw.ask(&publish(1, name, &[], b"x")).await.unwrap();
        assert_eq!((first, body.get(2)), (0x40, Some(&0x90)), "{short:?}");
        if !name.starts_with("$share") {
            let (first, body) = raw.ask(&subscribe(2, name, 0)).await.unwrap();
            assert_eq!((first, body.last()), (0x90, Some(&0x8f)), "{short:?}");
        }
    }
    // They stay below the prefix, and come back as they were.
    for name in ["../x", "//", "/", " a ", "100%", "$x", "a/../../b"] {
        let (first, body) = raw.ask(&subscribe(3, name, 0)).await.unwrap();
        assert_eq!((first, body.last()), (0x90, Some(&0)), "{name:?}");
        raw.say(&publish(4, name, &[], b"x")).await;
        let mut heard = [raw.hear().await.unwrap(), raw.hear().await.unwrap()];
        heard.sort();
        let [(kind, message), (ack, answer)] = &heard;
        assert_eq!((*kind, *ack, answer.as_slice()), (0x30, 0x40, &[0, 4][..]), "{name:?}");
        assert!(message.starts_with(&text(name)), "{name:?}");
    }
}

#[tokio::test]
async fn bytes_that_no_client_sends_end_the_connection_with_a_reason() {
    let (city, who) = town().await;
    let mut pairs = Vec::new();
    for _ in 0..10_000 {
        pairs.extend([0x26, 0, 1, b'a', 0, 1, b'b']);
    }
    let cases = [
        (publish(1, "a", &pairs, b""), 0x97),
        (publish(1, "a/+", &[], b""), 0x90),
        (publish(1, "a\0b", &[], b""), 0x81),
        (publish(1, "", &[], b""), 0x82),
        (subscribe(1, "a\0b", 0), 0x81),
        (subscribe(1, "", 0), 0x81),
        (subscribe(1, "a", 3), 0x82),
        (publish(1, b"\xc0\xaf", &[], b""), 0x81),
        (publish(0, "a", &[], b""), 0x81),
        (publish(1, "a", &[0x23, 0, 0], b""), 0x94),
        (publish(1, "a", &[0x23, 0, 65], b""), 0x94),
        (publish(1, "", &[0x23, 0, 64], b""), 0x82),
        (packet(0x32, &[0, 1, b'a', 0, 1]), 0x81),
        (vec![0xc0, 0x80, 0], 0x81),
        (packet(0x36, &[0, 1, b'a', 0, 1, 0]), 0x81),
        (packet(0x80, &[0, 1, 0, 0, 1, b'a', 0]), 0x81),
        (packet(0x82, &[0, 1, 0]), 0x82),
        (packet(0x20, &[0, 0, 0]), 0x82),
        (packet(0x00, &[]), 0x81),
        (vec![0x30, 0xff, 0xff, 0xff, 0xff], 0x81),
        (vec![0x30, 0xff, 0xff, 0xff, 0x7f], 0x95),
    ];
    for (bytes, wanted) in cases {
        let mut raw = Raw::connected(&city, "a", &who).await;
        let short = bytes.get(..bytes.len().min(24)).unwrap().to_vec();
        let (first, body) = raw.ask(&bytes).await.unwrap();
        assert_eq!((first, body[0]), (0xe0, wanted), "{short:?}");
        assert_eq!(raw.hear().await, None, "{short:?}");
    }
    assert_eq!(city.page("/readyz").await.status, 200);
}

#[tokio::test]
async fn what_is_not_permitted_is_said_and_not_done() {
    let (city, _who) = town().await;
    let narrow =
        Mosquitto::enrol(&city, "narrow", &["fujisawa/mqtt/own/#"], &["fujisawa/mqtt/own/#"]).await;
    let narrow = login(&city, &narrow);
    let mut raw = Raw::connected(&city, "a", &narrow).await;
    let (first, body) = raw.ask(&publish(1, "others", &[], b"x")).await.unwrap();
    assert_eq!((first, body.get(2)), (0x40, Some(&0x87)));
    assert!(body.len() > 16, "wanted a reason, found {body:?}");
    let (first, body) = raw.ask(&subscribe(2, "others/#", 1)).await.unwrap();
    assert_eq!((first, body.last()), (0x90, Some(&0x80)));
    let (first, body) = raw.ask(&publish(3, "own/x", &[], b"x")).await.unwrap();
    assert_eq!((first, body.as_slice()), (0x40, &[0, 3][..]));
    // Until the right is gone: then the connection is too.
    city.run(&["revoke", "narrow@fujisawa", "--reason", "a test", "--yes"]).await.succeeded();
    let (first, body) = raw.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x87));
}
