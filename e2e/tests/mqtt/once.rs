//! Exactly once, and each message of a share to somebody, over `kill -9` of the node.

mod storm;

use sekisho_e2e::{City, Member};

use crate::raw::{Login, Raw, connect, packet, text};
use crate::tls::Shown;
use crate::town::town;

const ALL: &str = "fujisawa/mqtt/#";
/// Session Expiry Interval: an hour (3.1.2.11.2).
const AN_HOUR: [u8; 5] = [0x11, 0, 0, 0x0e, 0x10];
const PING: [u8; 2] = [0xc0, 0];

async fn restart(city: &mut City) {
    city.kill_node().await;
    city.start_node().await;
}

/// A connection whose session lasts an hour: a new one, or that which is there.
async fn connected(city: &City, client: &str, who: &Login, is_there: bool) -> Raw {
    connected_as(city, client, who, is_there, &AN_HOUR).await
}

async fn connected_as(
    city: &City,
    client: &str,
    who: &Login,
    is_there: bool,
    properties: &[u8],
) -> Raw {
    let mut hello = connect(5, client, Some(who), properties);
    if is_there {
        let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
        hello[flags] &= !0x02;
    }
    let mut raw = Raw::dial(city, Shown::Nothing).await;
    let (first, body) = raw.ask(&hello).await.unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[u8::from(is_there), 0][..]), "{client}");
    raw
}

/// PUBLISH of quality 2, or the same once more.
fn message(id: u16, again: bool, name: &str, payload: &str) -> Vec<u8> {
    let mut body = text(name);
    body.extend(id.to_be_bytes());
    body.push(0);
    body.extend_from_slice(payload.as_bytes());
    packet(if again { 0x3c } else { 0x34 }, &body)
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
fn answer(first: u8, id: u16) -> Vec<u8> {
    packet(first, &id.to_be_bytes())
}

/// PUBLISH of quality 2, and PUBREC.
async fn published(writer: &mut Raw, id: u16, name: &str, payload: &str) {
    let answered = writer.ask(&message(id, false, name, payload)).await;
    assert_eq!(answered, Some((0x50, id.to_be_bytes().to_vec())), "{payload}");
}

/// SUBSCRIBE with a quality, perhaps among other options.
async fn subscribed(raw: &mut Raw, filter: &str, options: u8) {
    let (first, body) = raw.ask(&crate::raw::subscribe(1, filter, options)).await.unwrap();
    assert_eq!((first, body.last()), (0x90, Some(&(options & 3))));
}

/// The identifier and the payload of a PUBLISH that came.
fn read(body: &[u8]) -> (u16, String) {
    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let rest = &body[2 + length..];
    let id = u16::from_be_bytes([rest[0], rest[1]]);
    let properties = usize::from(rest[2]);
    (id, String::from_utf8(rest[3 + properties..].to_vec()).unwrap())
}

/// The identifier of a PUBLISH that came.
fn id_in(body: &[u8]) -> u16 {
    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
    u16::from_be_bytes([body[2 + length], body[3 + length]])
}

/// The identifier of an answer that came.
fn id_of(body: &[u8]) -> u16 {
    u16::from_be_bytes([body[0], body[1]])
}

#[tokio::test]
async fn what_a_client_brings_again_after_a_crash_is_there_once() {
    const AT_ONCE: u16 = 20;
    let (mut city, who) = town().await;
    let mut rounds = 0;
    for received in [0, 1, 5, 12] {
        let name = format!("once/{received}");
        let mut writer = connected(&city, "writer", &who, received > 0).await;
        for id in 1..=AT_ONCE {
            writer.say(&message(id, false, &name, &id.to_string())).await;
        }
        let mut stored = Vec::new();
        for _ in 0..received {
            let (first, body) = writer.hear().await.unwrap();
            assert_eq!(first, 0x50, "{body:?}");
            stored.push(id_of(&body));
        }
        restart(&mut city).await;
        // What it was told of is released; the rest is brought again.
        let mut writer = connected(&city, "writer", &who, true).await;
        for id in (1..=AT_ONCE).filter(|id| !stored.contains(id)) {
            let again = message(id, true, &name, &id.to_string());
            assert_eq!(writer.ask(&again).await, Some((0x50, id.to_be_bytes().to_vec())));
        }
        for id in 1..=AT_ONCE {
            let (first, body) = writer.ask(&answer(0x62, id)).await.unwrap();
            assert_eq!((first, id_of(&body), body.len()), (0x70, id, 2), "wanted it known");
        }
        // An identifier that was released is another message's, also after a crash.
        restart(&mut city).await;
        let mut writer = connected(&city, "writer", &who, true).await;
        published(&mut writer, 1, &name, "another").await;
        assert_eq!(writer.ask(&answer(0x62, 1)).await.unwrap().0, 0x70);
        rounds += 1;
    }
    let reader = Member::reader(&city, "wall", ALL).await;
    let kept = reader.run(&["history", "fujisawa/mqtt/once/#"]).await.done();
    let found = kept.matches("attested by node@fujisawa").count();
    assert_eq!(found, rounds * (usize::from(AT_ONCE) + 1), "{kept}");
}

#[tokio::test]
async fn what_a_client_was_brought_is_brought_on_where_it_was_after_a_crash() {
    let (mut city, who) = town().await;
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "way/#", 2).await;
    let mut writer = connected(&city, "writer", &who, false).await;
    for id in 1..=4 {
        published(&mut writer, id, "way/a", &id.to_string()).await;
    }
    let mut came = Vec::new();
    for _ in 0..4 {
        let (first, body) = reader.hear().await.unwrap();
        assert_eq!(first & 0x36, 0x34);
        came.push(read(&body));
    }
    // One is done, of one PUBREL came, of one PUBREC was said into the crash, and one is untouched.
    for (id, _payload) in &came[..2] {
        let released = Some((0x62, id.to_be_bytes().to_vec()));
        assert_eq!(reader.ask(&answer(0x50, *id)).await, released);
    }
    reader.say(&answer(0x70, came[0].0)).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
    reader.say(&answer(0x50, came[2].0)).await;
    restart(&mut city).await;
    let mut reader = connected(&city, "reader", &who, true).await;
    let (mut released, mut again) = (Vec::new(), Vec::new());
    // The last one is certain to come again.
    while !again.contains(&came[3]) {
        let (first, body) = reader.hear().await.unwrap();
        match first {
            0x62 => released.push(id_of(&body)),
            _ => again.push(read(&body)),
        }
    }
    assert!(released.contains(&came[1].0), "wanted the second to be released again");
    // What the client has by its identifier it knows by it again.
    assert!(!again.contains(&came[0]) && !again.contains(&came[1]), "{again:?}");
    assert!(again.iter().all(|one| came.contains(one)), "{again:?}");
    assert!(again.contains(&came[2]) != released.contains(&came[2].0), "{again:?} {released:?}");
    for id in released {
        reader.say(&answer(0x70, id)).await;
    }
    for (id, _payload) in again {
        assert_eq!(reader.ask(&answer(0x50, id)).await.unwrap().0, 0x62);
        reader.say(&answer(0x70, id)).await;
    }
    // And then nothing any more.
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
    restart(&mut city).await;
    let mut reader = connected(&city, "reader", &who, true).await;
    let mut writer = connected(&city, "writer", &who, true).await;
    published(&mut writer, 9, "way/a", "last").await;
    loop {
        let (first, body) = reader.hear().await.unwrap();
        if first == 0x62 {
            reader.say(&answer(0x70, id_of(&body))).await;
            continue;
        }
        assert_eq!(read(&body).1, "last");
        break;
    }
}

#[tokio::test]
async fn what_is_completed_as_soon_as_the_client_is_back_is_not_brought_again() {
    let (city, who) = town().await;
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "back/#", 2).await;
    let mut writer = connected(&city, "writer", &who, false).await;
    for number in 1..=8_u16 {
        published(&mut writer, number, "back/a", &number.to_string()).await;
        let (id, payload) = read(&reader.hear().await.unwrap().1);
        assert_eq!(payload, number.to_string(), "wanted it once");
        let released = Some((0x62, id.to_be_bytes().to_vec()));
        assert_eq!(reader.ask(&answer(0x50, id)).await, released);
        drop(reader);
        reader = connected(&city, "reader", &who, true).await;
        assert_eq!(reader.hear().await, released);
        reader.say(&answer(0x70, id)).await;
    }
}

#[tokio::test]
async fn what_is_in_flight_keeps_its_quality_when_its_subscription_gets_a_lower_one() {
    let (city, who) = town().await;
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "low/#", 2).await;
    let mut writer = connected(&city, "writer", &who, false).await;
    let mut came = Vec::new();
    for number in 1..=2_u16 {
        published(&mut writer, number, "low/a", &number.to_string()).await;
        came.push(read(&reader.hear().await.unwrap().1));
    }
    // Of one the client has said that it is there, of one nothing; then it wants less.
    let released = Some((0x62, came[0].0.to_be_bytes().to_vec()));
    assert_eq!(reader.ask(&answer(0x50, came[0].0)).await, released);
    subscribed(&mut reader, "low/#", 0).await;
    drop(reader);
    let mut reader = connected(&city, "reader", &who, true).await;
    assert_eq!(reader.hear().await, released);
    let (first, body) = reader.hear().await.unwrap();
    assert_eq!((first, read(&body)), (0x3c, came[1].clone()), "wanted it as it was sent");
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
}

#[tokio::test]
async fn what_one_filter_was_to_bring_comes_by_another_when_that_one_is_gone() {
    let (city, who) = town().await;
    let one_at_a_time = [&AN_HOUR[..], &[0x21, 0, 1]].concat();
    let mut reader = Raw::connected_with(&city, "reader", &who, &one_at_a_time).await;
    for filter in ["both/+", "both/a", "both/#"] {
        subscribed(&mut reader, filter, 1).await;
    }
    let mut writer = connected(&city, "writer", &who, false).await;
    for number in 1..=6_u16 {
        published(&mut writer, number, "both/a", &number.to_string()).await;
    }
    let mut came = Vec::new();
    for number in 1..=6 {
        let (id, payload) = read(&reader.hear().await.unwrap().1);
        came.push(payload);
        // The rest waits: the client takes one at a time.
        let gone = match number {
            1 => Some("both/+"),
            4 => Some("both/a"),
            _ => None,
        };
        if let Some(filter) = gone {
            let body = [&[0, 7, 0][..], &text(filter)].concat();
            assert_eq!(reader.ask(&packet(0xa2, &body)).await, Some((0xb0, vec![0, 7, 0, 0])));
        }
        reader.say(&answer(0x40, id)).await;
    }
    assert_eq!(came, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
}

#[tokio::test]
async fn what_is_sent_again_without_its_subscription_is_retained_only_where_it_was() {
    let (city, who) = town().await;
    let mut writer = connected(&city, "writer", &who, false).await;
    let kept = packet(0x33, &[&text("flag/kept")[..], &[0, 1, 0], b"kept"].concat());
    assert_eq!(writer.ask(&kept).await, Some((0x40, vec![0, 1])));
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "flag/#", 1).await;
    let (first, retained) = reader.hear().await.unwrap();
    assert_eq!(first, 0x33, "wanted it retained");
    published(&mut writer, 2, "flag/new", "new").await;
    let (first, new) = reader.hear().await.unwrap();
    assert_eq!(first, 0x32, "wanted it as it was published");
    let body = [&[0, 7, 0][..], &text("flag/#")].concat();
    assert_eq!(reader.ask(&packet(0xa2, &body)).await, Some((0xb0, vec![0, 7, 0, 0])));
    drop(reader);
    let mut reader = connected(&city, "reader", &who, true).await;
    let mut again = [reader.hear().await.unwrap(), reader.hear().await.unwrap()];
    again.sort();
    assert_eq!(again, [(0x3a, new), (0x3b, retained)]);
}

#[tokio::test]
async fn what_came_with_quality_0_does_not_come_again_behind_what_was_not_acknowledged() {
    let (city, who) = town().await;
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "zero/#", 2).await;
    let mut writer = connected(&city, "writer", &who, false).await;
    published(&mut writer, 1, "zero/a", "first").await;
    let (first, body) = reader.hear().await.unwrap();
    assert_eq!(first, 0x34);
    for payload in ["second", "third"] {
        let lost = packet(0x30, &[&text("zero/a")[..], &[0], payload.as_bytes()].concat());
        writer.say(&lost).await;
        assert_eq!(reader.hear().await.unwrap().0, 0x30);
    }
    drop(reader);
    let mut reader = connected(&city, "reader", &who, true).await;
    assert_eq!(reader.hear().await, Some((0x3c, body)));
    published(&mut writer, 2, "zero/a", "fourth").await;
    assert_eq!(read(&reader.hear().await.unwrap().1).1, "fourth");
}

#[tokio::test]
async fn a_session_that_was_to_end_with_its_connection_does_not_come_back_after_a_crash() {
    let (mut city, who) = town().await;
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "once/#", 2).await;
    reader.say(&packet(0xe0, &[])).await;
    assert_eq!(reader.hear().await, None);
    // It is taken up, and is to outlive nothing any more.
    let mut hello = connect(5, "reader", Some(&who), &[]);
    let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
    hello[flags] &= !0x02;
    for is_there in [1, 0] {
        let mut reader = Raw::dial(&city, Shown::Nothing).await;
        let (first, body) = reader.ask(&hello).await.unwrap();
        assert_eq!((first, &body[..2]), (0x20, &[is_there, 0][..]));
        restart(&mut city).await;
    }
}

#[tokio::test]
async fn the_copy_of_a_share_and_that_of_another_filter_come_once_each() {
    let (city, who) = town().await;
    let mut reader = connected(&city, "reader", &who, false).await;
    for (filter, identifier) in [("$share/crew/two/#", 5), ("two/#", 1)] {
        let body = [&[0, 1, 2, 0x0b, identifier][..], &text(filter), &[1]].concat();
        assert_eq!(reader.ask(&packet(0x82, &body)).await, Some((0x90, vec![0, 1, 0, 1])));
    }
    let mut writer = connected(&city, "writer", &who, false).await;
    published(&mut writer, 1, "two/a", "x").await;
    let (_first, one) = reader.hear().await.unwrap();
    drop(reader);
    let mut reader = connected(&city, "reader", &who, true).await;
    assert_eq!(reader.hear().await, Some((0x3a, one.clone())), "wanted the same copy again");
    // Both subscriptions have come to it by now.
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
    reader.say(&answer(0x40, id_in(&one))).await;
    let (first, other) = reader.hear().await.unwrap();
    assert_eq!(first, 0x32, "wanted the other copy, for the first time");
    assert_ne!(one, other);
    reader.say(&answer(0x40, id_in(&other))).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
    drop(reader);
    let mut reader = connected(&city, "reader", &who, true).await;
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0, "wanted nothing any more");
}

#[tokio::test]
async fn what_is_in_flight_is_sent_again_although_its_filter_is_taken_back_at_once() {
    let (city, who) = town().await;
    let one_at_a_time = [&AN_HOUR[..], &[0x21, 0, 1]].concat();
    let mut reader = connected(&city, "reader", &who, false).await;
    subscribed(&mut reader, "back/#", 1).await;
    let mut writer = connected(&city, "writer", &who, false).await;
    let mut came = Vec::new();
    for number in 1..=3_u16 {
        published(&mut writer, number, "back/a", &number.to_string()).await;
        came.push(reader.hear().await.unwrap().1);
    }
    drop(reader);
    let mut hello = connect(5, "reader", Some(&who), &one_at_a_time);
    let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
    hello[flags] &= !0x02;
    let mut reader = Raw::dial(&city, Shown::Nothing).await;
    assert_eq!(reader.ask(&hello).await.unwrap().1[..2], [1, 0]);
    assert_eq!(reader.hear().await, Some((0x3a, came[0].clone())));
    let body = [&[0, 7, 0][..], &text("back/#")].concat();
    assert_eq!(reader.ask(&packet(0xa2, &body)).await, Some((0xb0, vec![0, 7, 0, 0])));
    for (index, body) in came.iter().enumerate() {
        if index > 0 {
            assert_eq!(reader.hear().await, Some((0x3a, body.clone())));
        }
        reader.say(&answer(0x40, id_in(body))).await;
    }
    assert_eq!(reader.ask(&PING).await.unwrap().0, 0xd0);
}

#[tokio::test]
async fn what_is_in_flight_comes_again_whatever_another_filter_of_the_client_wants() {
    let (city, who) = town().await;
    let mut client = connected(&city, "client", &who, false).await;
    // The first does not want what the client says itself.
    subscribed(&mut client, "own/+", 1 | 0x04).await;
    subscribed(&mut client, "own/a", 1).await;
    client.say(&crate::raw::publish(1, "own/a", &[], b"own")).await;
    let mut heard = [client.hear().await.unwrap(), client.hear().await.unwrap()];
    heard.sort();
    let [(0x32, own), (0x40, _stored)] = heard else { panic!("wanted both, found {heard:?}") };
    drop(client);
    let mut client = connected(&city, "client", &who, true).await;
    assert_eq!(client.hear().await, Some((0x3a, own.clone())));
    client.say(&answer(0x40, id_in(&own))).await;
    assert_eq!(client.ask(&PING).await.unwrap().0, 0xd0);
}

#[tokio::test]
async fn what_is_retained_comes_once_to_a_client_that_is_cut_off_while_it_comes() {
    const MESSAGES: u16 = 20;
    let (mut city, who) = town().await;
    let mut writer = connected(&city, "writer", &who, false).await;
    for id in 1..=MESSAGES {
        let mut said = message(id, false, &format!("kept/{id}"), &id.to_string());
        said[0] |= 1;
        assert_eq!(writer.ask(&said).await, Some((0x50, id.to_be_bytes().to_vec())));
    }
    // An hour, and two at a time (3.1.2.11.3).
    let properties = [&AN_HOUR[..], &[0x21, 0, 2]].concat();
    let (mut taken, mut held) = (Vec::new(), std::collections::BTreeSet::new());
    for round in 0.. {
        let mut reader = connected_as(&city, "reader", &who, round > 0, &properties).await;
        if round == 0 {
            subscribed(&mut reader, "kept/+", 2).await;
        }
        for _ in 0..5 + round % 3 {
            match reader.hear().await.unwrap() {
                // As it is retained, and perhaps once more.
                (0x35 | 0x3d, body) => {
                    let (id, payload) = read(&body);
                    if held.insert(id) {
                        taken.push(payload);
                    }
                    reader.say(&answer(0x50, id)).await;
                }
                (0x62, body) => {
                    held.remove(&id_of(&body));
                    reader.say(&answer(0x70, id_of(&body))).await;
                }
                other => panic!("wanted a retained message or its end, found {other:?}"),
            }
            if taken.len() == usize::from(MESSAGES) {
                break;
            }
        }
        if taken.len() == usize::from(MESSAGES) {
            break;
        }
        drop(reader);
        if round % 2 == 1 {
            restart(&mut city).await;
        }
    }
    taken.sort_by_key(|payload| payload.parse::<u16>().unwrap());
    assert_eq!(taken, (1..=MESSAGES).map(|id| id.to_string()).collect::<Vec<_>>());
}

/// What a member of a share that never acknowledged was given goes to another after a crash, and
/// nothing else does.
async fn a_share_over_a_crash(lasts: bool, quality: u8) {
    const COUNT: u16 = 10;
    let (mut city, who) = town().await;
    let mut lazy = match lasts {
        true => connected(&city, "lazy", &who, false).await,
        false => Raw::connected(&city, "lazy", &who).await,
    };
    let mut busy = connected(&city, "busy", &who, false).await;
    for member in [&mut lazy, &mut busy] {
        subscribed(member, "$share/crew/job/#", quality).await;
    }
    let mut writer = connected(&city, "writer", &who, false).await;
    for id in 1..=COUNT {
        published(&mut writer, id, "job/x", &id.to_string()).await;
    }
    // They take turns: each has its half. One acknowledges, the other never does.
    let half = usize::from(COUNT) / 2;
    let (mut left, mut had) = (Vec::new(), Vec::new());
    for _ in 0..half {
        left.push(read(&lazy.hear().await.unwrap().1).1);
        had.push(read(&busy.hear().await.unwrap().1));
    }
    for (id, _payload) in had.iter().cloned() {
        if quality == 2 {
            assert_eq!(busy.ask(&answer(0x50, id)).await.unwrap().0, 0x62);
            busy.say(&answer(0x70, id)).await;
        } else {
            busy.say(&answer(0x40, id)).await;
        }
    }
    assert_eq!(busy.ask(&PING).await.unwrap().0, 0xd0);
    // Whatever is to be on the disk is there when another session is.
    drop(connected(&city, "other", &who, false).await);
    restart(&mut city).await;
    let mut busy = connected(&city, "busy", &who, true).await;
    if lasts {
        // It comes back to end its session.
        drop(Raw::connected(&city, "lazy", &who).await);
    }
    let mut given = Vec::new();
    if quality == 1 || !lasts {
        while given.len() < half {
            let (first, body) = busy.hear().await.unwrap();
            if first & 0xf0 == 0x30 {
                given.push(read(&body).1);
            }
        }
        given.sort();
        left.sort();
        assert_eq!(given, left, "wanted what the other had, and not {had:?}");
    }
    // Of quality 2 what was sent is nobody else's (4.8.2-5): there is nothing more to come.
    let mut writer = connected(&city, "writer", &who, true).await;
    published(&mut writer, 99, "job/x", "last").await;
    let last = loop {
        let (first, body) = busy.hear().await.unwrap();
        if first & 0xf0 == 0x30 {
            break read(&body).1;
        }
    };
    assert_eq!(last, "last");
}

#[tokio::test]
async fn what_a_lost_member_of_a_share_had_goes_to_another_after_a_crash() {
    a_share_over_a_crash(false, 1).await;
}

#[tokio::test]
async fn what_a_member_had_that_ends_its_session_after_a_crash_goes_to_another() {
    a_share_over_a_crash(true, 1).await;
}

#[tokio::test]
async fn of_quality_2_what_a_member_was_sent_is_nobody_elses_after_a_crash() {
    a_share_over_a_crash(true, 2).await;
}

#[tokio::test]
async fn a_member_of_a_share_that_comes_back_after_a_crash_goes_on_with_what_it_had() {
    let (mut city, who) = town().await;
    let mut one = connected(&city, "one", &who, false).await;
    let mut other = connected(&city, "other", &who, false).await;
    for member in [&mut one, &mut other] {
        subscribed(member, "$share/crew/job/#", 2).await;
    }
    let mut writer = connected(&city, "writer", &who, false).await;
    for id in 1..=6 {
        published(&mut writer, id, "job/x", &id.to_string()).await;
    }
    let mut had = [Vec::new(), Vec::new()];
    for (member, had) in [&mut one, &mut other].into_iter().zip(&mut had) {
        for _ in 0..3 {
            had.push(read(&member.hear().await.unwrap().1));
        }
    }
    restart(&mut city).await;
    // The other is there first: it is given nothing of what is the one's.
    let mut other = connected(&city, "other", &who, true).await;
    let mut one = connected(&city, "one", &who, true).await;
    for (member, had) in [&mut one, &mut other].into_iter().zip(&mut had) {
        let mut again = Vec::new();
        for _ in 0..3 {
            again.push(read(&member.hear().await.unwrap().1));
        }
        had.sort();
        again.sort();
        assert_eq!(again, *had);
    }
}
