use std::future::poll_fn;

use sekisho_proto::Frame;
use sekisho_proto::frame::{self, Start};

use crate::hub::Outgoing;
use crate::hub::attesting_world::{AttestingWorld, letter};

use super::*;

#[tokio::test]
async fn a_subscription_that_cannot_be_recorded_ends_for_the_reason_of_that() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    session.attest(1, letter("fujisawa/tide/1", "high")).await.unwrap();
    let answer = port.answers.recv().await.unwrap();
    assert!(matches!(answer, Frame::Published(_)), "{answer:?}");
    world.hub().access().stop().await;
    let filter = "fujisawa/tide/#".parse().unwrap();
    let start = Start::Earliest;
    let subscribe = frame::Subscribe { subscription: 1, filter, start, cursor: None, credit: 1 };
    let mut queue = session.subscribe(subscribe).await.unwrap();
    let taken = poll_fn(|context| queue.poll_take(context)).await.unwrap();
    let [Outgoing::End { code, why }] = taken.as_slice() else { panic!("found {taken:?}") };
    assert_eq!(*code, RefusalCode::Draining, "{why}");
    session.close().await;
    world.close().await;
}
