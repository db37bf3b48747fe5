//! Arbitrary text as requests of SensorThings.
#![no_main]

#[path = "../sensorthings_checks.rs"]
mod sensorthings_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensorthings_checks::sensorthings(bytes));
