//! Whatever the order in which disk, pages, outboxes and credit move: a subscriber gets every
//! record it may have, in order, once, or is told a gap.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sekisho_proto::{GapReason, Position, PrincipalKind, frame::Start};
use sekisho_routing::{AppendFailure, Limits};
use sekisho_seal::SigningKey;

use crate::{
    node::{Got, Key, Node, key_of},
    world::{Publisher, World, at, topic},
};

const TOPICS: [&str; 4] =
    ["fujisawa/17/air", "fujisawa/17/camera", "fujisawa/18/air", "fujisawa/18/noise"];
const FILTERS: [&str; 4] = ["fujisawa/#", "fujisawa/+/air", "fujisawa/17/#", "fujisawa/18/noise"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish(usize),
    Write,
    Report,
    Fail,
    Answer(prop::sample::Index),
    Subscribe { filter: usize, start: usize, place: prop::sample::Index, credit: u32 },
    Unsubscribe(prop::sample::Index),
    Credit(prop::sample::Index, u32),
    Room(prop::sample::Index, usize),
    Hiccup(prop::sample::Index),
    Acknowledge(prop::sample::Index),
    Trim,
    ForbidCameras,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        12 => (0..TOPICS.len()).prop_map(Step::Publish),
        12 => Just(Step::Write),
        12 => Just(Step::Report),
        1 => Just(Step::Fail),
        8 => index().prop_map(Step::Answer),
        3 => (0..FILTERS.len(), 0..5_usize, index(), 0..6_u32).prop_map(
            |(filter, start, place, credit)| Step::Subscribe { filter, start, place, credit }
        ),
        1 => index().prop_map(Step::Unsubscribe),
        6 => (index(), 1..6_u32).prop_map(|(sub, credit)| Step::Credit(sub, credit)),
        6 => (index(), 0..4_usize).prop_map(|(sub, room)| Step::Room(sub, room)),
        3 => index().prop_map(Step::Hiccup),
        2 => index().prop_map(Step::Acknowledge),
        1 => Just(Step::Trim),
        1 => Just(Step::ForbidCameras),
    ];
    prop::collection::vec(step, 1..250)
}

struct Run {
    world: World,
    node: Node,
    truck: SigningKey,
    publishers: Vec<Publisher>,
    /// Every subscription by where it began: a position, or none for last values.
    begun: BTreeMap<Key, (usize, Option<u64>)>,
    live: BTreeSet<Key>,
    next_subscription: u32,
    forbidden: bool,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        let truck = world.enrol("truck-17", PrincipalKind::Device);
        let dashboard = world.enrol("dashboard", PrincipalKind::App);
        world.grant("truck-17@fujisawa", "publish", "fujisawa/#", at(1));
        for filter in ["fujisawa/17/#", "fujisawa/18/noise"] {
            world.grant("dashboard@fujisawa", "subscribe,history", filter, at(1));
        }
        let limits = Limits { replay_records_max: 3, credit_max: 64, ..Limits::default() };
        let mut node = Node::with_limits(world.policy(), at(10), limits);
        node.connect(1, &truck);
        node.connect(2, &dashboard);
        let publishers =
            TOPICS.iter().map(|text| Publisher::new(truck.clone(), topic(text), 1)).collect();
        Self {
            world,
            node,
            truck,
            publishers,
            begun: BTreeMap::new(),
            live: BTreeSet::new(),
            next_subscription: 0,
            forbidden: false,
        }
    }

    fn some(&self, index: prop::sample::Index) -> Option<Key> {
        let live: Vec<_> = self.live.iter().copied().collect();
        (!live.is_empty()).then(|| *index.get(&live))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(index) => {
                let envelope = self.publishers[index].envelope("a body", at(10));
                self.node.publish(1, 1, envelope, &self.truck);
            }
            Step::Write => drop(self.node.write_one()),
            Step::Report => drop(self.node.report_one()),
            Step::Fail => self.fail(),
            Step::Answer(index) => {
                if !self.node.replays.is_empty() {
                    self.node.answer(index.index(self.node.replays.len()));
                }
            }
            Step::Subscribe { filter, start, place, credit } => {
                self.subscribe(filter, start, place, credit);
            }
            Step::Unsubscribe(index) => {
                let Some(key) = self.some(index) else { return };
                self.node.router.handle_unsubscribe(key.0, key.1);
                self.live.remove(&key);
            }
            Step::Credit(index, credit) => {
                let Some(key) = self.some(index) else { return };
                self.node.router.handle_credit(key.0, key.1, credit);
            }
            Step::Room(index, room) => {
                let Some(key) = self.some(index) else { return };
                self.node.room.insert(key, room);
                self.node.router.handle_outbox_free(key.0, key.1);
            }
            Step::Hiccup(index) => {
                let Some(key) = self.some(index) else { return };
                self.node.hiccups.insert(key);
            }
            Step::Acknowledge(index) => {
                let Some(key) = self.some(index) else { return };
                let Some(last) = self.node.records(key).last().copied() else { return };
                self.node.router.handle_acknowledge(key.0, key.1, Position::new(last));
            }
            Step::Trim => {
                let told = self.node.router.head().value();
                self.node.first = self.node.first.max(usize::try_from(told / 2).expect("small"));
            }
            Step::ForbidCameras => {
                self.forbidden = true;
                let filter = "fujisawa/+/camera";
                self.world.deny("dashboard@fujisawa", "subscribe,history", filter, at(10));
                self.node.change_policy(self.world.policy());
            }
        }
        self.node.drain();
    }

    /// A failed append loses its envelope and those behind it on the topic: the publisher sends
    /// them again under a new boot, as one does that has no spool.
    fn fail(&mut self) {
        let Some((_, _, record)) = self.node.appends.front() else { return };
        let topic = record.envelope.header().topic.clone();
        self.node.fail_one(AppendFailure::StorageFull);
        let publisher = self
            .publishers
            .iter_mut()
            .find(|publisher| publisher.topic == topic)
            .expect("a known topic");
        let boot = publisher.boot.as_bytes()[0] + 1;
        *publisher = Publisher::new(self.truck.clone(), topic, boot);
    }

    fn subscribe(&mut self, filter: usize, start: usize, place: prop::sample::Index, credit: u32) {
        self.next_subscription += 1;
        let key = key_of(2, self.next_subscription);
        let head = self.node.router.head().value();
        let (start, begun) = match start {
            0 => (Start::Latest, Some(head)),
            1 => (Start::Earliest, Some(self.node.first as u64)),
            2 => {
                let place = place.index(self.node.log.len() + 1) as u64;
                (Start::Position(Position::new(place)), Some(place))
            }
            3 => (Start::Time(at(0)), Some(self.node.first as u64)),
            _ => (Start::LastValue, None),
        };
        self.begun.insert(key, (filter, begun));
        self.live.insert(key);
        self.node.subscribe(key, FILTERS[filter], start, credit);
        for (ended, _) in self.node.ended() {
            self.live.remove(&ended);
        }
    }

    fn may_have(&self, position: u64) -> bool {
        let topic = self.node.log[usize::try_from(position).expect("small")].topic().as_str();
        topic == TOPICS[1] || topic == TOPICS[0] || topic == TOPICS[3]
    }

    fn check_order(&self) {
        for (key, got) in &self.node.got {
            let mut next = 0;
            for got in got {
                let (from, to) = match got {
                    Got::Record(position) => (*position, position + 1),
                    Got::Gap(from, to, _) => (*from, *to),
                };
                assert!(next <= from, "{key:?} got {got:?} before {next}");
                next = to;
                if let Got::Record(position) = got {
                    assert!(self.may_have(*position), "{key:?} got {position} without a right");
                }
            }
        }
    }

    /// Lets everybody have all they want, and looks whether they got it.
    fn check_rest(&mut self) {
        for key in self.live.clone() {
            self.node.room.remove(&key);
            self.node.hiccups.remove(&key);
            self.node.router.handle_outbox_free(key.0, key.1);
        }
        for _ in 0..1_000 {
            for key in self.live.clone() {
                self.node.router.handle_credit(key.0, key.1, 64);
            }
            self.node.drain();
            self.node.settle();
        }
        self.check_order();
        for key in &self.live {
            let (filter, begun) = self.begun[key];
            let filter = FILTERS[filter].parse::<sekisho_proto::Filter>().expect("a filter");
            let got = self.node.got(*key);
            let told: BTreeSet<u64> = got
                .iter()
                .flat_map(|got| match got {
                    Got::Record(position) => *position..*position + 1,
                    Got::Gap(from, to, reason) => {
                        assert_eq!(*reason, GapReason::Retention);
                        *from..*to
                    }
                })
                .collect();
            for (record, position) in self.node.log.iter().zip(0_u64..) {
                let wanted = filter.matches(record.topic())
                    && self.may_have(position)
                    && begun.is_some_and(|begun| position >= begun)
                    && !(self.forbidden && record.topic().as_str() == TOPICS[1]);
                let kept = position >= self.node.first as u64;
                // Earliest and time begin with what was kept when their first page was read.
                assert!(
                    !wanted || told.contains(&position) || !kept,
                    "{key:?} did not get {position} of {got:?}"
                );
            }
        }
    }

    /// The last value of each topic reaches everybody who asked for last values.
    fn check_last_values(&self) {
        for key in &self.live {
            let (filter, None) = self.begun[key] else { continue };
            let filter = FILTERS[filter].parse::<sekisho_proto::Filter>().expect("a filter");
            let got: BTreeSet<u64> = self.node.records(*key).into_iter().collect();
            for topic in TOPICS.iter().map(|text| topic(text)).filter(|topic| filter.matches(topic))
            {
                if self.forbidden && topic.as_str() == TOPICS[1] {
                    continue;
                }
                let mut all = self.node.log.iter().rev();
                let Some(last) = all.find(|record| *record.topic() == topic) else { continue };
                let position = last.position().value();
                let wanted = self.may_have(position) && position >= self.node.first as u64;
                assert!(!wanted || got.contains(&position), "{key:?} did not get {position}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_repeated_reordered_or_given_without_a_right(steps in steps()) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
            run.check_order();
        }
        run.check_rest();
        run.check_last_values();
    }
}
