//! N-30, N-31, N-32: a right to a whole and a deny of a part of it, at the doors that are not
//! QUIC's: what is denied comes neither live nor later, and what is retained is no exception.

use http::Method;
use sekisho_e2e::{City, Member, Mosquitto, Press, holds_key};
use sekisho_proto::frame::{Ping, Pong, Start, Subscribe};
use sekisho_proto::{Envelope, Frame, RefusalCode};

use crate::logins::city;
use crate::raw::{Raw, login, publish, text};
use crate::talk::{Talk, Via};
use crate::talker::Talker;

const WHOLE: &str = "fujisawa/a/#";
const DENIED: [&str; 2] = ["fujisawa/a/b", "fujisawa/a/c/x"];
const OPEN: [&str; 2] = ["fujisawa/a/d", "fujisawa/a/c/y"];

/// A truck that publishes on every topic, and an app that may not read two of them.
async fn people(city: &City) -> (Member, Member) {
    let (truck, app) = tokio::join!(
        Member::device(city, "truck-1", WHOLE),
        Member::reader(city, "dashboard", WHOLE)
    );
    for filter in ["fujisawa/a/b", "fujisawa/a/+/x"] {
        let deny = ["deny", "dashboard@fujisawa", "subscribe,history", filter, "--yes"];
        city.run(&deny).await.succeeded();
    }
    holds_key(&app, OPEN[0]).await;
    (truck, app)
}

/// One envelope on each topic, what is denied first.
async fn publishes(talk: &mut Talk, presses: &mut [Press]) {
    for (request, press) in (1..).zip(presses) {
        let envelope = press.next("reading");
        talk.publish(request, envelope.encoded().clone(), press.attached()).await;
        let Some(Frame::Published(_)) = talk.hear().await else { panic!("wanted it published") };
    }
}

/// What comes of a subscription until the last envelope of each open topic has: nothing else.
async fn hears_only_what_is_open(talk: &mut Talk, presses: &[Press]) {
    let mut missing: Vec<_> = presses.iter().skip(DENIED.len()).map(Press::last).collect();
    while !missing.is_empty() {
        match talk.hear().await {
            Some(Frame::Record(record)) => {
                let envelope = Envelope::decode(record.envelope.clone()).unwrap();
                let topic = envelope.header().topic.to_string();
                assert!(OPEN.contains(&topic.as_str()), "wanted it withheld: {topic}");
                missing.retain(|last| *last != Some(envelope.hash()));
            }
            Some(Frame::Subscribed(_)) => {}
            other => panic!("wanted a record, found {other:?}"),
        }
    }
    talk.send(Ping { token: 9 }).await;
    assert_eq!(talk.hear().await, Some(Pong { token: 9 }.into()));
}

#[tokio::test]
async fn what_is_denied_of_a_whole_never_comes_over_websocket_or_grpc() {
    let city = city().await;
    let (truck, app) = people(&city).await;
    let mut presses = Vec::new();
    for topic in DENIED.into_iter().chain(OPEN) {
        presses.push(Press::begin(&truck, topic).await);
    }
    let mut from = Talk::welcome(&city, Via::WebSocket, &truck).await;
    publishes(&mut from, &mut presses).await;
    let ask = |filter: &str, start| {
        let filter = filter.parse().unwrap();
        Subscribe { subscription: 1, filter, start, cursor: None, credit: 1_000 }
    };
    for via in Via::ALL {
        for start in [Start::Earliest, Start::LastValue, Start::Latest] {
            let mut talk = Talk::welcome(&city, via, &app).await;
            talk.send(ask(WHOLE, start)).await;
            let Some(Frame::Subscribed(_)) = talk.hear().await else {
                panic!("{via:?}: wanted the right to the rest of it to count")
            };
            publishes(&mut from, &mut presses).await;
            hears_only_what_is_open(&mut talk, &presses).await;
        }
        for filter in DENIED.into_iter().chain(["fujisawa/a/+/x"]) {
            let mut talk = Talk::welcome(&city, via, &app).await;
            talk.send(ask(filter, Start::Earliest)).await;
            let Some(Frame::Ended(ended)) = talk.hear().await else {
                panic!("{via:?}: {filter}: wanted its end")
            };
            assert_eq!(ended.code, Some(RefusalCode::NotPermitted), "{filter}");
        }
    }
}

const PARK: &str = "fujisawa/mqtt/park";
const LAST: &str = "/v1/history?filter=fujisawa/mqtt/%23&start=last-value";
const OBSERVED: &str = "/v1.1/Things?$expand=Datastreams($expand=Observations)";
const SENML: &str = "application/senml+json";

/// A reading is in what somebody is shown by a request.
async fn sees(who: &Talker, target: &str) -> bool {
    let reply = who.ask(Method::GET, target, &[], b"").await;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(reply.status, 200, "{target}: {text}");
    text.contains("12.25")
}

#[tokio::test]
async fn what_is_retained_is_shown_to_nobody_without_the_right_by_http_or_sensorthings() {
    let mut city = City::plan("fujisawa").await;
    city.open("web");
    city.open("mqtt");
    city.start().await;
    let describe = ["describe", PARK, "--class", "open", "--transducer", "pm2_5=ug/m3", "--yes"];
    city.run(&describe).await.succeeded();
    let meter = Mosquitto::enrol(&city, "meter", &["fujisawa/mqtt/#"], &[]).await;
    let mut writer = Raw::connected(&city, "meter", &login(&city, &meter)).await;
    let content_type = [&[3][..], &text(SENML)].concat();
    let reading = br#"[{"n":"pm2_5","u":"ug/m3","v":12.25}]"#;
    let mut retained = publish(1, "park", &content_type, reading);
    retained[0] |= 1;
    assert_eq!(writer.ask(&retained).await, Some((0x40, vec![0, 1])));
    let read = ["--read", "fujisawa/#"];
    let (may, denied) = tokio::join!(
        Talker::attested(&city, "may", &read),
        Talker::attested(&city, "denied", &read)
    );
    let elsewhere = Talker::attested(&city, "elsewhere", &["--read", "fujisawa/truck/#"]).await;
    let actions = "subscribe,history";
    city.run(&["deny", "denied@fujisawa", actions, PARK, "--yes"]).await.succeeded();
    for target in [LAST, OBSERVED] {
        assert!(sees(&may, target).await, "{target}");
        assert!(!sees(&denied, target).await, "{target}");
    }
    assert!(!sees(&elsewhere, OBSERVED).await);
    elsewhere.get(LAST).await.refused(403);
    let named = format!("/v1/history?filter={PARK}&start=last-value");
    let observations = "/v1.1/Datastreams('fujisawa:mqtt:park::pm2_5')/Observations";
    assert!(sees(&may, observations).await);
    for who in [&denied, &elsewhere] {
        who.get(&named).await.refused(403);
        let reply = who.get(observations).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(!text.contains("12.25"), "{text}");
    }
    assert!(sees(&may, &named).await);
}
