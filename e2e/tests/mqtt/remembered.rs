//! What a node remembers of its clients is there again after it was killed.

use sekisho_e2e::{City, Mosquitto, TIMED_OUT, eventually, skipped};

use crate::raw::{Raw, connect, login, packet, subscribe, text};
use crate::tls::Shown;

const ALL: &str = "fujisawa/mqtt/#";
/// Session Expiry Interval: an hour (3.1.2.11.2).
const AN_HOUR: [u8; 5] = [0x11, 0, 0, 0x0e, 0x10];
/// PUBLISH of quality 2, and the same once more.
const EXACTLY_ONCE: u8 = 0x34;
const AGAIN: u8 = 0x3c;

/// A city with its MQTT listener open and somebody who may do everything there.
async fn town() -> Option<(City, Mosquitto)> {
    if !Mosquitto::is_there() {
        skipped("wanted Debian's mosquitto-clients, found none");
        return None;
    }
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    city.start().await;
    let client = Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await;
    Some((city, client))
}

async fn restart(city: &mut City) {
    city.kill_node().await;
    city.start_node().await;
}

#[tokio::test]
async fn retained_messages_are_there_after_a_crash_and_those_cleared_are_not() {
    let Some((mut city, client)) = town().await else { return };
    for (topic, message) in [("room/1", "warm"), ("room/2", "cold"), ("room/2", "hot")] {
        let publish = ["-q", "1", "-r", "-t", topic, "-m", message];
        client.publish(&publish).await.succeeded();
    }
    restart(&mut city).await;
    let read = ["-q", "1", "-t", "room/#", "-C", "2", "-W", "20", "-F", "%r %t %p"];
    assert_eq!(client.subscribe(&read).await.done(), "1 room/1 warm\n1 room/2 hot\n");

    client.publish(&["-q", "1", "-r", "-n", "-t", "room/1"]).await.succeeded();
    restart(&mut city).await;
    let read = ["-t", "room/#", "--retained-only", "-W", "3", "-F", "%t %p"];
    let said = client.subscribe(&read).await;
    assert_eq!(said.output, "room/2 hot\n", "{said:?}");
}

#[tokio::test]
async fn a_session_goes_on_where_it_was_after_a_crash() {
    let Some((mut city, client)) = town().await else { return };
    for (version, quality) in [("mqttv311", "1"), ("mqttv5", "2")] {
        let id = format!("reader-{version}");
        let session =
            ["-V", version, "-i", &id, "-c", "-q", quality, "-t", "queue/#", "-x", "3600"];
        // 3.1.1 knows no expiry.
        let session = if version == "mqttv311" { &session[..9] } else { &session[..] };
        client.subscribe(&[session, &["-E"]].concat()).await.succeeded();
        for number in ["1", "2", "3"] {
            client.publish(&["-q", quality, "-t", "queue/a", "-m", number]).await.succeeded();
        }
        restart(&mut city).await;
        for number in ["4", "5"] {
            client.publish(&["-q", quality, "-t", "queue/b", "-m", number]).await.succeeded();
        }
        let read = [session, &["-C", "5", "-W", "20"]].concat();
        assert_eq!(client.subscribe(&read).await.done(), "1\n2\n3\n4\n5\n", "{version}");
        // And nothing of it comes again; what is to come exactly once, not even after a crash.
        if quality == "1" {
            city.stop_node().await;
            city.start_node().await;
        } else {
            restart(&mut city).await;
        }
        let said = client.subscribe(&[session, &["-W", "2"]].concat()).await;
        assert_eq!((said.code, said.output.as_str()), (Some(TIMED_OUT), ""), "{version}");
        client.subscribe(&["-V", version, "-i", &id, "-q", "0", "-t", "x", "-E"]).await.succeeded();
    }
}

#[tokio::test]
async fn a_session_that_was_ended_is_forgotten() {
    let Some((city, client)) = town().await else { return };
    let session = ["-i", "reader", "-q", "1", "-t", "queue/#"];
    let kept = [&session[..], &["-c", "-x", "3600", "-E"]].concat();
    client.subscribe(&kept).await.succeeded();
    client.publish(&["-q", "1", "-t", "queue/a", "-m", "old"]).await.succeeded();
    // A clean start.
    client.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    let said = client.subscribe(&[&kept[..7], &["-x", "1", "-W", "2"]].concat()).await;
    assert_eq!((said.code, said.output.as_str()), (Some(TIMED_OUT), ""), "{said:?}");
    // And one that ran out.
    eventually("the end of the session", || async {
        (city.metric("sekisho_mqtt_sessions").await < 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_will_is_published_also_where_the_node_was_killed_with_the_client() {
    let Some((mut city, client)) = town().await else { return };
    let will = ["--will-topic", "gone/meter", "--will-payload", "lost", "--will-qos", "1"];
    let will = [&will[..], &["--will-retain", "-i", "meter", "-t", "nothing"]].concat();
    let mut waiting = client.start(&will);
    eventually("the client's session", || async {
        (city.metric("sekisho_mqtt_sessions").await >= 1.0).then_some(())
    })
    .await;
    city.kill_node().await;
    waiting.kill().await.unwrap();
    city.start_node().await;
    let read = ["-t", "gone/#", "-C", "1", "-W", "20", "-F", "%t %p"];
    assert_eq!(client.subscribe(&read).await.done(), "gone/meter lost\n");
}

#[tokio::test]
async fn a_will_that_was_withdrawn_is_not_published_after_a_crash() {
    let Some((mut city, client)) = town().await else { return };
    let will = ["--will-topic", "gone/meter", "--will-payload", "lost", "--will-qos", "1"];
    let orderly = [&will[..], &["--will-retain", "-i", "meter", "-t", "nothing", "-E"]].concat();
    client.subscribe(&orderly).await.succeeded();
    eventually("the end of the session", || async {
        (city.metric("sekisho_mqtt_sessions").await < 1.0).then_some(())
    })
    .await;
    restart(&mut city).await;
    let read = ["-t", "gone/#", "--retained-only", "-W", "3", "-F", "%t %p"];
    let said = client.subscribe(&read).await;
    assert_eq!(said.output, "", "{said:?}");
}

#[tokio::test]
async fn a_message_that_is_brought_again_because_the_connection_was_lost_is_there_once() {
    let Some((city, client)) = town().await else { return };
    let who = login(&city, &client);
    let mut reader = Raw::connected(&city, "reader", &who).await;
    assert_eq!(reader.ask(&subscribe(1, "once/#", 0)).await.unwrap().0, 0x90);
    let message = |first: u8, payload: &str| {
        let mut body = text("once/x");
        body.extend([0, 7, 0]);
        body.extend_from_slice(payload.as_bytes());
        packet(first, &body)
    };
    for number in 0..8 {
        let (id, payload) = (format!("writer-{number}"), number.to_string());
        let hello = connect(5, &id, Some(&who), &AN_HOUR);
        let mut lost = Raw::dial(&city, Shown::Nothing).await;
        assert_eq!(lost.ask(&hello).await.unwrap().1[1], 0);
        lost.say(&message(EXACTLY_ONCE, &payload)).await;
        drop(lost);
        // Without a clean start.
        let mut hello = hello;
        let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
        hello[flags] &= !0x02;
        let mut back = Raw::dial(&city, Shown::Nothing).await;
        let (_first, body) = back.ask(&hello).await.unwrap();
        assert_eq!(body[..2], [1, 0], "wanted the session there");
        assert_eq!(back.ask(&message(AGAIN, &payload)).await.unwrap().0, 0x50);
        assert_eq!(back.ask(&[0x62, 2, 0, 7]).await.unwrap().0, 0x70);
    }
    let last = message(EXACTLY_ONCE, "last");
    let mut writer = Raw::connected(&city, "writer", &who).await;
    assert_eq!(writer.ask(&last).await.unwrap().0, 0x50);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "last") {
        let (first, body) = reader.hear().await.expect("a message");
        assert_eq!(first & 0xf0, 0x30);
        heard.push(String::from_utf8(body[9..].to_vec()).unwrap());
    }
    assert_eq!(heard, ["0", "1", "2", "3", "4", "5", "6", "7", "last"]);
}

#[tokio::test]
async fn a_share_divides_its_messages_and_loses_none_where_a_member_is_lost() {
    let Some((city, client)) = town().await else { return };
    let share = ["-q", "1", "-t", "$share/crew/job/#", "-C", "40", "-W", "20"];
    let names = ["one", "other"].map(|name| [&share[..], &["-i", name, "-C", "10"]].concat());
    let [one, other] = [client.subscribe(&names[0]), client.subscribe(&names[1])];
    let publish = async {
        eventually("both members", || async {
            (city.metric("sekisho_mqtt_sessions").await >= 2.0).then_some(())
        })
        .await;
        eventually("both subscriptions", || async {
            (city.metric("sekisho_subscriptions").await >= 2.0).then_some(())
        })
        .await;
        for number in 0..20 {
            let number = number.to_string();
            client.publish(&["-q", "1", "-t", "job/x", "-m", &number]).await.succeeded();
        }
    };
    let (one, other, ()) = tokio::join!(one, other, publish);
    let (one, other) = (one.done(), other.done());
    let mut all: Vec<u32> =
        one.lines().chain(other.lines()).map(|line| line.parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
}
