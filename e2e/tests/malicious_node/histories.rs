//! Control logs that it shows in place of its organisation's own.

use std::error::Error as _;

use sekisho::{ConnectError, TrustError};
use sekisho_e2e::turncoat::Attempt;
use sekisho_e2e::{City, Member};

use crate::haunted::{Haunted, Turncoat};

async fn visit(member: &Member) -> Result<(), TrustError> {
    match member.try_connect().await {
        Ok(client) => {
            client.close().await;
            Ok(())
        }
        Err(ConnectError::Trust { source, .. }) => Err(*source),
        Err(other) => panic!("wanted a welcome or a log that is not trusted, found {other:?}"),
    }
}

/// One more statement.
async fn state(city: &City) {
    let grant = ["grant", "wall@fujisawa", "discover", "fujisawa/park/#"];
    city.run(&grant).await.succeeded();
}

/// An app that is sent to the false node, and to the honest one.
async fn apps(attempt: Attempt) -> (Haunted, Turncoat, Member) {
    let haunted = Haunted::found().await;
    let turncoat = Turncoat::take_over(&haunted.city, attempt, &[&haunted.app]).await;
    let app = haunted.app.sent_to(turncoat.address());
    (haunted, turncoat, app)
}

fn causes(refused: &TrustError) -> String {
    let mut said = refused.to_string();
    let mut cause = refused.source();
    while let Some(found) = cause {
        said += &format!(": {found}");
        cause = found.source();
    }
    said
}

#[tokio::test]
async fn an_old_control_log_is_refused_as_rolled_back() {
    let (haunted, mut turncoat, app) = apps(Attempt::RollBack).await;
    // What was trusted is in the app's folder: each visit is another client.
    visit(&app).await.unwrap();
    state(&haunted.city).await;
    visit(&app).await.unwrap();
    let refused = visit(&app).await.unwrap_err();
    turncoat.tells("rolled back").await;
    assert!(refused.is_rewritten(), "{refused:?}");
    let said = causes(&refused);
    assert!(said.contains("sekisho/fujisawa/control was rolled back"), "{said}");
    // The honest node is taken again, and has lost nothing.
    visit(&haunted.app.sent_to(haunted.city.quic())).await.unwrap();
}

#[tokio::test]
async fn another_root_for_the_log_that_is_known_is_refused_as_a_fork() {
    let (_haunted, mut turncoat, app) = apps(Attempt::Fork).await;
    let known = app.dir().join("checkpoints/fujisawa.control.note");
    assert!(known.exists(), "wanted what joining and asking for keys has trusted");
    let refused = visit(&app).await.unwrap_err();
    turncoat.tells("forked").await;
    let said = causes(&refused);
    assert!(refused.is_rewritten() && said.contains("was forked"), "{said}");
}

#[tokio::test]
async fn a_longer_log_with_another_beginning_is_refused() {
    let (_haunted, mut turncoat, app) = apps(Attempt::Grow).await;
    let refused = visit(&app).await.unwrap_err();
    turncoat.tells("grown").await;
    let said = causes(&refused);
    assert!(refused.is_rewritten() && said.contains("nothing shows that"), "{said}");
}

#[tokio::test]
async fn a_log_that_is_not_renewed_is_refused_as_frozen() {
    let (_haunted, mut turncoat, app) = apps(Attempt::Freeze).await;
    let refused = visit(&app).await.unwrap_err();
    turncoat.tells("frozen").await;
    assert!(matches!(refused, TrustError::Frozen { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_log_that_is_not_shown_is_refused() {
    let (_haunted, mut turncoat, app) = apps(Attempt::Hide).await;
    let refused = visit(&app).await.unwrap_err();
    turncoat.tells("hidden").await;
    assert!(matches!(refused, TrustError::NoCheckpoint { .. }), "{refused:?}");
}
