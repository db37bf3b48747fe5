//! What the standards demand of a server beyond what Paho's suite asks of one.

use sekisho_e2e::City;

use crate::raw::{Login, Raw, connect, packet, publish, subscribe, text};
use crate::tls::Shown;
use crate::town::town;

const PING: [u8; 2] = [0xc0, 0];
const PONG: (u8, Vec<u8>) = (0xd0, Vec::new());
/// A session that outlives its connection by a minute.
const KEPT: [u8; 5] = [0x11, 0, 0, 0, 60];
/// Where the flags of a CONNECT are that is shorter than 128 bytes.
const FLAGS_AT: usize = 9;

/// A message of quality 1 or 2 with one byte of name: its first byte, identifier and payload.
fn message((first, body): (u8, Vec<u8>)) -> (u8, [u8; 2], Vec<u8>) {
    assert!(first >> 4 == 3 && body[..2] == [0, 1], "{first:#04x} {body:?}");
    assert_eq!(body[5], 0, "wanted no properties, found {body:?}");
    (first, [body[3], body[4]], body[6..].to_vec())
}

/// What comes until nothing more does.
async fn all(raw: &mut Raw) -> Vec<(u8, Vec<u8>)> {
    let mut heard = Vec::new();
    raw.say(&PING).await;
    loop {
        let packet = raw.hear().await;
        assert!(packet.is_some(), "wanted a connection that goes on, found {heard:?} and its end");
        match packet {
            Some(packet) if packet != PONG => heard.push(packet),
            Some(_) | None => return heard,
        }
    }
}

async fn nothing(raw: &mut Raw) {
    let heard = all(raw).await;
    assert!(heard.is_empty(), "wanted nothing, found {heard:?}");
}

/// Publishes with the retain flag at quality 1.
async fn retain(writer: &mut Raw, payload: &[u8]) {
    let mut said = publish(9, "a", &[], payload);
    said[0] |= 1;
    assert_eq!(writer.ask(&said).await, Some((0x40, vec![0, 9])));
}

/// A connection that takes up the session `client`.
async fn resumed(city: &City, client: &str, who: &Login, properties: &[u8]) -> Raw {
    let mut raw = Raw::dial(city, Shown::Nothing).await;
    let mut hello = connect(5, client, Some(who), properties);
    hello[FLAGS_AT] &= !2;
    let (first, body) = raw.ask(&hello).await.unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[1, 0][..]), "{body:?}");
    raw
}

#[tokio::test]
async fn what_is_retained_comes_again_with_each_subscribe() {
    let (city, who) = town().await;
    let mut writer = Raw::connected(&city, "writer", &who).await;
    let mut reader = Raw::connected(&city, "reader", &who).await;
    assert_eq!(reader.ask(&subscribe(1, "a", 1)).await.unwrap().0, 0x90);
    retain(&mut writer, b"x").await;
    let (first, id, _payload) = message(reader.hear().await.unwrap());
    assert_eq!(first, 0x32, "wanted a new message");
    // The copy that is asked for now is another message: it waits for the identifier.
    assert_eq!(reader.ask(&subscribe(2, "a", 1)).await.unwrap().0, 0x90);
    nothing(&mut reader).await;
    reader.say(&packet(0x40, &id)).await;
    let (first, id, payload) = message(reader.hear().await.unwrap());
    assert_eq!((first, &payload[..]), (0x33, &b"x"[..]), "wanted a retained message");
    reader.say(&packet(0x40, &id)).await;
    // Retain Handling 1 wants it with a new subscription only, 2 never.
    for handling in [0x11, 0x21] {
        assert_eq!(reader.ask(&subscribe(3, "a", handling)).await.unwrap().0, 0x90);
        nothing(&mut reader).await;
    }
}

#[tokio::test]
async fn a_retained_message_of_two_filters_is_two_messages() {
    let (city, who) = town().await;
    let mut writer = Raw::connected(&city, "writer", &who).await;
    retain(&mut writer, b"x").await;
    let mut reader = Raw::connected(&city, "reader", &who).await;
    let filters = [text("+"), vec![1], text("#"), vec![1]].concat();
    reader.say(&packet(0x82, &[&[0, 1, 0][..], &filters].concat())).await;
    assert_eq!(reader.hear().await.unwrap().0, 0x90);
    let (first, id, _payload) = message(reader.hear().await.unwrap());
    assert_eq!(first, 0x33, "wanted it sent for the first time");
    nothing(&mut reader).await;
    reader.say(&packet(0x40, &id)).await;
    let (first, _id, _payload) = message(reader.hear().await.unwrap());
    assert_eq!(first, 0x33, "wanted it sent for the first time");
}

#[tokio::test]
async fn what_a_client_retained_itself_does_not_come_to_it_where_it_does_not_want_its_own() {
    let (city, who) = town().await;
    let mut raw = Raw::connected(&city, "a", &who).await;
    let no_local = 0x04;
    assert_eq!(raw.ask(&subscribe(1, "a", no_local)).await.unwrap().0, 0x90);
    retain(&mut raw, b"x").await;
    assert_eq!(raw.ask(&subscribe(2, "a", no_local)).await.unwrap().0, 0x90);
    nothing(&mut raw).await;
    assert_eq!(raw.ask(&subscribe(3, "a", 0)).await.unwrap().0, 0x90);
    assert_eq!(raw.hear().await.unwrap().0, 0x31);
}

#[tokio::test]
async fn what_a_client_retained_before_it_subscribed_is_its_own_and_what_others_did_is_not() {
    let (city, who) = town().await;
    let mut raw = Raw::connected(&city, "a", &who).await;
    retain(&mut raw, b"x").await;
    let mut twice = packet(0x35, &[&text("b")[..], &[0, 7, 0], b"x"].concat());
    assert_eq!(raw.ask(&twice).await, Some((0x50, vec![0, 7])));
    assert_eq!(raw.ask(&packet(0x62, &[0, 7])).await, Some((0x70, vec![0, 7])));
    let no_local = 0x04;
    assert_eq!(raw.ask(&subscribe(1, "#", no_local)).await.unwrap().0, 0x90);
    nothing(&mut raw).await;
    // Another's is the last of its topic now.
    let mut other = Raw::connected(&city, "other", &who).await;
    twice = packet(0x35, &[&text("b")[..], &[0, 8, 0], b"y"].concat());
    assert_eq!(other.ask(&twice).await, Some((0x50, vec![0, 8])));
    let (first, body) = raw.hear().await.unwrap();
    assert!(first == 0x30 && body.ends_with(b"y"), "{first:#04x} {body:?}");
    assert_eq!(raw.ask(&subscribe(2, "#", no_local)).await.unwrap().0, 0x90);
    let (first, body) = raw.hear().await.unwrap();
    assert!(first == 0x31 && body.ends_with(b"y"), "{first:#04x} {body:?}");
    nothing(&mut raw).await;
}

#[tokio::test]
async fn a_message_of_quality_2_that_is_said_twice_at_once_is_there_once() {
    let (city, who) = town().await;
    let mut reader = Raw::connected(&city, "reader", &who).await;
    assert_eq!(reader.ask(&subscribe(1, "a", 0)).await.unwrap().0, 0x90);
    let mut writer = Raw::connected(&city, "writer", &who).await;
    let once = packet(0x34, &[&text("a")[..], &[0, 7, 0], b"x"].concat());
    writer.say(&[&once[..], &once].concat()).await;
    assert_eq!(writer.hear().await, Some((0x50, vec![0, 7])));
    for answer in all(&mut writer).await {
        assert_eq!(answer, (0x50, vec![0, 7]));
    }
    assert_eq!(writer.ask(&packet(0x62, &[0, 7])).await, Some((0x70, vec![0, 7])));
    assert_eq!(writer.ask(&publish(8, "a", &[], b"last")).await, Some((0x40, vec![0, 8])));
    let payloads = [&b"x"[..], b"last"];
    for payload in payloads {
        let (_first, body) = reader.hear().await.unwrap();
        assert!(body.ends_with(payload), "{body:?}");
    }
}

#[tokio::test]
async fn a_client_that_comes_back_with_less_room_is_sent_no_more_than_it_takes() {
    let (city, who) = town().await;
    let mut reader = Raw::connected_with(&city, "reader", &who, &KEPT).await;
    assert_eq!(reader.ask(&subscribe(1, "a", 1)).await.unwrap().0, 0x90);
    let mut writer = Raw::connected(&city, "writer", &who).await;
    for number in 0..5_u8 {
        let said = publish(9, "a", &[], &[number]);
        assert_eq!(writer.ask(&said).await, Some((0x40, vec![0, 9])));
        message(reader.hear().await.unwrap());
    }
    drop(reader);
    let room = [&KEPT[..], &[0x21, 0, 2]].concat();
    let mut reader = resumed(&city, "reader", &who, &room).await;
    let mut waiting = Vec::<[u8; 2]>::new();
    for number in 0..5_u8 {
        if waiting.len() == 2 {
            nothing(&mut reader).await;
            reader.say(&packet(0x40, &waiting.remove(0))).await;
        }
        let (first, id, payload) = message(reader.hear().await.unwrap());
        assert_eq!((first, &payload[..]), (0x3a, &[number][..]), "wanted it sent again");
        waiting.push(id);
    }
}

#[tokio::test]
async fn whoever_says_everything_at_once_is_answered_before_it_is_let_go() {
    let (city, who) = town().await;
    for version in [4, 5] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let hello = connect(version, "a", Some(&who), &[]);
        let (first, body) = raw.ask(&[hello, packet(0xe0, &[])].concat()).await.unwrap();
        assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]));
        assert_eq!(raw.hear().await, None);
    }
}

#[tokio::test]
async fn a_client_that_takes_less_than_connack_is_not_let_in() {
    let (city, who) = town().await;
    for most in [2_u8, 15] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let heard = raw.ask(&connect(5, "a", Some(&who), &[0x27, 0, 0, 0, most])).await;
        let wanted = (most >= 5).then(|| (0x20, vec![0, 0x95, 0]));
        assert_eq!(heard, wanted);
        assert_eq!(raw.hear().await, None);
    }
}

/// SUBSCRIBE or UNSUBSCRIBE with filters `fN`, as many as there are numbers.
fn filters(first: u8, from: usize, to: usize) -> Vec<u8> {
    let (mut body, options) = (vec![0, 1, 0], if first == 0x82 { &[0][..] } else { &[] });
    for number in from..to {
        body.extend(text(format!("f{number}")));
        body.extend(options);
    }
    packet(first, &body)
}

#[tokio::test]
async fn what_a_client_takes_no_answer_to_is_not_done_and_ends_the_connection() {
    const SUBSCRIBE: u8 = 0x82;
    const UNSUBSCRIBE: u8 = 0xa2;
    let (city, who) = town().await;
    // 64 bytes: no room for the codes of 80 filters.
    let small = [&KEPT[..], &[0x27, 0, 0, 0, 64]].concat();
    let mut raw = Raw::connected_with(&city, "small", &who, &small).await;
    let (first, body) = raw.ask(&filters(SUBSCRIBE, 0, 80)).await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x95), "{body:?}");
    assert_eq!(raw.hear().await, None);
    let mut raw = resumed(&city, "small", &who, &small).await;
    let (_unsuback, body) = raw.ask(&filters(UNSUBSCRIBE, 0, 40)).await.unwrap();
    assert_eq!(body[3..], [0x11; 40], "wanted none of them subscribed to");
    for (from, to) in [(0, 40), (40, 80)] {
        let (_suback, body) = raw.ask(&filters(SUBSCRIBE, from, to)).await.unwrap();
        assert_eq!(body[3..], [0; 40]);
    }
    let (first, body) = raw.ask(&filters(UNSUBSCRIBE, 0, 80)).await.unwrap();
    assert_eq!((first, body[0]), (0xe0, 0x95), "{body:?}");
    assert_eq!(raw.hear().await, None);
    let mut raw = resumed(&city, "small", &who, &small).await;
    for (from, to) in [(0, 40), (40, 80)] {
        let (_unsuback, body) = raw.ask(&filters(UNSUBSCRIBE, from, to)).await.unwrap();
        assert_eq!(body[3..], [0; 40], "wanted all of them there");
    }
}

#[tokio::test]
async fn whoever_breaks_a_rule_of_3_1_1_loses_the_connection() {
    let (city, who) = town().await;
    let subscribe = |filter: &str| packet(0x82, &[&[0, 1][..], &text(filter), &[0]].concat());
    for said in [
        packet(0x40, &[0, 1, 0]),
        packet(0x62, &[0, 1, 0]),
        subscribe(""),
        subscribe("a\0b"),
        packet(0xa2, &[&[0, 1][..], &text("")].concat()),
        packet(0xf0, &[]),
    ] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        assert_eq!(raw.ask(&connect(4, "a", Some(&who), &[])).await, Some((0x20, vec![0, 0])));
        assert_eq!(raw.ask(&said).await, None, "{said:?}");
    }
}

#[tokio::test]
async fn a_connect_that_breaks_a_rule_is_told_why_where_its_version_has_words_for_it() {
    let (city, who) = town().await;
    for (version, told) in [(4, None), (5, Some((0x20, vec![0, 0x81])))] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let mut hello = connect(version, "a", Some(&who), &[]);
        hello[FLAGS_AT] |= 0x01;
        let heard = raw.ask(&hello).await;
        assert_eq!(heard.map(|(first, body)| (first, body[..2].to_vec())), told, "{version}");
        assert_eq!(raw.hear().await, None);
    }
}

#[tokio::test]
async fn a_version_that_is_not_spoken_here_is_refused_in_words_that_it_reads() {
    let (city, who) = town().await;
    for (version, level, heard) in
        [(4, 3, vec![0, 1]), (4, 6, vec![0, 1]), (5, 6, vec![0, 0x84]), (5, 3, vec![0, 1])]
    {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let mut hello = connect(version, "a", Some(&who), &[]);
        hello[FLAGS_AT - 1] = level;
        let (first, body) = raw.ask(&hello).await.unwrap();
        assert_eq!((first, &body[..2]), (0x20, &heard[..]), "{version} {level}");
        assert_eq!(raw.hear().await, None);
    }
}
