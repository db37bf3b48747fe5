//! What a change of rights takes back holds no place, comes to whoever may have it, and is there again
//! when it may be had again.

use sekisho_e2e::{City, Mosquitto, eventually};

use crate::raw::{Login, Raw, connect, login, packet, publish, subscribe};
use crate::tls::Shown;
use crate::town::town;

const ALL: &str = "fujisawa/mqtt/#";
/// Whose rights change.
const READER: &str = "meter@fujisawa";
/// On what.
const SECRET: &str = "fujisawa/mqtt/secret";
const PING: [u8; 2] = [0xc0, 0];
const PONG: u8 = 0xd0;
const PUBACK: u8 = 0x40;
/// A session that outlives its connection by an hour, and takes this many messages at a time.
const fn kept(receive_maximum: u8) -> [u8; 8] {
    [0x11, 0, 0, 0x0e, 0x10, 0x21, 0, receive_maximum]
}

/// A message of quality 1 without properties: its first byte, identifier and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    first: u8,
    id: [u8; 2],
    payload: String,
}

async fn message(raw: &mut Raw) -> Message {
    let (first, body) = raw.hear().await.expect("a message");
    assert_eq!(first & 0xf6, 0x32, "wanted a message of quality 1, found {first:#04x} {body:?}");
    let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
    assert_eq!(body[end + 2], 0, "wanted no properties, found {body:?}");
    let payload = String::from_utf8(body[end + 3..].to_vec()).unwrap();
    Message { first, id: [body[end], body[end + 1]], payload }
}

async fn acknowledge(raw: &mut Raw, message: &Message) {
    raw.say(&packet(PUBACK, &message.id)).await;
}

/// Publishes at quality 1, perhaps retained.
async fn write(writer: &mut Raw, name: &str, payload: &str, retain: u8) {
    let mut said = publish(9, name, &[], payload.as_bytes());
    said[0] |= retain;
    assert_eq!(writer.ask(&said).await, Some((PUBACK, vec![0, 9])));
}

/// A connection that takes up the session of the reader.
async fn resumed(city: &City, who: &Login, properties: &[u8]) -> Raw {
    let mut raw = Raw::dial(city, Shown::Nothing).await;
    let mut hello = connect(5, "reader", Some(who), properties);
    let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
    hello[flags] &= !0x02;
    let (first, body) = raw.ask(&hello).await.unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[1, 0][..]), "{body:?}");
    raw
}

/// Until the shard answers a subscription to what is secret so.
async fn until_readable(city: &City, who: &Login, code: u8) {
    eventually("the change of rights", || async {
        let mut probe = Raw::connected(city, "probe", who).await;
        let (_suback, body) = probe.ask(&subscribe(1, "secret", 0)).await.unwrap();
        (body.last() == Some(&code)).then_some(())
    })
    .await;
}

/// No right to read it any more.
async fn deny(city: &City, who: &Login) {
    for action in ["subscribe", "history"] {
        let deny = ["deny", READER, action, SECRET, "--reason", "a test", "--yes"];
        city.run(&deny).await.succeeded();
    }
    until_readable(city, who, 0x80).await;
}

/// And the right again.
async fn lift(city: &City, who: &Login) {
    let what = city.run(&["what", READER, "--json"]).await.json();
    let denies = what["denies"].as_array().expect("denies").clone();
    assert_eq!(denies.len(), 2, "{what}");
    for deny in denies {
        let statement = deny["statement"].as_str().expect("a statement");
        city.run(&["revoke", statement, "--reason", "a test", "--yes"]).await.succeeded();
    }
    until_readable(city, who, 0).await;
}

#[tokio::test]
async fn a_message_that_was_taken_back_in_flight_holds_no_place_and_comes_no_more() {
    let (city, who) = town().await;
    let mut reader = Raw::connected_with(&city, "reader", &who, &kept(2)).await;
    assert_eq!(reader.ask(&subscribe(1, "#", 1)).await.unwrap().1.last(), Some(&1));
    let mut writer = Raw::connected(&city, "writer", &who).await;
    for (name, payload) in [("secret", "1"), ("open", "2"), ("open", "3")] {
        write(&mut writer, name, payload, 0).await;
    }
    for payload in ["1", "2"] {
        assert_eq!(message(&mut reader).await.payload, payload);
    }
    deny(&city, &who).await;
    drop(reader);
    // What is in flight comes again but for that, and the place that it had is another's.
    let mut reader = resumed(&city, &who, &kept(2)).await;
    let again = message(&mut reader).await;
    assert_eq!((again.first, &*again.payload), (0x3a, "2"), "wanted it sent again");
    let next = message(&mut reader).await;
    assert_eq!((next.first, &*next.payload), (0x32, "3"), "wanted it sent for the first time");
    for one in [&again, &next] {
        acknowledge(&mut reader, one).await;
    }
    assert_eq!(reader.ask(&PING).await.unwrap().0, PONG);
    // It was given up, and what was acknowledged is done: nothing comes twice.
    lift(&city, &who).await;
    drop(reader);
    let mut reader = resumed(&city, &who, &kept(2)).await;
    for payload in ["4", "5"] {
        write(&mut writer, "secret", payload, 0).await;
    }
    for payload in ["4", "5"] {
        let one = message(&mut reader).await;
        assert_eq!((one.first, &*one.payload), (0x32, payload), "wanted both at once");
    }
}

#[tokio::test]
async fn the_last_message_that_was_taken_back_in_flight_is_given_up_without_another() {
    let (city, who) = town().await;
    let mut reader = Raw::connected_with(&city, "reader", &who, &kept(1)).await;
    assert_eq!(reader.ask(&subscribe(1, "#", 1)).await.unwrap().1.last(), Some(&1));
    let mut writer = Raw::connected(&city, "writer", &who).await;
    write(&mut writer, "secret", "1", 0).await;
    assert_eq!(message(&mut reader).await.payload, "1");
    deny(&city, &who).await;
    drop(reader);
    // Nothing is behind it in the log: only how far it has come tells the subscription.
    let mut reader = resumed(&city, &who, &kept(1)).await;
    lift(&city, &who).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, PONG);
    drop(reader);
    let mut reader = resumed(&city, &who, &kept(1)).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, PONG);
    write(&mut writer, "secret", "2", 0).await;
    let one = message(&mut reader).await;
    assert_eq!((one.first, &*one.payload), (0x32, "2"), "wanted the first one given up");
}

#[tokio::test]
async fn what_was_retained_while_it_was_denied_comes_with_the_next_subscribe_after_that() {
    let (city, who) = town().await;
    let mut reader = Raw::connected(&city, "reader", &who).await;
    assert_eq!(reader.ask(&subscribe(1, "+", 1)).await.unwrap().1.last(), Some(&1));
    let mut writer = Raw::connected(&city, "writer", &who).await;
    deny(&city, &who).await;
    write(&mut writer, "secret", "hidden", 1).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, PONG);
    lift(&city, &who).await;
    // Nothing will bring it as new: it is not waited for.
    assert_eq!(reader.ask(&subscribe(2, "+", 1)).await.unwrap().0, 0x90);
    let one = message(&mut reader).await;
    assert_eq!((one.first, &*one.payload), (0x33, "hidden"), "wanted it as retained");
    acknowledge(&mut reader, &one).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, PONG);
}

#[tokio::test]
async fn what_a_member_of_a_share_may_not_have_any_more_goes_to_another_that_may() {
    const COUNT: usize = 12;
    let (city, who) = town().await;
    let helper = login(&city, &Mosquitto::enrol(&city, "helper", &[], &[ALL]).await);
    // One takes one at a time and does not say that it has it; the other takes all.
    let mut slow = Raw::connected_with(&city, "slow", &who, &kept(1)).await;
    let mut quick = Raw::connected_with(&city, "quick", &helper, &kept(100)).await;
    for member in [&mut slow, &mut quick] {
        let granted = member.ask(&subscribe(1, "$share/crew/#", 1)).await.unwrap();
        assert_eq!(granted.1.last(), Some(&1));
    }
    let mut writer = Raw::connected(&city, "writer", &who).await;
    for number in 0..COUNT {
        write(&mut writer, "secret", &number.to_string(), 0).await;
    }
    let mut came = Vec::new();
    for _ in 0..COUNT / 2 {
        let one = message(&mut quick).await;
        acknowledge(&mut quick, &one).await;
        came.push(one.payload);
    }
    let held = message(&mut slow).await;
    deny(&city, &who).await;
    // Nobody publishes anything: the change alone hands on what the slow one was given.
    assert_eq!(slow.ask(&PING).await.unwrap().0, PONG);
    for _ in 0..COUNT / 2 - 1 {
        let one = message(&mut quick).await;
        acknowledge(&mut quick, &one).await;
        came.push(one.payload);
    }
    acknowledge(&mut slow, &held).await;
    came.push(held.payload);
    came.sort_by_key(|payload| payload.parse::<usize>().unwrap());
    assert_eq!(came, (0..COUNT).map(|number| number.to_string()).collect::<Vec<_>>());
    for member in [&mut slow, &mut quick] {
        assert_eq!(member.ask(&PING).await.unwrap().0, PONG, "wanted nothing twice");
    }
}
