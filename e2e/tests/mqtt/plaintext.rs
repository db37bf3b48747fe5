//! MQTT without TLS: on this machine, for as long as a node runs that was told so, and nowhere else.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;

use sekisho_e2e::{City, Mosquitto, Port, Process, program};
use tokio::process::Command;

use crate::raw::{Raw, connect, login, publish, subscribe, text};

const ALL: &str = "fujisawa/mqtt/#";
/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// Where a process listens for TCP.
fn listeners(process: &Process) -> BTreeSet<u16> {
    let files = fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
    let links = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
    let links: BTreeSet<_> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{}/net/{table}", process.id()));
        // A kernel without IPv6 has no such table.
        let text = if table == "tcp" { text.unwrap() } else { text.unwrap_or_default() };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_address, port) = fields[1].rsplit_once(':').unwrap();
            if fields[3] == LISTENS && links.contains(&format!("socket:[{}]", fields[9])) {
                ports.insert(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}

#[tokio::test]
async fn plaintext_is_for_this_machine_and_asked_for() {
    let city = City::plan("fujisawa").await;
    let said = city.run(&["serve", "--insecure-mqtt", "0.0.0.0:0"]).await;
    said.failed(2, "loopback");
}

#[tokio::test]
async fn clients_without_tls_publish_and_read_where_it_was_asked_for() {
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    let plain = Port::claim();
    let address = plain.address().to_string();
    let dir = city.dir().into_os_string();
    let mut serve = Command::new(program());
    serve.args([OsStr::new("serve"), OsStr::new("--dir"), &dir]);
    serve.args(["--insecure-mqtt", &address]);
    let node = Process::spawn("a node without TLS", serve, &city.place("serve.log"));
    city.take_on(node).await;
    city.start_steward().await;
    let wanted = [city.http(), city.door("mqtt"), plain.address()].map(|address| address.port());
    assert_eq!(listeners(city.node()), wanted.into());
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await;
    let (name, password) = login(&city, &meter);
    let wrong = (name.clone(), "wrong".to_owned());
    for (version, who, code) in
        [(5, None, 0x87), (4, None, 5), (5, Some(&wrong), 0x86), (4, Some(&wrong), 4)]
    {
        let mut raw = Raw::plain(plain.address()).await;
        let (first, body) = raw.ask(&connect(version, "a", who, &[])).await.unwrap();
        assert_eq!((first, body[1]), (0x20, code), "{who:?}");
    }
    let who = (name, password);
    let mut reader = Raw::plain(plain.address()).await;
    let (first, body) = reader.ask(&connect(5, "reader", Some(&who), &[])).await.unwrap();
    assert_eq!((first, body[1]), (0x20, 0));
    assert_eq!(reader.ask(&subscribe(1, "room/#", 0)).await.unwrap().0, 0x90);
    let mut writer = Raw::plain(plain.address()).await;
    writer.ask(&connect(5, "writer", Some(&who), &[])).await.unwrap();
    assert_eq!(writer.ask(&publish(7, "room/1", &[], b"21.5")).await, Some((0x40, vec![0, 7])));
    let (first, body) = reader.hear().await.unwrap();
    assert_eq!(first, 0x30);
    assert!(body.starts_with(&text("room/1")) && body.ends_with(b"21.5"), "{body:?}");
}

#[tokio::test]
async fn nobody_without_tls_is_heard_where_it_was_not_asked_for() {
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    city.open("web");
    city.start().await;
    let doors = [city.http(), city.door("mqtt"), city.door("web")];
    assert_eq!(listeners(city.node()), doors.map(|door| door.port()).into());
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await;
    let who = login(&city, &meter);
    let failed = "sekisho_handshake_failures_total{reason=\"tls\"}";
    let before = city.metric(failed).await;
    for version in [4, 5] {
        let mut hello = connect(version, "a", Some(&who), &[]);
        hello.extend(publish(1, "room", &[], b"x"));
        for door in doors {
            let mut raw = Raw::plain(door).await;
            // An alert of TLS, or what HTTP says of a bad request, is no packet of MQTT.
            let answer = raw.ask(&hello).await;
            assert!(answer.as_ref().is_none_or(|(first, _)| *first != 0x20), "{door}: {answer:?}");
        }
    }
    assert!(city.metric(failed).await >= before + 2.0);
    assert_eq!(city.metric("sekisho_mqtt_sessions").await, 0.0);
}
