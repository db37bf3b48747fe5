//! Subscriptions: where they begin, what they get, and when they end.

use sekisho_proto::{GapReason, Position, PrincipalKind, RefusalCode, frame::Start};
use sekisho_routing::{Command, Limits, SessionId};
use sekisho_seal::SigningKey;

use crate::{
    node::{Got, Key, Node, key_of},
    world::{Publisher, World, at, topic},
};

const EVERYTHING: &str = "fujisawa/#";

struct City {
    node: Node,
    truck: SigningKey,
    air: Publisher,
    noise: Publisher,
}

impl City {
    /// A truck in session 1 and a dashboard that may subscribe and read history in session 2.
    fn new(limits: Limits) -> Self {
        let mut world = World::new();
        let truck = world.enrol("truck-17", PrincipalKind::Device);
        let dashboard = world.enrol("dashboard", PrincipalKind::App);
        world.grant("truck-17@fujisawa", "publish", EVERYTHING, at(1));
        world.grant("dashboard@fujisawa", "subscribe,history", EVERYTHING, at(1));
        let mut node = Node::with_limits(world.policy(), at(10), limits);
        node.connect(1, &truck);
        node.connect(2, &dashboard);
        let publisher = |text| Publisher::new(truck.clone(), topic(text), 1);
        let (air, noise) = (publisher("fujisawa/17/air"), publisher("fujisawa/17/noise"));
        Self { node, truck: truck.clone(), air, noise }
    }

    fn air(&mut self) {
        let envelope = self.air.envelope("air", self.node.now);
        self.node.publish(1, 1, envelope, &self.truck);
    }

    fn noise(&mut self) {
        let envelope = self.noise.envelope("noise", self.node.now);
        self.node.publish(1, 1, envelope, &self.truck);
    }

    fn stored(&mut self, count: usize) {
        for _ in 0..count {
            self.air();
        }
        self.node.settle();
    }
}

fn city() -> City {
    City::new(Limits::default())
}

fn subscribed(node: &Node, key: Key) -> Option<(Position, Position)> {
    node.told.iter().find_map(|command| {
        let Command::Subscribed { session, subscription, position, head } = command else {
            return None;
        };
        ((*session, *subscription) == key).then_some((*position, *head))
    })
}

fn all_subscribed(node: &Node) -> Vec<(u64, u64)> {
    let told = node.told.iter();
    told.filter_map(|command| {
        let Command::Subscribed { position, head, .. } = command else { return None };
        Some((position.value(), head.value()))
    })
    .collect()
}

fn cursors(node: &Node) -> Vec<u64> {
    let told = node.told.iter();
    told.filter_map(|command| {
        let Command::StoreCursor { position, .. } = command else { return None };
        Some(position.value())
    })
    .collect()
}

#[test]
fn latest_begins_at_the_head() {
    let mut city = city();
    city.stored(3);
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Latest, 10);
    assert_eq!(subscribed(&city.node, key), Some((Position::new(3), Position::new(3))));
    city.stored(2);
    assert_eq!(city.node.records(key), [3, 4]);
}

#[test]
fn earliest_begins_with_what_is_kept_and_tells_no_gap() {
    let mut city = city();
    city.stored(5);
    city.node.first = 2;
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    city.stored(1);
    assert_eq!(city.node.got(key), [2, 3, 4, 5].map(Got::Record));
}

#[test]
fn earliest_tells_what_is_missing_behind_the_first_that_is_left() {
    let mut city = city();
    city.stored(6);
    (city.node.first, city.node.hole) = (1, Some(2..4));
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    city.node.settle();
    let gap = Got::Gap(2, 4, GapReason::Retention);
    assert_eq!(city.node.got(key), [Got::Record(1), gap, Got::Record(4), Got::Record(5)]);
}

#[test]
fn a_position_that_retention_has_passed_is_told_as_a_gap() {
    let mut city = city();
    city.stored(5);
    city.node.first = 3;
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Position(Position::new(1)), 10);
    city.node.settle();
    let gap = Got::Gap(1, 3, GapReason::Retention);
    assert_eq!(city.node.got(key), [gap, Got::Record(3), Got::Record(4)]);
}

#[test]
fn an_offset_is_of_one_topic() {
    let mut city = city();
    for _ in 0..3 {
        city.air();
        city.noise();
    }
    city.node.settle();
    let offset = |value| Start::Offset(sekisho_proto::Offset::new(value));
    let key = key_of(2, 1);
    city.node.subscribe(key, "fujisawa/17/noise", offset(1), 10);
    city.node.settle();
    assert_eq!(city.node.records(key), [3, 5]);
    city.node.subscribe(key_of(2, 2), "fujisawa/17/+", offset(1), 10);
    assert_eq!(city.node.ended(), [(key_of(2, 2), RefusalCode::Malformed)]);
}

#[test]
fn a_time_begins_with_what_was_received_since() {
    let mut city = city();
    city.stored(2);
    city.node.now = at(20);
    city.stored(2);
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Time(at(15)), 10);
    city.node.settle();
    assert_eq!(city.node.records(key), [2, 3]);
}

#[test]
fn last_values_are_followed_by_everything_after_them() {
    let mut city = city();
    for _ in 0..3 {
        city.air();
    }
    city.noise();
    city.air();
    city.node.settle();
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::LastValue, 1);
    assert!(city.node.answer(0));
    assert_eq!(city.node.records(key), [3]);
    city.air();
    city.air();
    city.node.settle();
    city.node.router.handle_credit(SessionId::new(2), key.1, 10);
    city.node.drain();
    city.node.settle();
    assert_eq!(city.node.records(key), [3, 5, 6]);
}

#[test]
fn credit_that_is_used_up_stops_delivery_and_loses_nothing() {
    let mut city = city();
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Latest, 2);
    city.stored(5);
    assert_eq!(city.node.records(key), [0, 1]);
    city.node.router.handle_credit(key.0, key.1, 2);
    city.node.drain();
    city.node.settle();
    assert_eq!(city.node.records(key), [0, 1, 2, 3]);
    city.node.router.handle_credit(key.0, key.1, 5);
    city.node.drain();
    city.stored(1);
    assert_eq!(city.node.records(key), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn credit_is_bounded() {
    let mut city = City::new(Limits { credit_max: 3, ..Limits::default() });
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Latest, u32::MAX);
    city.node.router.handle_credit(key.0, key.1, u32::MAX);
    city.stored(5);
    assert_eq!(city.node.records(key), [0, 1, 2]);
}

#[test]
fn a_full_outbox_is_fed_from_the_log_when_it_has_room() {
    let mut city = city();
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Latest, 100);
    city.node.room.insert(key, 2);
    city.stored(5);
    assert_eq!(city.node.records(key), [0, 1]);
    assert!(city.node.replays.is_empty());
    city.node.room.insert(key, 100);
    city.node.router.handle_outbox_free(key.0, key.1);
    city.node.drain();
    city.node.settle();
    city.stored(1);
    assert_eq!(city.node.records(key), [0, 1, 2, 3, 4, 5]);
    assert_eq!(city.node.router.counters().fallen_back, 1);
}

#[test]
fn what_an_outbox_refused_costs_no_credit() {
    let mut city = city();
    let key = key_of(2, 1);
    city.stored(4);
    city.node.room.insert(key, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 4);
    city.node.settle();
    assert_eq!(city.node.records(key), [0]);
    city.node.room.insert(key, 100);
    city.node.router.handle_outbox_free(key.0, key.1);
    city.node.drain();
    city.node.settle();
    assert_eq!(city.node.records(key), [0, 1, 2, 3]);
}

#[test]
fn whoever_began_in_the_past_is_told_once_that_everything_has_come() {
    let mut city = city();
    city.stored(4);
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    city.node.settle();
    assert_eq!(all_subscribed(&city.node), [(0, 4), (4, 4)]);
    city.node.hiccups.insert(key);
    city.stored(1);
    city.node.router.handle_outbox_free(key.0, key.1);
    city.node.drain();
    city.node.settle();
    assert_eq!(city.node.records(key), [0, 1, 2, 3, 4]);
    assert_eq!(all_subscribed(&city.node).len(), 2, "who falls behind later hears nothing of it");
}

#[test]
fn what_an_outbox_refused_is_not_told_as_having_come() {
    let mut city = city();
    city.stored(4);
    let key = key_of(2, 1);
    city.node.room.insert(key, 2);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    city.node.settle();
    assert_eq!(all_subscribed(&city.node), [(0, 4)]);
    city.node.room.insert(key, 100);
    city.node.router.handle_outbox_free(key.0, key.1);
    city.node.drain();
    city.node.settle();
    assert_eq!(city.node.records(key), [0, 1, 2, 3]);
    assert_eq!(all_subscribed(&city.node), [(0, 4), (4, 4)]);
}

#[test]
fn a_cursor_goes_on_behind_what_was_acknowledged() {
    let mut city = city();
    let key = key_of(2, 1);
    city.node.subscribe_as(key, EVERYTHING, Start::Latest, 100, Some(("wall", None)));
    city.stored(4);
    let acknowledge = |node: &mut Node, position| {
        node.router.handle_acknowledge(key.0, key.1, Position::new(position));
        node.drain();
    };
    acknowledge(&mut city.node, 1);
    acknowledge(&mut city.node, 0);
    acknowledge(&mut city.node, 2);
    assert_eq!(cursors(&city.node), [2, 3]);
    city.node.router.handle_unsubscribe(key.0, key.1);
    let again = key_of(2, 2);
    let cursor = Some(("wall", Some(Position::new(3))));
    city.node.subscribe_as(again, EVERYTHING, Start::Latest, 100, cursor);
    city.stored(1);
    assert_eq!(city.node.records(again), [3, 4]);
}

#[test]
fn a_cursor_goes_on_behind_what_was_acknowledged_and_is_not_stored() {
    let mut city = city();
    let (key, again) = (key_of(2, 1), key_of(2, 2));
    city.node.subscribe_as(key, EVERYTHING, Start::Latest, 100, Some(("wall", None)));
    city.stored(4);
    // Both before the shell has stored anything of it.
    city.node.router.handle_acknowledge(key.0, key.1, Position::new(1));
    city.node.router.handle_acknowledge(key.0, key.1, Position::new(2));
    city.node.subscribe_as(again, EVERYTHING, Start::Earliest, 100, Some(("wall", None)));
    city.node.settle();
    assert_eq!(city.node.records(again), [3]);
}

#[test]
fn what_was_not_delivered_cannot_be_acknowledged() {
    let mut city = city();
    let key = key_of(2, 1);
    city.node.subscribe_as(key, EVERYTHING, Start::Latest, 100, Some(("wall", None)));
    city.stored(1);
    city.node.router.handle_acknowledge(key.0, key.1, Position::new(1));
    city.node.drain();
    assert_eq!(city.node.ended(), [(key, RefusalCode::Malformed)]);
    assert!(cursors(&city.node).is_empty());
}

#[test]
fn a_cursor_is_followed_by_the_newest_subscription_only() {
    let mut city = city();
    let (old, new) = (key_of(2, 1), key_of(2, 2));
    city.node.subscribe_as(old, EVERYTHING, Start::Latest, 100, Some(("wall", None)));
    city.node.subscribe_as(new, EVERYTHING, Start::Latest, 100, Some(("wall", None)));
    city.stored(2);
    assert_eq!(city.node.ended(), [(old, RefusalCode::AlreadyExists)]);
    assert_eq!(city.node.records(old), Vec::<u64>::new());
    assert_eq!(city.node.records(new), [0, 1]);
}

#[test]
fn a_cursor_beyond_the_log_is_told_that_the_log_was_put_back() {
    let mut city = city();
    city.stored(2);
    let key = key_of(2, 1);
    let cursor = Some(("wall", Some(Position::new(9))));
    city.node.subscribe_as(key, EVERYTHING, Start::Latest, 100, cursor);
    city.node.settle();
    city.stored(1);
    let gap = Got::Gap(2, 2, GapReason::Restart);
    assert_eq!(city.node.got(key), [gap, Got::Record(2)]);
}

#[test]
fn a_place_between_the_router_and_the_disk_is_no_loss() {
    let mut city = city();
    city.air();
    city.air();
    assert!(city.node.write_one() && city.node.write_one());
    let key = key_of(2, 1);
    let cursor = Some(("wall", Some(Position::new(1))));
    city.node.subscribe_as(key, EVERYTHING, Start::Latest, 100, cursor);
    assert!(city.node.answer(0));
    city.node.settle();
    city.stored(1);
    assert_eq!(city.node.got(key), [1, 2].map(Got::Record));
}

#[test]
fn a_subscription_number_in_use_ends_the_session() {
    let mut city = city();
    city.node.subscribe(key_of(2, 1), EVERYTHING, Start::Latest, 1);
    city.node.subscribe(key_of(2, 1), "fujisawa/17/#", Start::Latest, 1);
    assert_eq!(city.node.cut(), [(SessionId::new(2), RefusalCode::AlreadyExists)]);
    assert_eq!(city.node.router.subscription_count(), 0);
}

#[test]
fn sessions_and_subscriptions_are_bounded() {
    let limits = Limits { sessions_max: 2, subscriptions_per_session_max: 1, ..Limits::default() };
    let mut city = City::new(limits);
    city.node.subscribe(key_of(2, 1), EVERYTHING, Start::Latest, 1);
    city.node.subscribe(key_of(2, 2), EVERYTHING, Start::Latest, 1);
    assert_eq!(city.node.ended(), [(key_of(2, 2), RefusalCode::TooMany)]);
    let truck = city.truck.clone();
    city.node.connect(3, &truck);
    assert_eq!(city.node.cut(), [(SessionId::new(3), RefusalCode::TooMany)]);
}

#[test]
fn a_page_that_cannot_be_read_ends_the_subscription() {
    let mut city = city();
    city.stored(1);
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 1);
    let replay = city.node.replays[0].replay;
    let code = RefusalCode::StorageFull;
    city.node.router.handle_replay_failed(key, replay, code, "a full disk");
    city.node.drain();
    assert_eq!(city.node.ended(), [(key, code)]);
}

#[test]
fn an_empty_page_that_reached_the_end_as_it_was_is_followed_by_the_next() {
    let mut city = city();
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    let read = city.node.read(0);
    city.air();
    while city.node.write_one() || city.node.report_one() {}
    city.node.answer_with(read);
    city.node.settle();
    assert_eq!((city.node.ended(), city.node.records(key)), (vec![], vec![0]));
}

#[test]
fn a_page_for_an_earlier_subscription_of_the_same_number_is_ignored() {
    let mut city = city();
    city.stored(2);
    let key = key_of(2, 1);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    city.node.router.handle_unsubscribe(key.0, key.1);
    city.node.subscribe(key, EVERYTHING, Start::Latest, 10);
    city.node.settle();
    city.stored(1);
    assert_eq!(city.node.records(key), [2]);
}

#[test]
fn a_page_of_another_filter_does_not_move_a_subscription_of_the_same_number() {
    let mut city = city();
    for _ in 0..3 {
        city.air();
        city.noise();
    }
    city.node.settle();
    let key = key_of(2, 1);
    city.node.subscribe(key, "fujisawa/17/noise", Start::Earliest, 10);
    city.node.router.handle_unsubscribe(key.0, key.1);
    city.node.subscribe(key, "fujisawa/17/air", Start::Earliest, 10);
    assert_eq!(city.node.replays.len(), 2);
    city.node.settle();
    assert_eq!(city.node.records(key), [0, 2, 4]);
}

#[test]
fn an_outbox_that_refuses_once_gets_nothing_out_of_order() {
    let mut city = city();
    let key = key_of(2, 1);
    city.stored(4);
    city.node.hiccups.insert(key);
    city.node.subscribe(key, EVERYTHING, Start::Earliest, 10);
    city.node.settle();
    assert_eq!(city.node.records(key), Vec::<u64>::new());
    city.node.router.handle_outbox_free(key.0, key.1);
    city.node.drain();
    city.node.settle();
    assert_eq!(city.node.records(key), [0, 1, 2, 3]);
}
