//! OGC SensorThings as its clients read it: what they may discover, and of it what they may read.

use bytes::Bytes;
use data_encoding::BASE64;
use http::{Request, StatusCode};
use sekisho::{Batch, Sample, SampleValue, Timestamp, Value};
use sekisho_e2e::{City, Member, eventually, within};
use serde_json::{Value as Json, json};

use crate::logins::{city, stranger};
use crate::talk::http2;
use crate::tls::Shown;

const PARK: &str = "fujisawa/park/1";
const TRUCK: &str = "fujisawa/truck/17";
const HOME: &str = "fujisawa/home/1";
/// What sensiNact's southbound asks at every interval.
const SENSINACT: &str = "/v1.1/Things?$expand=Locations,Datastreams($expand=Sensor,ObservedProperty,\
                         Observations($orderby=phenomenonTime%20desc;$top=1))";

struct Described {
    city: City,
    reader: Member,
}

impl Described {
    /// A park that stands and a truck that moves, both open, and a home that is sealed.
    async fn found() -> Self {
        let city = city().await;
        let open = ["--class", "open", "--type", "air-quality station", "--yes"];
        let measures = ["--transducer", "pm2_5=ug/m3", "--transducer", "temperature=Cel"];
        let park = ["describe", PARK, "--title", "Park", "--location", "35.3389,139.4870"];
        city.run(&[&park[..], &open, &measures].concat()).await.succeeded();
        let truck = ["describe", TRUCK, "--title", "Truck 17", "--mobile"];
        city.run(&[&truck[..], &open].concat()).await.succeeded();
        let home = ["describe", HOME, "--class", "personal", "--yes", "--transducer", "motion=1"];
        city.run(&home).await.succeeded();
        let reader = Member::reader(&city, "map", "fujisawa/#").await;
        Self { city, reader }
    }

    async fn publish(&self, name: &str, topic: &str, samples: Vec<Sample>) {
        let device = Member::device(&self.city, name, topic).await;
        let client = device.connect().await;
        let publisher = client.publisher(topic.parse().unwrap()).batch(Batch::single());
        let publisher = publisher.start().await.unwrap();
        for sample in samples {
            publisher.publish(sample).await.unwrap();
        }
        publisher.flush().await.unwrap();
        client.close().await;
    }

    async fn get(&self, target: &str) -> (StatusCode, Json) {
        let key = self.reader.identity().signing().clone();
        get(&self.city, Shown::Box(key), target, None).await
    }

    async fn page(&self, target: &str) -> Json {
        let (status, found) = self.get(target).await;
        assert_eq!(status, 200, "{target}: {found}");
        found
    }
}

async fn get(
    city: &City,
    shown: Shown,
    target: &str,
    password: Option<&str>,
) -> (StatusCode, Json) {
    let node = city.door("web");
    let (mut client, _certificate) = http2(node, shown).await;
    let mut request = Request::get(format!("https://{node}{target}"));
    if let Some(password) = password {
        let basic = format!("Basic {}", BASE64.encode(password.as_bytes()));
        request = request.header("authorization", basic);
    }
    let (response, _send) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let response = within("a response", response).await.unwrap();
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = within("an answer", body.data()).await {
        let chunk: Bytes = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
}

fn at(second: i64) -> Timestamp {
    let first = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
    Timestamp::from_micros(first.as_micros() + second * 1_000_000)
}

fn sample(second: i64, values: &[(&str, f64)]) -> Sample {
    let value = |(name, number): &(&str, f64)| SampleValue {
        transducer: name.parse().unwrap(),
        unit: "".parse().unwrap(),
        value: Value::Float(*number),
    };
    Sample { time: at(second), values: values.iter().map(value).collect() }
}

fn dust(number: i32) -> Sample {
    sample(i64::from(number), &[("pm2_5", f64::from(number)), ("temperature", 20.0)])
}

#[tokio::test]
async fn the_query_by_which_sensinact_polls_is_answered() {
    let found = Described::found().await;
    found.publish("station", PARK, (0..3).map(dust).collect()).await;
    let ways = |number: f64| [("latitude", 35.34), ("longitude", 139.48 + number / 100.0)];
    let drives = (0_i32..3).map(|number| sample(number.into(), &ways(number.into()))).collect();
    found.publish("truck-17", TRUCK, drives).await;
    // Whoever polls sees what was published by the next poll.
    let answer = eventually("a poll in which the truck is somewhere", || async {
        let answer = found.page(SENSINACT).await;
        (!answer["value"][2]["Locations"][0].is_null()).then_some(answer)
    })
    .await;
    let things = answer["value"].as_array().unwrap();
    let names: Vec<_> = things.iter().map(|thing| &thing["@iot.id"]).collect();
    assert_eq!(names, ["fujisawa:home:1", "fujisawa:park:1", "fujisawa:truck:17"]);
    let park = &things[1];
    assert_eq!(park["Locations"][0]["location"]["coordinates"], json!([139.487, 35.3389]));
    let dusty = &park["Datastreams"][0];
    assert_eq!(dusty["unitOfMeasurement"]["symbol"], "µg/m³");
    assert_eq!(dusty["ObservedProperty"]["name"], "pm2_5");
    assert_eq!(dusty["Observations"].as_array().unwrap().len(), 1);
    assert_eq!(dusty["Observations"][0]["result"], 2.0);
    assert_eq!(dusty["Observations"][0]["phenomenonTime"], at(2).to_string());
    assert_eq!(dusty["Observations"][0]["parameters"]["publisher"], "station@fujisawa");
    let truck = &things[2];
    assert_eq!(truck["Locations"][0]["location"]["coordinates"], json!([139.5, 35.34]));
    let home = &things[0]["Datastreams"][0];
    assert_eq!((&home["properties"]["sealed"], &home["Observations"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn links_lead_through_a_long_log_and_a_filter_into_its_middle() {
    let found = Described::found().await;
    found.publish("station", PARK, (0..1_300).map(dust).collect()).await;
    let all = "/v1.1/Datastreams('fujisawa:park:1::pm2_5')/Observations";
    let mut results = Vec::new();
    let mut next = Some(format!("{all}?$top=500&$select=result"));
    while let Some(target) = next {
        let page = found.page(&target).await;
        let values = page["value"].as_array().unwrap();
        results.extend(values.iter().map(|entity| entity["result"].as_f64().unwrap()));
        let link = page["@iot.nextLink"].as_str();
        next = link.map(|link| {
            let base = format!("https://{}", found.city.door("web"));
            link.strip_prefix(&base).expect("a link to this node").to_owned()
        });
    }
    let wanted: Vec<_> = (0..1_300).map(f64::from).collect();
    assert_eq!(results, wanted);
    let counted = found.page(&format!("{all}?$count=true&$top=0")).await;
    assert_eq!(counted["@iot.count"], 1_300);
    let newest = format!("{all}?$orderby=phenomenonTime%20desc&$top=2");
    let newest = found.page(&newest).await;
    assert_eq!(
        (&newest["value"][0]["result"], &newest["value"][1]["result"]),
        (&json!(1299.0), &json!(1298.0))
    );
}

/// What it holds of each page, by links from here on.
async fn walk(found: &Described, target: &str, name: &str) -> Vec<Json> {
    let base = format!("https://{}", found.city.door("web"));
    let (mut all, mut next) = (Vec::new(), Some(target.to_owned()));
    while let Some(target) = next {
        let page = found.page(&target).await;
        let entities = page.get("value").and_then(Json::as_array).expect("a page");
        all.extend(entities.iter().map(|entity| entity.get(name).cloned().unwrap_or_default()));
        let link = page.get("@iot.nextLink").and_then(Json::as_str);
        next = link.map(|link| link.strip_prefix(&base).expect("a link to this node").to_owned());
    }
    all
}

#[tokio::test]
async fn observations_and_places_of_a_whole_city_are_walked_however_many_there_are() {
    let found = Described::found().await;
    found.publish("station", PARK, (0..400).map(dust).collect()).await;
    let drive = |number: i32| {
        sample(
            number.into(),
            &[("latitude", 35.34), ("longitude", 139.0 + f64::from(number) / 1e3)],
        )
    };
    found.publish("truck-17", TRUCK, (0..300).map(drive).collect()).await;
    let id = |name: &str, offset: i32| json!(format!("fujisawa:{name}@{offset}.0"));
    let of = |name: &'static str, count| (0..count).map(move |offset| id(name, offset));
    let values = walk(&found, "/v1.1/Observations?$top=600&$select=id", "@iot.id").await;
    let park = (0..400).flat_map(|n| [id("park:1::pm2_5", n), id("park:1::temperature", n)]);
    let truck = (0..300).flat_map(|n| [id("truck:17::latitude", n), id("truck:17::longitude", n)]);
    assert_eq!(values, park.chain(truck).collect::<Vec<_>>());
    let places = walk(&found, "/v1.1/HistoricalLocations?$top=50", "@iot.id").await;
    let wanted: Vec<_> =
        [json!("fujisawa:park:1")].into_iter().chain(of("truck:17", 300)).collect();
    assert_eq!(places, wanted);
    for (target, pages) in [
        ("/v1.1/Observations/$ref?$top=1", 1),
        ("/v1.1/HistoricalLocations?$top=1", 1),
        ("/v1.1/Observations?$filter=id%20eq%20'fujisawa:park:1::pm2_5@7.0'", 1),
        ("/v1.1/Observations?$filter=Datastream/id+eq+'fujisawa:park:1::pm2_5'&$count=true", 100),
        ("/v1.1/FeaturesOfInterest?$filter=id+eq+'fujisawa:truck:17@3.0'", 1),
    ] {
        let page = found.page(target).await;
        assert_eq!(page["value"].as_array().unwrap().len(), pages, "{target}");
    }
}

#[tokio::test]
async fn a_whole_city_is_counted_and_sorted_as_far_as_somebody_may_read_it() {
    let found = Described::found().await;
    found.publish("station", PARK, (0..3_000).map(dust).collect()).await;
    let drive = |number: i32| sample(number.into(), &[("speed", f64::from(number) + 0.5)]);
    found.publish("truck-17", TRUCK, (0..1_500).map(drive).collect()).await;
    // More than are kept for one answer, of two open topics and a sealed one.
    let page = found.page("/v1.1/Observations?$count=true&$orderby=result%20desc&$top=2").await;
    assert_eq!(page["@iot.count"], 7_500);
    let results: Vec<_> = page["value"].as_array().unwrap().iter().map(|o| &o["result"]).collect();
    assert_eq!(results, [&json!(2_999.0), &json!(2_998.0)]);
    let newest = "/v1.1/Observations?$orderby=phenomenonTime%20desc&$top=1&$select=id";
    assert_eq!(found.page(newest).await["value"][0]["@iot.id"], "fujisawa:park:1::pm2_5@2999.0");
    let target = "/v1.1/Observations?$count=true&$filter=result%20eq%2020&$top=999&$select=id";
    let twenties = walk(&found, target, "@iot.id").await;
    assert_eq!(twenties.len(), 3_001);
    assert_eq!(found.page(target).await["@iot.count"], 3_001);

    let narrow = Member::reader(&found.city, "driver", "fujisawa/truck/#").await;
    let shown = Shown::Box(narrow.identity().signing().clone());
    let counted = "/v1.1/Observations?$count=true&$orderby=result&$top=1&$skip=1";
    let (status, page) = get(&found.city, shown, counted, None).await;
    assert_eq!((status, &page["@iot.count"]), (StatusCode::OK, &json!(1_500)), "{page}");
    assert_eq!(page["value"][0]["result"], 1.5);
}

#[tokio::test]
async fn identifiers_survive_a_restart() {
    let mut found = Described::found().await;
    found.publish("station", PARK, (0..5).map(dust).collect()).await;
    let target = "/v1.1/Things('fujisawa:park:1')/Datastreams?$expand=Observations($count=true)";
    let before = found.page(target).await;
    assert_eq!(before["value"][0]["Observations@iot.count"], 5);
    found.city.stop_node().await;
    found.city.start_node().await;
    assert_eq!(found.page(target).await, before);
    let link = before["value"][0]["Observations"][3]["@iot.selfLink"].as_str().unwrap();
    let path = format!("/v1.1{}", link.split_once("/v1.1").unwrap().1);
    assert_eq!(found.page(&path).await["result"], 3.0);
}

#[tokio::test]
async fn who_may_see_less_sees_less_and_nobody_else_sees_anything() {
    let found = Described::found().await;
    found.publish("station", PARK, (0..2).map(dust).collect()).await;
    let city = &found.city;
    let narrow = Member::reader(city, "park-guide", "fujisawa/park/#").await;
    let shown = || Shown::Box(narrow.identity().signing().clone());
    let (status, things) = get(city, shown(), "/v1.1/Things?$count=true", None).await;
    assert_eq!((status, &things["@iot.count"]), (StatusCode::OK, &json!(1)));
    let hidden = "/v1.1/Things('fujisawa:truck:17')";
    let (status, problem) = get(city, shown(), hidden, None).await;
    assert_eq!((status, &problem["title"]), (StatusCode::NOT_FOUND, &json!("not-found")));
    // What it may not know of and what there is not look alike.
    let (_, absent) = get(city, shown(), "/v1.1/Things('fujisawa:truck:99')", None).await;
    assert_eq!(absent["detail"], problem["detail"]);
    let looker = Member::enrol(city, "looker", &["--kind", "app"]).await;
    let grant = ["grant", "looker@fujisawa", "discover", "fujisawa/park/#", "--yes"];
    city.run(&grant).await.succeeded();
    let target = "/v1.1/Things?$expand=Datastreams($expand=Observations)";
    let key = || Shown::Box(looker.identity().signing().clone());
    let seen = eventually("a right to discover", || async {
        let (status, seen) = Box::pin(get(city, key(), target, None)).await;
        (status == 200 && seen["value"][0].is_object()).then_some(seen)
    })
    .await;
    assert_eq!(seen["value"][0]["Datastreams"][0]["Observations"], json!([]));
    for (shown, password) in [
        (Shown::Nothing, None),
        (Shown::Nothing, Some("map:wrong")),
        (Shown::Box(stranger()), None),
    ] {
        let (status, _) = get(city, shown, "/v1.1/Things", password).await;
        assert_eq!(status, 401, "{password:?}");
    }
}

#[tokio::test]
async fn somebody_without_a_key_reads_with_a_name_and_a_password() {
    let found = Described::found().await;
    found.publish("station", PARK, (0..2).map(dust).collect()).await;
    let file = found.city.place("poller.password");
    let path = file.to_str().unwrap();
    let enrol = ["enrol", "poller", "--attested", "--kind", "app", "--read", "fujisawa/park/#"];
    found.city.run(&[&enrol[..], &["--password-file", path, "--yes"]].concat()).await.succeeded();
    let password = std::fs::read_to_string(&file).unwrap();
    let words = format!("poller@fujisawa:{}", password.trim());
    let (status, answer) = get(&found.city, Shown::Nothing, SENSINACT, Some(&words)).await;
    assert_eq!(status, 200, "{answer}");
    let things = answer["value"].as_array().unwrap();
    assert_eq!(things.len(), 1);
    assert_eq!(things[0]["Datastreams"][0]["Observations"][0]["result"], 1.0);
}

#[tokio::test]
async fn wrong_questions_are_told_and_nothing_can_be_written() {
    let found = Described::found().await;
    for (target, status, words) in [
        ("/v1.1/Things?$filter=colour%20eq%201", 400, "wanted one of @iot.id"),
        ("/v1.1/Things?$top=many", 400, "whole number"),
        ("/v1.1/Nothing", 404, "wanted one of Things"),
        ("/v1.1/Things?$search=dust", 501, "wanted $filter"),
        ("/v1.1/Things?$filter=Datastreams/Observations/result%20gt%201", 501, "Observations"),
    ] {
        let (found, problem) = found.get(target).await;
        assert_eq!(found, status, "{target}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{target}: {problem}");
    }
    let node = found.city.door("web");
    let key = found.reader.identity().signing().clone();
    let (mut client, _) = http2(node, Shown::Box(key)).await;
    let request = Request::post(format!("https://{node}/v1.1/Things")).body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let response = within("a response", response).await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers().get("allow").unwrap(), "GET, HEAD");
    // What never succeeds is not to be asked again.
    let nested = format!("https://{node}/v1.1/Things?$filter={}1", "(".repeat(40));
    let request = Request::get(nested).body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let response = within("a response", response).await.unwrap();
    assert_eq!(response.status(), 422);
    assert_eq!(response.headers().get("retry-after"), None);
}
