//! Sealed topics on others, in clear: for those who can open nothing, where three rights say so.

use sekisho::{Start, Value};
use sekisho_e2e::{City, Member, Mosquitto, Process, Reader, eventually, permitted, skipped};
use serde_json::{Value as Json, json};

use crate::town::{AIR, Device, ago};

const OPEN: &str = "fujisawa/open/truck/17/air";
const NAME: &str = "open-data@fujisawa";

struct Town {
    city: City,
    bridge: Member,
}

impl Town {
    async fn found(rights: &[&str]) -> Self {
        let mut city = City::plan("fujisawa").await;
        city.open("mqtt");
        city.start().await;
        let describe =
            ["describe", OPEN, "--class", "open", "--transducer", "pm2_5=ug/m3", "--yes"];
        city.run(&describe).await.succeeded();
        let options = [&["--kind", "bridge", "--read", "fujisawa/truck/#"], rights].concat();
        let bridge = Member::enrol(&city, "open-data", &options).await;
        Self { city, bridge }
    }

    async fn grant_bridging(&self) {
        let grant = ["grant", NAME, "bridge", "fujisawa/truck/#", "--yes"];
        self.city.run(&grant).await.succeeded();
        permitted(&self.city, NAME, "bridge", AIR).await;
    }

    fn start(&self) -> Process {
        let path = self.city.place("open-data.toml");
        let text = format!(
            "[node]\nidentity = {:?}\nstart = \"earliest\"\n\
             [[route]]\nfrom = \"fujisawa/truck/+/air\"\nto = \"fujisawa/open/truck\"\n",
            self.bridge.dir()
        );
        std::fs::write(&path, text).unwrap();
        let arguments = ["bridge", "republish", "--json", "--config", path.to_str().unwrap()];
        Process::start("bridge", &arguments, &self.city.place("open-data.log"))
    }

    async fn truck(&self) -> Device {
        Device::of(&self.city, "truck-17", AIR).await
    }
}

#[tokio::test]
async fn what_was_sealed_is_read_by_those_who_can_open_nothing() {
    if !Mosquitto::is_there() {
        skipped("wanted Debian's mosquitto-clients, found none");
        return;
    }
    let town = Town::found(&["--topics", "fujisawa/open/#"]).await;
    town.grant_bridging().await;
    let map = Mosquitto::enrol(&town.city, "map", &[], &["fujisawa/#"]).await;
    let session = ["-V", "mqttv311", "-i", "map", "-c", "-q", "1", "-t", "v1.1/Observations"];
    map.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    let bridge = town.start();
    let truck = town.truck().await;
    truck.say(ago(3), &[("pm2_5", Value::Float(12.5))]).await;
    let reader = Member::enrol(&town.city, "public", &["--kind", "app"]).await;
    for action in ["subscribe", "history"] {
        let grant = ["grant", "public@fujisawa", action, "fujisawa/#", "--yes"];
        town.city.run(&grant).await.succeeded();
    }
    permitted(&town.city, "public@fujisawa", "history", OPEN).await;
    let mut public = Reader::start(&reader, "fujisawa/open/#", Start::Earliest).await;
    let message = public.message().await;
    assert_eq!((message.topic.as_str(), message.sealed), (OPEN, false));
    assert_eq!(message.publisher.to_string(), NAME);
    assert_eq!(message.samples().unwrap()[0].values[0].value, Value::Float(12.5));
    // Killed, it goes on where it was.
    bridge.kill().await;
    truck.say(ago(2), &[("pm2_5", Value::Float(13.5))]).await;
    let mut bridge = town.start();
    loop {
        // What had not been acknowledged comes again, perhaps with what is new.
        let samples = public.samples(1).await;
        if samples.iter().any(|sample| sample.values[0].value == Value::Float(13.5)) {
            break;
        }
    }
    // A client of MQTT 3.1.1, which holds no key, is told the same.
    let read = [&session[..], &["-F", "%p", "-W", "4"]].concat();
    let output = map.subscribe(&read).await.output;
    let told: Vec<Json> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told[0]["result"], json!(12.5));
    assert_eq!(told.last().unwrap()["result"], json!(13.5));
    assert!(told.iter().all(|one| one["parameters"]["publisher"] == NAME), "{told:?}");
    bridge.terminate();
    let tally: Json = serde_json::from_str(&bridge.rest().await).unwrap();
    assert_eq!((&tally["withheld"], &tally["missed"]), (&json!(0), &json!(0)), "{tally}");
}

#[tokio::test]
async fn each_of_the_rights_is_needed() {
    // It may read, open and publish, and not bridge.
    let town = Town::found(&["--topics", "fujisawa/open/#"]).await;
    let mut bridge = town.start();
    let truck = town.truck().await;
    truck.say(ago(3), &[("pm2_5", Value::Float(1.0))]).await;
    eventually("a word about the right", || async {
        let told = std::fs::read_to_string(town.city.place("open-data.log")).unwrap();
        told.contains("no right to bridge").then_some(())
    })
    .await;
    bridge.terminate();
    let tally: Json = serde_json::from_str(&bridge.rest().await).unwrap();
    assert_eq!((&tally["withheld"], &tally["published"]), (&json!(1), &json!(0)), "{tally}");
    // It may read, open and bridge, and not publish: it ends, and says why.
    let town = Town::found(&[]).await;
    town.grant_bridging().await;
    let truck = town.truck().await;
    truck.say(ago(3), &[("pm2_5", Value::Float(1.0))]).await;
    let mut bridge = town.start();
    assert_eq!(bridge.wait().await.code(), Some(1));
    assert!(bridge.log().contains(OPEN), "{}", bridge.log());
}
