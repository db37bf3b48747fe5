//! Arbitrary bytes as proofs of what a log holds.
#![no_main]

#[path = "../sdk_checks.rs"]
#[expect(dead_code, reason = "each target runs one of the checks")]
mod sdk_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sdk_checks::proof(bytes));
