//! Another organisation's streams: believed through the peering that one's own organisation signed,
//! and not without.

use bytes::Bytes;
use sekisho::{Batch, BodyError, Delivery, RejectReason, Start, SubscribeError, TrustError};
use sekisho_proto::Epoch;

use crate::{
    node::{ControlLog, Node, Step},
    world::{World, sample},
};

/// Fujisawa's log with one reading of its truck, carried over to Santander's node.
async fn carried(fujisawa: &World, santander: &World) -> Node {
    let home = Node::start(fujisawa).await;
    let client = home.client(&fujisawa.truck, fujisawa).await;
    let publisher =
        client.publisher(fujisawa.topic()).batch(Batch::single()).start().await.unwrap();
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    let log: Vec<Step> = home.seen().log.clone();
    let far = Node::start(santander).await;
    for step in log {
        far.append(step);
    }
    far
}

#[tokio::test]
async fn a_peer_s_truck_is_proven_through_the_peering() {
    let (fujisawa, santander) = (World::fujisawa(), World::new("santander", 2000));
    let node = carried(&fujisawa, &santander).await;
    let peering = santander.proof_of_peering(&fujisawa);
    let with_peering = |proof: Vec<Bytes>| [peering.clone(), proof].concat();
    node.script().proofs = [(fujisawa.truck.id(), with_peering(fujisawa.proof_of_truck()))].into();
    node.script().epoch = with_peering(fujisawa.proof_of_epoch(1));
    let key_grant = with_peering(fujisawa.proof_of_key_grant(1));
    node.script().key_grants = [((fujisawa.tree(), Epoch::new(1)), key_grant)].into();
    let log = ControlLog::new(&fujisawa.organisation, &fujisawa.node);
    node.script().logs.insert(fujisawa.organisation.clone(), log);
    // Fujisawa's steward gave the key to a reader with this identity.
    let client = node.client(&fujisawa.dashboard, &santander).await;
    let builder = client.subscribe(fujisawa.tree()).from(Start::Earliest);
    let mut subscription = builder.start().await.unwrap();
    let Some(Ok(Delivery::Message(message))) = subscription.next().await else {
        panic!("wanted a message");
    };
    assert_eq!(message.publisher, fujisawa.name("truck-17"));
    assert_eq!(message.samples().unwrap(), [sample(0)]);
}

#[tokio::test]
async fn a_peer_s_key_counts_only_where_that_peer_s_own_node_has_signed_that_it_was_given() {
    let (fujisawa, santander) = (World::fujisawa(), World::new("santander", 2000));
    let node = carried(&fujisawa, &santander).await;
    let peering = santander.proof_of_peering(&fujisawa);
    let with_peering = |proof: Vec<Bytes>| [peering.clone(), proof].concat();
    node.script().proofs = [(fujisawa.truck.id(), with_peering(fujisawa.proof_of_truck()))].into();
    node.script().epoch = with_peering(fujisawa.proof_of_epoch(1));
    let key_grant = with_peering(fujisawa.proof_of_key_grant(1));
    node.script().key_grants = [((fujisawa.tree(), Epoch::new(1)), key_grant)].into();
    // Santander's node made up a log for Fujisawa.
    let log = ControlLog::new(&fujisawa.organisation, &santander.node);
    node.script().logs.insert(fujisawa.organisation.clone(), log);
    let client = node.client(&fujisawa.dashboard, &santander).await;
    let builder = client.subscribe(fujisawa.tree()).from(Start::Earliest);
    let mut subscription = builder.start().await.unwrap();
    let Some(Ok(Delivery::Message(message))) = subscription.next().await else {
        panic!("wanted a message");
    };
    let closed = message.samples().unwrap_err();
    let BodyError::NotLogged(why) = &closed else { panic!("wanted no key, found {closed:?}") };
    assert!(matches!(**why, TrustError::Checkpoint { .. }), "{why}");
    assert!(why.to_string().contains("sekisho/fujisawa/control"), "{why}");
}

#[tokio::test]
async fn a_stranger_s_truck_is_rejected_whatever_the_node_shows() {
    let (fujisawa, santander) = (World::fujisawa(), World::new("santander", 2000));
    let node = carried(&fujisawa, &santander).await;
    node.script().proofs = [(fujisawa.truck.id(), fujisawa.proof_of_truck())].into();
    let client = node.client(&santander.dashboard, &santander).await;
    let builder = client.subscribe(fujisawa.tree()).from(Start::Earliest);
    let mut subscription = builder.start().await.unwrap();
    match subscription.next().await.unwrap() {
        Err(SubscribeError::Rejected { why: RejectReason::UnknownPublisher { .. }, .. }) => {}
        other => panic!("wanted the record rejected, found {other:?}"),
    }
}
