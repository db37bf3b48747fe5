//! Records of another home, as a link brings them.

use sekisho_proto::{
    Envelope, Offset, OrgName, Position, PrincipalKind, RefusalCode, frame::Start,
};
use sekisho_routing::{Carriage, Command};
use sekisho_seal::SigningKey;

use crate::{
    node::{Node, key_of},
    world::{Publisher, World, admit, at, key, topic},
};

struct Follower {
    node: Node,
    truck: SigningKey,
    air: Publisher,
}

impl Follower {
    /// Fujisawa's node, which follows Santander and has a dashboard in session 2.
    fn new() -> Self {
        let mut world = World::new();
        let dashboard = world.enrol("dashboard", PrincipalKind::App);
        world.peer("santander", at(1));
        let truck = world.foreign_truck("santander", at(1));
        world.foreign_grant("santander", "dashboard@fujisawa", at(1));
        let mut node = Node::new(world.policy(), at(10));
        node.connect(2, &dashboard);
        let air = Publisher::new(truck.clone(), topic("santander/1/air"), 1);
        Self { node, truck, air }
    }

    fn take(&mut self, envelope: Envelope, position: u64, offset: u64) {
        let carriage = Carriage::Link {
            organisation: santander(),
            position: Position::new(position),
            offset: Offset::new(offset),
            received: at(9),
            hops: vec![key("node of santander").id()],
        };
        let admitted = admit(&self.node.policy, envelope, &self.truck, carriage, at(10));
        self.node.router.handle_publish(admitted, at(10));
        self.node.drain();
    }

    fn stored(&self) -> Vec<u64> {
        let told = self.node.told.iter();
        told.filter_map(|command| {
            let Command::LinkStored { organisation, position } = command else { return None };
            assert_eq!(*organisation, santander());
            Some(position.value())
        })
        .collect()
    }

    fn refused(&self) -> Vec<(u64, RefusalCode)> {
        let told = self.node.told.iter();
        told.filter_map(|command| {
            let Command::LinkRefused { position, code, .. } = command else { return None };
            Some((position.value(), *code))
        })
        .collect()
    }
}

fn santander() -> OrgName {
    "santander".parse().expect("a name")
}

#[test]
fn a_record_keeps_offset_time_and_hops_of_its_home() {
    let mut follower = Follower::new();
    follower.node.subscribe(key_of(2, 1), "santander/#", Start::Latest, 10);
    let envelope = follower.air.envelope("a", at(8));
    follower.take(envelope, 40, 7);
    assert!(follower.stored().is_empty(), "not durable yet");
    follower.node.settle();
    assert_eq!(follower.stored(), [40]);
    let record = &follower.node.log[0];
    assert_eq!((record.offset(), record.received()), (Offset::new(7), at(9)));
    assert_eq!(record.hops(), [key("node of santander").id()]);
    assert_eq!(follower.node.records(key_of(2, 1)), [0]);
}

#[test]
fn gaps_of_a_stream_are_taken_and_repetitions_are_stored_once() {
    let mut follower = Follower::new();
    let envelopes: Vec<_> =
        (0..5).map(|number| follower.air.envelope(&number.to_string(), at(8))).collect();
    follower.take(envelopes[1].clone(), 10, 1);
    follower.take(envelopes[1].clone(), 10, 1);
    follower.node.settle();
    follower.take(envelopes[4].clone(), 14, 4);
    follower.take(envelopes[1].clone(), 10, 1);
    follower.node.settle();
    assert_eq!(follower.stored(), [10, 10, 10, 14]);
    assert_eq!(follower.node.log.len(), 2);
}

#[test]
fn an_offset_that_does_not_grow_is_refused() {
    let mut follower = Follower::new();
    let (first, second) = (follower.air.envelope("a", at(8)), follower.air.envelope("b", at(8)));
    follower.take(first, 10, 5);
    follower.take(second, 11, 5);
    follower.node.settle();
    assert_eq!(follower.refused(), [(11, RefusalCode::Replayed)]);
    assert_eq!(follower.stored(), [10]);
}

#[test]
fn a_fork_over_a_link_is_refused() {
    let mut follower = Follower::new();
    let fork = follower.air.fork("fork", at(8));
    let first = follower.air.envelope("a", at(8));
    follower.take(first, 10, 0);
    follower.take(fork, 11, 1);
    follower.node.settle();
    assert_eq!(follower.refused(), [(11, RefusalCode::Equivocation)]);
}

/// Another stream of the topic is not stored past what was refused, or that could never come.
#[test]
fn what_the_disk_refuses_holds_up_what_comes_after_it_in_its_topic() {
    let mut follower = Follower::new();
    let mut other = Publisher::new(follower.truck.clone(), topic("santander/1/air"), 2);
    let envelopes = [follower.air.envelope("a", at(8)), other.envelope("b", at(8))];
    for (envelope, number) in envelopes.iter().zip(0..) {
        follower.take(envelope.clone(), 10 + number, number);
    }
    assert!(follower.node.fail_one(RefusalCode::StorageFull));
    follower.node.settle();
    assert_eq!(follower.stored(), [0; 0]);
    for (envelope, number) in envelopes.iter().zip(0..) {
        follower.take(envelope.clone(), 10 + number, number);
    }
    follower.node.settle();
    assert_eq!(follower.stored(), [10, 11]);
    assert_eq!(follower.refused(), []);
}

#[test]
fn what_the_disk_refuses_is_to_come_again() {
    let mut follower = Follower::new();
    let envelopes = ["a", "b"].map(|body| follower.air.envelope(body, at(8)));
    for (envelope, number) in envelopes.iter().zip(0..) {
        follower.take(envelope.clone(), 10 + number, number);
    }
    assert!(follower.node.fail_one(RefusalCode::StorageFull));
    let failed = follower.node.told.iter().filter(|command| {
        matches!(command, Command::LinkFailed { code: RefusalCode::StorageFull, .. })
    });
    assert_eq!(failed.count(), 2);
    for (envelope, number) in envelopes.iter().zip(0..) {
        follower.take(envelope.clone(), 10 + number, number);
    }
    follower.node.settle();
    assert_eq!(follower.stored(), [10, 11]);
    assert_eq!(follower.node.log.len(), 2);
}
