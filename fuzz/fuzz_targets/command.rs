//! Arbitrary bytes as commands of sensiNact.
#![no_main]

#[path = "../sensinact_checks.rs"]
mod sensinact_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensinact_checks::command(bytes));
