//! Arbitrary bytes as the right edge of a tree as a node keeps it.
#![no_main]

#[path = "../log_checks.rs"]
#[expect(dead_code, reason = "each target runs one of the checks")]
mod log_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| log_checks::frontier(bytes));
