//! Client certificates are boxes for a key: what else is in them counts for nothing, and garbage in
//! their place gets nobody in and nothing down.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use sekisho_e2e::{City, Member, eventually};
use sekisho_proto::PrincipalId;
use sekisho_proto::frame::{Answer, AnswerBody, Message as _, Query, Question};
use tokio::io::AsyncReadExt as _;

use crate::logins::{DOORS, city, stranger, with_doors};
use crate::talk::call;
use crate::tls::{Shown, boxed, dial, dial_in};

const TLS_FAILURES: &str = "sekisho_handshake_failures_total{reason=\"tls\"}";
const QUERY: &str = "/sekisho.v1.Sekisho/Query";

fn question(member: &Member) -> Vec<u8> {
    let asked = PrincipalId::of(&member.identity().signing().public_key());
    Query { request: 4, question: Question::Principal(asked) }.encode()
}

#[tokio::test]
async fn a_certificate_carries_a_key_and_nothing_else() {
    let city = city().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let node = city.door("web");
    let shown = Shown::Box(member.identity().signing().clone());
    let (status, answer) = call(node, shown, QUERY, &[], &question(&member)).await;
    assert_eq!(status, 0);
    let answer = Answer::decode(answer.expect("an answer")).unwrap();
    assert!(matches!(answer, Answer { request: 4, answer: AnswerBody::Statements(_) }));
    let nobody = call(node, Shown::Nothing, QUERY, &[], &question(&member)).await;
    assert_eq!(nobody, (16, None));
    let unknown = call(node, Shown::Box(stranger()), QUERY, &[], &question(&member)).await;
    assert_eq!(unknown, (16, None));
    let wrong = call(node, Shown::Box(stranger()), QUERY, &[basic("truck-1:wrong")], b"").await;
    assert_eq!(wrong, (16, None), "wanted the request's own words to count");
}

fn basic(words: &str) -> (&'static str, String) {
    let token = data_encoding::BASE64.encode(words.as_bytes());
    ("authorization", format!("Basic {token}"))
}

#[tokio::test]
async fn an_old_client_comes_in_with_the_tls_before_the_last() {
    let city = with_doors("").await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let version = &rustls::version::TLS12;
    for (door, alpn) in DOORS {
        let shown = Shown::Box(member.identity().signing().clone());
        let dialled = dial_in(version, city.door(door), alpn, shown).await.expect("TLS 1.2");
        let found = dialled.stream.get_ref().1.negotiated_cipher_suite().unwrap().suite();
        let name = format!("{found:?}");
        assert!(name.contains("GCM") || name.contains("CHACHA20"), "{door}: {name}");
    }
}

#[tokio::test]
async fn garbage_in_place_of_a_certificate_gets_nobody_in_and_nothing_down() {
    let city = with_doors("").await;
    let key = stranger();
    let whole = boxed(&key).to_vec();
    let mut spoilt: Vec<Vec<u8>> = vec![
        vec![0x30],
        vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        b"-----BEGIN CERTIFICATE-----".to_vec(),
        [0x30, 0x80].repeat(2_000),
        vec![0; 9_000],
        with_another_algorithm(),
    ];
    for place in (0..whole.len()).step_by(16) {
        spoilt.push(whole.get(..place).unwrap_or_default().to_vec());
    }
    let mut wanted = 0.0;
    for door in DOORS {
        for bytes in &spoilt {
            let shown = Shown::Bytes(bytes.clone(), key.clone());
            is_turned_away(&city, door, shown, &format!("{} bytes", bytes.len())).await;
            wanted += 1.0;
        }
    }
    eventually("every one of them counted", || async {
        (city.metric(TLS_FAILURES).await >= wanted).then_some(())
    })
    .await;
    assert_eq!(city.page("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_certificate_with_somebody_elses_key_is_not_signed_for() {
    let city = with_doors("").await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let stolen = boxed(member.identity().signing()).to_vec();
    for door in DOORS {
        let shown = Shown::Bytes(stolen.clone(), stranger());
        is_turned_away(&city, door, shown, "a stolen certificate").await;
    }
}

fn with_another_algorithm() -> Vec<u8> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    CertificateParams::new(Vec::new()).unwrap().self_signed(&pair).unwrap().der().to_vec()
}

/// In TLS 1.3 a client is done before the node has judged its certificate.
async fn is_turned_away(city: &City, (door, alpn): (&str, &[u8]), shown: Shown, what: &str) {
    if let Ok(mut dialled) = dial(city.door(door), alpn, shown).await {
        let mut heard = Vec::new();
        let read = dialled.stream.read_to_end(&mut heard).await;
        let is_unheard = read.is_err() || heard.is_empty();
        assert!(is_unheard, "{door}: {what}: wanted no word, found {heard:?}");
    }
}
