//! Numbers at the edge of what MQTT can say, and wills where nobody may speak.

use sekisho_e2e::Mosquitto;

use crate::raw::{Login, Raw, connect, counted, login, packet, publish, subscribe, text};
use crate::tls::Shown;
use crate::town::town;

/// `mqtt.session_expiry_seconds_max` where nothing is set.
const SESSION_EXPIRY_S: u32 = 604_800;
/// The largest of four bytes (1.5.5).
const IDENTIFIER_MAX: usize = 268_435_455;
const NEVER: [u8; 4] = [0xff; 4];

/// A property with a number of four bytes.
fn four(property: u8, value: [u8; 4]) -> Vec<u8> {
    [&[property][..], &value].concat()
}

/// A number as MQTT counts: seven bits a byte, the lowest first.
fn variable(mut value: usize) -> Vec<u8> {
    let mut found = Vec::new();
    loop {
        let byte = u8::try_from(value % 128).unwrap();
        value /= 128;
        found.push(if value > 0 { byte | 0x80 } else { byte });
        if value == 0 {
            return found;
        }
    }
}

/// SUBSCRIBE with a subscription identifier as it stands.
fn identified(filter: &str, identifier: &[u8]) -> Vec<u8> {
    let property = [&[0x0b][..], identifier].concat();
    packet(0x82, &[&[0, 1][..], &counted(&property), &text(filter), &[0]].concat())
}

/// N-21: the longest expiry of a session, which is that of none, is cut to what the node keeps.
#[tokio::test]
async fn a_session_that_is_never_to_end_is_told_when_it_does() {
    let (city, who) = town().await;
    let mut hello = connect(5, "for-ever", Some(&who), &four(0x11, NEVER));
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    let (first, body) = raw.ask(&hello).await.unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]));
    let told = four(0x11, SESSION_EXPIRY_S.to_be_bytes());
    assert!(body.windows(5).any(|part| part == told), "wanted the expiry, found {body:?}");
    raw.ask(&subscribe(1, "room", 1)).await.unwrap();
    drop(raw);
    // Without a clean start.
    let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
    hello[flags] &= !0x02;
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(raw.ask(&hello).await.unwrap().1[..2], [1, 0], "wanted the session there");
}

/// N-21: a message that is for whoever is there and for nobody later, and one that nearly never runs
/// out.
#[tokio::test]
async fn a_message_that_lasts_no_time_comes_to_who_is_there_and_the_longest_lasts() {
    let (city, who) = town().await;
    let mut away = Raw::connected_with(&city, "away", &who, &four(0x11, [0, 0, 1, 0])).await;
    away.ask(&subscribe(1, "#", 0)).await.unwrap();
    drop(away);
    let mut raw = Raw::connected(&city, "a", &who).await;
    raw.ask(&subscribe(1, "#", 0)).await.unwrap();
    for (id, lasts, said) in [(2, [0; 4], "now"), (3, NEVER, "there")] {
        raw.say(&publish(id, "room", &four(0x02, lasts), said.as_bytes())).await;
        let mut heard = [raw.hear().await.unwrap(), raw.hear().await.unwrap()];
        heard.sort();
        let [(first, message), ack] = &heard;
        assert_eq!((*first, ack), (0x30, &(0x40, vec![0, id.to_be_bytes()[1]])));
        assert!(message.ends_with(said.as_bytes()), "{message:?}");
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let mut hello = connect(5, "away", Some(&who), &four(0x11, [0, 0, 1, 0]));
    let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
    hello[flags] &= !0x02;
    let mut away = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(away.ask(&hello).await.unwrap().1[..2], [1, 0], "wanted the session there");
    let (first, message) = away.hear().await.unwrap();
    assert_eq!((first, message.ends_with(b"there")), (0x30, true), "{message:?}");
}

/// N-21: identifiers from one to the largest, and neither none nor one more.
#[tokio::test]
async fn a_subscription_identifier_is_neither_nothing_nor_too_large() {
    let (city, who) = town().await;
    for (identifier, code) in [
        (vec![0], 0x82),
        (vec![0x80, 0x80, 0x80, 0x80, 0x01], 0x81),
        (vec![0xff, 0xff, 0xff, 0xff], 0x81),
    ] {
        let mut raw = Raw::connected(&city, "a", &who).await;
        let (first, body) = raw.ask(&identified("room", &identifier)).await.unwrap();
        assert_eq!((first, body[0]), (0xe0, code), "{identifier:?}");
        assert_eq!(raw.hear().await, None, "{identifier:?}");
    }
    for number in [1, IDENTIFIER_MAX] {
        let identifier = variable(number);
        let mut raw = Raw::connected(&city, "a", &who).await;
        let (first, body) = raw.ask(&identified("room", &identifier)).await.unwrap();
        assert_eq!((first, body.last()), (0x90, Some(&0)), "{number}");
        raw.say(&publish(2, "room", &[], b"x")).await;
        let mut heard = [raw.hear().await.unwrap(), raw.hear().await.unwrap()];
        heard.sort();
        let property = [&[0x0b][..], &identifier].concat();
        let wanted = [text("room"), counted(&property), b"x".to_vec()].concat();
        assert_eq!(heard[0], (0x30, wanted), "{number}");
    }
}

/// N-21: where nothing is no number.
#[tokio::test]
async fn a_client_that_takes_nothing_is_not_let_in() {
    let (city, who) = town().await;
    for properties in [vec![0x21, 0, 0], four(0x27, [0; 4])] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let heard = raw.ask(&connect(5, "a", Some(&who), &properties)).await;
        let is_let_in = heard.as_ref().is_some_and(|(first, body)| *first == 0x20 && body[1] == 0);
        assert!(!is_let_in, "{properties:?}: {heard:?}");
    }
    for properties in [vec![0x21, 0xff, 0xff], four(0x27, NEVER), vec![0x22, 0xff, 0xff]] {
        Raw::connected_with(&city, "a", &who, &properties).await;
    }
}

/// CONNECT with a will of quality 1 that waits as long as can be said.
fn leaving(version: u8, who: &Login, will: &str) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([version, 0xc2 | 0x04 | 0x08, 0, 60]);
    if version == 5 {
        body.push(0);
    }
    body.extend(text("a"));
    if version == 5 {
        body.extend(counted(&four(0x18, NEVER)));
    }
    for part in [will, "gone", &who.0, &who.1] {
        body.extend(text(part));
    }
    packet(0x10, &body)
}

/// N-34: a will is judged when it is left, as what is published is.
#[tokio::test]
async fn a_will_that_nobody_may_leave_lets_nobody_in() {
    let (city, _who) = town().await;
    let own = ["fujisawa/mqtt/own/#"];
    let narrow = Mosquitto::enrol(&city, "narrow", &own, &own).await;
    let who = login(&city, &narrow);
    for (will, code) in [
        ("$SYS/broker/uptime", 0x90),
        ("$sys/x", 0x90),
        ("$CONTROL/x", 0x90),
        ("$share/g/own/x", 0x90),
        ("$MQTT", 0x90),
        ("own/+", 0x90),
        ("own/\u{202e}", 0x90),
        ("others/x", 0x87),
        ("../own/x", 0x87),
        ("$x", 0x87),
    ] {
        for version in [4, 5] {
            let mut raw = Raw::dial(&city, Shown::Nothing).await;
            let heard = raw.ask(&leaving(version, &who, will)).await;
            match (version, heard) {
                (5, Some((0x20, body))) => assert_eq!(body[1], code, "{will}: {body:?}"),
                (_, Some((0x20, body))) => assert!(body[1] > 0, "{will}: {body:?}"),
                // What is no name at all is no CONNECT.
                (_, None) => assert!(will.contains('+'), "{will}: wanted an answer"),
                (_, other) => panic!("{will}: wanted CONNACK, found {other:?}"),
            }
        }
    }
    for version in [4, 5] {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let (first, body) = raw.ask(&leaving(version, &who, "own/x")).await.unwrap();
        assert_eq!((first, body[1]), (0x20, 0), "{version}");
    }
}
