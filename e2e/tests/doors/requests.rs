//! Publishing and reading with requests: what comes in comes out, and what may not does not.

use data_encoding::BASE64;
use http::Method;
use sekisho_e2e::{City, Member, Press, eventually, permitted};
use serde_json::{Value as Json, json};

use crate::logins::city;
use crate::talker::{Reply, Talker};

const AIR: &str = "fujisawa/truck/17/air";
const PUBLISH: &str = "/v1/publish/fujisawa/truck/17/air";
const SENML: &str = "application/senml+json";
const READING: &[u8] = br#"[{"n":"pm2_5","u":"ug/m3","t":1700000000,"v":12.5}]"#;

/// A city with a logger that may publish and read below one truck.
async fn with_logger() -> (City, Talker) {
    let city = city().await;
    let options = ["--topics", "fujisawa/truck/17/#", "--read", "fujisawa/#"];
    let logger = Talker::attested(&city, "logger", &options).await;
    permitted(&city, "logger@fujisawa", "publish", AIR).await;
    (city, logger)
}

async fn kept(reader: &Talker, filter: &str) -> Vec<Json> {
    let filter = filter.replace('#', "%23").replace('+', "%2B");
    let page = reader.get(&format!("/v1/history?filter={filter}")).await.done();
    assert_eq!(page.get("complete"), Some(&json!(true)), "{page}");
    page.get("records").and_then(Json::as_array).unwrap().clone()
}

#[tokio::test]
async fn readings_of_every_format_come_out_as_samples_that_the_node_attests() {
    let (city, logger) = with_logger().await;
    let mut cbor = vec![0x81, 0xa4, 0x00, 0x65];
    cbor.extend(b"pm2_5");
    cbor.extend([0x01, 0x65]);
    cbor.extend(b"ug/m3");
    cbor.extend([0x06, 0x1a, 0x65, 0x53, 0xf1, 0x00, 0x02, 0xfb]);
    cbor.extend(12.5_f64.to_be_bytes());
    let geojson = br#"{"type":"Feature","geometry":{"type":"Point","coordinates":[139.48,35.33]},"properties":{"time":"2023-11-14T22:13:20Z","pm2_5":12.5}}"#;
    let sox = br#"<data xmlns="http://jabber.org/protocol/sox"><transducerValue id="pm2_5" typedValue="12.5" timestamp="2023-11-15T07:13:20+09:00"/></data>"#;
    let bodies: [(&str, &[u8]); 4] = [
        (SENML, READING),
        ("application/senml+cbor", &cbor),
        ("application/geo+json", geojson),
        ("application/sox+xml", sox),
    ];
    for (offset, (media_type, body)) in bodies.into_iter().enumerate() {
        let answer = logger.post(PUBLISH, media_type, body).await.done();
        assert_eq!(answer, json!({ "topic": AIR, "offset": offset }), "{media_type}");
    }
    logger.post(PUBLISH, "image/jpeg", b"\xff\xd8\x00").await.done();
    let records = kept(&logger, AIR).await;
    for record in &records[..4] {
        assert_eq!(record["attester_name"], "node@fujisawa", "{record}");
        assert_eq!(record["publisher_name"], "logger@fujisawa");
        let sample = &record["samples"][0];
        assert_eq!(sample["time"], "2023-11-14T22:13:20.000000Z", "{record}");
        let mut values = sample["values"].as_array().unwrap().iter();
        let dust = values.find(|value| value["transducer"] == "pm2_5").unwrap();
        assert_eq!(dust["value"], 12.5);
    }
    assert_eq!(records[4]["body"], BASE64.encode(b"\xff\xd8\x00"));
    assert_eq!(records[4]["content_type"], "image/jpeg");
    // Somebody who verifies takes it for what it is.
    let reader = Member::reader(&city, "dashboard", "fujisawa/#").await;
    let shown = reader.run(&["history", AIR]).await.done();
    assert!(shown.contains("12.5") && shown.contains("node@fujisawa"), "{shown}");
}

#[tokio::test]
async fn who_holds_a_key_sends_envelopes_and_nothing_unsigned() {
    let (city, logger) = with_logger().await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    permitted(&city, "truck-17@fujisawa", "publish", AIR).await;
    let talker = Talker::with_key(&city, &truck);
    let why = talker.post(PUBLISH, SENML, READING).await.refused(403);
    assert!(why["detail"].as_str().unwrap().contains("its own key"), "{why}");
    let mut press = Press::begin(&truck, AIR).await;
    let key_header = BASE64.encode(&press.attached().unwrap());
    let envelope = press.next("sealed").encoded().clone();
    let headers = [
        ("content-type", "application/vnd.sekisho.envelope"),
        ("sekisho-key-header", key_header.as_str()),
    ];
    let other = "/v1/publish/fujisawa/truck/17/other";
    talker.ask(Method::POST, other, &headers, &envelope).await.refused(400);
    logger.ask(Method::POST, PUBLISH, &headers, &envelope).await.refused(403);
    let answer = talker.ask(Method::POST, PUBLISH, &headers, &envelope).await.done();
    assert_eq!(answer["offset"], 0);
    talker.ask(Method::POST, PUBLISH, &headers, &envelope).await.refused(409);
    let record = kept(&logger, AIR).await.remove(0);
    assert_eq!(record["sealed"], true);
    assert_eq!(record["attester"], Json::Null);
    assert_eq!(record["envelope"], BASE64.encode(&envelope));
    assert_eq!(record["key_header"].as_str(), Some(key_header.as_str()));
    assert!(record.get("body").is_none() && record.get("samples").is_none());
}

#[tokio::test]
async fn a_request_that_is_made_twice_is_done_once() {
    let (_city, logger) = with_logger().await;
    is_done_once(&logger, async || {}).await;
}

#[tokio::test]
async fn a_request_that_is_made_again_after_a_crash_is_answered_as_it_was() {
    let (mut city, logger) = with_logger().await;
    is_done_once(&logger, async || {
        city.kill_node().await;
        city.start_node().await;
    })
    .await;
}

/// A request is made, and made again after something else has happened.
async fn is_done_once(logger: &Talker, meanwhile: impl AsyncFnOnce()) {
    let headers = [("content-type", SENML), ("idempotency-key", "\"reading-1\"")];
    let first = logger.ask(Method::POST, PUBLISH, &headers, READING).await.done();
    meanwhile().await;
    let again = logger.ask(Method::POST, PUBLISH, &headers, READING).await.done();
    assert_eq!(first, again);
    let other = br#"[{"n":"pm2_5","v":13}]"#;
    logger.ask(Method::POST, PUBLISH, &headers, other).await.refused(422);
    assert_eq!(kept(logger, AIR).await.len(), 1);
}

/// N-40: no request is answered to somebody who has not said who they are.
#[tokio::test]
async fn whoever_is_not_known_is_answered_nothing() {
    let (city, logger) = with_logger().await;
    let document = Talker::nobody(&city).get("/v1/openapi.json").await.done();
    let stolen = Talker::nobody(&city).saying(format!(
        "Basic {}",
        BASE64.encode(b"logger@fujisawa:00000-00000-00000-00000-00000-00000-00000")
    ));
    let strangers = [
        Talker::nobody(&city),
        stolen,
        Talker::nobody(&city).saying("Bearer e30.e30."),
        Talker::nobody(&city).saying("Basic !!!"),
    ];
    for (path, item) in document["paths"].as_object().unwrap() {
        if ["/v1/node", "/v1/openapi.json"].contains(&path.as_str()) {
            continue;
        }
        let method = if item["get"].is_object() { Method::GET } else { Method::POST };
        let target = path.replace("{topic}", AIR).replace("{token}", &"0".repeat(32));
        let asked = Talker::nobody(&city).ask(method, &target, &[], b"").await;
        asked.refused(401);
    }
    for stranger in &strangers {
        stranger.post(PUBLISH, SENML, READING).await.refused(401);
        stranger.get("/v1/history?filter=fujisawa/%23").await.refused(401);
    }
    assert!(kept(&logger, "fujisawa/#").await.is_empty());
}

#[tokio::test]
async fn what_is_denied_comes_out_by_no_request() {
    let (city, logger) = with_logger().await;
    let home = Talker::attested(&city, "home", &["--topics", "fujisawa/home/#"]).await;
    permitted(&city, "home@fujisawa", "publish", "fujisawa/home/12/x").await;
    home.post("/v1/publish/fujisawa/home/12/x", SENML, READING).await.done();
    home.post("/v1/publish/fujisawa/home/12/y", SENML, READING).await.done();
    assert_eq!(kept(&logger, "fujisawa/home/+/x").await.len(), 1);
    let deny = ["deny", "logger@fujisawa", "subscribe,history,discover", "fujisawa/home/+/x"];
    city.run(&[&deny[..], &["--yes"]].concat()).await.succeeded();
    for filter in ["fujisawa/%23", "fujisawa/home/12/%2B", "fujisawa/home/12/x"] {
        for start in ["earliest", "last-value"] {
            let target = format!("/v1/history?filter={filter}&start={start}");
            let shown = eventually("the deny", || async {
                let reply = Box::pin(logger.get(&target)).await;
                let text = String::from_utf8(reply.body.to_vec()).unwrap();
                (!text.contains("home/12/x\"")).then_some(text)
            })
            .await;
            assert!(filter.ends_with('x') || shown.contains("fujisawa/home/12/y"), "{shown}");
        }
    }
    let whole = logger.get("/v1/discover").await.done();
    assert!(!whole.to_string().contains("home/12/x\""), "{whole}");
    let (mut parts, mut target) = (Vec::new(), "/v1/discover?max=1".to_owned());
    loop {
        let part = logger.get(&target).await.done();
        parts.extend(part["topics"].as_array().unwrap().clone());
        let Some(next) = part["next"].as_str() else { break };
        target = format!("/v1/discover?max=1&after={next}");
    }
    assert_eq!(Json::from(parts), whole["topics"]);
    // What may not be published is not, and what may not be read is refused by name.
    logger.post("/v1/publish/fujisawa/home/12/x", SENML, READING).await.refused(403);
    home.get("/v1/history?filter=fujisawa/home/12/x").await.refused(403);
    home.get("/v1/events?filter=fujisawa/home/12/x").await.refused(403);
    logger.post("/v1/publish/santander/a", SENML, READING).await.refused(421);
}

/// N-17, N-18, N-19 and N-21.
#[tokio::test]
async fn names_and_numbers_out_of_bounds_are_refused_and_nothing_is_kept() {
    let (_city, logger) = with_logger().await;
    let (long, deep) = ("a".repeat(6_000), "/a".repeat(1_000));
    for topic in [
        "fujisawa/truck/17/%FF",
        "fujisawa/truck/17/%C0%AF",
        "fujisawa/truck/17/a%00b",
        "fujisawa/truck/17/%EF%BB%BFa",
        "fujisawa/truck/17/a%E2%80%AEb",
        "fujisawa/truck/17/e%CC%81",
        "fujisawa/truck/17/a%0D%0Ab",
        "fujisawa/truck/17/%20a",
        "fujisawa/truck/17/a%09b",
        "fujisawa/truck/17/%2B",
        "fujisawa/truck/17/%23",
        "fujisawa/truck/17/$SYS",
        "fujisawa/truck/17/../18",
        "fujisawa/truck/17/%2E%2E/18",
        "fujisawa/truck/17//a",
        "fujisawa/truck/17/",
        "/fujisawa/truck/17",
        "fujisawa",
        &long,
        &format!("fujisawa/truck/17{deep}"),
    ] {
        logger.post(&format!("/v1/publish/{topic}"), SENML, READING).await.refused(400);
    }
    for target in [
        "/v1/history",
        "/v1/history?filter=",
        "/v1/history?filter=fujisawa/%23&filter=fujisawa/a",
        "/v1/history?filter=fujisawa/a%23",
        "/v1/history?filter=fujisawa/%23&limit=0",
        "/v1/history?filter=fujisawa/%23&limit=-1",
        "/v1/history?filter=fujisawa/%23&limit=18446744073709551616",
        "/v1/history?filter=fujisawa/%23&position=18446744073709551616",
        "/v1/history?filter=fujisawa/%23&position=-1",
        "/v1/history?filter=fujisawa/%23&offset=1",
        "/v1/history?filter=fujisawa/%23&since=1",
        "/v1/history?filter=fujisawa/%23&start=now",
        "/v1/history?filter=fujisawa/%23&start=latest&position=1",
        "/v1/history?filter=fujisawa/%23&unknown=1",
        "/v1/events?filter=fujisawa/%23&limit=1",
        "/v1/history?filter=fujisawa/%ff",
        "/v1/discover?filter=%FF",
        "/v1/discover?max=0",
        "/v1/admin/accesses?from=18446744073709551616",
        "/v1/log/inclusion?log=sekisho/fujisawa/control&size=1",
        "/v1/log/checkpoint?log=../control",
    ] {
        logger.get(target).await.refused(400);
    }
    // The largest numbers are numbers.
    let last = "/v1/history?filter=fujisawa/%23&position=18446744073709551615";
    assert!(logger.get(last).await.status != 500);
    for expiry in ["-1", "4294967296", "1.5", "x"] {
        let target = format!("{PUBLISH}?expiry_s={expiry}");
        logger.post(&target, SENML, READING).await.refused(400);
    }
    assert!(kept(&logger, "fujisawa/#").await.is_empty());
}

#[tokio::test]
async fn bodies_that_are_bombs_or_not_what_they_say_are_refused() {
    let (_city, logger) = with_logger().await;
    let nested_json = format!("{}1{}", "[".repeat(60_000), "]".repeat(60_000));
    let nested_cbor = vec![0x81; 60_000];
    let nested_xml = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    let laughs = r#"<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><data><transducerValue id="a" typedValue="&b;"/></data>"#;
    let external = r#"<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><data><transducerValue id="a" typedValue="&x;"/></data>"#;
    let promised = [0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0];
    let bodies: [(&str, &[u8]); 12] = [
        (SENML, nested_json.as_bytes()),
        ("application/geo+json", nested_json.as_bytes()),
        ("application/senml+cbor", &nested_cbor),
        ("application/senml+cbor", &promised),
        ("application/xml", nested_xml.as_bytes()),
        ("application/xml", laughs.as_bytes()),
        ("text/xml", external.as_bytes()),
        (SENML, b"[]"),
        (SENML, b"\xff\xfe"),
        ("application/vnd.sekisho.samples", b"no batch"),
        ("application/vnd.sekisho.envelope", b"no envelope"),
        ("text/\u{e9}", b"x"),
    ];
    for (media_type, body) in bodies {
        let problem = logger.post(PUBLISH, media_type, body).await.refused(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("root:") && detail.len() < 2_048, "{media_type}: {detail}");
    }
    let large = vec![b'x'; 2 << 20];
    logger.post(PUBLISH, "image/jpeg", &large).await.refused(413);
    // Within what a request may have, above what an envelope may.
    logger.post(PUBLISH, "image/jpeg", &large[..600_000]).await.refused(413);
    let packed = [("content-type", SENML), ("content-encoding", "gzip")];
    logger.ask(Method::POST, PUBLISH, &packed, b"\x1f\x8b").await.refused(415);
    let twice = [("content-type", SENML), ("content-type", "text/plain")];
    logger.ask(Method::POST, PUBLISH, &twice, READING).await.refused(400);
    assert!(kept(&logger, "fujisawa/#").await.is_empty());
    let reply: Reply = logger.post(PUBLISH, SENML, READING).await;
    assert_eq!(reply.done()["offset"], 0);
}

#[tokio::test]
async fn a_device_of_sox_becomes_a_statement_that_its_owner_may_sign() {
    let (city, logger) = with_logger().await;
    let meta = r#"<device name="藤沢 17" id="17" type="outdoor weather"><transducer name="PM2.5" id="pm2_5" units="µg/m^3"/></device>"#;
    let target = "/v1/describe/fujisawa/truck/17/air?class=open";
    let described = logger.post(target, "application/sox+xml", meta.as_bytes()).await.done();
    assert_eq!(described["descriptor"]["title"], "藤沢 17");
    assert_eq!(described["descriptor"]["transducers"][0]["unit"], "ug/m3");
    let statement = described["statement"].as_str().unwrap();
    // Nothing has changed, and it changes nothing where nobody has signed it.
    let body = json!({ "statements": [statement] }).to_string();
    logger.post("/v1/statements", "application/json", body.as_bytes()).await.refused(403);
    let administrator = Talker::with_key(&city, &city.administrator());
    let changes =
        administrator.post("/v1/admin/diff", "application/json", body.as_bytes()).await.done();
    assert!(changes.is_object(), "{changes}");
    logger.post(PUBLISH, "application/sox+xml", meta.as_bytes()).await.refused(400);
    logger.post(target, SENML, READING).await.refused(415);
}

/// Short readings are long as JSON: it is what is answered that is bounded.
#[tokio::test]
async fn a_page_of_readings_that_expand_is_cut_and_the_next_ones_lead_through_all() {
    const POSTS: usize = 24;
    const PAGE_BYTES: usize = 4 << 20;
    const SAMPLES: usize = 2_000;
    let (_city, logger) = with_logger().await;
    let name = "pm2_5_of_the_sensor_at_the_rear_left";
    for post in 0..POSTS {
        let mut entries =
            vec![format!(r#"{{"bn":"{name}","bu":"ug/m3","bt":1700000000,"v":{post}}}"#)];
        entries.extend((1..SAMPLES).map(|second| format!(r#"{{"t":{second},"v":{post}}}"#)));
        let reading = format!("[{}]", entries.join(","));
        logger.post(PUBLISH, SENML, reading.as_bytes()).await.done();
    }
    let (mut found, mut pages, mut next) = (Vec::new(), 0, json!(0));
    loop {
        let target = format!("/v1/history?filter={AIR}&limit=1000&position={next}");
        let reply = logger.get(&target).await;
        let length = reply.body.len();
        let page = reply.done();
        let records = page["records"].as_array().unwrap();
        assert!(records.iter().all(|record| record["samples"].is_array()), "wanted them expanded");
        let longest = records.iter().map(|record| record.to_string().len()).max().unwrap_or(0);
        assert!(length < PAGE_BYTES + longest + 1_024, "found {length} bytes");
        found.extend(records.iter().map(|record| record["offset"].as_u64().unwrap()));
        pages += 1;
        next = page["next"].clone();
        if page["complete"] == true {
            break;
        }
        assert!(!records.is_empty(), "wanted each page to go on, found none at {next}");
    }
    assert!(pages > 1, "wanted more than one page, found {pages}");
    assert!(found.into_iter().eq(0..24), "wanted all of them, once each, in order");
}
