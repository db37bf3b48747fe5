//! What the two ends of a connection of MQTT 5 agreed upon: short names, how much at a time, and how
//! large.

use std::collections::BTreeSet;

use sekisho_e2e::City;

use crate::raw::{Login, Raw, connect, packet, publish, subscribe, text};
use crate::tls::Shown;
use crate::town::town;

const PING: [u8; 2] = [0xc0, 0];
const PONG: (u8, Vec<u8>) = (0xd0, Vec::new());
/// What the node lets a client have without its answer, as CONNACK says.
const RECEIVE_MAXIMUM: u16 = 128;

/// A topic alias as a property.
fn alias(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0x23, high, low]
}

/// A message of quality 1 as it was heard.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    name: String,
    id: [u8; 2],
    properties: Vec<u8>,
    payload: String,
}

fn message((first, body): (u8, Vec<u8>)) -> Message {
    assert_eq!(first & 0xf6, 0x32, "wanted a message of quality 1, found {body:?}");
    let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
    let name = String::from_utf8(body[2..end].to_vec()).unwrap();
    let after = end + 3 + usize::from(body[end + 2]);
    Message {
        name,
        id: [body[end], body[end + 1]],
        properties: body[end + 3..after].to_vec(),
        payload: String::from_utf8(body[after..].to_vec()).unwrap(),
    }
}

/// A reader of everything at quality 1 that said this of itself.
async fn reader(city: &City, who: &Login, properties: &[u8]) -> Raw {
    let mut raw = Raw::connected_with(city, "reader", who, properties).await;
    assert_eq!(raw.ask(&subscribe(1, "#", 1)).await.unwrap().1.last(), Some(&1));
    raw
}

/// Publishes one after the other, each acknowledged.
async fn writes(writer: &mut Raw, messages: &[(&str, &str)]) {
    for (name, payload) in messages {
        let told = writer.ask(&publish(9, name, &[], payload.as_bytes())).await;
        assert_eq!(told, Some((0x40, vec![0, 9])));
    }
}

#[tokio::test]
async fn an_alias_of_a_client_stands_for_its_last_name_on_its_connection() {
    let (city, who) = town().await;
    let mut reader = reader(&city, &who, &[]).await;
    let mut writer = Raw::connected(&city, "writer", &who).await;
    for (number, (name, short)) in
        [("a", 1), ("", 1), ("b", 64), ("", 64), ("", 1), ("b", 1), ("", 1)].into_iter().enumerate()
    {
        let payload = number.to_string();
        let said = publish(9, name, &alias(short), payload.as_bytes());
        assert_eq!(writer.ask(&said).await, Some((0x40, vec![0, 9])), "{number}");
    }
    let mut heard = Vec::new();
    for number in 0..7 {
        let Message { name, id, payload, .. } = message(reader.hear().await.unwrap());
        assert_eq!(payload, number.to_string());
        heard.push(name);
        reader.say(&packet(0x40, &id)).await;
    }
    assert_eq!(heard, ["a", "a", "b", "b", "a", "b", "b"]);
    // None, one more than the node said that it takes, one that was never said, and one of another
    // connection.
    for (name, short, code) in [
        ("a", 0, 0x94),
        ("a", 65, 0x94),
        ("a", 0xffff, 0x94),
        ("", 0, 0x94),
        ("", 2, 0x82),
        ("", 1, 0x82),
    ] {
        let mut writer = Raw::connected(&city, "writer", &who).await;
        let (first, body) = writer.ask(&publish(1, name, &alias(short), b"x")).await.unwrap();
        assert_eq!((first, body[0]), (0xe0, code), "{name:?} {short}");
        assert_eq!(writer.hear().await, None, "{name:?} {short}");
    }
}

#[tokio::test]
async fn a_client_is_sent_as_many_aliases_as_it_takes_and_no_more() {
    let (city, who) = town().await;
    let mut writer = Raw::connected(&city, "writer", &who).await;
    let said = [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("a", "5"), ("c", "6")];
    for most in [0, 2] {
        let [high, low] = u16::to_be_bytes(most);
        let mut reader = reader(&city, &who, &[0x22, high, low]).await;
        writes(&mut writer, &said).await;
        let mut names = vec![String::new(); usize::from(most) + 1];
        let mut short = 0;
        for (name, payload) in said {
            let found = message(reader.hear().await.unwrap());
            reader.say(&packet(0x40, &found.id)).await;
            let number = match found.properties[..] {
                [] => None,
                [0x23, high, low] => Some(usize::from(u16::from_be_bytes([high, low]))),
                _ => panic!("wanted an alias at most, found {found:?}"),
            };
            assert!(number.is_none_or(|number| (1..names.len()).contains(&number)), "{found:?}");
            let stands_for = match number {
                Some(number) if found.name.is_empty() => {
                    short += 1;
                    names[number].clone()
                }
                Some(number) => {
                    names[number].clone_from(&found.name);
                    found.name
                }
                None => found.name,
            };
            assert_eq!((stands_for.as_str(), found.payload.as_str()), (name, payload));
        }
        assert_eq!(short > 0, most > 0, "{most}: wanted them used where they are taken");
    }
}

#[tokio::test]
async fn a_client_has_no_more_messages_at_a_time_than_it_takes() {
    let (city, who) = town().await;
    let mut reader = reader(&city, &who, &[0x21, 0, 2]).await;
    let mut writer = Raw::connected(&city, "writer", &who).await;
    let names: Vec<String> = (0..6).map(|number| number.to_string()).collect();
    let said: Vec<_> = names.iter().map(|name| ("a", name.as_str())).collect();
    writes(&mut writer, &said).await;
    let mut waiting = Vec::<[u8; 2]>::new();
    for wanted in &names {
        if waiting.len() == 2 {
            // Nothing more comes before one of them is answered, whatever else is asked.
            for _ in 0..3 {
                assert_eq!(reader.ask(&PING).await, Some(PONG));
            }
            reader.say(&packet(0x40, &waiting.remove(0))).await;
        }
        let found = message(reader.hear().await.unwrap());
        assert_eq!(&found.payload, wanted);
        waiting.push(found.id);
    }
}

#[tokio::test]
async fn a_client_that_has_more_on_its_way_than_it_may_is_sent_away() {
    let (city, who) = town().await;
    let mut raw = Raw::connected(&city, "a", &who).await;
    let exactly_once = |id: u16| {
        let body = [text("a"), id.to_be_bytes().to_vec(), vec![0], b"x".to_vec()].concat();
        packet(0x34, &body)
    };
    let all: Vec<u8> = (1..=RECEIVE_MAXIMUM).flat_map(exactly_once).collect();
    raw.say(&all).await;
    let mut received = BTreeSet::new();
    for _ in 0..RECEIVE_MAXIMUM {
        let (first, body) = raw.hear().await.unwrap();
        assert_eq!((first, body.len()), (0x50, 2), "{body:?}");
        received.insert(body);
    }
    assert_eq!(received.len(), usize::from(RECEIVE_MAXIMUM));
    let (first, body) = raw.ask(&exactly_once(RECEIVE_MAXIMUM + 1)).await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x93), "{body:?}");
    assert_eq!(raw.hear().await, None);
}

#[tokio::test]
async fn a_client_is_sent_nothing_that_is_larger_than_it_takes() {
    const MOST: usize = 64;
    let (city, who) = town().await;
    let mut small = reader(&city, &who, &[0x27, 0, 0, 0, 64]).await;
    let mut writer = Raw::connected(&city, "writer", &who).await;
    let (fits, larger) = ("x".repeat(MOST - 8), "x".repeat(MOST - 7));
    let huge = "x".repeat(60_000);
    writes(&mut writer, &[("a", &larger), ("a", &fits), ("a", &huge), ("a", "last")]).await;
    for wanted in [fits.as_str(), "last"] {
        let heard = small.hear().await.unwrap();
        assert!(heard.1.len() + 2 <= MOST, "wanted at most {MOST} bytes, found {}", heard.1.len());
        let found = message(heard);
        assert_eq!(found.payload, wanted);
        small.say(&packet(0x40, &found.id)).await;
    }
    // A reason in words is left out where there is no room for it (3.4.2.2.2).
    let (first, body) = small.ask(&publish(2, "$SYS/x", &[], b"x")).await.unwrap();
    assert_eq!((first, body.get(2)), (0x40, Some(&0x90)));
    assert!(body.len() + 2 <= MOST, "{body:?}");
    let (first, body) = small.ask(&publish(3, "a", &alias(0), b"x")).await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x94));
    assert!(body.len() + 2 <= MOST, "{body:?}");
}

#[tokio::test]
async fn a_message_larger_than_an_envelope_is_refused_and_a_packet_larger_than_was_said_is_the_end()
{
    // `limits.envelope_bytes` where nothing is set, and the packet around one.
    const ENVELOPE: usize = 64 * 1024;
    const PACKET: u32 = 72 * 1024;
    let (city, who) = town().await;
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    let (_first, body) = raw.ask(&connect(5, "a", Some(&who), &[])).await.unwrap();
    let told = [&[0x27][..], &PACKET.to_be_bytes()].concat();
    assert!(body.windows(5).any(|part| part == told), "wanted {told:?}, found {body:?}");
    let around = publish(1, "a", &[], &vec![b'x'; ENVELOPE]).len() - ENVELOPE;
    for bytes in [ENVELOPE, usize::try_from(PACKET).unwrap() - around] {
        let (first, body) = raw.ask(&publish(1, "a", &[], &vec![b'x'; bytes])).await.unwrap();
        assert_eq!((first, body.get(2)), (0x40, Some(&0x97)), "{bytes}: {body:?}");
        let why = String::from_utf8_lossy(&body).into_owned();
        assert!(why.contains("wanted at most 65536 bytes"), "{bytes}: {why}");
    }
    assert_eq!(raw.ask(&publish(1, "a", &[], b"x")).await, Some((0x40, vec![0, 1])));
    let larger = vec![b'x'; usize::try_from(PACKET).unwrap() - around + 1];
    let (first, body) = raw.ask(&publish(1, "a", &[], &larger)).await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x95), "{body:?}");
    assert_eq!(raw.hear().await, None);
    // Whoever cannot be told, nor refused, goes on.
    let mut old = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(old.ask(&connect(4, "b", Some(&who), &[])).await, Some((0x20, vec![0, 0])));
    let body = [&text("a")[..], &[0, 1], &larger].concat();
    assert_eq!(old.ask(&packet(0x32, &body)).await, Some((0x40, vec![0, 1])));
    assert_eq!(old.ask(&PING).await, Some(PONG));
}
