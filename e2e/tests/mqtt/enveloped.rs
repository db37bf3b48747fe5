//! A device with a key of its own publishes by MQTT what it sealed and signed, and is judged as it
//! would be at any other door.

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use sekisho::Start;
use sekisho_e2e::{City, Member, Mosquitto, Press, Reader, holds_key};

use crate::raw::{Raw, connect, login, publish, subscribe, text};
use crate::tls::Shown;

const ALL: &str = "fujisawa/mqtt/#";
const AIR: &str = "fujisawa/mqtt/air";
const ACCEPTED: u8 = 0x40;

/// What PUBLISH says of an envelope, and of the key header that it needs where that is new.
fn properties(key_header: Option<Bytes>) -> Vec<u8> {
    let mut said = vec![3];
    said.extend(text("application/vnd.sekisho.envelope"));
    if let Some(key_header) = key_header {
        said.push(0x26);
        said.extend(text("sekisho-key-header"));
        said.extend(text(BASE64URL_NOPAD.encode(&key_header)));
    }
    said
}

async fn town() -> (City, Member, Member) {
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    city.start().await;
    let truck = Member::device(&city, "truck-17", ALL).await;
    let wall = Member::reader(&city, "wall", ALL).await;
    holds_key(&wall, AIR).await;
    (city, truck, wall)
}

/// The member's connection: its key is in its certificate.
async fn connected(city: &City, member: &Member) -> Raw {
    connected_as(city, member, "truck").await
}

async fn connected_as(city: &City, member: &Member, client: &str) -> Raw {
    let mut raw = Raw::dial(city, Shown::Box(member.identity().signing().clone())).await;
    let (first, body) = raw.ask(&connect(5, client, None, &[])).await.unwrap();
    assert_eq!((first, body[1]), (0x20, 0), "{body:?}");
    raw
}

/// Publishes, and is refused with this code and in these words.
async fn refused(raw: &mut Raw, said: &[u8], code: u8, words: &str) {
    let (first, body) = raw.ask(said).await.unwrap();
    assert_eq!((first, body.get(2)), (ACCEPTED, Some(&code)), "{body:?}");
    let why = String::from_utf8_lossy(&body).into_owned();
    assert!(why.contains(words), "wanted {words:?}, found {why:?}");
}

#[tokio::test]
async fn what_a_device_sealed_goes_in_once_and_whoever_was_granted_opens_it() {
    let (city, truck, wall) = town().await;
    let mut native = Reader::start(&wall, ALL, Start::Latest).await;
    let mut press = Press::begin(&truck, AIR).await;
    let mut raw = connected(&city, &truck).await;
    let whole = properties(press.attached());
    let first = press.next("first").encoded().clone();
    let second = press.next("second").encoded().clone();
    // A PUBACK of two bytes is one of success (3.4.2.1).
    assert_eq!(raw.ask(&publish(1, "air", &whole, &first)).await, Some((ACCEPTED, vec![0, 1])));
    let bare = properties(None);
    assert_eq!(raw.ask(&publish(2, "air", &bare, &second)).await, Some((ACCEPTED, vec![0, 2])));
    for wanted in ["first", "second"] {
        let message = native.message().await;
        assert_eq!((message.topic.as_str(), message.sealed), (AIR, true));
        assert_eq!(&message.publisher.to_string(), "truck-17@fujisawa");
        assert_eq!(message.attester, None, "wanted it signed by the truck alone");
        assert_eq!(message.body().unwrap(), wanted.as_bytes());
    }
    for again in [&first, &second] {
        refused(&mut raw, &publish(3, "air", &whole, again), 0x83, "replayed").await;
    }
    // Nothing of that came to the log.
    raw.ask(&publish(4, "air", &whole, press.next("third").encoded())).await.unwrap();
    assert_eq!(native.message().await.body().unwrap(), "third".as_bytes());
    assert_eq!(city.refused("replayed").await, 2.0);
}

#[tokio::test]
async fn an_envelope_that_was_changed_or_is_another_name_or_anothers_is_refused() {
    let (city, truck, wall) = town().await;
    let mut press = Press::begin(&truck, AIR).await;
    let mut raw = connected(&city, &truck).await;
    let whole = properties(press.attached());
    let envelope = press.next("whole").encoded().clone();
    // Its last bytes are the signature; before them is what is sealed.
    for place in [envelope.len() - 1, envelope.len() - 70] {
        let mut forged = envelope.to_vec();
        forged[place] ^= 1;
        refused(&mut raw, &publish(1, "air", &whole, &forged), 0x83, "bad-signature").await;
    }
    refused(&mut raw, &publish(2, "other", &whole, &envelope), 0x90, AIR).await;
    refused(&mut raw, &publish(3, "air", &whole, &envelope[1..]), 0x99, "").await;
    let mut spoilt = properties(None);
    spoilt.push(0x26);
    spoilt.extend(text("sekisho-key-header"));
    spoilt.extend(text("!"));
    refused(&mut raw, &publish(4, "air", &spoilt, &envelope), 0x99, "sekisho-key-header").await;
    let bare = properties(None);
    refused(&mut raw, &publish(5, "air", &bare, &envelope), 0x83, "key-header-missing").await;
    // Somebody else brings it, with a right to publish there.
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &[]).await;
    let mut other = Raw::connected(&city, "other", &login(&city, &meter)).await;
    refused(&mut other, &publish(6, "air", &whole, &envelope), 0x87, "wrong-publisher").await;
    assert_eq!(wall.run(&["history", ALL]).await.done(), "");
    assert_eq!(raw.ask(&publish(7, "air", &whole, &envelope)).await, Some((ACCEPTED, vec![0, 7])));
}

#[tokio::test]
async fn an_envelope_does_not_come_back_to_a_client_that_does_not_want_its_own() {
    const NO_LOCAL: u8 = 0x04;
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    city.start().await;
    let truck = Member::enrol(&city, "truck-17", &["--topics", ALL, "--read", ALL]).await;
    holds_key(&truck, AIR).await;
    let mut press = Press::begin(&truck, AIR).await;
    let mut raw = connected(&city, &truck).await;
    assert_eq!(raw.ask(&subscribe(1, "#", NO_LOCAL)).await.unwrap().0, 0x90);
    let whole = properties(press.attached());
    let envelope = press.next("own").encoded().clone();
    assert_eq!(raw.ask(&publish(1, "air", &whole, &envelope)).await, Some((ACCEPTED, vec![0, 1])));
    assert_eq!(raw.ask(&[0xc0, 0]).await, Some((0xd0, vec![])));
    // Another run of the same key is not this client, whatever its numbers are.
    let mut other = connected_as(&city, &truck, "other").await;
    let mut press = press.reboot();
    let whole = properties(press.attached());
    let envelope = press.next("another's").encoded().clone();
    assert_eq!(
        other.ask(&publish(1, "air", &whole, &envelope)).await,
        Some((ACCEPTED, vec![0, 1]))
    );
    let (first, body) = raw.hear().await.unwrap();
    assert!(first == 0x30 && body.ends_with(&envelope), "{first:#04x} {body:?}");
}
