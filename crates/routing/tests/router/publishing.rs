//! Envelopes into the log.

use sekisho_proto::{
    Offset, Position, PrincipalKind, RefusalCode, Sequence, frame::Start, statement::RevokeTarget,
};
use sekisho_routing::{
    AdmitError, Admitted, AppendFailure, AppendedError, Carriage, Command, Limits, RestoredStream,
    Router, SessionId,
};
use sekisho_seal::{SigningKey, verify};

use crate::{
    node::{Node, key_of},
    world::{Publisher, World, admit, at, key, topic},
};

fn city() -> (World, SigningKey) {
    let mut world = World::new();
    let truck = world.enrol("truck-17", PrincipalKind::Device);
    world.grant("truck-17@fujisawa", "publish", "fujisawa/trucks/17/#", at(1));
    (world, truck)
}

fn publisher(truck: &SigningKey, boot: u8) -> Publisher {
    Publisher::new(truck.clone(), topic("fujisawa/trucks/17/air"), boot)
}

fn node(world: &World, truck: &SigningKey) -> Node {
    let mut node = Node::new(world.policy(), at(10));
    node.connect(1, truck);
    node
}

#[test]
fn an_envelope_is_acknowledged_only_when_it_is_durable() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    node.publish(1, 100, publisher.envelope("a", at(10)), &truck);
    node.publish(1, 101, publisher.envelope("b", at(10)), &truck);
    assert!(node.told.is_empty());
    assert!(node.write_one() && node.write_one());
    assert!(node.told.is_empty());
    assert!(node.report_one() && node.report_one());
    assert_eq!(node.published(), [(100, 0), (101, 1)]);
    let expected =
        node.router.expected_sequence(&publisher.topic, publisher.key.id(), publisher.boot);
    assert_eq!(expected, Sequence::new(2));
}

#[test]
fn a_repetition_of_what_is_stored_tells_what_is_expected() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let first = publisher.envelope("a", at(10));
    node.publish(1, 1, first.clone(), &truck);
    node.settle();
    node.publish(1, 2, first, &truck);
    assert_eq!(node.refused(), [(2, RefusalCode::Replayed, Some(Sequence::new(1)))]);
    assert!(node.appends.is_empty());
}

#[test]
fn a_repetition_of_what_is_under_way_waits_for_the_same_outcome() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let first = publisher.envelope("a", at(10));
    node.publish(1, 1, first.clone(), &truck);
    node.connect(2, &truck);
    node.publish(2, 7, first, &truck);
    assert_eq!(node.appends.len(), 1);
    node.settle();
    assert_eq!(node.published(), [(1, 0), (7, 0)]);
    assert_eq!(node.log.len(), 1);
}

#[test]
fn whoever_does_not_wait_hears_nothing_and_what_is_refused_is_counted() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let first = publisher.envelope("a", at(10));
    node.publish_unanswered(1, first.clone(), &truck);
    node.settle();
    assert!(node.told.is_empty());
    assert_eq!(node.log.len(), 1);
    node.publish_unanswered(1, first, &truck);
    publisher.envelope("never sent", at(10));
    let late = publisher.envelope("c", at(10));
    node.publish_unanswered(1, late.clone(), &truck);
    let dropped = node.told.iter().map(|command| {
        let Command::Dropped { code, .. } = command else { panic!("found {command:?}") };
        *code
    });
    let codes: Vec<_> = dropped.collect();
    assert_eq!(codes, [RefusalCode::Replayed, RefusalCode::SequenceGap]);
    // Of a session that is no more it is counted too.
    node.publish_unanswered(9, late, &truck);
    let Some(Command::Dropped { code, why, .. }) = node.told.last() else {
        panic!("found {:?}", node.told.last())
    };
    assert_eq!(*code, RefusalCode::Internal);
    assert_eq!(why, "wanted an open session, found it ended");
    assert_eq!((node.told.len(), node.log.len()), (3, 1));
}

#[test]
fn a_gap_names_the_sequence_expected() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    node.publish(1, 1, publisher.envelope("a", at(10)), &truck);
    publisher.envelope("never sent", at(10));
    node.publish(1, 2, publisher.envelope("c", at(10)), &truck);
    assert_eq!(node.refused(), [(2, RefusalCode::SequenceGap, Some(Sequence::new(1)))]);
}

#[test]
fn a_fork_is_refused_with_both_hashes() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let fork = publisher.fork("b", at(10));
    let first = publisher.envelope("a", at(10));
    let hashes = [fork.hash().to_string(), first.hash().to_string()];
    node.publish(1, 1, first, &truck);
    node.settle();
    node.publish(1, 2, fork, &truck);
    let Some(Command::Refused { code, why, .. }) = node.told.last() else { panic!("no refusal") };
    assert_eq!(*code, RefusalCode::Equivocation);
    assert!(hashes.iter().all(|hash| why.contains(hash)), "{why}");
}

#[test]
fn what_the_disk_refuses_is_refused_with_everything_behind_it() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let envelopes: Vec<_> = ["a", "b", "c"].map(|body| publisher.envelope(body, at(10))).into();
    for (envelope, request) in envelopes.iter().zip(1..) {
        node.publish(1, request, envelope.clone(), &truck);
    }
    assert!(node.write_one() && node.report_one());
    assert!(node.fail_one(AppendFailure::StorageFull));
    assert!(node.appends.is_empty());
    let full = |request| (request, RefusalCode::StorageFull, Some(Sequence::new(1)));
    assert_eq!(node.refused(), [full(2), full(3)]);
    for (envelope, request) in envelopes.iter().zip(11..) {
        node.publish(1, request, envelope.clone(), &truck);
    }
    node.settle();
    assert_eq!(node.published(), [(1, 0), (12, 1), (13, 2)]);
    assert_eq!(node.log.len(), 3);
}

#[test]
fn appends_behind_a_failed_one_do_not_leave_the_queue() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let carriage = |request| Carriage::Session { session: SessionId::new(1), request };
    for request in 1..=2 {
        let envelope = publisher.envelope("a", at(10));
        let admitted = admit(&node.policy, envelope, &truck, carriage(request), at(10));
        node.router.handle_publish(admitted, at(10));
    }
    let Some(Command::Append { ticket, after: None, .. }) = node.router.poll_command() else {
        panic!("no append")
    };
    node.router.handle_append_failed(ticket, AppendFailure::StorageFull, "full").expect("pending");
    node.drain();
    assert!(node.appends.is_empty());
    assert_eq!(node.refused().len(), 2);
    assert_eq!(node.router.pending_count(), 0);
}

/// Whoever polls appends ahead and carries them out later.
#[test]
fn an_append_that_was_polled_is_not_wanted_any_more_once_the_one_before_it_has_failed() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    for request in 1..=2 {
        node.publish(1, request, publisher.envelope("a", at(10)), &truck);
    }
    let (first, second) = (node.appends[0].0, node.appends[1].0);
    assert!(node.router.is_still_wanted(first) && node.router.is_still_wanted(second));
    node.router.handle_append_failed(first, AppendFailure::StorageFull, "full").expect("pending");
    assert!(!node.router.is_still_wanted(second), "wanted it to fail with the one before it");
    node.appends.clear();
    node.drain();
    let refused: Vec<_> =
        node.refused().iter().map(|(request, code, _)| (*request, *code)).collect();
    assert_eq!(refused, [(1, RefusalCode::StorageFull), (2, RefusalCode::StorageFull)]);
    assert_eq!(node.router.pending_count(), 0);
}

/// Eight runs are remembered. Which is forgotten for another is known when they are on the disk.
#[test]
fn runs_that_begin_at_once_wait_for_the_disk_and_nobody_else_waits_for_them() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    for boot in 1..=12 {
        let envelope = publisher(&truck, boot).envelope("a", at(boot.into()));
        node.publish(1, boot.into(), envelope, &truck);
    }
    assert_eq!(node.appends.len(), 8);
    let mut beside = Publisher::new(truck.clone(), topic("fujisawa/trucks/17/noise"), 1);
    node.publish(1, 20, beside.envelope("a", at(10)), &truck);
    assert_eq!(node.appends.len(), 9, "wanted one of another topic on its way");
    node.settle();
    let mut published = node.published();
    published.retain(|(request, _offset)| *request != 20);
    assert_eq!(published, (1..=12).zip(0..).collect::<Vec<_>>());
    assert_eq!(node.refused(), []);
}

#[test]
fn what_waits_to_be_judged_is_judged_when_what_it_waited_for_has_failed() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    for boot in 1..=12 {
        let envelope = publisher(&truck, boot).envelope("a", at(boot.into()));
        node.publish(1, boot.into(), envelope, &truck);
    }
    for _ in 1..=8 {
        assert!(node.fail_one(AppendFailure::StorageFull));
    }
    let refused: Vec<_> = node.refused().iter().map(|(request, ..)| *request).collect();
    assert_eq!(refused, (1..=8).collect::<Vec<_>>());
    node.settle();
    assert_eq!(node.published(), (9..=12).zip(0..).collect::<Vec<_>>());
}

/// Whoever numbers for a publisher would give the same number twice otherwise.
#[test]
fn a_chain_ends_with_what_waits_to_be_judged() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut last = publisher(&truck, 9);
    for boot in 1..=8 {
        let envelope = publisher(&truck, boot).envelope("a", at(boot.into()));
        node.publish(1, boot.into(), envelope, &truck);
    }
    let (boot, whose) = (last.boot, last.key.id());
    let about = last.topic.clone();
    let end = |node: &Node| {
        let end = node.router.chain_end(&about, whose, boot);
        end.map(|(sequence, _hash)| sequence.value())
    };
    assert_eq!(end(&node), None);
    let envelopes = [last.envelope("a", at(9)), last.envelope("b", at(9))];
    for (envelope, wanted) in envelopes.into_iter().zip(1..) {
        node.publish(1, 100 + wanted, envelope, &truck);
        assert_eq!((end(&node), node.appends.len()), (Some(wanted), 8));
    }
    node.settle();
    assert_eq!(end(&node), Some(2));
}

#[test]
fn an_outcome_is_told_once_and_in_order() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    node.publish(1, 1, publisher.envelope("a", at(10)), &truck);
    node.publish(1, 2, publisher.envelope("b", at(10)), &truck);
    assert!(node.write_one() && node.write_one());
    let (first, appended) = node.unreported[0];
    let (second, _) = node.unreported[1];
    assert!(node.report_one());
    let again = node.router.handle_appended(second, appended, at(10));
    assert!(matches!(again, Err(AppendedError::OutOfOrder { .. })), "{again:?}");
    assert!(node.report_one());
    let unknown = node.router.handle_append_failed(first, AppendFailure::Internal, "twice");
    assert_eq!(unknown, Err(AppendedError::UnknownTicket(first)));
}

#[test]
fn what_a_cut_session_sent_is_stored_and_answered_to_nobody() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    node.publish(1, 1, publisher.envelope("a", at(10)), &truck);
    node.router.handle_disconnect(SessionId::new(1));
    node.publish(1, 2, publisher.envelope("b", at(10)), &truck);
    node.settle();
    assert!(node.published().is_empty());
    assert_eq!(node.log.len(), 1);
}

#[test]
fn a_right_that_ended_between_door_and_router_does_not_count() {
    let (mut world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let carriage = Carriage::Session { session: SessionId::new(1), request: 5 };
    let admitted = admit(&node.policy, publisher.envelope("a", at(10)), &truck, carriage, at(10));
    world.deny("truck-17@fujisawa", "publish", "fujisawa/#", at(11));
    node.change_policy(world.policy());
    node.router.handle_publish(admitted, at(11));
    node.drain();
    assert_eq!(node.refused(), [(5, RefusalCode::NotPermitted, None)]);
    assert!(node.appends.is_empty());
}

#[test]
fn a_right_that_the_router_has_not_heard_of_yet_counts() {
    let (mut world, truck) = city();
    let mut node = node(&world, &truck);
    let denial = world.deny("truck-17@fujisawa", "publish", "fujisawa/#", at(11));
    node.change_policy(world.policy());
    let topic = topic("fujisawa/trucks/17/air");
    assert!(node.policy.permit_publish(truck.id(), &topic, at(12)).is_err());
    world.revoke(RevokeTarget::Statement(denial), at(12));
    let carriage = Carriage::Session { session: SessionId::new(1), request: 5 };
    let envelope = publisher(&truck, 1).envelope("a", at(10));
    let admitted = admit(&world.policy(), envelope, &truck, carriage, at(12));
    node.router.handle_publish(admitted, at(12));
    node.drain();
    node.settle();
    assert_eq!(node.refused(), []);
    assert_eq!(node.log.len(), 1);
}

#[test]
fn a_permit_for_another_topic_or_publisher_admits_nothing() {
    let (mut world, truck) = city();
    let other = world.enrol("truck-18", PrincipalKind::Device);
    world.grant("*@fujisawa", "publish", "fujisawa/#", at(1));
    let envelope = publisher(&truck, 1).envelope("a", at(10));
    let carriage = || Carriage::Session { session: SessionId::new(1), request: 1 };
    let permit = |key: &SigningKey, text: &str| {
        world.policy.permit_publish(key.id(), &topic(text), at(10)).expect("a right")
    };
    let verified = || verify(envelope.clone(), &truck.verifying_key()).expect("genuine");
    let elsewhere = permit(&truck, "fujisawa/trucks/18/air");
    let found = Admitted::new(verified(), elsewhere, carriage());
    assert!(matches!(found, Err(AdmitError::Topic { .. })), "{found:?}");
    let another = permit(&other, "fujisawa/trucks/17/air");
    let found = Admitted::new(verified(), another, carriage());
    assert!(matches!(found, Err(AdmitError::Publisher { .. })), "{found:?}");
}

#[test]
fn what_this_node_is_the_home_of_does_not_come_over_a_link() {
    let (world, truck) = city();
    let mut node = node(&world, &truck);
    let link = Carriage::Link {
        organisation: "santander".parse().expect("a name"),
        connection: 1,
        position: Position::new(4),
        offset: Offset::new(4),
        received: at(9),
        hops: vec![key("node of santander").id()],
    };
    let own = publisher(&truck, 1).envelope("a", at(10));
    let own = admit(&node.policy, own, &truck, link, at(10));
    node.router.handle_publish(own, at(10));
    node.drain();
    let Some(Command::LinkRefused { code, .. }) = node.told.pop() else { panic!("no refusal") };
    assert_eq!(code, RefusalCode::ForeignTopic);
}

#[test]
fn a_restarted_router_goes_on_where_the_log_ends() {
    let (world, truck) = city();
    let mut before = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    let envelopes: Vec<_> = ["a", "b"].map(|body| publisher.envelope(body, at(10))).into();
    before.publish(1, 1, envelopes[0].clone(), &truck);
    before.settle();

    let mut after = Node::new(world.policy(), at(20));
    after.log = before.log;
    after.router = Router::new(Limits::default(), world.policy(), Position::new(1));
    after.router.restore_stream(&RestoredStream {
        topic: publisher.topic.clone(),
        publisher: truck.id(),
        boot: publisher.boot,
        sequence: Sequence::ZERO,
        hash: envelopes[0].hash(),
        time: at(10),
        forgotten: None,
    });
    after.connect(1, &truck);
    for (envelope, request) in envelopes.into_iter().zip(1..) {
        after.publish(1, request, envelope, &truck);
    }
    after.settle();
    assert_eq!(after.refused(), [(1, RefusalCode::Replayed, Some(Sequence::new(1)))]);
    assert_eq!(after.published().len(), 1);
    assert_eq!(after.log.len(), 2);
}

#[test]
fn a_revoked_publisher_is_cut_and_its_pending_envelopes_are_answered_to_nobody() {
    let (mut world, truck) = city();
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    node.publish(1, 1, publisher.envelope("a", at(10)), &truck);
    world.revoke(RevokeTarget::Principal(truck.id()), at(11));
    node.now = at(11);
    node.change_policy(world.policy());
    node.settle();
    assert_eq!(node.cut(), [(SessionId::new(1), RefusalCode::Revoked)]);
    assert!(node.published().is_empty());
    assert_eq!(node.router.session_count(), 0);
}

#[test]
fn envelopes_waiting_for_the_disk_are_bounded() {
    let (world, truck) = city();
    let limits = Limits { pending_appends_max: 2, ..Limits::default() };
    let mut node = Node::with_limits(world.policy(), at(10), limits);
    node.connect(1, &truck);
    let mut publisher = publisher(&truck, 1);
    let envelopes: Vec<_> = ["a", "b", "c"].map(|body| publisher.envelope(body, at(10))).into();
    for (envelope, request) in envelopes.iter().zip(1..) {
        node.publish(1, request, envelope.clone(), &truck);
    }
    assert_eq!(node.refused(), [(3, RefusalCode::TooMany, None)]);
    node.settle();
    node.publish(1, 4, envelopes[2].clone(), &truck);
    node.settle();
    assert_eq!(node.published(), [(1, 0), (2, 1), (4, 2)]);
}

#[test]
fn a_publisher_that_subscribes_gets_its_own_records() {
    let (mut world, truck) = city();
    world.grant("truck-17@fujisawa", "subscribe", "fujisawa/trucks/17/#", at(1));
    let mut node = node(&world, &truck);
    let mut publisher = publisher(&truck, 1);
    node.subscribe(key_of(1, 1), "fujisawa/#", Start::Latest, 10);
    node.publish(1, 1, publisher.envelope("a", at(10)), &truck);
    node.settle();
    assert_eq!(node.records(key_of(1, 1)), [0]);
}
