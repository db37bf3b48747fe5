//! Arbitrary bytes as what is found where a log was kept.
#![no_main]

#[path = "../store_checks.rs"]
mod store_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| store_checks::segment(bytes));
