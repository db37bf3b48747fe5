//! Contracts that change, end and limit while records flow.

use std::ops::Range;
use std::time::Duration;

use sekisho::{Batch, Delivery, Publisher, Scope, Start, clock};
use sekisho_e2e::{
    City, Member, Reader, Terms, contract, contract_until, eventually, holds_key, linked,
    number_of, permitted, sample, samples,
};
use sekisho_proto::statement::PeeringBudget;
use serde_json::Value;

const AIR: &str = "fujisawa/truck/17/air";
const OTHER: &str = "fujisawa/truck/18/air";
const TRUCKS: &str = "fujisawa/truck/#";
const DASHBOARD: &str = "dashboard@santander";

/// Fujisawa's trucks and Santander's dashboard, which may read them where the contract lets it.
struct Cities {
    fujisawa: City,
    santander: City,
    truck: Member,
    dashboard: Member,
}

impl Cities {
    async fn found(fujisawa: Terms, santander: Terms) -> Self {
        Self::found_with("", fujisawa, santander).await
    }

    /// With more settings of Santander's node.
    async fn found_with(settings: &str, fujisawa: Terms, santander: Terms) -> Self {
        let cities = Self::strangers(settings).await;
        cities.agree(fujisawa, santander).await;
        cities.begin().await;
        cities
    }

    async fn strangers(settings: &str) -> Self {
        let (fujisawa, mut santander) =
            tokio::join!(City::found("fujisawa"), City::plan("santander"));
        let file = santander.dir().join("sekisho.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n{settings}")).unwrap();
        santander.start().await;
        let truck = Member::device(&fujisawa, "truck", TRUCKS).await;
        let dashboard = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
        Self { fujisawa, santander, truck, dashboard }
    }

    async fn agree(&self, fujisawa: Terms, santander: Terms) {
        contract((&self.fujisawa, fujisawa), (&self.santander, santander)).await;
    }

    /// The link is up, and the dashboard may read.
    async fn begin(&self) {
        linked(&self.fujisawa, &self.santander).await;
        let rights = "subscribe,history,decrypt";
        self.fujisawa.run(&["grant", DASHBOARD, rights, TRUCKS, "--yes"]).await.succeeded();
        permitted(&self.santander, DASHBOARD, "subscribe", AIR).await;
        holds_key(&self.dashboard, AIR).await;
    }

    /// A publisher that sends an envelope for each sample.
    async fn publisher(&self, topic: &str) -> Publisher {
        let client = self.truck.connect().await;
        let publisher = client.publisher(topic.parse().unwrap()).scope(Scope::Federation);
        publisher.batch(Batch::single()).start().await.unwrap()
    }

    async fn publish(&self, topic: &str, numbers: Range<i64>) {
        let publisher = self.publisher(topic).await;
        for sample in samples(numbers) {
            publisher.publish(sample).await.unwrap();
        }
        publisher.flush().await.unwrap();
    }

    /// A figure of Santander's link to Fujisawa.
    async fn of_link(&self, name: &str) -> f64 {
        self.santander.metric(&format!("sekisho_link_{name}{{peer=\"fujisawa\"}}")).await
    }

    async fn asks_for(&self, count: f64) {
        eventually("the interests", || async {
            (self.of_link("interests").await.total_cmp(&count).is_eq()).then_some(())
        })
        .await;
    }

    /// What Santander shows its administrator of Fujisawa.
    async fn listed(&self) -> Value {
        self.santander.run(&["peer", "list", "fujisawa", "--json"]).await.json()
    }

    fn ups(&self) -> usize {
        self.santander.log().matches("the link is up").count()
    }
}

/// Publishes without end, one sample after the other.
async fn flow(publisher: &Publisher, from: i64) {
    for number in from.. {
        publisher.publish(sample(number)).await.unwrap();
        publisher.flush().await.unwrap();
    }
}

/// Records that a city has given Santander.
async fn crossed(city: &City) -> f64 {
    city.metric("sekisho_peer_records_total{peer=\"santander\"}").await
}

fn offers() -> Terms {
    Terms::none().exports(TRUCKS)
}

#[tokio::test]
async fn a_contract_that_changes_while_records_flow_loses_and_doubles_nothing() {
    let takes = Terms::none().imports("fujisawa/truck/17/#");
    let cities = Cities::found(offers(), takes).await;
    cities.publish(OTHER, 0..3).await;
    let publisher = cities.publisher(AIR).await;
    let mut reader = Reader::start(&cities.dashboard, AIR, Start::Earliest).await;
    let flowing = async {
        for number in 0..400 {
            publisher.publish(sample(number)).await.unwrap();
            if number % 20 == 0 {
                publisher.flush().await.unwrap();
            }
        }
        publisher.flush().await.unwrap();
    };
    let changing = async {
        // Wider, by what contains what was there; then narrower, another way; then slower.
        cities.agree(offers(), Terms::none().imports(TRUCKS)).await;
        let mut other = Reader::start(&cities.dashboard, OTHER, Start::Earliest).await;
        assert_eq!(other.samples(3).await, samples(0..3));
        other.close().await;
        let few = Terms::none().imports(AIR).imports("fujisawa/truck/+/noise");
        cities.agree(offers(), few).await;
        cities.asks_for(2.0).await;
        let budget = PeeringBudget { bytes_per_s: Some(200_000), ..PeeringBudget::default() };
        cities.agree(offers().budget(budget), Terms::none().imports(TRUCKS)).await;
        cities.asks_for(1.0).await;
    };
    let reading = async {
        let mut numbers = Vec::new();
        while numbers.len() < 400 {
            numbers.extend(reader.samples(1).await.iter().map(number_of));
        }
        numbers
    };
    let ((), (), numbers) = tokio::join!(flowing, changing, reading);
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    // What was published while it was out of the contract comes now that it is in it again.
    cities.publish(OTHER, 3..5).await;
    let mut other = Reader::start(&cities.dashboard, OTHER, Start::Earliest).await;
    assert_eq!(other.samples(5).await, samples(0..5));
    assert_eq!(cities.ups(), 1, "{}", cities.santander.log());
    let listed = cities.listed().await;
    assert_eq!(listed["link"]["state"], "up");
    assert_eq!(listed["link"]["hung_up"], serde_json::json!({}));
}

#[tokio::test]
async fn a_contract_that_is_ended_while_records_flow_stops_both_sides_at_once() {
    let cities = Cities::found(offers(), Terms::none().imports(TRUCKS)).await;
    let publisher = cities.publisher(AIR).await;
    let mut reader = Reader::start(&cities.dashboard, AIR, Start::Earliest).await;
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(reader.samples(1).await, samples(0..1));
    cities.fujisawa.run(&["peer", "end", "fujisawa-no", "--yes"]).await.failed(1, "found none");
    let crossed_before = crossed(&cities.fujisawa).await;
    let ending = async {
        // It ends in the middle of what flows.
        eventually("records to cross", || async {
            (crossed(&cities.fujisawa).await > crossed_before + 20.0).then_some(())
        })
        .await;
        cities.fujisawa.run(&["peer", "end", "santander", "--yes"]).await.succeeded();
        eventually("the link ended", || async {
            let is_over = cities.santander.log().contains("the contract is over");
            let up = cities.of_link("up").await;
            (is_over && up.total_cmp(&0.0).is_eq()).then_some(())
        })
        .await;
    };
    tokio::select! {
        () = flow(&publisher, 1) => {}
        () = ending => {}
    }
    publisher.flush().await.unwrap();
    let before = crossed(&cities.fujisawa).await;
    cities.publish(OTHER, 0..3).await;
    let after = crossed(&cities.fujisawa).await;
    assert!(after.total_cmp(&before).is_eq(), "{before} before, {after} after");
    let listed = cities.santander.run(&["peer", "list", "fujisawa"]).await;
    listed.failed(1, "wanted a contract with fujisawa, found none");
}

#[tokio::test]
async fn a_contract_that_runs_out_while_records_flow_stops_both_sides_at_once() {
    let cities = Cities::strangers("").await;
    let until = clock::now().saturating_add(Duration::from_secs(20));
    let (fujisawa, santander) = (&cities.fujisawa, &cities.santander);
    let takes = Terms::none().imports(TRUCKS);
    contract_until(Some(until), (fujisawa, offers()), (santander, takes)).await;
    linked(fujisawa, santander).await;
    let publisher = cities.publisher(AIR).await;
    let ended = eventually("the end of the contract", || async {
        let up = cities.of_link("up").await;
        (up.total_cmp(&0.0).is_eq() && clock::now() >= until).then_some(())
    });
    tokio::select! {
        () = flow(&publisher, 0) => {}
        () = ended => {}
    }
    publisher.flush().await.unwrap();
    let before = crossed(fujisawa).await;
    cities.publish(OTHER, 0..3).await;
    let after = crossed(fujisawa).await;
    assert!(after.total_cmp(&before).is_eq(), "{before} before, {after} after");
    let listed = cities.listed().await;
    assert_eq!((&listed["in_force"], &listed["link"]["state"]), (&false.into(), &"ended".into()));
}

#[tokio::test]
async fn only_what_somebody_wants_is_taken_and_once_for_all_who_want_it() {
    let settings = "[federation]\ntake = \"wanted\"\n";
    let takes = Terms::none().imports(TRUCKS);
    let cities = Cities::found_with(settings, offers(), takes).await;
    cities.asks_for(0.0).await;
    cities.publish(OTHER, 0..5).await;
    let client = cities.dashboard.connect().await;
    let mut all = Vec::new();
    for _subscription in 0..50 {
        let filter = AIR.parse().unwrap();
        all.push(client.subscribe(filter).from(Start::Latest).start().await.unwrap());
    }
    cities.asks_for(1.0).await;
    eventually("the interest at the other city", || async {
        let name = "sekisho_peer_interests{peer=\"santander\"}";
        (cities.fujisawa.metric(name).await.total_cmp(&1.0).is_eq()).then_some(())
    })
    .await;
    cities.publish(AIR, 0..20).await;
    for subscription in &mut all {
        for number in 0..20 {
            match subscription.next().await {
                Some(Ok(Delivery::Message(message))) => {
                    assert_eq!(message.samples().unwrap(), [sample(number)]);
                }
                other => panic!("wanted sample {number}, found {other:?}"),
            }
        }
    }
    assert!(cities.of_link("records_total").await.total_cmp(&20.0).is_eq());
    // Somebody who looks back has the past fetched that the other city still has.
    let mut back = Reader::start(&cities.dashboard, OTHER, Start::Earliest).await;
    assert_eq!(back.samples(5).await, samples(0..5));
    assert!(cities.of_link("records_total").await.total_cmp(&25.0).is_eq());
    assert_eq!(cities.ups(), 1);
}

#[tokio::test]
async fn a_peer_asks_for_no_more_than_the_contract_lets_it_and_is_given_the_past_in_its_time() {
    let cities = Cities::strangers("").await;
    cities.publish(AIR, 0..400).await;
    cities.publish(OTHER, 0..3).await;
    let budget = PeeringBudget {
        interests: Some(1),
        history_bytes_per_s: Some(100_000),
        ..PeeringBudget::default()
    };
    let takes = Terms::none().imports(AIR).imports(OTHER).imports("fujisawa/truck/19/#");
    cities.agree(offers(), takes.budget(budget)).await;
    cities.begin().await;
    let mut air = Reader::start(&cities.dashboard, AIR, Start::Earliest).await;
    assert_eq!(air.samples(400).await, samples(0..400));
    let mut other = Reader::start(&cities.dashboard, OTHER, Start::Earliest).await;
    assert_eq!(other.samples(3).await, samples(0..3));
    cities.asks_for(1.0).await;
    let waits = "sekisho_peer_history_waits_total{peer=\"santander\"}";
    assert!(cities.fujisawa.metric(waits).await > 0.0);
    let listed = cities.fujisawa.run(&["peer", "list", "santander", "--json"]).await.json();
    assert_eq!(listed["taking"]["interests"], 1);
    assert!(listed["taking"]["history_waits"].as_u64() > Some(0), "{listed}");
}

/// Letters of the two administrators, as files.
fn letter(city: &City, name: &str, text: &str) -> String {
    let path = city.place(format!("{name}.letter"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_answer_to_another_invitation_than_ours_is_not_signed_unseen() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let invite = |terms: &'static [&'static str]| {
        let fujisawa = &fujisawa;
        async move {
            let to = ["peer", "invite", "--to", "santander", "--export", TRUCKS];
            fujisawa.run(&[&to[..], terms].concat()).await.done()
        }
    };
    let generous =
        letter(&fujisawa, "generous", &invite(&["--bytes-per-s", "1G", "--onward"]).await);
    let answer = santander.run(&["peer", "accept", &generous, "--yes"]).await.done();
    let answer = letter(&santander, "answer", &answer);
    // Another one was written since: what comes back is not what Fujisawa last said.
    let careful = letter(&fujisawa, "careful", &invite(&["--bytes-per-s", "100k"]).await);
    for accept in [&["peer", "accept", &answer, "--yes"][..], &["peer", "accept", &answer]] {
        let refused = fujisawa.run(accept).await;
        for words in ["what may travel on from us: wanted false, found true", "what we allow them"]
        {
            assert!(refused.error.contains(words), "wanted {words:?} in {refused:?}");
        }
        refused.failed(1, "found another contract");
    }
    assert!(fujisawa.run(&["peer", "list", "--json"]).await.json().as_array().unwrap().is_empty());
    let answer = santander.run(&["peer", "accept", &careful, "--yes"]).await.done();
    let answer = letter(&santander, "answer", &answer);
    let contract = fujisawa.run(&["peer", "accept", &answer, "--yes"]).await.done();
    assert!(contract.contains("BEGIN SEKISHO PEERING CONTRACT"), "{contract}");
    // Where the invitation is not here, nobody can say.
    std::fs::remove_dir_all(fujisawa.dir().join("administrator/invitations")).unwrap();
    let again = fujisawa.run(&["peer", "accept", &answer, "--yes"]).await;
    again.failed(1, "wanted our invitation to santander");
}

#[tokio::test]
async fn a_contract_that_lets_a_city_ask_for_nothing_has_it_ask_for_nothing_and_stay() {
    let nothing = PeeringBudget { interests: Some(0), ..PeeringBudget::default() };
    let takes = Terms::none().imports(TRUCKS).budget(nothing);
    let cities = Cities::strangers("").await;
    cities.agree(offers(), takes).await;
    linked(&cities.fujisawa, &cities.santander).await;
    cities.asks_for(0.0).await;
    cities.publish(AIR, 0..3).await;
    // With another contract it asks, on the connection that it has had all the time.
    cities.agree(offers(), Terms::none().imports(TRUCKS)).await;
    cities.begin().await;
    let mut reader = Reader::start(&cities.dashboard, AIR, Start::Earliest).await;
    assert_eq!(reader.samples(3).await, samples(0..3));
    reader.close().await;
    assert_eq!(cities.ups(), 1, "{}", cities.santander.log());
}
