//! What becomes of records while a peer was not heard for so long that its statements are too old
//! to go by: they are withheld, and nobody loses them without a word.

use sekisho_policy::Recipient;
use sekisho_proto::{
    GapReason, Offset, OrgName, Position, PrincipalKind, RefusalCode, Timestamp, frame::Start,
    statement::RevokeTarget,
};
use sekisho_routing::{Carriage, SessionId};

use crate::{
    node::{Got, Node, key_of},
    world::{Publisher, World, admit, at, key, topic},
};

/// Longer than a peer may be silent.
const LATER: i64 = 10 + 15 * 60 + 1;

fn santander() -> OrgName {
    "santander".parse().expect("a name")
}

fn hear(world: &mut World, node: &mut Node, now: Timestamp) {
    world.policy.note_heard(&santander(), now);
    node.policy = world.policy();
    node.router.handle_heard(world.policy(), now);
    node.drain();
}

#[test]
fn a_peers_node_comes_again_for_what_was_withheld() {
    let mut world = World::new();
    let truck = world.enrol("truck-17", PrincipalKind::Device);
    world.grant("truck-17@fujisawa", "publish", "fujisawa/#", at(1));
    let (peer, _peering) = world.peer("santander", at(1));
    world.grant("*@santander", "subscribe", "fujisawa/#", at(1));
    world.policy.note_heard(&santander(), at(10));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    let recipient = Recipient::Peer(santander());
    node.router.handle_connect(SessionId::new(5), peer.id(), recipient, at(10));
    node.drain();
    node.subscribe(key_of(5, 1), "fujisawa/#", Start::Latest, 100);
    let mut air = Publisher::new(truck.clone(), topic("fujisawa/17/air"), 1);
    node.publish(1, 1, air.envelope("a", at(10)), &truck);
    node.settle();
    node.now = at(LATER);
    for body in ["b", "c"] {
        node.publish(1, 2, air.envelope(body, at(LATER)), &truck);
    }
    node.settle();
    assert_eq!(node.records(key_of(5, 1)), [0]);
    assert_eq!(node.ended(), [(key_of(5, 1), RefusalCode::NotPermitted)]);

    let again = Start::Position(Position::new(1));
    node.subscribe(key_of(5, 1), "fujisawa/#", again, 100);
    node.settle();
    assert_eq!(node.records(key_of(5, 1)), [0]);
    assert_eq!(node.ended().len(), 2);

    hear(&mut world, &mut node, at(LATER));
    node.subscribe(key_of(5, 1), "fujisawa/#", again, 100);
    node.settle();
    assert_eq!(node.records(key_of(5, 1)), [0, 1, 2]);
    assert_eq!(node.ended().len(), 2);
}

#[test]
fn a_reader_is_told_what_it_does_not_get_and_a_cursor_waits() {
    let mut world = World::new();
    let dashboard = world.enrol("dashboard", PrincipalKind::App);
    let nosy = world.enrol("nosy", PrincipalKind::App);
    world.grant("nosy@fujisawa", "subscribe", "fujisawa/#", at(1));
    world.peer("santander", at(1));
    let truck = world.foreign_truck("santander", at(1));
    world.foreign_grant("santander", "dashboard@fujisawa", at(1));
    world.policy.note_heard(&santander(), at(10));
    let mut node = Node::new(world.policy(), at(10));
    let mut air = Publisher::new(truck.clone(), topic("santander/1/air"), 1);
    for number in 0..2 {
        let carriage = Carriage::Link {
            organisation: santander(),
            connection: 1,
            position: Position::new(number),
            offset: Offset::new(number),
            received: at(9),
            hops: vec![key("node of santander").id()],
        };
        let envelope = air.envelope(&number.to_string(), at(9));
        let admitted = admit(&node.policy, envelope, &truck, carriage, at(10));
        node.router.handle_publish(admitted, at(10));
        node.drain();
        node.settle();
    }
    node.now = at(LATER);
    node.connect(2, &dashboard);
    node.subscribe(key_of(2, 1), "santander/#", Start::Earliest, 100);
    node.settle();
    let gap = |from| Got::Gap(from, from + 1, GapReason::Rights);
    assert_eq!(node.got(key_of(2, 1)), [gap(0), gap(1)]);

    hear(&mut world, &mut node, at(LATER));
    assert_eq!(node.ended(), []);
    node.subscribe(key_of(2, 2), "santander/#", Start::Earliest, 100);
    node.settle();
    assert_eq!(node.records(key_of(2, 2)), [0, 1]);

    // A cursor loses nothing: it waits.
    node.now = at(2 * LATER);
    let cursor = Some(("wall", None));
    node.subscribe_as(key_of(2, 3), "santander/#", Start::Earliest, 100, cursor);
    node.settle();
    assert_eq!(node.got(key_of(2, 3)), []);
    hear(&mut world, &mut node, at(2 * LATER));
    node.settle();
    assert_eq!(node.records(key_of(2, 3)), [0, 1]);
    assert_eq!(node.ended(), []);

    // Who has no right learns of no gap either.
    node.now = at(4 * LATER);
    node.connect(3, &nosy);
    node.subscribe(key_of(3, 1), "santander/#", Start::Earliest, 100);
    node.settle();
    assert_eq!(node.got(key_of(3, 1)), []);
}

#[test]
fn what_is_queued_when_a_peer_goes_stale_is_not_lost() {
    let mut world = World::new();
    let truck = world.enrol("truck-17", PrincipalKind::Device);
    world.grant("truck-17@fujisawa", "publish", "fujisawa/#", at(1));
    let (peer, _peering) = world.peer("santander", at(1));
    world.grant("*@santander", "subscribe", "fujisawa/#", at(1));
    world.policy.note_heard(&santander(), at(10));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, &truck);
    let recipient = Recipient::Peer(santander());
    node.router.handle_connect(SessionId::new(5), peer.id(), recipient, at(10));
    node.drain();
    node.subscribe(key_of(5, 1), "fujisawa/#", Start::Latest, 100);
    let mut air = Publisher::new(truck.clone(), topic("fujisawa/17/air"), 1);
    for body in ["a", "b"] {
        node.publish(1, 1, air.envelope(body, at(10)), &truck);
    }
    while node.write_one() {}
    while let Some((ticket, appended)) = node.unreported.pop_front() {
        node.router.handle_appended(ticket, appended, at(10)).expect("a pending append");
    }
    // The deliveries are queued, nobody has polled them.
    node.now = at(LATER);
    node.router.handle_policy(world.policy(), at(LATER));
    node.settle();
    node.drain();
    node.settle();
    assert_eq!(node.records(key_of(5, 1)), []);
    assert_eq!(node.ended(), [(key_of(5, 1), RefusalCode::NotPermitted)]);

    hear(&mut world, &mut node, at(LATER));
    let again = Start::Position(Position::new(0));
    node.subscribe(key_of(5, 1), "fujisawa/#", again, 100);
    node.settle();
    assert_eq!(node.records(key_of(5, 1)), [0, 1]);
}

#[test]
fn a_peer_that_is_heard_with_new_statements_ends_what_these_take() {
    let mut world = World::new();
    let dashboard = world.enrol("dashboard", PrincipalKind::App);
    let grant = world.grant("dashboard@fujisawa", "subscribe", "fujisawa/#", at(1));
    world.peer("santander", at(1));
    world.policy.note_heard(&santander(), at(10));
    let mut node = Node::new(world.policy(), at(10));
    node.connect(2, &dashboard);
    node.subscribe(key_of(2, 1), "fujisawa/#", Start::Latest, 100);
    hear(&mut world, &mut node, at(11));
    assert_eq!(node.ended(), []);

    world.revoke(RevokeTarget::Statement(grant), at(12));
    hear(&mut world, &mut node, at(12));
    assert_eq!(node.ended(), [(key_of(2, 1), RefusalCode::NotPermitted)]);
}
