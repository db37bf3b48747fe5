//! Forging, reordering, replaying and withholding what a truck published.

use std::time::Duration;

use sekisho::{Delivery, GapReason, RejectReason, Sequence, Start, SubscribeError};
use sekisho_e2e::turncoat::Attempt;
use sekisho_e2e::within;

use crate::haunted::{AIR, Haunted, Seen, TRUCKS, Turncoat};

/// The truck's first six readings as the app sees them through the false node.
async fn seen_through(attempt: Attempt) -> (Haunted, Turncoat, Seen) {
    let haunted = Haunted::found().await;
    haunted.publish(&haunted.truck, 6).await;
    let turncoat = Turncoat::take_over(&haunted.city, attempt, &[&haunted.app]).await;
    let app = haunted.app.sent_to(turncoat.address());
    let seen = Seen::by(&app).await;
    (haunted, turncoat, seen)
}

async fn rejected(seen: &mut Seen) -> RejectReason {
    match seen.next().await {
        Err(SubscribeError::Rejected { why, .. }) => why,
        other => panic!("wanted a record rejected, found {other:?}"),
    }
}

async fn is_withheld(seen: &mut Seen) {
    match seen.next().await {
        Ok(Delivery::Gap(gap)) => {
            let topic = gap.topic.map(|topic| topic.to_string());
            assert_eq!((gap.reason, topic.as_deref()), (GapReason::Withheld, Some(AIR)));
        }
        other => panic!("wanted a gap, found {other:?}"),
    }
}

async fn is_repeated(seen: &mut Seen, wanted_last: u64, wanted: u64) {
    let why = rejected(seen).await;
    let RejectReason::Repeated { last, found, .. } = &why else {
        panic!("wanted a repetition, found {why}");
    };
    assert_eq!((*last, *found), (Sequence::new(wanted_last), Sequence::new(wanted)));
}

#[tokio::test]
async fn envelopes_that_it_forges_are_rejected_and_the_truck_s_own_are_not() {
    let (_haunted, mut turncoat, mut seen) = seen_through(Attempt::Forge).await;
    seen.readings(0..1).await;
    turncoat.tells("forged").await;
    for what in ["another body", "its own signature"] {
        let why = rejected(&mut seen).await;
        assert!(matches!(why, RejectReason::Signature { .. }), "{what}: {why}");
    }
    let why = rejected(&mut seen).await;
    assert!(matches!(why, RejectReason::UnknownPublisher { .. }), "a device of its own: {why}");
    seen.readings(1..6).await;
}

#[tokio::test]
async fn records_that_it_reorders_are_told_as_withheld_and_then_rejected() {
    let (_haunted, mut turncoat, mut seen) = seen_through(Attempt::Reorder).await;
    seen.readings(0..1).await;
    turncoat.tells("reordered").await;
    is_withheld(&mut seen).await;
    seen.readings(2..3).await;
    is_repeated(&mut seen, 2, 1).await;
    seen.readings(3..6).await;
}

#[tokio::test]
async fn records_that_it_replays_are_rejected() {
    let (_haunted, mut turncoat, mut seen) = seen_through(Attempt::Replay).await;
    seen.readings(0..3).await;
    turncoat.tells("replayed").await;
    is_repeated(&mut seen, 2, 0).await;
    seen.readings(3..6).await;
}

#[tokio::test]
async fn records_that_it_withholds_in_the_middle_are_told_as_withheld() {
    let (_haunted, mut turncoat, mut seen) = seen_through(Attempt::WithholdMiddle).await;
    seen.readings(0..1).await;
    turncoat.tells("withheld").await;
    is_withheld(&mut seen).await;
    seen.readings(3..6).await;
}

#[tokio::test]
async fn a_tail_that_it_withholds_is_told_as_silence_where_an_interval_was_expected() {
    let (_haunted, mut turncoat, seen) = seen_through(Attempt::WithholdTail).await;
    let interval = Duration::from_millis(500);
    let filter = TRUCKS.parse().unwrap();
    // The first subscription has used up what it lets through.
    let mut first = seen;
    first.readings(0..3).await;
    turncoat.tells("withheld").await;
    let builder = first.client.subscribe(filter).from(Start::Earliest).expect_within(interval);
    let mut expecting = within("a subscription", builder.start()).await.unwrap();
    match within("a step", expecting.next()).await {
        Some(Err(SubscribeError::Silent { filter, waited })) => {
            assert_eq!((filter.as_str(), waited), (TRUCKS, interval));
        }
        other => panic!("wanted silence, found {other:?}"),
    }
}
