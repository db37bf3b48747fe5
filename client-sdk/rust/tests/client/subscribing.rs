//! Subscribing: only what a proven publisher signed is a message, nothing is lost or doubled over a
//! broken connection, and what is missing is told.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use sekisho::{
    Batch, BodyError, Client, Delivery, Epoch, Filter, Gap, GapReason, Identity, Message, Position,
    RefusalCode, RejectReason, Sample, Start, StatementIndex, SubscribeError, Subscription,
};
use sekisho_proto::{Envelope, PrincipalKind};

use crate::{
    node::{Node, Step, Stored, Vice},
    world::{World, identity, issued, sample, samples},
};

/// Publishes through the node, one envelope per sample.
async fn publish(node: &Node, world: &World, identity: &Arc<Identity>, all: Vec<Sample>) {
    let client = node.client(identity, world).await;
    let publisher = client.publisher(world.topic()).batch(Batch::single()).start().await.unwrap();
    for sample in all {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    client.close().await;
}

async fn message(subscription: &mut Subscription) -> Message {
    match subscription.next().await.unwrap().unwrap() {
        Delivery::Message(message) => *message,
        Delivery::Gap(gap) => panic!("wanted a message, found {gap:?}"),
    }
}

async fn rejected(subscription: &mut Subscription) -> RejectReason {
    match subscription.next().await.unwrap() {
        Err(SubscribeError::Rejected { why, .. }) => why,
        other => panic!("wanted a rejected record, found {other:?}"),
    }
}

async fn everything(client: &Client, filter: Filter) -> Subscription {
    client.subscribe(filter).from(Start::Earliest).start().await.unwrap()
}

/// The one record of the node's log, as `change` makes it.
fn changed_record(node: &Node, change: impl FnOnce(&mut Stored)) -> Step {
    let log = node.seen().log.clone();
    let Some(Step::Record(mut stored)) = log.into_iter().next() else { panic!("wanted a record") };
    change(&mut stored);
    Step::Record(stored)
}

#[tokio::test]
async fn a_message_is_verified_opened_and_says_who_and_when() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..3)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    for number in 0..3 {
        let message = message(&mut subscription).await;
        assert_eq!(message.samples().unwrap(), [sample(number)]);
        assert_eq!(message.publisher, world.name("truck-17"));
        assert_eq!(message.publisher_id, world.truck.id());
        assert_eq!(message.topic, world.topic());
        assert_eq!(message.position.value(), u64::from(number));
        assert_eq!(message.offset.value(), u64::from(number));
        assert_eq!(message.time, message.envelope.header().time);
        assert!(message.sealed);
    }
}

#[tokio::test]
async fn a_subscription_goes_on_where_it_was_after_every_broken_connection() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let reader = node.client(&world.dashboard, &world).await;
    let mut subscription = reader.subscribe(world.tree()).start().await.unwrap();
    for round in 0..10 {
        let all = samples(round * 5..round * 5 + 5);
        publish(&node, &world, &world.truck, all.clone()).await;
        for sample in all {
            assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample]);
        }
        node.hang_up();
    }
    node.until(|seen| seen.subscribes.len() == 11).await;
    let resumed = node.seen().subscribes.last().unwrap().start;
    assert_eq!(resumed, Start::Position(Position::new(50)));
}

#[tokio::test]
async fn credit_is_returned_as_messages_are_taken() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..50)).await;
    let client = node.client(&world.dashboard, &world).await;
    let builder = client.subscribe(world.tree()).from(Start::Earliest).credit(4);
    let mut subscription = builder.start().await.unwrap();
    for number in 0..50 {
        let message = message(&mut subscription).await;
        assert_eq!(message.samples().unwrap(), [sample(number)]);
    }
    assert!(node.seen().credit >= 46, "{}", node.seen().credit);
}

#[tokio::test]
async fn a_forged_record_is_rejected_and_the_next_one_is_not() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..2)).await;
    let genuine = node.seen().log.pop().unwrap();
    let flipped = changed_record(&node, |stored| {
        let mut bytes = stored.envelope.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        stored.envelope = bytes.into();
    });
    let garbage = changed_record(&node, |stored| stored.envelope = Bytes::from_static(b"\x0a"));
    node.append(flipped);
    node.append(garbage);
    node.append(genuine);
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    message(&mut subscription).await;
    let why = rejected(&mut subscription).await;
    assert!(matches!(why, RejectReason::Signature { .. }), "{why}");
    let why = rejected(&mut subscription).await;
    assert!(matches!(why, RejectReason::Envelope(_)), "{why}");
    assert_eq!(message(&mut subscription).await.position, Position::new(3));
}

#[tokio::test]
async fn a_foreign_body_under_the_truck_s_name_is_rejected() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..1)).await;
    let re_signed = changed_record(&node, |stored| {
        let envelope = Envelope::decode(stored.envelope.clone()).unwrap();
        let signature = world.dashboard.signing().sign(&envelope.signed_bytes());
        let (header, body) = (envelope.header_bytes().clone(), envelope.body().clone());
        stored.envelope = Envelope::assemble(header, body, signature).unwrap().encoded().clone();
    });
    node.append(re_signed);
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    message(&mut subscription).await;
    let why = rejected(&mut subscription).await;
    assert!(matches!(why, RejectReason::Signature { .. }), "{why}");
}

#[tokio::test]
async fn a_publisher_that_only_the_node_vouches_for_is_rejected() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let intruder = identity(77);
    publish(&node, &world, &intruder, samples(0..1)).await;
    publish(&node, &world, &world.truck, samples(1..2)).await;
    let impostor = World::new("fujisawa", 9000);
    let forged = impostor.proof_of("truck-99", PrincipalKind::Device, &intruder);
    node.script().proofs.insert(intruder.id(), forged);
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    let why = rejected(&mut subscription).await;
    assert!(
        matches!(why, RejectReason::UnknownPublisher { publisher, .. } if publisher == intruder.id()),
        "{why}"
    );
    assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(1)]);
}

#[tokio::test]
async fn a_record_that_was_not_asked_for_is_rejected() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..1)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, "fujisawa/parks/#".parse().unwrap()).await;
    let why = rejected(&mut subscription).await;
    assert!(matches!(why, RejectReason::Topic { .. }), "{why}");
}

#[tokio::test]
async fn a_gap_is_told_and_delivery_goes_on_behind_it() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.append(Step::Gap { positions: 1, reason: GapReason::Retention });
    publish(&node, &world, &world.truck, samples(0..1)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    let Some(Ok(Delivery::Gap(gap))) = subscription.next().await else { panic!("wanted a gap") };
    let (from, to) = (Position::new(0), Position::new(1));
    assert_eq!(gap, Gap { from, to, reason: GapReason::Retention, topic: None });
    assert_eq!(message(&mut subscription).await.position, to);
}

#[tokio::test]
async fn without_a_key_a_message_is_proven_and_stays_closed() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().key_grants.clear();
    publish(&node, &world, &world.truck, samples(0..1)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    let message = message(&mut subscription).await;
    assert_eq!(message.publisher, world.name("truck-17"));
    let closed = message.samples().unwrap_err();
    assert!(matches!(closed, BodyError::NoKey { .. }), "{closed}");
}

#[tokio::test]
async fn what_was_sealed_in_a_wider_tree_before_is_opened_beside_what_is_sealed_in_its_own() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let everything_there: Filter = "fujisawa/#".parse().unwrap();
    let number = Epoch::new(1);
    // Both trees have an epoch 1.
    for (round, tree, keys) in
        [(0, everything_there, world.epoch_keys(50)), (1, world.tree(), world.epoch_keys(1))]
    {
        node.script().epoch = world.proof_of_epoch_of(&tree, 1, &keys);
        let granted = world.proof_of_key_grant_of(&tree, 1, &keys);
        node.script().key_grants.insert((tree, number), granted);
        publish(&node, &world, &world.truck, samples(round..round + 1)).await;
    }
    publish(&node, &world, &world.truck, samples(2..3)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    for number in 0..3 {
        assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(number)]);
    }
}

#[tokio::test]
async fn what_was_sealed_while_there_was_an_epoch_is_opened_when_there_is_none() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..1)).await;
    node.script().epoch.clear();
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(0)]);
}

#[tokio::test]
async fn a_key_header_the_node_withholds_is_asked_for() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().vices.insert(Vice::HidesKeyHeaders);
    publish(&node, &world, &world.truck, samples(0..2)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(0)]);
    node.seen().key_headers.clear();
    assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(1)]);
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    let closed = message(&mut subscription).await.samples().unwrap_err();
    assert!(matches!(closed, BodyError::NoKeyHeader { .. }), "{closed}");
}

/// A busy node proves nothing, and says nothing against a record either.
#[tokio::test]
async fn a_record_is_judged_again_where_the_node_would_not_answer_for_now() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..3)).await;
    node.script().vices = BTreeSet::from([Vice::HidesKeyHeaders, Vice::AnswersAtSecondAsking]);
    let client = node.client(&world.dashboard, &world).await;
    let mut subscription = everything(&client, world.tree()).await;
    for number in 0..3 {
        let message = message(&mut subscription).await;
        assert_eq!(message.samples().unwrap(), [sample(number)]);
    }
    assert!(node.seen().asked.len() >= 3, "{:?}", node.seen().asked);
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_subscription_and_one_that_passes_does_not() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.dashboard, &world).await;
    node.script().refuse_subscriptions.push_back(RefusalCode::NotPermitted);
    let refused = client.subscribe(world.tree()).start().await.unwrap_err();
    assert!(
        matches!(&refused, SubscribeError::Refused(why) if why.code == RefusalCode::NotPermitted),
        "{refused}"
    );
    node.script().refuse_subscriptions.push_back(RefusalCode::TooMany);
    let mut subscription = client.subscribe(world.tree()).start().await.unwrap();
    publish(&node, &world, &world.truck, samples(0..1)).await;
    message(&mut subscription).await;

    // A right that ends while it lasts.
    node.script().refuse_subscriptions.push_back(RefusalCode::NotPermitted);
    node.hang_up();
    let ended = subscription.next().await.unwrap().unwrap_err();
    assert!(matches!(ended, SubscribeError::Refused(_)), "{ended}");
    assert!(subscription.next().await.is_none());
}

#[tokio::test]
async fn what_was_acknowledged_under_a_cursor_is_not_delivered_again() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..5)).await;
    let client = node.client(&world.dashboard, &world).await;
    let with_cursor = || {
        let builder = client.subscribe(world.tree()).from(Start::Earliest);
        builder.cursor("dashboard".parse().unwrap()).start()
    };
    let mut subscription = with_cursor().await.unwrap();
    for _ in 0..2 {
        message(&mut subscription).await;
    }
    let third = message(&mut subscription).await;
    subscription.acknowledge(&third);
    subscription.close().await;
    node.until(|seen| seen.acknowledged == Some(third.position)).await;
    let mut subscription = with_cursor().await.unwrap();
    assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(3)]);
}

#[tokio::test]
async fn a_cursor_that_a_crash_has_set_back_ends_no_subscription_and_comes_forward_again() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..40)).await;
    let client = node.client(&world.dashboard, &world).await;
    // One record at a time, so that acknowledging overtakes what the node tells again.
    let builder = client.subscribe(world.tree()).from(Start::Earliest).credit(1);
    let cursor = "dashboard".parse().unwrap();
    let mut subscription = builder.cursor(cursor).start().await.unwrap();
    for _ in 0..30 {
        let message = message(&mut subscription).await;
        subscription.acknowledge(&message);
    }
    let last = Some(Position::new(29));
    node.until(|seen| seen.acknowledged == last).await;
    node.seen().acknowledged = Some(Position::new(4));
    node.hang_up();
    node.until(|seen| seen.acknowledged == last).await;
    for number in 30..40 {
        assert_eq!(message(&mut subscription).await.samples().unwrap(), [sample(number)]);
    }
}

#[tokio::test]
async fn history_ends_where_the_log_ended() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    publish(&node, &world, &world.truck, samples(0..5)).await;
    let client = node.client(&world.dashboard, &world).await;
    let mut history = client.history(world.tree()).start().await.unwrap();
    publish(&node, &world, &world.truck, samples(5..7)).await;
    let mut positions = BTreeSet::new();
    while let Some(delivery) = history.next().await {
        let Delivery::Message(message) = delivery.unwrap() else { panic!("wanted a message") };
        positions.insert(message.position.value());
    }
    assert_eq!(positions, (0..5).collect());
}

#[tokio::test]
async fn a_control_log_is_followed_over_a_broken_connection() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.steward, &world).await;
    let mut log = client.follow(world.organisation.clone(), StatementIndex::ZERO);
    let state =
        |seed: u64| world.principal_statement("park-1", PrincipalKind::Device, &identity(seed));
    for round in 0..3_u64 {
        let statement = state(round);
        let index = client.state(&statement).await.unwrap();
        assert_eq!(index.value(), round);
        let followed = log.next().await.unwrap();
        assert_eq!(followed.len(), 1);
        assert_eq!((followed[0].index, &followed[0].statement), (index, &statement));
        assert_eq!(followed[0].statement.body().issued(), issued());
        node.hang_up();
        let connections = node.seen().connections;
        node.until(|seen| seen.connections > connections).await;
    }
}
