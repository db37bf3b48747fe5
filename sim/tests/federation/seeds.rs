//! Many runs, each with its own seed. The seeds that once found something come first: they are kept
//! in `seeds/`, where a run that fails writes its own.
//!
//! `make sim SEED=n` runs one seed and prints what happened, `make sim SEEDS=n FIRST=m` so many from
//! `m` on.

use std::{
    any::Any,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sekisho_sim::{Report, Scale, run};

/// Runs where nothing else is asked for.
const SEEDS: u64 = 1_000;

/// With fewer runs, one kind of fault or another may not have come up.
const SEEDS_FOR_EVERYTHING: u64 = 300;

/// A run: the number that decides it, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seed {
    number: u64,
    scale: Scale,
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: wanted a number, found {text}")))
}

fn seeds_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

/// What a run that failed is kept as: `seed N` and `steps N`, and what was wrong behind `#`.
fn parse(text: &str) -> Option<Seed> {
    let number = |word: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(word));
        lines.next().and_then(|number| number.trim().parse().ok())
    };
    Some(Seed { number: number("seed ")?, scale: Scale { steps: number("steps ")? } })
}

fn kept_seeds(directory: &Path) -> Vec<Seed> {
    let Ok(found) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = found
        .map(|entry| entry.expect("a folder that can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    let seed = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a file that can be read");
        parse(&text).unwrap_or_else(|| panic!("{}: wanted a seed and steps", path.display()))
    };
    paths.iter().map(seed).collect()
}

/// Keeps a seed for good, and says how to run it again.
fn keep(directory: &Path, seed: Seed, what: &str) -> String {
    let Seed { number, scale } = seed;
    let path = directory.join(format!("{number}-{}.txt", scale.steps));
    let reason: String = what.lines().map(|line| format!("# {line}\n")).collect();
    let written = std::fs::create_dir_all(directory).and_then(|()| {
        std::fs::write(&path, format!("seed {number}\nsteps {}\n{reason}", scale.steps))
    });
    let kept = match written {
        Ok(()) => format!("kept as {}", path.display()),
        Err(error) => format!("not kept: {}: {error}", path.display()),
    };
    format!("{what}\n{kept}; run it again with make sim SEED={number}")
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

fn try_one(seed: Seed) -> Result<Report, String> {
    match catch_unwind(|| run(seed.number, seed.scale)) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(panic) => Err(format!("seed {}: {}", seed.number, words(&*panic))),
    }
}

fn run_one(seed: Seed) -> Report {
    try_one(seed).unwrap_or_else(|what| panic!("{}", keep(&seeds_directory(), seed, &what)))
}

/// Runs seeds on all cores, each in one thread; every failure is kept.
fn run_all(seeds: &[Seed]) -> Vec<Report> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(0);
    let take = || {
        let index = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok()?;
        seeds.get(index).copied()
    };
    let outcomes: Vec<Result<Report, String>> = std::thread::scope(|scope| {
        let work = || {
            std::iter::from_fn(take)
                .map(|seed| try_one(seed).map_err(|what| keep(&seeds_directory(), seed, &what)))
                .collect::<Vec<_>>()
        };
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started.into_iter().flat_map(|thread| thread.join().expect("a thread that ends")).collect()
    });
    let (reports, failures): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let failures: Vec<String> = failures.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    reports.into_iter().filter_map(Result::ok).collect()
}

#[test]
fn a_federation_keeps_its_promises_whatever_fails() {
    if let Some(number) = variable("SEKISHO_SEED") {
        let kept = kept_seeds(&seeds_directory());
        let kept = kept.into_iter().find(|kept| kept.number == number);
        println!("{:#?}", run_one(kept.unwrap_or(Seed { number, scale: Scale::default() })));
        return;
    }
    let (count, first) =
        (variable("SEKISHO_SEEDS").unwrap_or(SEEDS), variable("SEKISHO_FIRST_SEED").unwrap_or(1));
    let fresh =
        (first..first.saturating_add(count)).map(|number| Seed { number, scale: Scale::default() });
    let seeds: Vec<Seed> = kept_seeds(&seeds_directory()).into_iter().chain(fresh).collect();
    let reports = run_all(&seeds);
    let mut sums: Vec<(&str, u64)> = Vec::new();
    for (name, count) in reports.iter().flat_map(Report::counts) {
        match sums.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => sums.push((name, count)),
        }
    }
    println!("{sums:?} in {} runs", reports.len());
    let missing: Vec<&str> =
        sums.iter().filter(|(_, sum)| *sum == 0).map(|(name, _)| *name).collect();
    assert!(
        missing.is_empty() || count < SEEDS_FOR_EVERYTHING,
        "never happened: {missing:?}; a run in which nothing happens proves nothing"
    );
}

#[test]
fn a_run_is_decided_by_its_seed() {
    for number in 1..=8 {
        let seed = Seed { number, scale: Scale::default() };
        let other = Seed { number: number + 1_000_000, ..seed };
        assert_eq!(run_one(seed), run_one(seed));
        assert_ne!(run_one(seed).digest, run_one(other).digest);
    }
}

#[test]
fn a_seed_that_fails_is_kept_and_found_again() {
    let directory = std::env::temp_dir().join(format!("sekisho-seeds-{}", std::process::id()));
    let seed = Seed { number: 7, scale: Scale { steps: 300 } };
    let said = keep(&directory, seed, "a reason\nof two lines");
    assert!(said.contains("make sim SEED=7"), "{said}");
    assert_eq!(kept_seeds(&directory), [seed]);
    std::fs::remove_dir_all(&directory).expect("a folder of this test");
}
