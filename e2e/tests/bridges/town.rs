//! A city with a truck, and the bridge as a process of its own.

use std::path::PathBuf;

use sekisho::{Batch, Client, Publisher, Sample, SampleValue, Timestamp, Value};
use sekisho_e2e::{City, Member, Process, permitted};

/// The truck's topic.
pub(crate) const AIR: &str = "fujisawa/truck/17/air";

pub(crate) struct Town {
    pub(crate) city: City,
    pub(crate) bridge: Member,
}

impl Town {
    /// A city and somebody who may read, open and bridge its trucks.
    pub(crate) async fn found(mut city: City) -> Self {
        city.start().await;
        let describe = ["describe", AIR, "--title", "Truck 17", "--mobile", "--yes"];
        city.run(&describe).await.succeeded();
        let options = ["--kind", "bridge", "--read", "fujisawa/#"];
        let bridge = Member::enrol(&city, "sensinact", &options).await;
        let grant = ["grant", "sensinact@fujisawa", "bridge", "fujisawa/truck/#", "--yes"];
        city.run(&grant).await.succeeded();
        permitted(&city, "sensinact@fujisawa", "bridge", AIR).await;
        Self { city, bridge }
    }

    /// A configuration; `mqtt` is the broker's table.
    pub(crate) fn configure(&self, mqtt: &str, more: &str) -> PathBuf {
        let path = self.city.place("sensinact.toml");
        let text = format!(
            "[node]\nidentity = {:?}\nfilters = [\"fujisawa/truck/#\", \"fujisawa/home/#\"]\n\
             state = \"sensinact.state\"\nstart = \"earliest\"\n[devices]\nlevels = 3\n\
             [mqtt]\n{mqtt}{more}",
            self.bridge.dir()
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts the bridge.
    pub(crate) fn start(&self, config: &std::path::Path) -> Process {
        let config = config.to_str().unwrap();
        let arguments = ["bridge", "sensinact", "--json", "--config", config];
        Process::start("bridge", &arguments, &self.city.place("bridge.log"))
    }

    /// Somebody who publishes on a topic.
    pub(crate) async fn device(&self, name: &str, topic: &str) -> Device {
        Device::of(&self.city, name, topic).await
    }
}

/// A device that publishes.
pub(crate) struct Device {
    _client: Client,
    publisher: Publisher,
}

impl Device {
    /// One that may publish on this topic.
    pub(crate) async fn of(city: &City, name: &str, topic: &str) -> Self {
        let member = Member::device(city, name, topic).await;
        let client = member.connect().await;
        let publisher = client.publisher(topic.parse().unwrap()).batch(Batch::single());
        let publisher = publisher.start().await.unwrap();
        Self { _client: client, publisher }
    }

    /// Publishes a sample and waits until the node has it.
    pub(crate) async fn say(&self, time: Timestamp, values: &[(&str, Value)]) {
        self.publisher.publish(sample(time, values)).await.unwrap();
        self.publisher.flush().await.unwrap();
    }
}

fn sample(time: Timestamp, values: &[(&str, Value)]) -> Sample {
    let value = |(name, value): &(&str, Value)| SampleValue {
        transducer: name.parse().unwrap(),
        unit: "".parse().unwrap(),
        value: value.clone(),
    };
    Sample { time, values: values.iter().map(value).collect() }
}

/// Some time before now, in whole milliseconds and a little.
pub(crate) fn ago(seconds: i64) -> Timestamp {
    let now = sekisho::clock::now().as_micros().div_euclid(1_000) * 1_000 + 456;
    Timestamp::from_micros(now - seconds * 1_000_000)
}

/// What sensiNact has as the time of it.
pub(crate) fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000)
}
