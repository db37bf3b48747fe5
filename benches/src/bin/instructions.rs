//! Does one stage of an envelope's walk a known number of times, for whoever counts instructions:
//! `cargo xtask instructions` runs it under valgrind.
//!
//! Without an argument it names the stages; with one of them it does that stage and prints how
//! often.

use anyhow::{Context as _, Result};
use sekisho_benches::operations::{GUARDED, Meter};

/// Turns that fill caches, and are not counted.
const WARMING: usize = 2;
/// Turns that are.
const COUNTED: usize = 4;

#[expect(clippy::print_stdout, reason = "this is the program's answer")]
fn main() -> Result<()> {
    let Some(wanted) = std::env::args().nth(1) else {
        GUARDED.iter().for_each(|(name, _prepare)| println!("{name}"));
        return Ok(());
    };
    let found = GUARDED.iter().find(|(name, _prepare)| *name == wanted);
    let (_name, prepare) = found.with_context(|| format!("wanted a stage, found {wanted}"))?;
    let mut operation = prepare();
    for _ in 0..WARMING {
        operation.turn(&mut Uncounted);
    }
    for _ in 0..COUNTED {
        operation.turn(&mut Counted);
    }
    println!("{}", operation.per_turn * COUNTED);
    Ok(())
}

struct Uncounted;

impl Meter for Uncounted {
    fn measure(&mut self, work: &mut dyn FnMut()) {
        work();
    }
}

struct Counted;

impl Meter for Counted {
    fn measure(&mut self, work: &mut dyn FnMut()) {
        counted_in_instructions(work);
    }
}

/// Valgrind counts between its beginning and its end, by its name.
#[inline(never)]
fn counted_in_instructions(work: &mut dyn FnMut()) {
    work();
    // What is last would be a jump otherwise, and valgrind would not see it return.
    std::hint::black_box(());
}
