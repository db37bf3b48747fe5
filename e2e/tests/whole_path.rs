//! From a truck in Fujisawa to a dashboard in Santander, over two nodes in processes of their own.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use sekisho::{Batch, BodyError, Publisher, RefusalCode, Sample, Scope, Start, SubscribeError};
use sekisho::{Client, PublishError};
use sekisho_e2e::{City, Member, Reader, holds_key, peer, permitted, sample, samples};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";

/// Two cities, and a dashboard in Santander that may do `actions` on Fujisawa's trucks.
struct Cities {
    fujisawa: City,
    santander: City,
    dashboard: Member,
}

impl Cities {
    async fn found(actions: &str) -> Self {
        let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
        peer(&fujisawa, &santander, TRUCKS).await;
        let dashboard = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
        fujisawa.run(&["grant", "dashboard@santander", actions, TRUCKS, "--yes"]).await.succeeded();
        permitted(&santander, "dashboard@santander", "subscribe", AIR).await;
        Self { fujisawa, santander, dashboard }
    }
}

async fn publisher(client: &Client, topic: &str, scope: Scope) -> Publisher {
    client.publisher(topic.parse().unwrap()).scope(scope).start().await.unwrap()
}

async fn publish(publisher: &Publisher, samples: impl IntoIterator<Item = Sample>) {
    for sample in samples {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
}

#[tokio::test]
async fn a_dashboard_in_the_other_city_opens_what_a_truck_measured_bit_for_bit() {
    let cities = Cities::found("subscribe,history,decrypt").await;
    let truck = Member::device(&cities.fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let local = Member::reader(&cities.fujisawa, "wall", TRUCKS).await;
    holds_key(&local, AIR).await;
    holds_key(&cities.dashboard, AIR).await;
    let mut far = Reader::start(&cities.dashboard, TRUCKS, Start::Latest).await;
    let mut near = Reader::start(&local, TRUCKS, Start::Latest).await;

    let client = truck.connect().await;
    let air = publisher(&client, AIR, Scope::Federation).await;
    publish(&air, samples(0..200)).await;
    assert_eq!(near.samples(200).await, samples(0..200));
    assert_eq!(far.samples(200).await, samples(0..200));

    publish(&air, [sample(200)]).await;
    let last = far.message().await;
    assert_eq!(last.publisher, *truck.name());
    assert_eq!(last.publisher_id, truck.identity().id());
    assert_eq!(last.topic.as_str(), AIR);
    assert!(last.sealed);
    assert_eq!(last.samples().unwrap(), [sample(200)]);
    assert_eq!(near.message().await.envelope.encoded(), last.envelope.encoded());
    far.close().await;
    near.close().await;
}

#[tokio::test]
async fn a_far_reader_without_a_key_gets_what_it_cannot_open() {
    let cities = Cities::found("subscribe").await;
    let truck = Member::device(&cities.fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let mut far = Reader::start(&cities.dashboard, TRUCKS, Start::Latest).await;
    let client = truck.connect().await;
    let air = publisher(&client, AIR, Scope::Federation).await;
    publish(&air, samples(0..3)).await;
    let message = far.message().await;
    assert_eq!(message.publisher, *truck.name());
    assert!(matches!(message.samples(), Err(BodyError::NoKey { .. })), "{message:?}");
    let district = "藤沢市".as_bytes();
    let sealed = message.envelope.encoded();
    assert!(!sealed.windows(district.len()).any(|bytes| bytes == district));
}

#[tokio::test]
async fn what_is_not_for_the_federation_or_not_in_the_contract_stays_in_its_city() {
    let cities = Cities::found("subscribe,decrypt").await;
    let everything = &["--topics", "fujisawa/#", "--read", "fujisawa/#"];
    let truck = Member::enrol(&cities.fujisawa, "truck-17", everything).await;
    let wide = ["grant", "dashboard@santander", "subscribe,decrypt", "fujisawa/#", "--yes"];
    cities.fujisawa.run(&wide).await.succeeded();
    holds_key(&cities.dashboard, AIR).await;
    let mut near = Reader::start(&truck, "fujisawa/#", Start::Latest).await;
    let mut far = Reader::start(&cities.dashboard, "fujisawa/#", Start::Latest).await;

    let client = truck.connect().await;
    let home = publisher(&client, "fujisawa/truck/17/crew", Scope::Organisation).await;
    publish(&home, [sample(1)]).await;
    let depot = publisher(&client, "fujisawa/depot/air", Scope::Federation).await;
    publish(&depot, [sample(2)]).await;
    let abroad = publisher(&client, AIR, Scope::Federation).await;
    publish(&abroad, [sample(3)]).await;

    // The link keeps the order: had the first two been let out, they would have come before.
    assert_eq!(far.samples(1).await, [sample(3)]);
    assert_eq!(near.samples(3).await, samples(1..4));
    let link = "sekisho_link_records_total{peer=\"fujisawa\"}";
    assert!((cities.santander.metric(link).await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_publisher_outside_its_grant_is_refused_and_counted() {
    let city = City::found("fujisawa").await;
    let stranger = Member::device(&city, "stranger", "fujisawa/elsewhere/#").await;
    let reader = Member::reader(&city, "wall", "fujisawa/#").await;
    let client = stranger.connect().await;
    let air = client.publisher(AIR.parse().unwrap()).batch(Batch::single()).start().await.unwrap();
    for sample in samples(0..3) {
        air.publish(sample).await.unwrap();
    }
    let Err(PublishError::Lost(lost)) = air.flush().await else { panic!("wanted it refused") };
    assert_eq!(lost.refusal.code, RefusalCode::NotPermitted);
    assert_eq!((lost.envelopes, lost.samples), (3, 3));
    assert!(lost.refusal.to_string().contains(AIR), "{}", lost.refusal);
    assert!(city.refused("not-permitted").await >= 3.0);
    let elsewhere = publisher(&client, "fujisawa/elsewhere/air", Scope::Organisation).await;
    publish(&elsewhere, [sample(7)]).await;
    holds_key(&reader, AIR).await;
    let mut kept = Reader::start(&reader, "fujisawa/#", Start::Earliest).await;
    assert_eq!(kept.samples(1).await, [sample(7)]);
}

#[tokio::test]
async fn a_reader_without_a_grant_is_refused_in_both_cities() {
    let cities = Cities::found("subscribe").await;
    let near = Member::enrol(&cities.fujisawa, "reader", &["--kind", "person"]).await;
    let far = Member::enrol(&cities.santander, "reader", &["--kind", "person"]).await;
    for reader in [near, far] {
        let client = reader.connect().await;
        let refused = client.subscribe(TRUCKS.parse().unwrap()).start().await;
        let Err(SubscribeError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.code, RefusalCode::NotPermitted, "{}", reader.name());
        assert!(refusal.to_string().contains(TRUCKS), "{refusal}");
    }
}
