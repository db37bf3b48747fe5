//! Readers and epochs of its own making, which it tells the steward and the publishers of.

use std::collections::BTreeSet;

use sekisho::{Client, PrincipalId, StatementIndex};
use sekisho_e2e::turncoat::Attempt;
use sekisho_e2e::{City, Member, holds_key, within};
use sekisho_proto::{Statement, StatementBody};

use crate::haunted::{AIR, Haunted, Seen, TRUCKS, Turncoat};

/// The honest node's control log.
async fn log_of(city: &City) -> Vec<Statement> {
    let client: Client = city.administrator().connect().await;
    let mut follower = client.follow(city.name().parse().unwrap(), StatementIndex::ZERO);
    let mut statements = Vec::new();
    loop {
        let part = within("the log", follower.next()).await.unwrap();
        if part.is_empty() {
            break;
        }
        statements.extend(part.into_iter().map(|followed| followed.statement));
    }
    client.close().await;
    statements
}

/// Those that some of the statements are about.
fn ids(
    log: &[Statement],
    about: impl Fn(&StatementBody) -> Option<PrincipalId>,
) -> BTreeSet<PrincipalId> {
    log.iter().filter_map(|statement| about(statement.body())).collect()
}

#[tokio::test]
async fn a_reader_that_it_adds_is_given_no_key_by_the_steward() {
    let mut haunted = Haunted::found().await;
    let late = Member::enrol(&haunted.city, "late", &["--kind", "app"]).await;
    haunted.city.stop_steward().await;
    let steward = Member::at(haunted.city.dir().join("steward"));
    let mut turncoat = Turncoat::take_over(&haunted.city, Attempt::AddReader, &[&steward]).await;
    drop(steward.sent_to(turncoat.address()));
    let mut process = haunted.city.launch("steward");
    turncoat.tells("added").await;
    // It does not work from a log that its node does not sign for, and says so.
    assert_ne!(process.wait().await.code(), Some(0));
    let said = process.log();
    assert!(said.contains("log sekisho/fujisawa/control: wanted a checkpoint of the"), "{said}");
    turncoat.end().await;
    drop(steward.sent_to(haunted.city.quic()));
    haunted.city.start_steward().await;
    // With the honest node it goes about its work.
    let grant = ["grant", "late@fujisawa", "subscribe,history,decrypt", TRUCKS, "--yes"];
    haunted.city.run(&grant).await.succeeded();
    holds_key(&late, AIR).await;
    haunted.publish(&haunted.truck, 3).await;
    Seen::by(&haunted.app).await.readings(0..3).await;

    let log = log_of(&haunted.city).await;
    let known = ids(&log, |body| {
        let StatementBody::Principal(principal) = body else { return None };
        Some(PrincipalId::of(&principal.public_key))
    });
    let readers = ids(&log, |body| {
        let StatementBody::KeyGrant(grant) = body else { return None };
        Some(grant.reader)
    });
    assert!(readers.contains(&haunted.app.identity().id()), "wanted a key for the app");
    for reader in readers {
        assert!(known.contains(&reader), "wanted keys for those in the log only, found {reader}");
    }
}

#[tokio::test]
async fn an_epoch_of_its_own_is_not_what_a_truck_seals_to() {
    let haunted = Haunted::found().await;
    let mut turncoat =
        Turncoat::take_over(&haunted.city, Attempt::OwnEpoch, &[&haunted.truck]).await;
    let truck = haunted.truck.sent_to(turncoat.address());
    haunted.publish(&truck, 3).await;
    turncoat.tells("announced").await;
    // The app's key is of the steward's epoch.
    Seen::by(&haunted.app).await.readings(0..3).await;
}

/// Whoever has a revoked steward's key would read what an administrator asks: the secret of each
/// invitation is in it.
#[tokio::test]
async fn nothing_is_asked_of_a_steward_that_was_revoked() {
    let mut city = City::found("fujisawa").await;
    let clerk = Member::enrol(&city, "clerk", &["--kind", "person", "--administrator"]).await;
    let mut turncoat = Turncoat::take_over(&city, Attempt::OldSteward, &[&clerk]).await;
    let clerk = clerk.sent_to(turncoat.address());
    clerk.run(&["enrol", "--list"]).await.succeeded();
    city.stop_steward().await;
    city.run(&["revoke", "steward@fujisawa", "--yes", "--no-wait"]).await.succeeded();
    let invited = clerk.run(&["enrol", "truck-17", "--wait", "2"]).await;
    turncoat.tells("shown").await;
    invited.failed(1, "fujisawa: wanted a steward in force, found none");
}
