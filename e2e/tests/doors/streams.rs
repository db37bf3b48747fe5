//! Server-sent events: what is published comes as it is published, goes on where it broke off, and
//! ends with the right to it.

use bytes::Bytes;
use h2::RecvStream;
use http::Method;
use sekisho_e2e::{City, permitted, within};
use serde_json::Value as Json;

use crate::logins::city;
use crate::talker::Talker;

const TOPIC: &str = "fujisawa/park/1/air";

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    id: Option<String>,
    pub(crate) data: Json,
}

/// Events as they come.
pub(crate) struct Events {
    stream: RecvStream,
    arrived: Vec<u8>,
}

impl Events {
    pub(crate) async fn open(reader: &Talker, target: &str, headers: &[(&str, &str)]) -> Self {
        let response = reader.begin(Method::GET, target, headers, b"").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { stream: response.into_body(), arrived: Vec::new() }
    }

    /// The next event that says something; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let end = self.arrived.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let text: Vec<u8> = self.arrived.drain(..end + 2).collect();
                let text = String::from_utf8(text).unwrap();
                let field = |name: &str| {
                    text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let Some(name) = field("event: ") else { continue };
                let id = field("id: ");
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                return Some(Event { name, id, data });
            }
            let chunk: Bytes = within("an event", self.stream.data()).await?.unwrap();
            self.stream.flow_control().release_capacity(chunk.len()).unwrap();
            self.arrived.extend_from_slice(&chunk);
        }
    }

    async fn named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("wanted {name}, found the end"));
            if event.name == name {
                return event;
            }
        }
    }
}

async fn with_park() -> (City, Talker) {
    let city = city().await;
    let options = ["--topics", "fujisawa/park/#", "--read", "fujisawa/park/#"];
    let park = Talker::attested(&city, "park", &options).await;
    permitted(&city, "park@fujisawa", "subscribe", TOPIC).await;
    (city, park)
}

async fn publish(park: &Talker, value: u32) {
    let body = format!(r#"[{{"n":"t","v":{value}}}]"#);
    let target = format!("/v1/publish/{TOPIC}");
    park.post(&target, "application/senml+json", body.as_bytes()).await.done();
}

fn value(event: &Event) -> f64 {
    event.data.pointer("/samples/0/values/0/value").and_then(Json::as_f64).unwrap()
}

#[tokio::test]
async fn events_go_on_behind_the_one_that_came_last() {
    let (_city, park) = with_park().await;
    let target = format!("/v1/events?filter={TOPIC}");
    let mut events = Events::open(&park, &target, &[]).await;
    assert_eq!(events.next().await.unwrap().name, "subscribed");
    for value in 1..=3 {
        publish(&park, value).await;
    }
    let first = events.named("record").await;
    assert_eq!((value(&first), first.data["topic"].as_str()), (1.0, Some(TOPIC)));
    drop(events);
    let id = first.id.unwrap();
    let mut events = Events::open(&park, &target, &[("last-event-id", id.as_str())]).await;
    publish(&park, 4).await;
    for wanted in [2.0, 3.0, 4.0] {
        assert_eq!(value(&events.named("record").await), wanted);
    }
    park.ask(Method::GET, &target, &[("last-event-id", "x")], b"").await.refused(400);
}

#[tokio::test]
async fn whoever_comes_back_before_the_first_event_misses_nothing() {
    let (_city, park) = with_park().await;
    let target = format!("/v1/events?filter={TOPIC}");
    // Once where nothing was ever published, and once behind something.
    for values in [[1_u32, 2], [3, 4]] {
        let mut events = Events::open(&park, &target, &[]).await;
        let begun = events.next().await.unwrap();
        assert_eq!(begun.name, "subscribed");
        drop(events);
        for value in values {
            publish(&park, value).await;
        }
        let id = begun.id.unwrap();
        let mut events = Events::open(&park, &target, &[("last-event-id", id.as_str())]).await;
        for wanted in values {
            assert_eq!(value(&events.named("record").await), f64::from(wanted), "behind {id}");
        }
    }
    // The last values are asked for again, and not all that was before them.
    let mut events = Events::open(&park, &format!("{target}&start=last-value"), &[]).await;
    assert_eq!(events.next().await.unwrap().id, None);
    assert_eq!(value(&events.named("record").await), 4.0);
}

#[tokio::test]
async fn a_place_ahead_of_the_log_leads_back_to_its_end() {
    let (_city, park) = with_park().await;
    publish(&park, 1).await;
    let page = |position: u64| {
        let target = format!("/v1/history?filter={TOPIC}&position={position}");
        let park = &park;
        async move { park.get(&target).await.done() }
    };
    let ahead = page(100_000).await;
    assert_eq!(ahead.pointer("/gaps/0/reason").and_then(Json::as_str), Some("restart"), "{ahead}");
    let next = ahead["next"].as_u64().unwrap();
    assert_eq!(ahead.pointer("/gaps/0/to_position").and_then(Json::as_u64), Some(next), "{ahead}");
    publish(&park, 2).await;
    let behind = page(next).await;
    let told = behind.pointer("/records/0/samples/0/values/0/value").and_then(Json::as_f64);
    assert_eq!((told, behind["gaps"].as_array().map(Vec::len)), (Some(2.0), Some(0)), "{behind}");

    // As events: who comes back goes on where the gap led to, and not where it had been.
    let target = format!("/v1/events?filter={TOPIC}");
    let mut events = Events::open(&park, &target, &[("last-event-id", "100000")]).await;
    let gap = events.named("gap").await;
    drop(events);
    publish(&park, 3).await;
    let mut events = Events::open(&park, &target, &[("last-event-id", &gap.id.unwrap())]).await;
    assert_eq!(value(&events.named("record").await), 3.0);
}

#[tokio::test]
async fn events_end_when_the_right_to_them_does() {
    let (city, park) = with_park().await;
    let target = format!("/v1/events?filter={TOPIC}&start=earliest");
    publish(&park, 1).await;
    let mut events = Events::open(&park, &target, &[]).await;
    assert_eq!(value(&events.named("record").await), 1.0);
    let deny = ["deny", "park@fujisawa", "subscribe,history", "fujisawa/park/#", "--yes"];
    city.run(&deny).await.succeeded();
    let end = events.named("end").await;
    assert_eq!(end.data["code"], "not-permitted", "{end:?}");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn events_end_when_the_node_stops() {
    let (mut city, park) = with_park().await;
    let mut events = Events::open(&park, &format!("/v1/events?filter={TOPIC}"), &[]).await;
    assert_eq!(events.next().await.unwrap().name, "subscribed");
    let ((), code) = tokio::join!(
        async {
            assert_eq!(events.named("end").await.data["code"], "draining");
        },
        city.stop_node()
    );
    assert_eq!(code, Some(0));
}
