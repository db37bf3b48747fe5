//! Arbitrary bytes as public keys and openings.
#![no_main]

#[path = "../seal_checks.rs"]
#[expect(dead_code, reason = "each target runs one of the checks")]
mod seal_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seal_checks::key(bytes));
