//! The topics of SensorThings: each new Observation is a message, to those who may read it.

use sekisho::{Batch, Sample, SampleValue, Timestamp, Value};
use sekisho_e2e::{City, Member, Mosquitto, skipped};
use serde_json::Value as Json;

const PARK: &str = "fujisawa/park/1";
const TRUCK: &str = "fujisawa/truck/17";
const DUST: &str = "v1.1/Datastreams('fujisawa:park:1::pm2_5')/Observations";

struct Town {
    city: City,
    reader: Mosquitto,
}

impl Town {
    async fn found() -> Option<Self> {
        if !Mosquitto::is_there() {
            skipped("wanted Debian's mosquitto-clients, found none");
            return None;
        }
        let mut city = City::plan("fujisawa").await;
        city.open("mqtt");
        city.start().await;
        let open = ["--class", "open", "--yes"];
        let measures = ["--transducer", "pm2_5=ug/m3", "--transducer", "temperature=Cel"];
        city.run(&[&["describe", PARK], &open[..], &measures].concat()).await.succeeded();
        city.run(&[&["describe", TRUCK], &open[..]].concat()).await.succeeded();
        let reader = Mosquitto::enrol(&city, "map", &[], &["fujisawa/#"]).await;
        Some(Self { city, reader })
    }

    /// Publishes a sample with both values.
    async fn measure(&self, device: &Member, topic: &str, number: i32) {
        let client = device.connect().await;
        let publisher = client.publisher(topic.parse().unwrap()).batch(Batch::single());
        let publisher = publisher.start().await.unwrap();
        let first = Timestamp::parse("2026-11-20T12:00:00Z").unwrap().as_micros();
        let value = |(name, unit, value): (&str, &str, f64)| SampleValue {
            transducer: name.parse().unwrap(),
            unit: unit.parse().unwrap(),
            value: Value::Float(value),
        };
        let values = [("pm2_5", "ug/m3", f64::from(number)), ("temperature", "Cel", 20.5)];
        let time = Timestamp::from_micros(first + i64::from(number) * 1_000_000);
        let sample = Sample { time, values: values.into_iter().map(value).collect() };
        publisher.publish(sample).await.unwrap();
        publisher.flush().await.unwrap();
        client.close().await;
    }
}

/// Lines of `%t %p`.
fn told(output: &str) -> Vec<(String, Json)> {
    let line = |line: &str| {
        let (topic, payload) = line.split_once(' ').expect("a topic and a payload");
        (topic.to_owned(), serde_json::from_str(payload).expect("an Observation"))
    };
    output.lines().map(line).collect()
}

#[tokio::test]
async fn each_new_observation_is_a_message_and_a_session_goes_on_where_it_was() {
    let Some(town) = Town::found().await else { return };
    let station = Member::device(&town.city, "station", PARK).await;
    let truck = Member::device(&town.city, "truck", TRUCK).await;
    for (version, number) in [("mqttv311", 1), ("mqttv5", 2)] {
        let name = format!("map-{version}");
        let clean = if version == "mqttv5" { &["-x", "600"][..] } else { &[] };
        let select = format!("{DUST}?$select=result");
        let session = ["-V", version, "-i", &name, "-c", "-q", "1"];
        let filters = ["-t", "v1.1/Observations", "-t", DUST, "-t", &select];
        let session = [&session[..], clean, &filters].concat();
        town.reader.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
        town.measure(&station, PARK, number).await;
        town.measure(&truck, TRUCK, number).await;
        // Two of the park and two of the truck for everything, one each for the others.
        let read = [&session[..], &["-F", "%t %p", "-C", "6", "-W", "30"]].concat();
        let all = told(&town.reader.subscribe(&read).await.done());
        let of = |topic: &str| -> Vec<&Json> {
            all.iter().filter(|(found, _)| found == topic).map(|(_, json)| json).collect()
        };
        let (everything, dust) = (of("v1.1/Observations"), of(DUST));
        assert_eq!((everything.len(), dust.len(), of(&select).len()), (4, 1, 1), "{all:?}");
        assert_eq!(*of(&select)[0], serde_json::json!({ "result": f64::from(number) }));
        let place = number - 1;
        assert_eq!(dust[0]["@iot.id"], format!("fujisawa:park:1::pm2_5@{place}.0"));
        assert_eq!(dust[0]["result"], f64::from(number));
        assert_eq!(dust[0]["phenomenonTime"], format!("2026-11-20T12:00:0{number}.000000Z"));
        assert_eq!(dust[0]["parameters"]["publisher"], "station@fujisawa");
        assert!(everything.contains(&dust[0]));
        // Nothing comes twice.
        let read = [&session[..], &["-F", "%t %p", "-W", "2"]].concat();
        assert_eq!(town.reader.subscribe(&read).await.output, "");
    }
}

#[tokio::test]
async fn an_observation_reaches_those_who_may_read_its_topic_and_other_filters_go_on() {
    let Some(town) = Town::found().await else { return };
    let city = &town.city;
    let station = Member::device(city, "station", PARK).await;
    let truck = Member::device(city, "truck", TRUCK).await;
    let home = Member::device(city, "home", "fujisawa/home/1").await;
    let narrow = Mosquitto::enrol(city, "park-guide", &[], &["fujisawa/park/#"]).await;
    let other = Mosquitto::enrol(city, "elsewhere", &[], &["fujisawa/mqtt/#"]).await;
    let deny = ["deny", narrow.name(), "subscribe", "fujisawa/park/2", "--reason", "x", "--yes"];
    city.run(&deny).await.succeeded();
    let session = ["-i", "one", "-c", "-x", "600", "-t", "v1.1/Observations"];
    narrow.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    town.measure(&truck, TRUCK, 1).await;
    // It is sealed: there is nothing to be told of it here.
    town.measure(&home, "fujisawa/home/1", 1).await;
    town.measure(&station, PARK, 2).await;
    let read = [&session[..], &["-F", "%t %p", "-W", "5"]].concat();
    let seen = told(&narrow.subscribe(&read).await.output);
    let ids: Vec<_> = seen.iter().map(|(_, json)| json["@iot.id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fujisawa:park:1::pm2_5@0.0", "fujisawa:park:1::temperature@0.0"]);
    // Somebody with no right to any of it is refused, as for what is not served.
    for (who, filter, words) in [
        (&other, DUST, "0x80"),
        (&narrow, "v1.1/Datastreams('fujisawa:truck:17::pm2_5')/Observations", "0x80"),
        (&town.reader, "v1.1/Things", "0x8f"),
        (&town.reader, "v1.1/Observations?$top=1", "0x8f"),
        (&town.reader, "$share/all/v1.1/Observations", "0x8f"),
    ] {
        let said = who.subscribe(&["-t", filter, "-W", "3", "-d"]).await;
        let code = u8::from_str_radix(words.trim_start_matches("0x"), 16).unwrap();
        let refused = format!("Subscribed (mid: 1): {code}");
        let all = format!("{}{}", said.output, said.error);
        assert!(all.contains(&refused), "{filter}: {all}");
    }
    // Names that only look alike are names like any other.
    let writer = Mosquitto::enrol(city, "writer", &["fujisawa/mqtt/#"], &["fujisawa/mqtt/#"]).await;
    let plain = ["-i", "two", "-c", "-x", "600", "-t", "v1.1/air", "-t", "#", "-q", "1"];
    writer.subscribe(&[&plain[..], &["-E"]].concat()).await.succeeded();
    writer.publish(&["-t", "v1.1/air", "-m", "12", "-q", "1"]).await.succeeded();
    let read = [&plain[..], &["-F", "%t %p", "-W", "3"]].concat();
    assert_eq!(writer.subscribe(&read).await.output, "v1.1/air 12\n");
}

#[tokio::test]
async fn a_filter_for_observations_takes_nothing_from_one_for_messages() {
    let Some(town) = Town::found().await else { return };
    let city = &town.city;
    let tree = ["describe", "fujisawa/mqtt/room", "--class", "open", "--yes"];
    city.run(&[&tree[..], &["--transducer", "pm2_5=ug/m3"]].concat()).await.succeeded();
    let station = Member::device(city, "station", "fujisawa/mqtt/room").await;
    let session = ["-i", "both", "-c", "-x", "600", "-q", "1"];
    let filters = ["-t", "v1.1/Observations", "-t", "room"];
    let session = [&session[..], &filters].concat();
    town.reader.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    town.measure(&station, "fujisawa/mqtt/room", 3).await;
    let read = [&session[..], &["-F", "%t %q", "-W", "5"]].concat();
    let output = town.reader.subscribe(&read).await.output;
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["room 1", "v1.1/Observations 0"]);
}
