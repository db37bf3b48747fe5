//! Clients that come back to what is remembered of them, and to what cannot be had at the moment.

use std::time::Duration;

use futures_util::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use mqtt_protocol_core::mqtt::packet::{Property, ReceiveMaximum};
use sekisho_mqtt::packet::Turn;
use tokio::time::sleep;

use super::town::{Client, Message, Start, Town, Whose};
use super::{MANY, OPEN, before_last, write};

/// CONNACK of a client that comes to its session, and of one that came too fast (3.2.2.2).
const TAKEN_UP: [u8; 2] = [1, 0];
const TOO_FAST: [u8; 2] = [0, 0x9f];
/// The same in 3.1.1: the server is not available.
const UNAVAILABLE: [u8; 2] = [0, 3];
/// The first bytes of DISCONNECT and PUBLISH.
const DISCONNECT: u8 = 0xe0;
const PUBLISH: u8 = 3;
/// Subscriptions of a client: so many are not made good while a test lasts.
const HELD: usize = 20;
/// How often a client comes that is not let in; two things may be recorded of it, a second.
const ATTEMPTS_MAX: usize = 1_000;
/// And how long it waits before it comes again.
const BETWEEN: Duration = Duration::from_millis(10);

fn held() -> impl Iterator<Item = String> {
    (0..HELD).map(|number| format!("held/{number}"))
}

fn resumed() -> (Start, Property) {
    (Start::Resumed, Property::ReceiveMaximum(ReceiveMaximum::new(MANY).unwrap()))
}

/// Subscribes to what it would have to take up.
async fn hold(client: &mut Client) {
    for filter in held() {
        client.subscribe(&filter, 1).await;
    }
}

/// Everything that it held is there.
async fn has_all(client: &mut Client) {
    for filter in held() {
        client.unsubscribe(&filter).await;
    }
}

#[tokio::test]
async fn clients_of_one_principal_that_come_back_at_once_are_all_let_in_to_their_sessions() {
    const CLIENTS: usize = 8;
    // So much comes back between two attempts: less than one of them costs, more than all their
    // greetings do.
    const MADE_GOOD: usize = 10;
    const ROUNDS_MAX: usize = CLIENTS * (1 + HELD) / MADE_GOOD + 4;
    let town = Town::open();
    let names = (0..CLIENTS).map(|number| format!("reader-{number}"));
    let mut outside: Vec<String> = names.collect();
    for name in &outside {
        hold(&mut town.connected(Whose::Clock, name, (Start::Clean, MANY)).await).await;
    }
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, "held/0", &["1"]).await;
    town.exhaust(Whose::Clock);
    let mut inside = Vec::new();
    for _round in 0..ROUNDS_MAX {
        town.recover(Whose::Clock, MADE_GOOD);
        let greeted = outside.iter().map(|name| town.greeted(Whose::Clock, name, resumed()));
        let answers = join_all(greeted).await;
        for (name, (client, connack)) in std::mem::take(&mut outside).into_iter().zip(answers) {
            if connack == TAKEN_UP {
                inside.push(client);
            } else {
                assert_eq!(connack, TOO_FAST);
                outside.push(name);
            }
        }
    }
    assert_eq!(outside, Vec::<String>::new(), "wanted everybody in after {ROUNDS_MAX} attempts");
    for client in &mut inside {
        let Message { payload, .. } = client.message().await;
        assert_eq!(payload, "1");
        has_all(client).await;
    }
    town.close().await;
}

#[tokio::test]
async fn a_client_that_is_too_fast_leaves_its_session_its_older_connection_and_no_will() {
    let town = Town::open();
    let mut watcher = town.connected(Whose::Clock, "watcher", (Start::Clean, MANY)).await;
    watcher.subscribe(OPEN, 1).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    let begun = (Start::Clean, resumed().1);
    let will = Some((OPEN, "will of the older"));
    let (mut older, _connack) = town.greeted_with(Whose::Meter, "client", begun, will).await;
    hold(&mut older).await;
    let recorded = town.accesses();
    // Enough for greetings, and not for what is to be taken up.
    town.exhaust(Whose::Meter);
    town.recover(Whose::Meter, 3);
    let will = Some((OPEN, "will of the refused"));
    let (refused, connack) = town.greeted_with(Whose::Meter, "client", resumed(), will).await;
    assert_eq!(connack, TOO_FAST);
    assert_eq!(town.greeted_of_old(Whose::Meter, "client").await, UNAVAILABLE);
    drop(refused);
    assert_eq!(town.accesses(), recorded);
    older.ping().await;
    write(&mut writer, "held/0", &["1"]).await;
    assert_eq!(older.message().await.payload, "1");
    drop(older);
    assert_eq!(watcher.message().await.payload, "will of the older");
    // Nor does it change what nobody is connected to.
    let (_refused, connack) = town.greeted_with(Whose::Meter, "client", resumed(), will).await;
    assert_eq!(connack, TOO_FAST);
    write(&mut writer, OPEN, &["last"]).await;
    assert_eq!(before_last(&mut watcher).await, Vec::<String>::new());
    let town = town.restarted().await;
    let mut client = town.connected(Whose::Meter, "client", (Start::Resumed, MANY)).await;
    assert_eq!(client.message().await.payload, "1");
    has_all(&mut client).await;
    town.close().await;
}

#[tokio::test]
async fn what_a_client_paid_for_and_did_not_take_up_is_there_for_another() {
    let town = Town::open();
    for name in ["one", "other"] {
        hold(&mut town.connected(Whose::Clock, name, (Start::Clean, MANY)).await).await;
    }
    town.exhaust(Whose::Clock);
    town.recover(Whose::Clock, 1 + HELD);
    // It may not leave that will, and is refused after it was greeted.
    let will = Some(("$SYS/mine", "will"));
    let (_refused, connack) = town.greeted_with(Whose::Clock, "one", resumed(), will).await;
    assert!(![TAKEN_UP, TOO_FAST].contains(&connack), "wanted another reason, found {connack:?}");
    town.recover(Whose::Clock, 1);
    let mut other = town.connected(Whose::Clock, "other", (Start::Resumed, MANY)).await;
    has_all(&mut other).await;
    town.close().await;
}

#[tokio::test]
async fn a_client_that_comes_again_and_again_is_let_in_to_a_session_of_several_subscriptions() {
    let town = Town::open();
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Clean, MANY)).await;
    for filter in ["#", OPEN, "more"] {
        reader.subscribe(filter, 1).await;
    }
    drop(reader);
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, OPEN, &["1"]).await;
    town.exhaust(Whose::Clock);
    let mut refused = 0;
    let mut reader = loop {
        let (reader, connack) = town.greeted(Whose::Clock, "reader", resumed()).await;
        if connack == TAKEN_UP {
            break reader;
        }
        assert_eq!(connack, TOO_FAST);
        refused += 1;
        assert!(refused < ATTEMPTS_MAX, "wanted to be let in, found {refused} refusals");
        sleep(BETWEEN).await;
    };
    assert!(refused > 0, "wanted to be refused at first");
    assert_eq!(reader.message().await.payload, "1");
    town.close().await;
}

/// Reads what comes until the connection is ended; the code of that.
async fn until_ended(reader: &mut Client, came: &mut Vec<String>) -> u8 {
    loop {
        let (first, body) = reader.hear().await;
        if first == DISCONNECT {
            return body[0];
        }
        assert_eq!(first >> 4, PUBLISH, "wanted PUBLISH, found {body:?}");
        let message = Message::of(first, body);
        reader.finish(&message).await;
        came.push(message.payload);
    }
}

#[tokio::test]
async fn a_subscription_that_the_disk_ends_goes_on_where_it_was_when_the_disk_works_again() {
    // More than waits for a client in memory: the rest is read when it has taken that.
    const LONG: usize = 90;
    let town = Town::open();
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Clean, MANY)).await;
    reader.subscribe("#", 1).await;
    drop(reader);
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    let filling = "x".repeat(60_000);
    let mut wanted: Vec<String> = (0..LONG).map(|number| format!("{number} {filling}")).collect();
    for payload in &wanted {
        writer.publish(OPEN, payload, (1, false)).await;
    }
    let town = town.restarted_in_another_segment().await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    // What is retained is looked for behind it: nothing else has opened that file.
    writer.publish(OPEN, "in another segment", (1, true)).await;
    wanted.push("in another segment".to_owned());
    let town = town.restarted_in_another_segment().await;
    let segments = town.segments();
    let [.., broken, _newest] = segments.as_slice() else { panic!("found {segments:?}") };
    let away = broken.with_extension("away");
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Resumed, 1)).await;
    let first = reader.message().await;
    std::fs::rename(broken, &away).unwrap();
    reader.finish(&first).await;
    let mut came = vec![first.payload];
    assert_eq!(until_ended(&mut reader, &mut came).await, 0x80);
    std::fs::rename(&away, broken).unwrap();
    assert!(came.len() < wanted.len());
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Resumed, 1)).await;
    while came.len() < wanted.len() {
        let message = reader.message().await;
        reader.finish(&message).await;
        if message.turn == Turn::Again {
            // What was acknowledged as the connection ended.
            assert!(came.last() == Some(&message.payload));
        } else {
            came.push(message.payload);
        }
    }
    assert!(came == wanted, "wanted each once and in their order");
    town.close().await;
}

#[tokio::test]
async fn a_retained_message_that_cannot_be_recorded_is_not_sent_and_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let town = Town::open();
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    writer.publish(OPEN, "retained", (1, true)).await;
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Clean, MANY)).await;
    let mut sent = 0;
    let counted = loop {
        town.exhaust(Whose::Clock);
        reader.subscribe("#", 0).await;
        let (first, _body) = reader.asked_to_ping().await;
        if first >> 4 != PUBLISH {
            break recorder.handle().render();
        }
        // As much time has passed meanwhile that it could be.
        reader.hear().await;
        sent += 1;
        assert!(sent < ATTEMPTS_MAX);
    };
    assert!(counted.contains("sekisho_mqtt_retained_dropped_total 1\n"), "{counted}");
    town.close().await;
}
