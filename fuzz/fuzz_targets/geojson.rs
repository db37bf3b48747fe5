//! Arbitrary bytes as a body of GeoJSON.
#![no_main]

#[path = "../format_checks.rs"]
#[expect(dead_code, reason = "each target runs one of the checks")]
mod format_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| format_checks::geojson(bytes));
