//! Records of another home, as a link brings them.

use sekisho_proto::{
    Envelope, Offset, OrgName, Position, PrincipalKind, RefusalCode, frame::Start,
    statement::RevokeTarget,
};
use sekisho_routing::{Admitted, AppendFailure, Carriage, Command};
use sekisho_seal::SigningKey;

use crate::{
    node::{Node, key_of},
    world::{Publisher, World, admit, at, key, topic},
};

struct Follower {
    world: World,
    node: Node,
    truck: SigningKey,
    air: Publisher,
    connection: u64,
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
        Self { world, node, truck, air, connection: 1 }
    }

    fn take(&mut self, envelope: Envelope, position: u64, offset: u64) {
        let admitted = self.admitted(envelope, position, offset);
        self.publish(admitted);
    }

    /// The link has heard that something failed: it has another connection.
    fn begin_anew(&mut self) {
        self.connection += 1;
    }

    /// What the door says by the present policy.
    fn admitted(&self, envelope: Envelope, position: u64, offset: u64) -> Admitted {
        let carriage = Carriage::Link {
            organisation: santander(),
            connection: self.connection,
            position: Position::new(position),
            offset: Offset::new(offset),
            received: at(9),
            hops: vec![key("node of santander").id()],
        };
        admit(&self.node.policy, envelope, &self.truck, carriage, at(10))
    }

    fn publish(&mut self, admitted: Admitted) {
        self.node.router.handle_publish(admitted, self.node.now);
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

fn failed(node: &Node) -> Vec<(u64, RefusalCode)> {
    let told = node.told.iter();
    told.filter_map(|command| {
        let Command::LinkFailed { position, code, .. } = command else { return None };
        Some((position.value(), *code))
    })
    .collect()
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
    assert!(follower.node.fail_one(AppendFailure::StorageFull));
    follower.node.settle();
    assert_eq!(follower.stored(), [0; 0]);
    follower.begin_anew();
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
    assert!(follower.node.fail_one(AppendFailure::StorageFull));
    let full = RefusalCode::StorageFull;
    assert_eq!(failed(&follower.node), [(10, full), (11, full)]);
    follower.begin_anew();
    for (envelope, number) in envelopes.iter().zip(0..) {
        follower.take(envelope.clone(), 10 + number, number);
    }
    follower.node.settle();
    assert_eq!(follower.stored(), [10, 11]);
    assert_eq!(follower.node.log.len(), 2);
}

/// What the link handed over before it heard of a failure must not be in front of what comes again,
/// which would be taken for a repetition then, and be lost.
#[test]
fn what_comes_on_a_connection_on_which_something_failed_is_not_stored_before_it() {
    let mut follower = Follower::new();
    let envelopes = ["a", "b", "c"].map(|body| follower.air.envelope(body, at(8)));
    follower.take(envelopes[0].clone(), 10, 0);
    assert!(follower.node.fail_one(AppendFailure::StorageFull));
    follower.take(envelopes[1].clone(), 11, 1);
    follower.node.settle();
    let full = RefusalCode::StorageFull;
    assert_eq!(failed(&follower.node), [(10, full), (11, full)]);
    assert_eq!(follower.stored(), [0; 0]);
    follower.begin_anew();
    for (envelope, number) in envelopes.iter().zip(0..) {
        follower.take(envelope.clone(), 10 + number, number);
    }
    follower.node.settle();
    assert_eq!(follower.stored(), [10, 11, 12]);
    assert_eq!(follower.refused(), []);
}

#[test]
fn what_a_link_brings_again_too_often_while_the_disk_is_slow_comes_again_and_is_not_passed_over() {
    let mut follower = Follower::new();
    let envelope = follower.air.envelope("a", at(8));
    for _connection in 0..20 {
        follower.take(envelope.clone(), 10, 0);
        follower.begin_anew();
    }
    assert_eq!(follower.refused(), []);
    assert_eq!(failed(&follower.node), [(10, RefusalCode::TooMany); 12]);
    follower.node.settle();
    assert_eq!(follower.stored(), [10; 8]);
    assert_eq!(follower.node.log.len(), 1);
}

/// What the log never takes, because it is too long or of a topic too many, is not waited for.
#[test]
fn what_the_log_never_takes_is_passed_over_and_does_not_stop_its_link() {
    let mut follower = Follower::new();
    let truck = follower.truck.clone();
    let mut noise = Publisher::new(truck, topic("santander/1/noise"), 1);
    let first = [follower.air.envelope("a", at(8)), follower.air.envelope("b", at(8))];
    for (envelope, place) in first.into_iter().zip(1..) {
        follower.take(envelope, place, place);
    }
    follower.take(noise.envelope("c", at(8)), 3, 1);
    assert!(follower.node.fail_one(AppendFailure::TooManyTopics));
    follower.node.settle();
    let too_many = [(1, RefusalCode::TooMany), (2, RefusalCode::TooMany)];
    assert_eq!((follower.refused(), failed(&follower.node)), (too_many.into(), vec![]));
    assert_eq!(follower.stored(), [3]);

    follower.take(noise.envelope("too long", at(8)), 4, 2);
    let behind = noise.envelope("e", at(8));
    follower.take(behind.clone(), 5, 3);
    assert!(follower.node.fail_one(AppendFailure::TooLong));
    follower.node.settle();
    assert_eq!(follower.refused().last(), Some(&(4, RefusalCode::Oversized)));
    assert_eq!(failed(&follower.node), [(5, RefusalCode::StorageFull)]);
    follower.begin_anew();
    follower.take(behind, 5, 3);
    follower.node.settle();
    assert_eq!(follower.stored(), [3, 5]);
}

/// Eight are remembered. Which is forgotten for another is known when the oldest is on the disk.
#[test]
fn many_runs_of_a_stream_that_come_at_once_are_all_stored_in_their_order() {
    let mut follower = Follower::new();
    let truck = follower.truck.clone();
    for boot in 1..=40 {
        let mut run = Publisher::new(truck.clone(), topic("santander/1/air"), boot);
        let envelope = run.envelope("a", at(i64::from(boot)));
        follower.take(envelope, u64::from(boot), u64::from(boot));
    }
    follower.node.settle();
    assert_eq!(follower.stored(), (1..=40).collect::<Vec<_>>());
    let offsets = follower.node.log.iter().map(|record| record.offset().value());
    assert_eq!(offsets.collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    assert_eq!((follower.refused(), failed(&follower.node)), (vec![], vec![]));
}

/// What waits to be judged is behind what fails meanwhile, and comes again with it.
#[test]
fn what_waits_to_be_judged_fails_with_what_failed_before_it_on_its_connection() {
    let mut follower = Follower::new();
    let truck = follower.truck.clone();
    let run = |boot: u8| {
        let mut run = Publisher::new(truck.clone(), topic("santander/1/air"), boot);
        run.envelope("a", at(i64::from(boot)))
    };
    for boot in 1..=10 {
        follower.take(run(boot), u64::from(boot), u64::from(boot));
    }
    assert!(follower.node.fail_one(AppendFailure::StorageFull));
    follower.node.settle();
    assert_eq!(failed(&follower.node).len(), 10);
    assert_eq!(follower.stored(), [0; 0]);
    follower.begin_anew();
    for boot in 1..=10 {
        follower.take(run(boot), u64::from(boot), u64::from(boot));
    }
    follower.node.settle();
    assert_eq!(follower.stored(), (1..=10).collect::<Vec<_>>());
    assert_eq!(follower.refused(), []);
}

/// Both wait for the disk, and what came on the newer connection fails first.
#[test]
fn what_failed_on_an_older_connection_does_not_let_through_what_is_behind_the_newer_ones_failure() {
    let mut follower = Follower::new();
    let mut water = Publisher::new(follower.truck.clone(), topic("santander/1/water"), 2);
    let old = water.envelope("old", at(8));
    follower.take(old, 5, 0);
    follower.begin_anew();
    let envelopes = ["a", "b"].map(|body| follower.air.envelope(body, at(8)));
    follower.take(envelopes[0].clone(), 10, 0);
    assert!(follower.node.fail_newest(AppendFailure::StorageFull));
    assert!(follower.node.fail_newest(AppendFailure::Internal));
    follower.take(envelopes[1].clone(), 11, 1);
    follower.node.settle();
    assert_eq!(follower.stored(), [0; 0]);
}

#[test]
fn a_link_that_begins_is_not_held_to_what_failed_on_the_one_before_it() {
    let mut follower = Follower::new();
    let envelope = follower.air.envelope("a", at(8));
    follower.take(envelope.clone(), 10, 0);
    assert!(follower.node.fail_one(AppendFailure::Internal));
    follower.take(envelope.clone(), 10, 0);
    assert_eq!(failed(&follower.node), [(10, RefusalCode::Internal); 2]);
    follower.node.router.handle_link(&santander());
    follower.take(envelope, 10, 0);
    follower.node.settle();
    assert_eq!(follower.stored(), [10]);
}

/// A link verifies many records at once; a revocation that stands meanwhile is not overtaken.
#[test]
fn a_record_whose_publisher_was_revoked_between_door_and_router_is_not_stored() {
    let mut follower = Follower::new();
    let envelopes = ["a", "b", "c"].map(|body| follower.air.envelope(body, at(8)));
    let verified: Vec<_> = (0..)
        .zip(&envelopes)
        .map(|(number, envelope)| follower.admitted(envelope.clone(), 10 + number, number))
        .collect();
    for (admitted, number) in verified.into_iter().zip(0..) {
        if number == 1 {
            let truck = follower.truck.id();
            follower.world.revoke(RevokeTarget::Principal(truck), at(11));
            follower.node.now = at(11);
            follower.node.change_policy(follower.world.policy());
        }
        follower.publish(admitted);
    }
    follower.node.settle();
    assert_eq!(follower.stored(), [10]);
    assert_eq!(follower.node.log.len(), 1);
    let revoked = RefusalCode::Revoked;
    assert_eq!(follower.refused(), [(11, revoked), (12, revoked)]);
    assert_eq!(failed(&follower.node), []);
}

/// Sent back, it would be overtaken in its topic, and refused for good when the denial is lifted.
#[test]
fn a_denial_that_can_be_lifted_takes_no_record_back_that_was_let_in_before_it() {
    let mut follower = Follower::new();
    let [before, after] = ["a", "b"].map(|body| follower.air.envelope(body, at(8)));
    let let_in = follower.admitted(before, 10, 0);
    follower.world.foreign_deny("truck@santander", "santander/#", at(11));
    follower.node.now = at(11);
    follower.node.change_policy(follower.world.policy());
    let truck = follower.truck.id();
    let denied = follower.world.policy().permit_import(
        truck,
        &topic("santander/1/air"),
        after.header().scope,
        at(11),
    );
    assert_eq!(denied.map(drop).map_err(|denial| denial.code()), Err(RefusalCode::NotPermitted));
    follower.publish(let_in);
    follower.node.settle();
    assert_eq!(follower.stored(), [10]);
    assert_eq!((failed(&follower.node), follower.refused()), (vec![], vec![]));
}

/// What changed is not about them: they go on as they were let in.
#[test]
fn a_change_that_takes_no_right_from_a_record_in_verification_does_not_send_it_back() {
    let mut follower = Follower::new();
    let envelope = follower.air.envelope("a", at(8));
    let admitted = follower.admitted(envelope, 10, 0);
    follower.world.enrol("another", PrincipalKind::App);
    follower.node.change_policy(follower.world.policy());
    follower.publish(admitted);
    follower.node.settle();
    assert_eq!(follower.stored(), [10]);
    assert_eq!(failed(&follower.node), []);
}
