//! What a decision costs as grants grow: asked again and again about one principal, and about
//! another at every turn. What a question to a log of 100,000 statements costs, and its replay.

use std::{hint::black_box, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use criterion::{BenchmarkId, Criterion};
use sekisho::clock;
use sekisho_benches::{city::City, ratio::timed, sound};
use sekisho_policy::{CheckedSignatures, Policy, Recipient, SignatureCheck};
use sekisho_proto::{
    Action, PrincipalId, PrincipalName, Scope, Statement, StatementVerifier, Timestamp, Topic,
};
use sekisho_seal::StrictVerifier;

/// Grants in the log.
const GRANTS: [u64; 4] = [100, 1_000, 10_000, 100_000];
/// Grants of one device.
const GRANTS_PER_DEVICE: u64 = 4;
/// Devices of the log that is replayed: 100,000 statements.
const DEVICES: u64 = 20_000;
/// What a replay may take.
const REPLAY_MAX: Duration = Duration::from_secs(5);

/// A policy of so many grants and the questions that it says yes to.
struct Case {
    policy: Arc<Policy>,
    questions: Vec<(PrincipalId, Topic)>,
    now: Timestamp,
}

fn city(devices: u64) -> City {
    let mut city = City::new("fujisawa", clock::now());
    for device in 0..devices {
        city.enrol_device(device);
        for number in 0..GRANTS_PER_DEVICE {
            let action = if number == 0 { Action::Publish } else { Action::Subscribe };
            city.grant_device(device, action, city.filter(&format!("trucks/{device}/{number}/#")));
        }
    }
    city
}

impl Case {
    fn new(grants: u64) -> Self {
        let devices = grants / GRANTS_PER_DEVICE;
        let city = city(devices);
        let question =
            |device| (city.device(device).id(), city.topic(&format!("trucks/{device}/0/air")));
        let mut questions: Vec<_> = (0..devices).map(question).collect();
        // Neighbours in the log are not neighbours in the order of questions.
        questions.sort();
        Self { policy: city.policy(), questions, now: city.now() }
    }

    /// Answered from what was decided before, but the first time.
    fn ask(&self, (publisher, topic): &(PrincipalId, Topic)) {
        black_box(sound(self.policy.permit_publish(*publisher, topic, self.now)));
    }

    /// Decided anew.
    fn decide(&self, (publisher, topic): &(PrincipalId, Topic)) {
        sound(self.policy.permit(Action::Publish, *publisher, topic, self.now));
    }
}

fn decisions(criterion: &mut Criterion) {
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
            BenchmarkId::new("a decision, about another each time", grants),
            |bencher| {
                bencher.iter(|| questions.next().map(|question| case.decide(question)));
            },
        );
        let reader = Recipient::Principal(first.0);
        let topic = sound(Topic::parse(&first.1.as_str().replace("/0/air", "/1/air")));
        group.bench_function(
            BenchmarkId::new("permit_delivery, the same again", grants),
            |bencher| {
                let scope = Scope::Federation;
                let ask =
                    || case.policy.permit_delivery(&reader, &topic, scope, case.now, case.now);
                bencher.iter(|| sound(ask()));
            },
        );
        group.bench_function(BenchmarkId::new("clone of the policy", grants), |bencher| {
            bencher.iter(|| Policy::clone(&case.policy));
        });
    }
    group.finish();
}

/// Who, why and what over a log of 100,000 statements: where one may, and where everybody may.
fn explanations(criterion: &mut Criterion, city: &City) {
    let (policy, now) = (city.policy(), city.now());
    let (own, news) = (city.topic("trucks/7/1/air"), city.topic("news/today"));
    let name = sound(PrincipalName::parse("device-7@fujisawa"));
    let mut group = criterion.benchmark_group("policy of 100,000 statements");
    group.bench_function("who: one", |bencher| {
        bencher.iter(|| black_box(policy.who(&own, Action::Subscribe, now)));
    });
    group.bench_function("who: all 20,000", |bencher| {
        bencher.iter(|| black_box(policy.who(&news, Action::Subscribe, now)));
    });
    group.bench_function("why", |bencher| {
        bencher.iter(|| black_box(policy.why(&name, Action::Subscribe, &own, now)));
    });
    group.bench_function("why not", |bencher| {
        bencher.iter(|| black_box(policy.why(&name, Action::Decrypt, &own, now)));
    });
    group.bench_function("what", |bencher| {
        bencher.iter(|| black_box(policy.what(&name, now)));
    });
    group.finish();
}

/// Checks signatures on every core.
fn check_all(statements: &[Statement]) -> CheckedSignatures<StrictVerifier> {
    let statements: Vec<&Statement> = statements.iter().collect();
    let checks = SignatureCheck::of(&statements);
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let valid = thread::scope(|scope| {
        let parts: Vec<_> = checks
            .chunks(checks.len().div_ceil(threads).max(1))
            .map(|part| {
                let run = |check: &SignatureCheck<'_>| check.run(&StrictVerifier);
                scope.spawn(move || part.iter().filter_map(run).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    CheckedSignatures::new(valid, StrictVerifier)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn replay(city: &City, what: &str, check: impl Fn(&[Statement]) -> Box<dyn StatementVerifier>) {
    let received = |statement: &Statement| (statement.clone(), city.now());
    let log: Vec<_> = city.statements().iter().map(received).collect();
    let count = log.len();
    let mut policy = Policy::new(city.organisation().clone(), city.root());
    let (mut log, mut unapplied) = (Some(log), Vec::new());
    let took = timed(1, || {
        let verifier = check(city.statements());
        let logs = log.take().map(|log| (city.organisation().clone(), log));
        unapplied = policy.restore(logs, &*verifier);
    });
    let verdict = if took <= REPLAY_MAX && unapplied.is_empty() { "met" } else { "missed" };
    println!(
        "REPLAY of {count} statements, {what}: {took:.2?}, wanted <= {REPLAY_MAX:.0?}: {verdict}"
    );
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    decisions(&mut criterion);
    let mut city = city(DEVICES);
    city.grant_everybody(Action::Subscribe, city.filter("news/#"));
    explanations(&mut criterion, &city);
    replay(&city, "signatures one by one", |_statements| Box::new(StrictVerifier));
    replay(&city, "signatures on every core", |statements| Box::new(check_all(statements)));
    criterion.final_summary();
}
