//! Everybody of another city: the owner gives the key of its topics to that city's steward, which
//! hands it on in its own log to its own people, as they come and until they go.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::collections::BTreeSet;

use sekisho::{Batch, BodyError, Scope, Start, Statement, StatementIndex};
use sekisho_e2e::{
    City, Member, Reader, epoch_of, eventually, holds_key, number_of, peer, permitted, sample,
    within,
};
use sekisho_proto::{PrincipalId, StatementBody};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";
const TERMS: [&str; 3] = ["--purpose", "air-quality", "--yes"];

/// Two cities, everybody of the second may do `actions` on the first one's trucks.
struct Cities {
    fujisawa: City,
    santander: City,
    truck: Member,
}

impl Cities {
    async fn found(actions: &str) -> Self {
        let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
        peer(&fujisawa, &santander, TRUCKS).await;
        let grant = ["grant", "*@santander", actions, TRUCKS];
        fujisawa.run(&[&grant[..], &TERMS].concat()).await.succeeded();
        let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
        Self { fujisawa, santander, truck }
    }

    /// Somebody of Santander, who is granted nothing by name.
    async fn citizen(&self, name: &str) -> Member {
        let citizen = Member::enrol(&self.santander, name, &["--kind", "app"]).await;
        permitted(&self.santander, citizen.name().as_ref(), "subscribe", AIR).await;
        holds_key(&citizen, AIR).await;
        citizen
    }

    /// Publishes a sample, sealed to the epoch of now.
    async fn publish(&self, number: i64) {
        let client = self.truck.connect().await;
        let air = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation);
        let air = air.batch(Batch::single()).start().await.unwrap();
        air.publish(sample(number)).await.unwrap();
        air.flush().await.unwrap();
        client.close().await;
    }

    async fn epoch(&self) -> u64 {
        epoch_of(&self.truck, &AIR.parse().unwrap()).await.epoch().value()
    }

    /// Waits until the trucks seal to a later epoch.
    async fn next_epoch(&self, after: u64) -> u64 {
        eventually("the next epoch", || async {
            let now = self.epoch().await;
            (now > after).then_some(now)
        })
        .await
    }

    /// Has the owner begin a new epoch: a reader of its own leaves.
    async fn turn(&self, leaver: &str) -> u64 {
        let member = Member::reader(&self.fujisawa, leaver, TRUCKS).await;
        holds_key(&member, AIR).await;
        let before = self.epoch().await;
        self.fujisawa.run(&["revoke", member.name().as_ref()]).await.succeeded();
        self.next_epoch(before).await
    }
}

/// The epochs whose keys a city's log gives to somebody.
async fn epochs_in_log(city: &City, reader: PrincipalId) -> BTreeSet<u64> {
    let client = city.administrator().connect().await;
    let mut following = client.follow(city.name().parse().unwrap(), StatementIndex::new(0));
    let mut epochs = BTreeSet::new();
    loop {
        let more = within("the log", following.next()).await.unwrap();
        if more.is_empty() {
            client.close().await;
            return epochs;
        }
        let statements = more.iter().map(|followed| &followed.statement);
        epochs.extend(statements.filter_map(|one: &Statement| {
            let StatementBody::KeyGrant(grant) = one.body() else { return None };
            (grant.reader == reader).then(|| grant.epoch.value())
        }));
    }
}

/// What somebody reads of what was published so far, each sample by its number; nothing for what it
/// has no key of.
async fn read(member: &Member, count: usize) -> Vec<Option<i64>> {
    let mut reader = Reader::start(member, TRUCKS, Start::Earliest).await;
    let mut read = Vec::new();
    while read.len() < count {
        match reader.message().await.samples() {
            Ok(samples) => read.extend(samples.iter().map(number_of).map(Some)),
            Err(BodyError::NoKey { .. }) => read.push(None),
            Err(error) => unreachable!("wanted it opened or no key for it, found {error:?}"),
        }
    }
    reader.close().await;
    read
}

#[tokio::test]
async fn a_whole_city_reads_by_a_key_that_its_own_steward_hands_on() {
    let cities = Cities::found("subscribe,decrypt").await;
    let board = cities.citizen("board").await;
    cities.publish(0).await;
    assert_eq!(read(&board, 1).await, [Some(0)]);
    let owners = epochs_in_log(&cities.fujisawa, board.identity().id()).await;
    assert!(owners.is_empty(), "the owner's log speaks of the peer's people: {owners:?}");
    let first = cities.epoch().await;
    let own = epochs_in_log(&cities.santander, board.identity().id()).await;
    assert!(own.contains(&first), "{own:?}");

    // Who comes late reads from then on.
    let second = cities.turn("leaver").await;
    cities.publish(1).await;
    let late = cities.citizen("late").await;
    assert_eq!(read(&late, 2).await, [None, Some(1)]);
    assert_eq!(epochs_in_log(&cities.santander, late.identity().id()).await, [second].into());
    assert_eq!(read(&board, 2).await, [Some(0), Some(1)]);

    // Who goes reads no further: the owner turns to an epoch that only those who stay are given.
    let revoke = ["revoke", "board@santander", "--reason", "left"];
    cities.santander.run(&revoke).await.succeeded();
    assert!(board.try_connect().await.is_err(), "its own node takes it in no more");
    let third = cities.next_epoch(second).await;
    holds_key(&late, AIR).await;
    cities.publish(2).await;
    assert_eq!(read(&late, 3).await, [None, Some(1), Some(2)]);
    let left = epochs_in_log(&cities.santander, board.identity().id()).await;
    assert!(left.contains(&second) && !left.contains(&third), "{left:?}");

    // Where the grant ends nobody of the city is given anything more.
    let what = cities.fujisawa.run(&["what", "late@santander", "--json"]).await.json();
    let grant = what["grants"][0]["statement"].as_str().unwrap().to_owned();
    cities.fujisawa.run(&["revoke", &grant]).await.succeeded();
    let fourth = cities.next_epoch(third).await;
    let steward = Member::at(cities.santander.dir().join("steward"));
    let given = epochs_in_log(&cities.fujisawa, steward.identity().id()).await;
    assert!(given.contains(&third) && !given.contains(&fourth), "{given:?}");
    assert!(!epochs_in_log(&cities.santander, late.identity().id()).await.contains(&fourth));
}

#[tokio::test]
async fn who_comes_late_with_a_right_to_history_reads_what_was_before() {
    let cities = Cities::found("subscribe,history,decrypt").await;
    let board = cities.citizen("board").await;
    cities.publish(0).await;
    cities.turn("leaver").await;
    cities.publish(1).await;
    let late = cities.citizen("late").await;
    let before = eventually("the keys of before", || async {
        let given = epochs_in_log(&cities.santander, late.identity().id()).await;
        (given.len() >= 2).then_some(given)
    })
    .await;
    assert!(before.contains(&1), "{before:?}");
    for reader in [&board, &late] {
        assert_eq!(read(reader, 2).await, [Some(0), Some(1)]);
    }
}
