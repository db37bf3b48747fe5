//! Arbitrary bytes as certificates of clients.
#![no_main]

#[path = "../node_checks.rs"]
mod node_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_checks::client_certificate(bytes));
