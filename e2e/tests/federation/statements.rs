//! What two cities state about one another: late, and one day no longer.

use sekisho::{AnswerBody, Question, Scope, Start};
use sekisho_e2e::{City, Member, Reader, eventually, holds_key, peer, permitted, sample, samples};
use sekisho_proto::{Statement, StatementBody};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";

fn count(log: &str, words: &str) -> usize {
    log.matches(words).count()
}

/// The epoch that a topic is sealed to, as a member's node says.
async fn epoch(member: &Member) -> u64 {
    let client = member.connect().await;
    let answer = client.query(Question::EpochOf(AIR.parse().unwrap())).await.unwrap();
    client.close().await;
    let AnswerBody::Statements(encoded) = answer else { panic!("{answer:?}") };
    let epochs = encoded.iter().filter_map(|bytes| {
        let statement = Statement::decode(bytes).unwrap();
        let StatementBody::EpochAnnounce(announce) = statement.body() else { return None };
        Some(announce.epoch.value())
    });
    epochs.max().unwrap()
}

#[tokio::test]
async fn a_link_over_which_nothing_is_granted_yet_waits_and_goes_on_when_it_is() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    let dashboard = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let waiting = "the peer does not permit it yet";
    eventually("the refusal of the peer", || async {
        (count(&santander.log(), waiting) > 0).then_some(())
    })
    .await;
    let client = truck.connect().await;
    let air = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation).start().await;
    let air = air.unwrap();
    for sample in samples(0..3) {
        air.publish(sample).await.unwrap();
    }
    air.flush().await.unwrap();

    let rights = "subscribe,history,decrypt";
    fujisawa.run(&["grant", "dashboard@santander", rights, TRUCKS, "--yes"]).await.succeeded();
    permitted(&santander, "dashboard@santander", "subscribe", AIR).await;
    holds_key(&dashboard, AIR).await;
    let mut far = Reader::start(&dashboard, TRUCKS, Start::Earliest).await;
    assert_eq!(far.samples(3).await, samples(0..3));
    air.publish(sample(3)).await.unwrap();
    air.flush().await.unwrap();
    assert_eq!(far.samples(1).await, [sample(3)]);
    far.close().await;

    let log = santander.log();
    assert_eq!(count(&log, waiting), 1, "{log}");
    assert_eq!(count(&log, "the link is up"), 1, "{log}");
    assert_eq!(count(&log, "WARN"), 0, "{log}");
}

#[tokio::test]
async fn who_is_thrown_out_by_its_own_city_loses_the_keys_of_the_other() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    let leaving = Member::enrol(&santander, "leaving", &["--kind", "app"]).await;
    let staying = Member::enrol(&santander, "staying", &["--kind", "app"]).await;
    for who in ["leaving@santander", "staying@santander"] {
        let grant = ["grant", who, "subscribe,history,decrypt", TRUCKS, "--yes"];
        fujisawa.run(&grant).await.succeeded();
    }
    holds_key(&leaving, AIR).await;
    holds_key(&staying, AIR).await;
    let before = epoch(&staying).await;
    santander.run(&["revoke", "leaving@santander", "--reason", "left"]).await.succeeded();
    eventually("a new epoch in the other city", || async {
        (epoch(&staying).await > before).then_some(())
    })
    .await;
    holds_key(&staying, AIR).await;
    assert!(leaving.try_connect().await.is_err());
}
