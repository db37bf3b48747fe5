//! What a node says of itself under `$SYS`: to administrators, where its operator has that said.

use std::collections::BTreeMap;

use sekisho_e2e::{City, Mosquitto};

use crate::raw::{Login, Raw, connect, login, publish, subscribe, text};
use crate::tls::Shown;

const ALL: &str = "fujisawa/mqtt/#";
const NAMES: [&str; 9] = [
    "$SYS/broker/bytes/received",
    "$SYS/broker/bytes/sent",
    "$SYS/broker/clients/connected",
    "$SYS/broker/publish/messages/received",
    "$SYS/broker/publish/messages/sent",
    "$SYS/broker/retained messages/count",
    "$SYS/broker/subscriptions/count",
    "$SYS/broker/uptime",
    "$SYS/broker/version",
];

async fn town(section: &str) -> (City, Login) {
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    if !section.is_empty() {
        city.configure("mqtt", section);
    }
    city.start().await;
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &["fujisawa/#"]).await;
    let who = login(&city, &meter);
    (city, who)
}

/// The administrator's connection: its key is in its certificate.
async fn administrator(city: &City) -> Raw {
    let key = city.administrator().identity().signing().clone();
    let mut raw = Raw::dial(city, Shown::Box(key)).await;
    let (first, body) = raw.ask(&connect(5, "console", None, &[])).await.unwrap();
    assert_eq!((first, body[1]), (0x20, 0), "{body:?}");
    raw
}

/// The code of SUBACK.
async fn granted(raw: &mut Raw, filter: &str) -> Option<u8> {
    let (first, body) = raw.ask(&subscribe(1, filter, 1)).await.unwrap();
    assert_eq!(first, 0x90);
    body.last().copied()
}

/// A message of quality 0: its name and its payload.
async fn message(raw: &mut Raw) -> (String, String) {
    let (first, body) = raw.hear().await.expect("a message");
    assert_eq!(first, 0x30, "{body:?}");
    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let name = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
    let properties = usize::from(body[2 + length]);
    let payload = body[3 + length + properties..].to_vec();
    (name, String::from_utf8(payload).unwrap())
}

#[tokio::test]
async fn administrators_are_told_how_the_node_is_and_nobody_else() {
    let (city, who) = town("sys_interval_seconds = 1").await;
    let mut meter = Raw::connected(&city, "meter", &who).await;
    for filter in ["$SYS/#", "$SYS/broker/uptime", "$SYS/+/version"] {
        assert_eq!(granted(&mut meter, filter).await, Some(0x87), "{filter}");
    }
    // A wildcard at the beginning does not speak of it, and nobody publishes there.
    for filter in ["#", "+/broker/uptime", "+/#"] {
        assert_eq!(granted(&mut meter, filter).await, Some(1), "{filter}");
    }
    let (first, body) = meter.ask(&publish(2, "$SYS/broker/uptime", &[], b"0")).await.unwrap();
    assert_eq!((first, body.get(2)), (0x40, Some(&0x90)));
    let mut console = administrator(&city).await;
    assert_eq!(granted(&mut console, "$share/all/$SYS/#").await, Some(0x8f));
    assert_eq!(granted(&mut console, "$sys/#").await, Some(0x8f));
    assert_eq!(granted(&mut console, "$SYS/#").await, Some(0));
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    let subscriptions = "$SYS/broker/subscriptions/count";
    while told.len() < NAMES.len() || told[subscriptions] != "4" {
        let (name, payload) = message(&mut console).await;
        told.insert(name, payload);
    }
    assert_eq!(told.keys().map(String::as_str).collect::<Vec<_>>(), NAMES);
    assert!(told["$SYS/broker/version"].starts_with("sekisho-node/"), "{told:?}");
    assert_eq!(told["$SYS/broker/clients/connected"], "2");
    assert_eq!(told["$SYS/broker/retained messages/count"], "0");
    // What passes is counted.
    let before: u64 = told["$SYS/broker/publish/messages/received"].parse().unwrap();
    meter.say(&publish(3, "room", &[], b"warm")).await;
    loop {
        let (name, payload) = message(&mut console).await;
        let is_count = name == "$SYS/broker/publish/messages/received";
        if is_count && payload.parse::<u64>().unwrap() > before {
            break;
        }
    }
    // The meter was told of nothing but what it published.
    let mut heard = [meter.hear().await.unwrap(), meter.hear().await.unwrap()];
    heard.sort();
    let [(kind, body), (ack, _)] = &heard;
    assert_eq!((kind & 0xf0, *ack), (0x30, 0x40));
    assert!(body.starts_with(&text("room")), "{body:?}");
}

#[tokio::test]
async fn a_filter_picks_and_a_session_remembers_it() {
    let (city, _who) = town("sys_interval_seconds = 1").await;
    let key = city.administrator().identity().signing().clone();
    let an_hour = [0x11, 0, 0, 0x0e, 0x10];
    let mut hello = connect(5, "console", None, &an_hour);
    let mut console = Raw::dial(&city, Shown::Box(key.clone())).await;
    assert_eq!(console.ask(&hello).await.unwrap().1[1], 0);
    assert_eq!(granted(&mut console, "$SYS/broker/+").await, Some(0));
    drop(console);
    // Without a clean start.
    let flags = hello.windows(5).position(|part| part == b"MQTT\x05").unwrap() + 5;
    hello[flags] &= !0x02;
    let mut console = Raw::dial(&city, Shown::Box(key)).await;
    assert_eq!(console.ask(&hello).await.unwrap().1[..2], [1, 0], "wanted the session there");
    for _ in 0..4 {
        let (name, _payload) = message(&mut console).await;
        assert!(["$SYS/broker/uptime", "$SYS/broker/version"].contains(&name.as_str()), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_said_where_nobody_asked_for_it() {
    let (city, _who) = town("").await;
    let mut console = administrator(&city).await;
    for filter in ["$SYS/#", "$SYS/broker/uptime"] {
        assert_eq!(granted(&mut console, filter).await, Some(0x8f), "{filter}");
    }
}
