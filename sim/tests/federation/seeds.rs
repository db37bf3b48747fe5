//! Many runs, each with its own seed. `SEKISHO_SEED=n` runs one again, `SEKISHO_SEEDS=n` runs so
//! many.

use sekisho_sim::{Report, Scale, run};

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: wanted a number, found {text}")))
}

/// Tells the seed where a run ends in a panic.
struct Announced(u64);

impl Drop for Announced {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("run it again with SEKISHO_SEED={}", self.0);
        }
    }
}

fn run_one(seed: u64) -> Report {
    let announced = Announced(seed);
    run(announced.0, Scale::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs the first seeds on all cores; each run has one thread.
fn run_many(seeds: u64) -> Vec<Report> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let started: Vec<_> = (1..)
            .take(threads)
            .map(|first| {
                scope.spawn(move || (first..=seeds).step_by(threads).map(run_one).collect())
            })
            .collect();
        let finished: Vec<Vec<Report>> = started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)))
            .collect();
        finished.concat()
    })
}

#[test]
fn a_federation_keeps_its_promises_whatever_fails() {
    if let Some(seed) = variable("SEKISHO_SEED") {
        println!("{:#?}", run_one(seed));
        return;
    }
    let reports = run_many(variable("SEKISHO_SEEDS").unwrap_or(50));
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    let counts = [
        ("acknowledged", sum(|report| report.acknowledged)),
        ("delivered", sum(|report| report.delivered)),
        ("forged", sum(|report| report.forged)),
        ("crashes", sum(|report| report.crashes)),
        ("disconnections", sum(|report| report.disconnections)),
        ("statements", sum(|report| report.statements)),
        ("storage full", sum(|report| report.storage_full)),
        ("not permitted", sum(|report| report.not_permitted)),
        ("cosigned", sum(|report| report.cosigned)),
        ("silences", sum(|report| report.silences)),
        ("told stale", sum(|report| report.told_stale)),
    ];
    println!("{counts:?} in {} runs", reports.len());
    let all = counts.iter().all(|(_, count)| *count > 0);
    assert!(all || reports.len() < 50, "a run in which nothing happens proves nothing");
}

#[test]
fn a_run_is_decided_by_its_seed() {
    assert_eq!(run_one(7), run_one(7));
    assert_ne!(run_one(7).digest, run_one(8).digest);
}
