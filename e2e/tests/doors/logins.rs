//! Whoever does not prove the key of a principal, on this connection and to this node, stays out.

use sekisho::{OsEntropy, SigningKey};
use sekisho_e2e::{City, Member, eventually};
use sekisho_proto::frame::{Login, Ping, Publish};
use sekisho_proto::limits::{FRAME_BYTES_MAX, FRAME_BYTES_UNGREETED_MAX};
use sekisho_proto::{Frame, Hash, RefusalCode, Signature};

use crate::talk::{Closed, Talk, Via};

/// A city whose node has its web listener open.
pub(crate) async fn city() -> City {
    let mut city = City::plan("fujisawa").await;
    city.open("web");
    city.start().await;
    city
}

/// The listeners that speak TLS over TCP, and what is spoken in it.
pub(crate) const DOORS: [(&str, &[u8]); 2] = [("web", b"h2"), ("mqtt", b"mqtt")];

/// A city with all of these open, and a limit unless that is nothing.
pub(crate) async fn with_doors(limit: &str) -> City {
    let mut city = City::plan("fujisawa").await;
    for (door, _alpn) in DOORS {
        city.open(door);
    }
    if !limit.is_empty() {
        city.configure("limits", limit);
    }
    city.start().await;
    city
}

/// The refusal comes as a frame, and then as the end that the transport has for it; it is counted.
async fn is_refused(city: &City, mut talk: Talk, via: Via, code: RefusalCode, status: u32) {
    let counted = format!("sekisho_handshake_failures_total{{reason=\"{}\"}}", code.name());
    assert_eq!(talk.refusal().await.code, code, "{via:?}");
    let before = city.metric(&counted).await;
    match (via, talk.closed().await) {
        (Via::WebSocket, Closed::WebSocket(found, why)) => {
            assert_eq!(u32::from(found), 4_000 + code.number());
            assert!(why.starts_with(code.name()), "{why}");
        }
        (Via::Grpc, Closed::Grpc(found, _why)) => assert_eq!(found, status),
        (via, other) => panic!("{via:?}: wanted {code} as its reason, found {other:?}"),
    }
    assert!(before >= 1.0, "wanted {counted} counted before it was told");
}

#[tokio::test]
async fn the_first_frame_is_a_login_or_the_last() {
    let city = city().await;
    for via in Via::ALL {
        let publish = Publish { request: 1, envelope: b"none".as_slice().into(), key_header: None };
        let mut talk = Talk::open(&city, via).await;
        let hello = talk.hello();
        talk.challenge().await;
        talk.send(hello).await;
        is_refused(&city, talk, via, RefusalCode::UnexpectedFrame, 9).await;
        for frame in [Frame::from(publish), Ping { token: 1 }.into()] {
            let mut talk = Talk::open(&city, via).await;
            talk.challenge().await;
            talk.send(frame).await;
            is_refused(&city, talk, via, RefusalCode::UnexpectedFrame, 9).await;
        }
    }
}

#[tokio::test]
async fn after_the_login_comes_a_greeting_or_nothing() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    for via in Via::ALL {
        let mut talk = Talk::open(&city, via).await;
        talk.login(member.identity().signing()).await;
        talk.send(Ping { token: 1 }).await;
        is_refused(&city, talk, via, RefusalCode::UnexpectedFrame, 9).await;
    }
}

#[tokio::test]
async fn a_wrong_signature_proves_nothing() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let (key, other) = (member.identity().signing().clone(), stranger());
    for via in Via::ALL {
        for wrong in [0, 1, 2, 3] {
            let mut talk = Talk::open(&city, via).await;
            let nonce = talk.challenge().await.nonce;
            let certificate = Some(talk.certificate());
            let (mut login, transcript) = talk.signed(&key, nonce, certificate);
            match wrong {
                // Somebody else's signature under the member's key.
                0 => login.signature = transcript.sign_as_client(&other),
                1 => login.signature = Signature::new([0; 64]),
                // The node's part of the same conversation.
                2 => login.signature = transcript.sign_as_node(&key),
                // Signed as by one who saw no certificate, and said as by one who did.
                _ => login = Login { certificate, ..talk.signed(&key, nonce, None).0 },
            }
            talk.send(login).await;
            is_refused(&city, talk, via, RefusalCode::BadSignature, 16).await;
        }
    }
}

#[tokio::test]
async fn a_login_that_was_overheard_lets_nobody_in() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    for via in Via::ALL {
        let mut first = Talk::open(&city, via).await;
        let nonce = first.challenge().await.nonce;
        let (login, _) =
            first.signed(member.identity().signing(), nonce, Some(first.certificate()));
        first.send(login.clone()).await;
        assert!(matches!(first.hear().await, Some(Frame::Proven(_))));
        let mut second = Talk::open(&city, via).await;
        assert_ne!(second.challenge().await.nonce, nonce);
        second.send(login).await;
        is_refused(&city, second, via, RefusalCode::BadSignature, 16).await;
    }
}

#[tokio::test]
async fn whoever_was_shown_another_certificate_talks_to_somebody_between() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    for via in Via::ALL {
        let mut talk = Talk::open(&city, via).await;
        let nonce = talk.challenge().await.nonce;
        let shown = Some(Hash::of(b"the certificate of somebody between"));
        let (login, _) = talk.signed(member.identity().signing(), nonce, shown);
        talk.send(login).await;
        is_refused(&city, talk, via, RefusalCode::BadSignature, 16).await;
    }
}

#[tokio::test]
async fn a_key_that_no_statement_names_is_told_so() {
    let city = city().await;
    for via in Via::ALL {
        let mut talk = Talk::open(&city, via).await;
        talk.login(&stranger()).await;
        talk.send(talk.hello()).await;
        is_refused(&city, talk, via, RefusalCode::UnknownKey, 16).await;
    }
}

#[tokio::test]
async fn what_is_no_frame_is_refused_before_and_after_the_login() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    for via in Via::ALL {
        let mut talk = Talk::open(&city, via).await;
        talk.challenge().await;
        talk.say(b"GET / HTTP/1.1".to_vec()).await;
        is_refused(&city, talk, via, RefusalCode::Malformed, 3).await;
        let mut talk = Talk::welcome(&city, via, &member).await;
        talk.say(b"GET / HTTP/1.1".to_vec()).await;
        assert_eq!(talk.refusal().await.code, RefusalCode::Malformed);
    }
    let mut talk = Talk::open(&city, Via::WebSocket).await;
    talk.challenge().await;
    talk.say_text("hello").await;
    is_refused(&city, talk, Via::WebSocket, RefusalCode::Malformed, 3).await;
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_its_size() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    for via in Via::ALL {
        let mut stranger = Talk::open(&city, via).await;
        stranger.challenge().await;
        stranger.say(vec![0; FRAME_BYTES_UNGREETED_MAX + 1]).await;
        assert_eq!(stranger.refusal().await.code, RefusalCode::Oversized);
        is_closed_for_its_size(via, stranger.closed().await);
        let mut known = Talk::welcome(&city, via, &member).await;
        known.say(vec![0; FRAME_BYTES_MAX + 1]).await;
        is_closed_for_its_size(via, known.closed().await);
    }
    eventually("the node to be well", || async {
        (city.page("/readyz").await.status == 200).then_some(())
    })
    .await;
}

fn is_closed_for_its_size(via: Via, closed: Closed) {
    match (via, closed) {
        (Via::WebSocket, Closed::WebSocket(1009, _)) | (Via::Grpc, Closed::Grpc(11, _)) => {}
        (via, other) => panic!("{via:?}: wanted it closed for a size, found {other:?}"),
    }
}

pub(crate) fn stranger() -> SigningKey {
    SigningKey::generate(&mut OsEntropy::new()).unwrap()
}
