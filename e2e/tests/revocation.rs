//! Taking rights back: the command says when it holds at home, in the keys and at every peer, and
//! it does hold there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use sekisho::{Scope, Start, StatementIndex};
use sekisho_e2e::{City, Member, Reader, eventually, holds_key, peer, permitted, sample, within};
use sekisho_proto::{PrincipalId, StatementBody};
use serde_json::Value;

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";

/// The epochs of which somebody was given the key, as the city's log says.
async fn epochs_given(city: &City, reader: PrincipalId) -> Vec<u64> {
    let client = city.administrator().connect().await;
    let mut log = client.follow(city.name().parse().unwrap(), StatementIndex::ZERO);
    let mut epochs = Vec::new();
    loop {
        let page = within("the log", log.next()).await.unwrap();
        if page.is_empty() {
            client.close().await;
            return epochs;
        }
        epochs.extend(page.iter().filter_map(|one| {
            let StatementBody::KeyGrant(grant) = one.statement.body() else { return None };
            (grant.reader == reader).then(|| grant.epoch.value())
        }));
    }
}

/// The two documents that `revoke --json` ends with: where it stands, and what was confirmed.
fn documents(output: &str) -> (Value, Value) {
    let lines: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [stated, confirmed] = &lines[..] else { panic!("wanted two documents, found {output}") };
    (stated.clone(), confirmed.clone())
}

#[tokio::test]
async fn a_reader_is_cut_and_opens_nothing_sealed_afterwards() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let leaver = Member::reader(&city, "leaver", TRUCKS).await;
    let wall = Member::reader(&city, "wall", TRUCKS).await;
    holds_key(&leaver, AIR).await;
    holds_key(&wall, AIR).await;
    truck.run(&["pub", AIR, "pm2_5=1"]).await.succeeded();
    let client = leaver.connect().await;

    let revoke = ["revoke", "leaver@fujisawa", "--reason", "left", "--lang", "en"];
    let said = city.run(&[&revoke[..], &["--json"]].concat()).await;
    for words in ["of “leaver” of fujisawa ends now, for good", "This closes 1 topic"] {
        assert!(said.error.contains(words), "{said:?}");
    }
    let (_stated, confirmed) = documents(&said.done());
    assert_eq!(confirmed["confirmed"], true, "{confirmed}");
    assert_eq!(confirmed["sessions"], 1, "{confirmed}");
    let old = confirmed["epochs"][0]["old"].as_u64().unwrap();
    let new = confirmed["epochs"][0]["new"].as_u64().unwrap();
    assert!(new > old, "{confirmed}");
    println!("revoked in one organisation: {confirmed}");

    within("the end of the leaver's session", client.barred()).await;
    assert!(leaver.try_connect().await.is_err());
    holds_key(&wall, AIR).await;
    assert!(epochs_given(&city, wall.identity().id()).await.contains(&new));
    let given = epochs_given(&city, leaver.identity().id()).await;
    assert!(given.contains(&old) && given.iter().all(|epoch| *epoch < new), "{given:?}");
}

#[tokio::test]
async fn a_truck_is_refused_at_home_and_at_the_peer_and_the_command_says_both() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let board = Member::enrol(&santander, "board", &["--kind", "app"]).await;
    let who = "board@santander";
    fujisawa.run(&["grant", who, "subscribe,decrypt", TRUCKS]).await.succeeded();
    permitted(&santander, who, "subscribe", AIR).await;
    permitted(&santander, "truck-17@fujisawa", "publish", AIR).await;
    holds_key(&board, AIR).await;
    let mut far = Reader::start(&board, TRUCKS, Start::Latest).await;
    let client = truck.connect().await;
    let builder = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation);
    let air = builder.start().await.unwrap();
    air.publish(sample(0)).await.unwrap();
    assert_eq!(far.samples(1).await, [sample(0)]);

    let revoke = ["revoke", "truck-17@fujisawa", "--reason", "stolen", "--json"];
    let (stated, confirmed) = documents(&fujisawa.run(&revoke).await.done());
    assert!(stated["index"].as_u64().unwrap() > 0, "{stated}");
    assert_eq!(confirmed["sessions"], 1, "{confirmed}");
    assert_eq!(confirmed["peers"][0]["organisation"], "santander", "{confirmed}");
    assert!(confirmed["peers"][0]["applied_after_s"].is_number(), "{confirmed}");
    println!("revoked at home and at a peer: {confirmed}");

    truck.run(&["pub", AIR, "pm2_5=1"]).await.failed(1, "revoked");
    // Nothing is waited for: what the command says holds at the peer.
    let why = santander.run(&["why", "truck-17@fujisawa", "publish", AIR]).await;
    assert!(why.code == Some(1) && why.output.contains("revoked"), "{why:?}");
    far.close().await;
}

#[tokio::test]
async fn a_peer_that_is_away_is_named_and_applies_it_when_it_is_back() {
    let (fujisawa, mut santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    assert_eq!(santander.stop_node().await, Some(0));
    let revoke = ["revoke", "truck-17@fujisawa", "--timeout", "1"];
    let said = fujisawa.run(&revoke).await;
    assert!(said.output.contains("in the control log"), "{said:?}");
    said.failed(5, "santander: has not confirmed in time");
    santander.start_node().await;
    eventually("the peer's confirmation", || async {
        let peers = fujisawa.run(&["peer", "list", "--json"]).await.json();
        let known = peers[0]["cosigned_size"].as_u64()?;
        let status = fujisawa.administrator().connect().await;
        let size = statements_of(&status).await;
        status.close().await;
        (known == size).then_some(())
    })
    .await;
    let why = santander.run(&["why", "truck-17@fujisawa", "publish", AIR]).await;
    assert!(why.code == Some(1) && why.output.contains("revoked"), "{why:?}");
}

/// How many statements a city's log has.
async fn statements_of(client: &sekisho::Client) -> u64 {
    let answer = client.query(sekisho::Question::Status).await.unwrap();
    let sekisho::AnswerBody::Json(status) = answer else { panic!("{answer:?}") };
    let status: Value = serde_json::from_str(&status).unwrap();
    status["statements"].as_u64().unwrap()
}

#[tokio::test]
async fn nothing_is_waited_for_where_that_is_not_wanted() {
    let (fujisawa, mut santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    assert_eq!(santander.stop_node().await, Some(0));
    fujisawa.run(&["revoke", "truck-17@fujisawa", "--no-wait"]).await.succeeded();
}

#[tokio::test]
async fn a_statement_is_shown_before_it_is_signed_and_dangerous_ones_want_a_yes() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    Member::enrol(&city, "wall", &["--kind", "app"]).await;
    truck.run(&["pub", AIR, "pm2_5=1"]).await.succeeded();
    let version = city.metric("sekisho_policy_version").await;
    let terms = ["wall@fujisawa", "subscribe,decrypt", TRUCKS];
    let wanted = "App “wall” of fujisawa can read fujisawa/truck/# from now on, until it is \
                  revoked. They cannot look back at what came before. They cannot pass it on. \
                  This also opens 1 topic they could not read before: fujisawa/truck/17/air.";

    let diff = [&["diff", "grant"], &terms[..], &["--lang", "en"]].concat();
    let said = city.run(&diff).await.done();
    assert!(said.starts_with(wanted), "{said}");
    let row = said.lines().last().unwrap();
    assert!(row.contains("wall@fujisawa") && row.contains("subscribe,decrypt"), "{said}");
    let document = city.run(&[&diff[..], &["--json"]].concat()).await.json();
    assert_eq!(document["opened"][0]["topic"], AIR, "{document}");
    assert_eq!(document["closed"], serde_json::json!([]), "{document}");
    assert_eq!(document["preview"], wanted, "{document}");
    truck.run(&diff).await.failed(1, "not-permitted");

    let history = ["grant", "wall@fujisawa", "history", TRUCKS, "--lang", "es"];
    let refused = city.run(&history).await;
    assert!(refused.error.contains("Atención: incluye todo lo conservado"), "{refused:?}");
    refused.failed(2, "wanted --yes");
    let after = city.metric("sekisho_policy_version").await;
    assert!((after - version).abs() < f64::EPSILON, "{version} {after}");

    let said = city.run(&[&["grant"], &terms[..], &["--lang", "en"]].concat()).await;
    assert!(said.error.contains(wanted), "{said:?}");
    assert!(said.done().contains("in the control log"));
    let again = city.run(&diff).await.done();
    assert!(again.contains("On the topics known today it changes nothing."), "{again}");
    let deny = ["diff", "deny", "wall@fujisawa", "subscribe", AIR, "--lang", "en"];
    let closes = city.run(&deny).await.done();
    assert!(closes.contains("This closes 1 topic they can read today: fujisawa/truck/17/air."));
    let unknown = ["grant", "nobody@fujisawa", "subscribe", TRUCKS];
    city.run(&unknown).await.failed(0, "note: nobody@fujisawa has not joined");
}
