//! The other way: commands from sensiNact to a device, through a node's own MQTT listener, which is
//! the broker here. They are published where the bridge may, answered either way, and never come out
//! again as readings.

use sekisho::{Start, Value};
use sekisho_e2e::{City, Member, Mosquitto, Process, Reader, eventually, permitted, skipped};
use serde_json::{Value as Json, json};

use crate::consumer::{Attachment, Consumer};
use crate::town::{AIR, Town, ago};

const FAN: &str = "sensinact-commands/fujisawa--truck--17/data/fan-speed";

struct Site {
    town: Town,
    bridge: Process,
    /// As sensiNact's side: reads what is published and answers, gives commands.
    platform: Mosquitto,
    consumer: Consumer,
}

impl Site {
    async fn found() -> Option<Self> {
        if !Mosquitto::is_there() {
            skipped("wanted Debian's mosquitto-clients, found none");
            return None;
        }
        let mut city = City::plan("fujisawa").await;
        let door = city.open("mqtt");
        let town = Town::found(city).await;
        let tree = |name: &str| format!("fujisawa/mqtt/{name}/#");
        let (out, answers, commands) =
            (tree("sensinact"), tree("sensinact-answers"), tree("sensinact-commands"));
        let login =
            Mosquitto::enrol(&town.city, "bridge-mqtt", &[&out, &answers], &[&commands]).await;
        let platform =
            Mosquitto::enrol(&town.city, "platform", &[&commands], &[&out, &answers]).await;
        let grant = ["grant", "sensinact@fujisawa", "publish", "fujisawa/truck/+/command", "--yes"];
        town.city.run(&grant).await.succeeded();
        permitted(&town.city, "sensinact@fujisawa", "publish", "fujisawa/truck/17/command").await;
        let mqtt = format!(
            "address = \"{door}\"\nversion = \"5\"\ncertificate = {:?}\nuser = {:?}\n\
             password_file = {:?}\n",
            town.city.dir().join("tls/certificate.pem"),
            login.name(),
            town.city.place("bridge-mqtt.password"),
        );
        let config = town.configure(&mqtt, "[actuation]\n");
        let bridge = town.start(&config);
        let password = std::fs::read_to_string(town.city.place("platform.password")).unwrap();
        let login = Some((platform.name().to_owned(), password.trim().to_owned()));
        let topics = vec!["sensinact/+".to_owned()];
        let attachment = Attachment { port: door.port(), tls: true, login, topics };
        let consumer = Consumer::start(attachment);
        Some(Self { town, bridge, platform, consumer })
    }

    /// Gives a command until there is an answer to it: the bridge may not listen yet.
    async fn command(&self, topic: &str, command: &str) -> Json {
        let answers = topic.replace("sensinact-commands", "sensinact-answers");
        let listening = self.platform.start(&["-t", &answers, "-C", "1", "-q", "1", "-W", "50"]);
        let heard = tokio::spawn(listening.wait_with_output());
        eventually("an answer", || async {
            let publish = ["-t", topic, "-m", command, "-q", "1"];
            self.platform.publish(&publish).await.succeeded();
            heard.is_finished().then_some(())
        })
        .await;
        let output = heard.await.unwrap().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn texts(message: &sekisho::Message) -> Vec<(String, Value)> {
    let samples = message.samples().unwrap();
    let values = samples[0].values.iter();
    values.map(|value| (value.transducer.to_string(), value.value.clone())).collect()
}

#[tokio::test]
async fn a_command_reaches_the_device_signed_by_the_bridge_and_is_answered() {
    let Some(mut site) = Site::found().await else { return };
    let truck = Member::reader(&site.town.city, "fan", "fujisawa/truck/17/command").await;
    let mut fan = Reader::start(&truck, "fujisawa/truck/17/command", Start::Earliest).await;
    let air = site.town.device("truck-17", AIR).await;
    air.say(ago(1), &[("pm2_5", Value::Float(1.0))]).await;
    site.consumer.holds("fujisawa--truck--17/air/pm2-5", json!(1.0)).await;
    let set = r#"{"operation":"SET","id":"a-1","value":3}"#;
    // It is given again and again, and carried out once.
    let answer = site.command(FAN, set).await;
    assert_eq!(answer, json!({"id": "a-1", "accepted": true, "why": ""}));
    let again = site.command(FAN, set).await;
    assert_eq!(again, answer);
    let act = r#"{"operation":"ACT","id":"a-2","parameters":{"minutes":5,"mode":"quiet"}}"#;
    assert_eq!(site.command(FAN, act).await["accepted"], json!(true));
    let message = fan.message().await;
    assert_eq!(message.publisher.to_string(), "sensinact@fujisawa");
    assert_eq!((message.attester.as_ref(), message.sealed), (None, true));
    let text = |text: &str| Value::Text(text.to_owned());
    let named = |name: &str, value| (name.to_owned(), value);
    let wanted = [
        named("operation", text("SET")),
        named("resource", text("fan_speed")),
        named("correlation", text("a-1")),
        named("value", Value::Integer(3)),
    ];
    assert_eq!(texts(&message), wanted);
    let message = fan.message().await;
    assert_eq!(texts(&message)[2], named("correlation", text("a-2")));
    assert!(texts(&message).contains(&named("parameter.mode", text("quiet"))));
    // The bridge reads what it published, and passes it over.
    air.say(ago(0), &[("pm2_5", Value::Float(2.0))]).await;
    site.consumer.holds("fujisawa--truck--17/air/pm2-5", json!(2.0)).await;
    site.consumer.look(|seen| {
        let echoes = seen.twin.resources.keys().filter(|name| name.contains("command"));
        assert_eq!(echoes.count(), 0);
        assert_eq!((seen.last.len(), &seen.deaf), (1, &None));
    });
    site.bridge.terminate();
    let tally: Json = serde_json::from_str(&site.bridge.rest().await).unwrap();
    assert_eq!(tally["left_out"], json!({"own": 2}));
    assert_eq!(tally["commands_refused"], json!(0));
}

#[tokio::test]
async fn what_is_not_granted_and_what_is_no_command_is_told_so() {
    let Some(mut site) = Site::found().await else { return };
    let set = |id: &str| format!("{{\"operation\":\"SET\",\"id\":\"{id}\",\"value\":true}}");
    // A truck's commands were granted, a park's were not.
    let park = "sensinact-commands/fujisawa--park--1/data/lamp";
    let answer = site.command(park, &set("b-1")).await;
    assert_eq!((&answer["id"], &answer["accepted"]), (&json!("b-1"), &json!(false)));
    let why = answer["why"].as_str().unwrap();
    assert!(why.contains("not-permitted") || why.contains("publish"), "{why}");
    let answer = site.command(FAN, "{\"operation\":\"GET\"}").await;
    assert!(answer["why"].as_str().unwrap().contains("SET"), "{answer}");
    let nowhere = "sensinact-commands/fujisawa--truck--17/fan";
    let answer = site.command(nowhere, &set("b-2")).await;
    assert!(answer["why"].as_str().unwrap().contains("PROVIDER/SERVICE/RESOURCE"), "{answer}");
    assert_eq!(answer["id"], json!("b-2"));
    // One that was left lying about is not carried out when a bridge comes by.
    site.bridge.terminate();
    assert_eq!(site.bridge.wait().await.code(), Some(0));
    let retained = ["-t", FAN, "-m", &set("b-3"), "-q", "1", "-r"];
    site.platform.publish(&retained).await.succeeded();
    site.bridge = site.town.start(&site.town.city.place("sensinact.toml"));
    eventually("a word about it", || async {
        let told = std::fs::read_to_string(site.town.city.place("bridge.log")).unwrap();
        told.contains("found a retained one").then_some(())
    })
    .await;
}
