//! Rights at the gate: what is delivered, what is withheld, and what a change of policy ends.

use std::sync::Arc;

use sekisho_policy::Recipient;
use sekisho_proto::{PrincipalKind, RefusalCode, frame::Start, statement::RevokeTarget};
use sekisho_routing::{Kept, SessionId, SubscriptionId};
use sekisho_seal::SigningKey;

use crate::{
    node::{Node, key_of},
    world::{Publisher, World, at, key, topic},
};

fn world() -> (World, SigningKey, SigningKey) {
    let mut world = World::new();
    let truck = world.enrol("truck-17", PrincipalKind::Device);
    let dashboard = world.enrol("dashboard", PrincipalKind::App);
    world.grant("truck-17@fujisawa", "publish", "fujisawa/#", at(1));
    (world, truck, dashboard)
}

fn publisher(truck: &SigningKey, text: &str) -> Publisher {
    Publisher::new(truck.clone(), topic(text), 1)
}

#[test]
fn a_subscription_without_any_right_is_refused() {
    let (world, _, dashboard) = world();
    let mut node = Node::new(world.policy(), at(10));
    node.connect(2, &dashboard);
    node.subscribe(key_of(2, 1), "fujisawa/#", Start::Latest, 10);
    assert_eq!(node.ended(), [(key_of(2, 1), RefusalCode::NotPermitted)]);
}

#[test]
fn only_permitted_topics_are_delivered_live_and_replayed() {
    let (mut world, truck, dashboard) = world();
    world.grant("dashboard@fujisawa", "subscribe,history", "fujisawa/+/air", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    let mut air = publisher(&truck, "fujisawa/17/air");
    let mut camera = publisher(&truck, "fujisawa/17/camera");
    node.subscribe(key_of(2, 1), "fujisawa/#", Start::Latest, 100);
    for _ in 0..2 {
        node.publish(1, 1, camera.envelope("c", at(10)), &truck);
        node.publish(1, 1, air.envelope("a", at(10)), &truck);
    }
    node.settle();
    node.subscribe(key_of(2, 2), "fujisawa/#", Start::Earliest, 100);
    node.subscribe(key_of(2, 3), "fujisawa/17/camera", Start::Earliest, 100);
    node.settle();
    assert_eq!(node.records(key_of(2, 1)), [1, 3]);
    assert_eq!(node.records(key_of(2, 2)), [1, 3]);
    assert_eq!(node.ended(), [(key_of(2, 3), RefusalCode::NotPermitted)]);
    assert_eq!(node.router.counters().withheld, 4);
}

#[test]
fn a_right_to_subscribe_does_not_reach_back() {
    let (mut world, truck, dashboard) = world();
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    let mut air = publisher(&truck, "fujisawa/17/air");
    node.publish(1, 1, air.envelope("before", at(10)), &truck);
    node.settle();
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/#", at(20));
    node.now = at(20);
    node.change_policy(world.policy());
    node.publish(1, 1, air.envelope("after", at(20)), &truck);
    node.settle();
    for (start, number) in [(Start::Earliest, 1), (Start::LastValue, 2)] {
        node.subscribe(key_of(2, number), "fujisawa/#", start, 100);
        node.settle();
        assert_eq!(node.records(key_of(2, number)), [1]);
    }
}

#[test]
fn the_gate_is_asked_for_what_was_kept_and_for_who_left_it() {
    let (mut world, truck, dashboard) = world();
    world.grant("dashboard@fujisawa", "subscribe,history", "fujisawa/+/air", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    for text in ["fujisawa/17/air", "fujisawa/17/camera"] {
        node.publish(1, 1, publisher(&truck, text).envelope("a", at(10)), &truck);
    }
    node.settle();
    let given = |node: &Node, session: u64, why: Kept| {
        let kept = node.log.iter().map(|record| (Arc::clone(record), why)).collect();
        let permitted = node.router.permit_kept(SessionId::new(session), kept, node.now);
        assert!(permitted.iter().all(|(record, permit)| permit.topic() == record.topic()));
        permitted.iter().map(|(record, _permit)| record.position().value()).collect::<Vec<_>>()
    };
    assert_eq!(given(&node, 2, Kept::Retained), [0]);
    assert_eq!(given(&node, 2, Kept::Unacknowledged), [0]);
    assert_eq!(given(&node, 9, Kept::Retained), []);
    // Its publisher speaks no longer; what it said while it might is still the reader's.
    world.deny("truck-17@fujisawa", "publish", "fujisawa/17/#", at(11));
    node.now = at(12);
    node.change_policy(world.policy());
    assert_eq!(given(&node, 2, Kept::Retained), []);
    assert_eq!(given(&node, 2, Kept::Unacknowledged), [0]);
    // And the reader reads no longer.
    world.deny("dashboard@fujisawa", "subscribe,history", "fujisawa/17/#", at(13));
    node.now = at(14);
    node.change_policy(world.policy());
    assert_eq!(given(&node, 2, Kept::Unacknowledged), []);
}

#[test]
fn a_change_of_policy_ends_what_no_right_is_left_for() {
    let (mut world, truck, dashboard) = world();
    let grant = world.grant("dashboard@fujisawa", "subscribe", "fujisawa/17/#", at(1));
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/18/#", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    let mut air = publisher(&truck, "fujisawa/17/air");
    node.subscribe(key_of(2, 1), "fujisawa/17/#", Start::Latest, 100);
    node.subscribe(key_of(2, 2), "fujisawa/#", Start::Latest, 100);
    world.revoke(RevokeTarget::Statement(grant), at(11));
    node.now = at(11);
    node.change_policy(world.policy());
    assert_eq!(node.ended(), [(key_of(2, 1), RefusalCode::NotPermitted)]);
    node.publish(1, 1, air.envelope("a", at(11)), &truck);
    node.settle();
    assert!(node.records(key_of(2, 1)).is_empty());
    assert!(node.records(key_of(2, 2)).is_empty());
}

#[test]
fn a_deny_withholds_what_is_queued() {
    let (mut world, truck, dashboard) = world();
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/#", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    let mut air = publisher(&truck, "fujisawa/17/air");
    let mut noise = publisher(&truck, "fujisawa/17/noise");
    node.subscribe(key_of(2, 1), "fujisawa/#", Start::Latest, 1);
    node.publish(1, 1, air.envelope("a", at(10)), &truck);
    assert!(node.write_one());
    let (ticket, appended) = node.unreported.pop_front().expect("a record");
    node.router.handle_appended(ticket, appended, at(10)).expect("a pending append");
    world.deny("dashboard@fujisawa", "subscribe", "fujisawa/17/air", at(10));
    node.change_policy(world.policy());
    node.publish(1, 1, noise.envelope("n", at(10)), &truck);
    node.settle();
    assert_eq!(node.records(key_of(2, 1)), [1], "the credit of what was withheld is given back");
}

#[test]
fn what_was_let_out_and_waits_to_be_sent_is_judged_by_the_policy_of_now() {
    let (mut world, truck, dashboard) = world();
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/#", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    node.subscribe(key_of(2, 1), "fujisawa/#", Start::Latest, 1);
    node.publish(1, 1, publisher(&truck, "fujisawa/17/air").envelope("a", at(10)), &truck);
    node.settle();
    assert_eq!(node.records(key_of(2, 1)), [0]);
    let record = Arc::clone(&node.log[0]);
    let may_go =
        |node: &Node, session| node.router.recheck(SessionId::new(session), at(10)).may_go(&record);
    assert!(may_go(&node, 2));
    assert!(!may_go(&node, 9), "nobody");
    world.deny("dashboard@fujisawa", "subscribe", "fujisawa/17/air", at(10));
    node.change_policy(world.policy());
    assert!(!may_go(&node, 2));
    let before = node.router.counters().withheld;
    node.router.handle_withheld(SessionId::new(2), SubscriptionId::new(1), 1);
    assert_eq!(node.router.counters().withheld, before + 1);
    node.publish(1, 1, publisher(&truck, "fujisawa/17/noise").envelope("n", at(10)), &truck);
    node.settle();
    assert_eq!(node.records(key_of(2, 1)), [0, 1], "its credit is given back");
}

#[test]
fn a_revoked_subscriber_is_cut_at_once() {
    let (mut world, truck, dashboard) = world();
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/#", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    node.connect(2, &dashboard);
    node.subscribe(key_of(2, 1), "fujisawa/#", Start::Latest, 100);
    world.revoke(RevokeTarget::Principal(dashboard.id()), at(11));
    node.now = at(11);
    node.change_policy(world.policy());
    assert_eq!(node.cut(), [(SessionId::new(2), RefusalCode::Revoked)]);
    node.publish(1, 1, publisher(&truck, "fujisawa/17/air").envelope("a", at(11)), &truck);
    node.settle();
    assert!(node.records(key_of(2, 1)).is_empty());
    node.connect(3, &dashboard);
    assert_eq!(node.cut().last(), Some(&(SessionId::new(3), RefusalCode::Revoked)));
}

#[test]
fn a_key_that_no_statement_names_is_cut() {
    let (world, ..) = world();
    let mut node = Node::new(world.policy(), at(10));
    node.connect(7, &key("a stranger"));
    assert_eq!(node.cut().len(), 1);
    assert_eq!(node.router.session_count(), 0);
}

#[test]
fn a_peer_gets_what_somebody_behind_it_may_have_until_the_peering_ends() {
    let (mut world, truck, _) = world();
    let (santander, peering) = world.peer("santander", at(1));
    world.grant("*@santander", "subscribe,history", "fujisawa/+/air", at(1));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    let session = SessionId::new(5);
    let recipient = || Recipient::Peer("santander".parse().expect("a name"));
    node.router.handle_connect(session, santander.id(), recipient(), at(10));
    node.drain();
    let mut air = publisher(&truck, "fujisawa/17/air");
    let mut noise = publisher(&truck, "fujisawa/17/noise");
    node.subscribe(key_of(5, 1), "fujisawa/#", Start::Earliest, 100);
    node.publish(1, 1, air.envelope("a", at(10)), &truck);
    node.publish(1, 1, noise.envelope("n", at(10)), &truck);
    node.publish(1, 1, air.envelope("b", at(10)), &truck);
    node.settle();
    assert_eq!(node.records(key_of(5, 1)), [0, 2]);
    world.revoke(RevokeTarget::Statement(peering), at(11));
    node.now = at(11);
    node.change_policy(world.policy());
    assert_eq!(node.cut(), [(session, RefusalCode::Revoked)]);
}

#[test]
fn a_node_that_is_not_the_one_of_the_peering_is_cut() {
    let (mut world, ..) = world();
    world.peer("santander", at(1));
    let mut node = Node::new(world.policy(), at(10));
    let recipient = Recipient::Peer("santander".parse().expect("a name"));
    node.router.handle_connect(SessionId::new(5), key("another").id(), recipient, at(10));
    node.drain();
    assert_eq!(node.cut(), [(SessionId::new(5), RefusalCode::Revoked)]);
}
