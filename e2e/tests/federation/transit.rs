//! Three cities, of which the first and the last need no contract with each other: what the one
//! between them passes on, and what ends it.

use std::ops::Range;

use sekisho::{AnswerBody, Batch, Message, Offset, Question, Scope, Start};
use sekisho_e2e::{
    City, Member, Reader, Terms, contract, eventually, holds_key, number_of, permitted, sample,
    samples,
};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";
const DASHBOARD: &str = "dashboard@santander";

/// Fujisawa's trucks, Santander's dashboard, and Kyoto between them.
struct Cities {
    fujisawa: City,
    kyoto: City,
    santander: City,
    truck: Member,
    dashboard: Member,
}

impl Cities {
    /// Fujisawa lets its trucks travel on, and Kyoto passes them on to Santander.
    async fn found() -> Self {
        let cities = Box::pin(Self::strangers()).await;
        Box::pin(cities.open_first()).await;
        Box::pin(cities.open_second()).await;
        Box::pin(cities.grant(TRUCKS)).await;
        cities
    }

    /// No contracts yet.
    async fn strangers() -> Self {
        let (fujisawa, kyoto, santander) =
            tokio::join!(City::found("fujisawa"), City::found("kyoto"), City::found("santander"));
        let truck = Member::device(&fujisawa, "truck-17", "fujisawa/#").await;
        let dashboard = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
        Self { fujisawa, kyoto, santander, truck, dashboard }
    }

    /// Between Fujisawa and Kyoto, which shows Fujisawa what Santander states.
    async fn open_first(&self) {
        let offer = Terms::none().exports(TRUCKS).onward();
        contract((&self.fujisawa, offer), (&self.kyoto, self.takes())).await;
    }

    fn takes(&self) -> Terms {
        Terms::none().imports(TRUCKS).passes_on(&self.santander, &[])
    }

    /// Between Kyoto and Santander.
    async fn open_second(&self) {
        let passes = Terms::none().passes_on(&self.fujisawa, &[TRUCKS]);
        contract((&self.kyoto, passes), (&self.santander, Terms::none().onward())).await;
    }

    async fn grant(&self, filter: &str) {
        let grant = ["grant", DASHBOARD, "subscribe,history,decrypt", filter, "--yes"];
        self.fujisawa.run(&grant).await.succeeded();
        permitted(&self.santander, DASHBOARD, "subscribe", AIR).await;
    }

    /// Publishes samples of these numbers, an envelope each.
    async fn publish(&self, numbers: Range<i64>) {
        self.publish_on(AIR, Scope::Federation, numbers).await;
    }

    async fn publish_on(&self, topic: &str, scope: Scope, numbers: Range<i64>) {
        let client = self.truck.connect().await;
        let publisher = client.publisher(topic.parse().unwrap()).scope(scope);
        let publisher = publisher.batch(Batch::single()).start().await.unwrap();
        for sample in samples(numbers) {
            publisher.publish(sample).await.unwrap();
        }
        publisher.flush().await.unwrap();
        client.close().await;
    }

    /// The offsets of so many records from the earliest on, as Santander's dashboard gets them.
    async fn offsets(&self, count: usize) -> Vec<u64> {
        let mut reader = Reader::start(&self.dashboard, TRUCKS, Start::Earliest).await;
        let mut offsets = Vec::new();
        while offsets.len() < count {
            offsets.push(reader.message().await.offset.value());
        }
        reader.close().await;
        offsets
    }

    /// Waits until a city's node would not let the dashboard read any more.
    async fn denied(&self, city: &City) {
        let question = Question::Why {
            principal: DASHBOARD.parse().unwrap(),
            action: "subscribe".parse().unwrap(),
            topic: AIR.parse().unwrap(),
            at: None,
        };
        let client = city.administrator().connect().await;
        eventually(&format!("the end of the right at {}", city.name()), || async {
            match client.query(question.clone()).await {
                Ok(AnswerBody::Json(answer)) => {
                    answer.contains("\"permitted\":false").then_some(())
                }
                other => panic!("wanted an explanation, found {other:?}"),
            }
        })
        .await;
        client.close().await;
    }

    async fn taken(&self) -> f64 {
        self.santander.metric("sekisho_link_records_total{peer=\"fujisawa\"}").await
    }
}

/// So many messages, opened: the number of the sample in each, and its offset.
async fn read(reader: &mut Reader, count: usize) -> Vec<(i64, Offset)> {
    let mut read = Vec::new();
    while read.len() < count {
        let message: Message = reader.message().await;
        let numbers = message.samples().unwrap();
        read.extend(numbers.iter().map(|sample| (number_of(sample), message.offset)));
    }
    read
}

fn numbers(read: &[(i64, Offset)]) -> Vec<i64> {
    read.iter().map(|(number, _offset)| *number).collect()
}

#[tokio::test]
async fn a_reading_reaches_a_third_city_live_and_replayed_with_the_offsets_of_its_home() {
    let cities = Cities::found().await;
    holds_key(&cities.dashboard, AIR).await;
    let wall = Member::reader(&cities.fujisawa, "wall", TRUCKS).await;
    let mut far = Reader::start(&cities.dashboard, TRUCKS, Start::Latest).await;
    cities.publish(0..3).await;
    let live = read(&mut far, 3).await;
    far.close().await;
    assert_eq!(numbers(&live), [0, 1, 2]);
    cities.publish(3..5).await;
    let mut again = Reader::start(&cities.dashboard, TRUCKS, Start::Earliest).await;
    let replayed = read(&mut again, 5).await;
    again.close().await;
    let mut near = Reader::start(&wall, TRUCKS, Start::Earliest).await;
    let at_home: Vec<(i64, Offset)> = {
        let mut offsets = Vec::new();
        for number in 0..5 {
            offsets.push((number, near.message().await.offset));
        }
        offsets
    };
    near.close().await;
    assert_eq!(replayed, at_home);
    assert_eq!(live, at_home[..3]);
    // Kyoto was told nothing that it could read by, and Fujisawa's log is trusted at Santander by
    // Fujisawa's own signatures.
    for city in [&cities.kyoto, &cities.santander, &cities.fujisawa] {
        let log = city.log();
        assert!(!log.contains("not to be trusted"), "{}: {log}", city.name());
    }
}

#[tokio::test]
async fn whatever_ends_the_way_ends_it_and_what_waits_comes_when_it_is_open_again() {
    let cities = Cities::found().await;
    cities.publish(0..1).await;
    assert_eq!(cities.offsets(1).await, [0]);

    // The owner lets its topics travel no further.
    let offer = Terms::none().exports(TRUCKS);
    contract((&cities.fujisawa, offer), (&cities.kyoto, cities.takes())).await;
    for city in [&cities.kyoto, &cities.santander] {
        cities.denied(city).await;
    }
    let before = cities.taken().await;
    cities.publish(1..2).await;
    assert_eq!(cities.taken().await.to_bits(), before.to_bits());
    cities.open_first().await;
    permitted(&cities.santander, DASHBOARD, "subscribe", AIR).await;
    assert_eq!(cities.offsets(2).await, [0, 1]);

    // The city between ends its contract with the reader's.
    cities.kyoto.run(&["peer", "end", "santander"]).await.succeeded();
    cities.denied(&cities.santander).await;
    let before = cities.taken().await;
    cities.publish(2..3).await;
    assert_eq!(cities.taken().await.to_bits(), before.to_bits());
    cities.open_second().await;
    permitted(&cities.santander, DASHBOARD, "subscribe", AIR).await;
    assert_eq!(cities.offsets(3).await, [0, 1, 2]);

    // The owner ends its contract with the city between.
    cities.fujisawa.run(&["peer", "end", "kyoto"]).await.succeeded();
    for city in [&cities.kyoto, &cities.santander] {
        cities.denied(city).await;
    }
    cities.publish(3..4).await;
    cities.open_first().await;
    permitted(&cities.santander, DASHBOARD, "subscribe", AIR).await;
    assert_eq!(cities.offsets(4).await, [0, 1, 2, 3]);

    // The owner takes its grant back.
    let what = cities.fujisawa.run(&["what", DASHBOARD, "--json"]).await.json();
    let grant = what["grants"][0]["statement"].as_str().unwrap().to_owned();
    cities.fujisawa.run(&["revoke", &grant]).await.succeeded();
    for city in [&cities.kyoto, &cities.santander] {
        cities.denied(city).await;
    }
    let before = cities.taken().await;
    cities.publish(4..5).await;
    assert_eq!(cities.taken().await.to_bits(), before.to_bits());
}

#[tokio::test]
async fn a_city_between_that_was_down_brings_everything_once_and_in_order() {
    let mut cities = Cities::found().await;
    holds_key(&cities.dashboard, AIR).await;
    let mut reader = Reader::start(&cities.dashboard, TRUCKS, Start::Earliest).await;
    cities.publish(0..4).await;
    let mut read_all = read(&mut reader, 4).await;
    for round in 1..4 {
        cities.kyoto.kill_node().await;
        cities.publish(4 * round..4 * round + 3).await;
        cities.kyoto.start_node().await;
        cities.publish(4 * round + 3..4 * round + 4).await;
        read_all.extend(read(&mut reader, 4).await);
    }
    reader.close().await;
    assert_eq!(numbers(&read_all), (0..16).collect::<Vec<_>>());
    assert_eq!(cities.offsets(16).await, (0..16).collect::<Vec<_>>());
    let log = cities.santander.log();
    assert!(!log.contains("not to be trusted"), "{log}");
}

#[tokio::test]
async fn two_ways_to_one_owner_and_a_ring_of_contracts_bring_every_record_once() {
    let cities = Cities::strangers().await;
    let Cities { fujisawa, kyoto, santander, .. } = &cities;
    cities.open_first().await;
    // Each of the two passes on to the other what both have of Fujisawa.
    let of_kyoto = Terms::none().passes_on(fujisawa, &[TRUCKS]);
    let of_santander = Terms::none().onward().passes_on(fujisawa, &[TRUCKS]);
    contract((kyoto, of_kyoto), (santander, of_santander)).await;
    let straight = || async {
        let offer = Terms::none().exports(TRUCKS).onward();
        contract((fujisawa, offer), (santander, Terms::none().imports(TRUCKS))).await
    };
    straight().await;
    cities.grant(TRUCKS).await;
    let monk = Member::enrol(kyoto, "monk", &["--kind", "app"]).await;
    let grant = ["grant", "monk@kyoto", "subscribe,history,decrypt", TRUCKS, "--yes"];
    fujisawa.run(&grant).await.succeeded();
    holds_key(&cities.dashboard, AIR).await;
    holds_key(&monk, AIR).await;
    let mut reader = Reader::start(&cities.dashboard, TRUCKS, Start::Earliest).await;
    let mut temple = Reader::start(&monk, TRUCKS, Start::Earliest).await;

    // While records flow, the short way ends, and comes back: each time the other takes over.
    let flowing = async {
        for round in 0..30 {
            cities.publish(2 * round..2 * round + 2).await;
        }
    };
    let changing = async {
        let mut read_all = read(&mut reader, 10).await;
        fujisawa.run(&["peer", "end", "santander"]).await.succeeded();
        eventually("the way over Kyoto", || async {
            let log = santander.log();
            log.contains("owner=fujisawa via=kyoto").then_some(())
        })
        .await;
        read_all.extend(read(&mut reader, 10).await);
        straight().await;
        read_all.extend(read(&mut reader, 40).await);
        read_all
    };
    let (read_all, ()) = tokio::join!(changing, flowing);
    assert_eq!(numbers(&read_all), (0..60).collect::<Vec<_>>());
    assert_eq!(numbers(&read(&mut temple, 60).await), (0..60).collect::<Vec<_>>());
    reader.close().await;
    temple.close().await;
    assert_eq!(cities.offsets(60).await, (0..60).collect::<Vec<_>>());
    // Nothing came home, and nothing is under way that would come twice: what is published next is
    // what comes next.
    let mut reader = Reader::start(&cities.dashboard, TRUCKS, Start::Latest).await;
    cities.publish(60..61).await;
    assert_eq!(reader.samples(1).await, [sample(60)]);
    reader.close().await;
    assert!(!fujisawa.log().contains("passed over"), "{}", fujisawa.log());
}

#[tokio::test]
async fn what_is_not_passed_on_never_leaves_the_city_between() {
    let cities = Cities::strangers().await;
    cities.open_first().await;
    let offer = Terms::none().exports("fujisawa/#").onward();
    contract(
        (&cities.fujisawa, offer),
        (&cities.kyoto, { Terms::none().imports("fujisawa/#").passes_on(&cities.santander, &[]) }),
    )
    .await;
    cities.open_second().await;
    cities.grant("fujisawa/#").await;
    holds_key(&cities.dashboard, AIR).await;
    let monk = Member::enrol(&cities.kyoto, "monk", &["--kind", "app"]).await;
    let grant = ["grant", "monk@kyoto", "subscribe,history", "fujisawa/#", "--yes"];
    cities.fujisawa.run(&grant).await.succeeded();
    permitted(&cities.kyoto, "monk@kyoto", "subscribe", "fujisawa/office/air").await;

    let mut temple = Reader::start(&monk, "fujisawa/#", Start::Latest).await;
    let mut far = Reader::start(&cities.dashboard, "fujisawa/#", Start::Earliest).await;
    cities.publish_on(AIR, Scope::Organisation, 0..2).await;
    // Offered to Kyoto and granted to Santander, but not what Kyoto passes on.
    cities.publish_on("fujisawa/office/air", Scope::Federation, 2..4).await;
    cities.publish_on(AIR, Scope::Federation, 4..6).await;
    assert_eq!(far.samples(2).await, samples(4..6));
    far.close().await;
    let topics = [temple.message().await.topic, temple.message().await.topic];
    assert!(topics.iter().all(|topic| topic.as_str() == "fujisawa/office/air"), "{topics:?}");
    temple.close().await;
    assert_eq!(cities.taken().await.to_bits(), 2.0_f64.to_bits());
}
