//! The command over every door, and what it says where a door cannot be had.

use std::process::Stdio;
use std::time::Duration;

use sekisho::Start;
use sekisho_e2e::{City, Member, Process, Reader, holds_key, program, sekisho, within};
use serde_json::Value as Json;
use tokio::io::AsyncWriteExt as _;

use crate::{AIR, TRUCKS, city, truck};

const METERS: &str = "fujisawa/mqtt/#";

#[tokio::test]
async fn the_command_goes_in_by_the_door_it_is_told() {
    let (city, web) = city().await;
    let (truck, wall) = (truck(&city).await, Member::reader(&city, "wall", TRUCKS).await);
    holds_key(&wall, AIR).await;
    let web = web.to_string();
    let mut live = Reader::start(&wall, TRUCKS, Start::Latest).await;
    for (number, door) in ["quic", "websocket", "grpc"].into_iter().enumerate() {
        let by = ["--via", door, "--web", &web];
        let value = format!("pm2_5={number}");
        truck.run(&[&["pub", AIR, &value], by.as_slice()].concat()).await.succeeded();
        let seen = live.message().await.samples().unwrap();
        let wanted = sekisho::Value::Integer(i64::try_from(number).unwrap());
        assert_eq!(seen[0].values[0].value, wanted, "{door}");
        let kept = wall.run(&[&["history", TRUCKS], by.as_slice()].concat()).await.done();
        assert_eq!(kept.lines().count(), number + 1, "{door}: {kept}");
        let known = wall.run(&[&["discover", TRUCKS], by.as_slice()].concat()).await.done();
        assert!(known.contains(AIR), "{door}: {known}");
    }
    live.close().await;
}

#[tokio::test]
async fn the_command_reads_what_comes_through_the_door_it_is_told() {
    let (city, web) = city().await;
    let (truck, wall) = (truck(&city).await, Member::reader(&city, "wall", TRUCKS).await);
    holds_key(&wall, AIR).await;
    let web = web.to_string();
    let dir = wall.dir().to_str().unwrap();
    for (number, door) in ["quic", "websocket", "grpc"].into_iter().enumerate() {
        let by = ["--via", door, "--web", &web, "--dir", dir];
        let log = city.place(format!("sub-{door}.log"));
        let live = ["sub", TRUCKS, "--json", "--from", "last-value"];
        let mut live = Process::start("sub", &[&live[..], &by].concat(), &log);
        if number > 0 {
            // What was there before, then what comes.
            let before = line(&mut live).await;
            assert_eq!(before["values"]["pm2_5"], number - 1, "{door}: {before}");
        }
        truck.run(&["pub", AIR, &format!("pm2_5={number}")]).await.succeeded();
        let told = line(&mut live).await;
        assert_eq!(told["topic"], AIR, "{door}: {told}");
        assert_eq!(told["values"]["pm2_5"], number, "{door}: {told}");
        live.terminate();
        assert_eq!(live.rest().await, "", "{door}");
        let from_the_first = ["sub", TRUCKS, "--from", "earliest", "--count"];
        let count = (number + 1).to_string();
        let all = sekisho(&[&from_the_first[..], &[&count], &by].concat()).await.done();
        assert_eq!(all.lines().count(), number + 1, "{door}: {all}");
    }
}

async fn line(live: &mut Process) -> Json {
    serde_json::from_str(&live.line().await).unwrap()
}

#[tokio::test]
async fn a_profile_may_say_where_the_web_listener_is() {
    let (city, web) = city().await;
    let truck = truck(&city).await;
    let nowhere = truck.run(&["pub", AIR, "pm2_5=1", "--via", "grpc"]).await;
    nowhere.failed(2, "--web HOST:PORT");
    let path = truck.dir().join("profile.toml");
    let profile = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{profile}web = \"{web}\"\n")).unwrap();
    truck.run(&["pub", AIR, "pm2_5=1", "--via", "grpc"]).await.succeeded();
}

#[tokio::test]
async fn a_device_without_a_key_is_played_by_hand_at_the_mqtt_door() {
    let mut city = City::plan("fujisawa").await;
    let mqtt = city.open("mqtt").to_string();
    city.start().await;
    let secret = city.place("meter-3.password");
    let secret = secret.to_str().unwrap();
    let enrol = ["enrol", "meter-3", "--attested", "--topics", METERS, "--read", METERS, "--yes"];
    city.run(&[&enrol[..], &["--password-file", secret]].concat()).await.succeeded();
    let wall = Member::reader(&city, "wall", METERS).await;
    let certificate = city.dir().join("tls/certificate.pem");
    let certificate = certificate.to_str().unwrap();
    let door =
        ["--via", "mqtt", "--mqtt", &mqtt, "--certificate", certificate, "--user", "meter-3"];
    let door = [&door[..], &["--password-file", secret]].concat();

    let publish = [&["pub", "meter/3", "energy=7"], &door[..]].concat();
    let subscribe = [&["sub", "meter/3", "--count", "1"], &door[..]].concat();
    let publishing = async {
        loop {
            sekisho(&publish).await.succeeded();
        }
    };
    let heard = tokio::select! {
        heard = sekisho(&subscribe) => heard.done(),
        () = publishing => unreachable!(),
    };
    assert_eq!(heard, "meter/3  {\"energy\":7}\n");
    let kept = wall.run(&["history", METERS]).await.done();
    assert!(kept.contains("attested by node@fujisawa"), "{kept}");

    let wrong = city.place("wrong.password");
    let wrong = wrong.to_str().unwrap();
    let enrol =
        ["enrol", "meter-4", "--attested", "--topics", METERS, "--yes", "--password-file", wrong];
    city.run(&enrol).await.succeeded();
    let other: Vec<_> =
        publish.iter().map(|word| if *word == secret { wrong } else { *word }).collect();
    sekisho(&other).await.failed(1, "CONNECT: refused");
    wall.run(&["history", METERS, "--via", "mqtt"]).await.failed(2, "pub or sub");
}

#[tokio::test]
async fn an_input_that_pauses_longer_than_the_keep_alive_goes_on_at_the_mqtt_door() {
    let mut city = City::plan("fujisawa").await;
    let mqtt = city.open("mqtt").to_string();
    city.configure("mqtt", "keep_alive_seconds_max = 1");
    city.start().await;
    let secret = city.place("meter-3.password");
    let secret = secret.to_str().unwrap();
    let enrol = ["enrol", "meter-3", "--attested", "--topics", METERS, "--yes"];
    city.run(&[&enrol[..], &["--password-file", secret]].concat()).await.succeeded();
    let wall = Member::reader(&city, "wall", METERS).await;
    let mut live = Reader::start(&wall, METERS, Start::Latest).await;
    let certificate = city.dir().join("tls/certificate.pem");
    let mut publishing = tokio::process::Command::new(program())
        .args(["pub", "meter/3", "--via", "mqtt", "--mqtt", &mqtt, "--certificate"])
        .arg(&certificate)
        .args(["--user", "meter-3", "--password-file", secret])
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = publishing.stdin.take().unwrap();
    input.write_all(b"{\"energy\":7}\n").await.unwrap();
    live.message().await;
    // The pause is what is tried here; the node drops whoever says nothing for one and a half seconds.
    tokio::time::sleep(Duration::from_secs(4)).await;
    input.write_all(b"{\"energy\":8}\n").await.unwrap();
    live.message().await;
    drop(input);
    let ended = within("the command to end", publishing.wait()).await.unwrap();
    assert!(ended.success(), "{ended}");
    live.close().await;
}
