//! Every stage of an envelope's walk by itself, as it is counted in instructions and allocations.

use std::time::Duration;

use criterion::Throughput;
use sekisho_benches::{
    operations::{GUARDED, Meter, OTHERS},
    ratio::timed,
};

/// Adds up how long what is measured takes.
struct Stopwatch(Duration);

impl Meter for Stopwatch {
    fn measure(&mut self, work: &mut dyn FnMut()) {
        self.0 += timed(1, work);
    }
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let mut group = criterion.benchmark_group("stages");
    for (name, prepare) in GUARDED.iter().chain(&OTHERS) {
        let mut operation = prepare();
        group.throughput(Throughput::Elements(operation.per_turn as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut stopwatch = Stopwatch(Duration::ZERO);
                (0..rounds).for_each(|_| operation.turn(&mut stopwatch));
                stopwatch.0
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
