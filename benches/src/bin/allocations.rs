//! How much memory each stage of an envelope's walk asks for: allocations for each envelope, or
//! each delivery, once caches are warm. Prints a table.
//!
//! ```text
//! cargo run --release --package sekisho-benches --bin allocations
//! ```

use std::alloc::System;

use anyhow::Result;
use sekisho_benches::operations::{GUARDED, Meter, OTHERS};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Turns that fill caches and give containers their size, and are not counted.
const WARMING: usize = 8;
/// Turns that are.
const COUNTED: usize = 32;

#[derive(Debug, Default)]
struct Asked {
    times: usize,
    grown: usize,
    bytes: usize,
}

#[expect(clippy::print_stdout, reason = "this is the program's answer")]
fn main() -> Result<()> {
    println!("| Stage | Allocations | Grown in place or moved | Bytes |");
    println!("|---|---|---|---|");
    for (name, prepare) in GUARDED.iter().chain(&OTHERS) {
        let mut operation = prepare();
        for _ in 0..WARMING {
            operation.turn(&mut Asked::default());
        }
        let mut asked = Asked::default();
        for _ in 0..COUNTED {
            operation.turn(&mut asked);
        }
        let each = |count: usize| per_operation(count, operation.per_turn * COUNTED);
        let Asked { times, grown, bytes } = asked;
        println!("| {name} | {:.2} | {:.2} | {:.0} |", each(times), each(grown), each(bytes));
    }
    Ok(())
}

impl Meter for Asked {
    fn measure(&mut self, work: &mut dyn FnMut()) {
        let region = Region::new(&INSTRUMENTED_SYSTEM);
        work();
        let change = region.change();
        self.times += change.allocations;
        self.grown += change.reallocations;
        self.bytes += change.bytes_allocated;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run are below 2^53")]
fn per_operation(count: usize, operations: usize) -> f64 {
    count as f64 / operations.max(1) as f64
}
