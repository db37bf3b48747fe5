//! A node that leaves out, repeats or reorders what publishers signed: each is told as what it is.

use std::time::Duration;

use sekisho::{
    Batch, Client, Delivery, Filter, Gap, GapReason, Message, Position, RejectReason, Sequence,
    Start, SubscribeError, Subscription,
};

use crate::{
    node::{Node, Step},
    world::{World, sample, samples},
};

/// A node whose log holds a truck's first readings, one record each, as `change` leaves them.
async fn node_with(world: &World, change: impl FnOnce(&mut Vec<Step>)) -> Node {
    let node = Node::start(world).await;
    let client = node.client(&world.truck, world).await;
    let publisher = client.publisher(world.topic()).batch(Batch::single()).start().await.unwrap();
    for sample in samples(0..6) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    client.close().await;
    change(&mut node.seen().log);
    node
}

async fn reader(node: &Node, world: &World) -> (Client, Subscription) {
    let client = node.client(&world.dashboard, world).await;
    let filter: Filter = world.tree();
    let subscription = client.subscribe(filter).from(Start::Earliest).start().await.unwrap();
    (client, subscription)
}

fn is_reading(message: &Message, number: u32) {
    assert_eq!(message.samples().unwrap(), [sample(number)]);
}

async fn reads(subscription: &mut Subscription, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        match subscription.next().await {
            Some(Ok(Delivery::Message(message))) => is_reading(&message, number),
            other => panic!("wanted reading {number}, found {other:?}"),
        }
    }
}

async fn gap(subscription: &mut Subscription) -> Gap {
    match subscription.next().await {
        Some(Ok(Delivery::Gap(gap))) => gap,
        other => panic!("wanted a gap, found {other:?}"),
    }
}

async fn is_repeated(subscription: &mut Subscription, last: u64, found: u64) {
    let (wanted_last, wanted_found) = (Sequence::new(last), Sequence::new(found));
    match subscription.next().await {
        Some(Err(SubscribeError::Rejected {
            why: RejectReason::Repeated { last, found, .. },
            ..
        })) => assert_eq!((last, found), (wanted_last, wanted_found)),
        other => panic!("wanted a repetition, found {other:?}"),
    }
}

#[tokio::test]
async fn what_is_withheld_in_the_middle_is_told_as_withheld() {
    let world = World::fujisawa();
    let node = node_with(&world, |log| drop(log.drain(2..4))).await;
    let (_client, mut readings) = reader(&node, &world).await;
    reads(&mut readings, 0..2).await;
    let gap = gap(&mut readings).await;
    assert_eq!((gap.reason, gap.topic), (GapReason::Withheld, Some(world.topic())));
    assert_eq!((gap.from, gap.to), (Position::new(2), Position::new(2)));
    reads(&mut readings, 4..6).await;
}

#[tokio::test]
async fn what_was_changed_is_rejected_and_what_it_was_is_withheld() {
    let world = World::fujisawa();
    let node = node_with(&world, |log| {
        let Some(Step::Record(stored)) = log.get_mut(2) else { panic!("wanted a record") };
        let mut bytes = stored.envelope.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        stored.envelope = bytes.into();
    })
    .await;
    let (_client, mut readings) = reader(&node, &world).await;
    reads(&mut readings, 0..2).await;
    let rejected = readings.next().await;
    assert!(
        matches!(
            rejected,
            Some(Err(SubscribeError::Rejected { why: RejectReason::Signature { .. }, .. }))
        ),
        "{rejected:?}"
    );
    assert_eq!(gap(&mut readings).await.reason, GapReason::Withheld);
    reads(&mut readings, 3..6).await;
}

#[tokio::test]
async fn what_the_node_says_is_missing_is_told_once_and_with_its_reason() {
    let world = World::fujisawa();
    let told = Step::Gap { positions: 2, reason: GapReason::Corrupt };
    let node = node_with(&world, |log| drop(log.splice(2..3, [told]))).await;
    let (_client, mut readings) = reader(&node, &world).await;
    reads(&mut readings, 0..2).await;
    assert_eq!(gap(&mut readings).await.reason, GapReason::Corrupt);
    reads(&mut readings, 4..6).await;
}

#[tokio::test]
async fn what_is_repeated_is_rejected_and_what_is_new_is_not() {
    let world = World::fujisawa();
    let node = node_with(&world, |log| {
        let early = log[1].clone();
        log.insert(4, early);
        let last = log[4 + 2].clone();
        log.push(last);
    })
    .await;
    let (_client, mut readings) = reader(&node, &world).await;
    reads(&mut readings, 0..4).await;
    is_repeated(&mut readings, 3, 1).await;
    reads(&mut readings, 4..6).await;
    is_repeated(&mut readings, 5, 5).await;
}

#[tokio::test]
async fn what_is_reordered_is_told_as_withheld_and_then_rejected() {
    let world = World::fujisawa();
    let node = node_with(&world, |log| log.swap(2, 3)).await;
    let (_client, mut readings) = reader(&node, &world).await;
    reads(&mut readings, 0..2).await;
    assert_eq!(gap(&mut readings).await.reason, GapReason::Withheld);
    reads(&mut readings, 3..4).await;
    is_repeated(&mut readings, 3, 2).await;
    reads(&mut readings, 4..6).await;
}

#[tokio::test]
async fn a_withheld_tail_is_silence_where_an_interval_was_expected() {
    let world = World::fujisawa();
    let node = node_with(&world, |log| log.truncate(3)).await;
    let client = node.client(&world.dashboard, &world).await;
    let expected = Duration::from_millis(50);
    let builder = client.subscribe(world.tree()).from(Start::Earliest).expect_within(expected);
    let mut readings = builder.start().await.unwrap();
    reads(&mut readings, 0..3).await;
    let silent = |step: Option<Result<Delivery, SubscribeError>>| match step {
        Some(Err(SubscribeError::Silent { filter, waited })) => {
            assert_eq!((filter, waited), (world.tree(), expected));
        }
        other => panic!("wanted silence, found {other:?}"),
    };
    silent(readings.next().await);
    // It is told once, and again after something was heard; also where the connection is gone.
    let again = node_with(&world, |_log| ()).await.seen().log[3].clone();
    node.append(again);
    assert!(matches!(readings.next().await, Some(Ok(_) | Err(_))));
    node.stop().await;
    silent(readings.next().await);
}
