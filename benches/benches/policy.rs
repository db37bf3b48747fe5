//! What a decision costs as grants grow: asked again and again about one principal, and about
//! another at every turn.

use std::hint::black_box;

use criterion::BenchmarkId;
use sekisho::clock;
use sekisho_benches::{city::City, sound};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Action, PrincipalId, Scope, Timestamp, Topic};

/// Grants in the log.
const GRANTS: [u64; 3] = [100, 1_000, 10_000];
/// Grants of one device.
const GRANTS_PER_DEVICE: u64 = 4;

/// A policy of so many grants and the questions that it says yes to.
struct Case {
    policy: std::sync::Arc<Policy>,
    questions: Vec<(PrincipalId, Topic)>,
    now: Timestamp,
}

impl Case {
    fn new(grants: u64) -> Self {
        let mut city = City::new("fujisawa", clock::now());
        let mut questions = Vec::new();
        for device in 0..grants / GRANTS_PER_DEVICE {
            city.enrol_device(device);
            let id = city.device(device).id();
            for number in 0..GRANTS_PER_DEVICE {
                let action = if number == 0 { Action::Publish } else { Action::Subscribe };
                city.grant_device(
                    device,
                    action,
                    city.filter(&format!("trucks/{device}/{number}/#")),
                );
            }
            questions.push((id, city.topic(&format!("trucks/{device}/0/air"))));
        }
        // Neighbours in the log are not neighbours in the order of questions.
        questions.sort();
        Self { policy: city.policy(), questions, now: city.now() }
    }

    fn ask(&self, (publisher, topic): &(PrincipalId, Topic)) {
        black_box(sound(self.policy.permit_publish(*publisher, topic, self.now)));
    }
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let mut group = criterion.benchmark_group("policy");
    for grants in GRANTS {
        let case = Case::new(grants);
        let Some(first) = case.questions.first() else { continue };
        group.bench_function(
            BenchmarkId::new("permit_publish, the same again", grants),
            |bencher| {
                bencher.iter(|| case.ask(black_box(first)));
            },
        );
        let mut questions = case.questions.iter().cycle();
        group.bench_function(
            BenchmarkId::new("permit_publish, another each time", grants),
            |bencher| {
                bencher.iter(|| questions.next().map(|question| case.ask(question)));
            },
        );
        let reader = Recipient::Principal(first.0);
        let topic = sound(Topic::parse(&first.1.as_str().replace("/0/air", "/1/air")));
        group.bench_function(BenchmarkId::new("permit_delivery", grants), |bencher| {
            let scope = Scope::Federation;
            let ask = || case.policy.permit_delivery(&reader, &topic, scope, case.now, case.now);
            bencher.iter(|| sound(ask()));
        });
        group.bench_function(BenchmarkId::new("clone of the policy", grants), |bencher| {
            bencher.iter(|| Policy::clone(&case.policy));
        });
    }
    group.finish();
    criterion.final_summary();
}
