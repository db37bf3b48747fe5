//! What routing costs: finding a topic's subscriptions among many that it does not match, taking an
//! envelope from the door to the outboxes, and telling a repetition from news.

use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use sekisho::clock;
use sekisho_benches::{city::City, sound, stream::Stream};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{
    Action, Filter, Offset, Position, PrincipalId, Timestamp, Topic, frame::Start,
};
use sekisho_routing::{
    Admitted, Appended, Carriage, Command, Limits, Router, SessionId, Subscribe, SubscriptionId,
    SubscriptionTree,
};
use sekisho_seal::{Verified, verify};

/// Subscriptions in the tree.
const SUBSCRIPTIONS: [u64; 3] = [100, 10_000, 100_000];
/// Live subscribers of one topic.
const SUBSCRIBERS: [u64; 3] = [0, 1, 100];
/// Envelopes that one group commit makes durable.
const GROUP: u64 = 128;
const ENVELOPE_BYTES: usize = 1_024;
const PUBLISHER: SessionId = SessionId::new(0);

/// One subscription in ten is a wildcard; all others name one truck's sensor.
fn tree(subscriptions: u64) -> SubscriptionTree<(SessionId, SubscriptionId)> {
    let mut tree = SubscriptionTree::new();
    for number in 0..subscriptions {
        let filter = match number % 10 {
            0 => format!("fujisawa/trucks/{number}/#"),
            _ => format!("fujisawa/trucks/{number}/air/{}", number % 7),
        };
        let filter = sound(Filter::parse(&filter));
        tree.insert(&filter, (SessionId::new(number), SubscriptionId::new(0)));
    }
    tree.insert(
        &sound(Filter::parse("fujisawa/trucks/+/air/#")),
        (SessionId::new(0), SubscriptionId::new(1)),
    );
    tree.insert(&sound(Filter::parse("fujisawa/#")), (SessionId::new(0), SubscriptionId::new(2)));
    tree
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing");
    for subscriptions in SUBSCRIPTIONS {
        let tree = tree(subscriptions);
        let topics: Vec<Topic> = (0..subscriptions)
            .step_by(7)
            .map(|number| format!("fujisawa/trucks/{number}/air/{}", number % 7))
            .map(|topic| sound(Topic::parse(&topic)))
            .collect();
        let mut topics = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("match of five levels", subscriptions), |bencher| {
            bencher.iter(|| topics.next().map(|topic| tree.matches(topic)));
        });
    }
    group.finish();
}

/// One device's envelopes, verified, and the rights of everybody.
struct Case {
    policy: Arc<Policy>,
    publisher: PrincipalId,
    filter: Filter,
    envelopes: Vec<Verified>,
    now: Timestamp,
}

impl Case {
    fn new() -> Self {
        let mut city = City::new("fujisawa", clock::now());
        city.enrol_device(0);
        city.grant_everybody(Action::Publish, city.filter("#"));
        city.grant_everybody(Action::Subscribe, city.filter("#"));
        let device = city.device(0);
        let topic = city.topic("trucks/0/air");
        let mut stream = Stream::new(&city, device.signing(), topic, ENVELOPE_BYTES);
        let key = device.signing().verifying_key();
        let envelopes = (0..GROUP).map(|_| sound(verify(stream.seal_next(), &key))).collect();
        let filter = city.filter("trucks/+/air");
        Self { policy: city.policy(), publisher: device.id(), filter, envelopes, now: city.now() }
    }

    /// A router with so many subscribers who wait for the next record.
    fn router(&self, subscribers: u64) -> Router {
        let policy = Arc::clone(&self.policy);
        let mut router = Router::new(Limits::default(), policy, Position::ZERO);
        let recipient = Recipient::Principal(self.publisher);
        for number in 0..=subscribers {
            let session = SessionId::new(number);
            router.handle_connect(session, self.publisher, recipient.clone(), self.now);
            if session != PUBLISHER {
                let (filter, credit) = (self.filter.clone(), Limits::default().credit_max);
                let subscribe = Subscribe { filter, start: Start::Latest, cursor: None, credit };
                let subscription = SubscriptionId::new(0);
                router.handle_subscribe(session, subscription, subscribe, None, self.now);
            }
        }
        while router.poll_command().is_some() {}
        router
    }

    fn admitted(&self) -> Vec<Admitted> {
        (0..)
            .zip(&self.envelopes)
            .map(|(request, verified)| {
                let topic = &verified.header().topic;
                let permit = sound(self.policy.permit_publish(self.publisher, topic, self.now));
                let carriage = Carriage::Session { session: PUBLISHER, request };
                sound(Admitted::new(verified.clone(), permit, carriage))
            })
            .collect()
    }

    /// As the shard does it, with a disk that costs nothing; tells how many deliveries there were.
    fn publish(&self, router: &mut Router, admitted: Vec<Admitted>) -> u64 {
        for admitted in admitted {
            router.handle_publish(admitted, self.now);
        }
        let (mut appended, mut delivered) = (Vec::new(), 0);
        loop {
            while let Some(command) = router.poll_command() {
                if let Command::Append { ticket, .. } = command {
                    appended.push(ticket);
                } else {
                    delivered += u64::from(matches!(command, Command::Deliver { .. }));
                }
            }
            if appended.is_empty() {
                return delivered;
            }
            for (place, ticket) in (0..).zip(appended.drain(..)) {
                let place = Appended { position: Position::new(place), offset: Offset::new(place) };
                sound(router.handle_appended(ticket, place, self.now));
            }
        }
    }
}

fn publishing(criterion: &mut Criterion) {
    let case = Case::new();
    let mut group = criterion.benchmark_group("routing");
    group.throughput(Throughput::Elements(GROUP));
    for subscribers in SUBSCRIBERS {
        let delivered = case.publish(&mut case.router(subscribers), case.admitted());
        assert_eq!(delivered, GROUP * subscribers, "everybody gets everything");
        group.bench_function(
            BenchmarkId::new("a group of 128 to live subscribers", subscribers),
            |bencher| {
                bencher.iter_batched(
                    || (case.router(subscribers), case.admitted()),
                    |(mut router, admitted)| case.publish(&mut router, admitted),
                    BatchSize::SmallInput,
                );
            },
        );
    }
    let mut router = case.router(0);
    case.publish(&mut router, case.admitted());
    group.bench_function("a group of 128 that was there before", |bencher| {
        bencher.iter_batched(
            || case.admitted(),
            |admitted| case.publish(&mut router, admitted),
            BatchSize::SmallInput,
        );
    });
    assert_eq!(router.counters().appended, GROUP, "a repetition is not appended");
    group.finish();
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    matching(&mut criterion);
    publishing(&mut criterion);
    criterion.final_summary();
}
