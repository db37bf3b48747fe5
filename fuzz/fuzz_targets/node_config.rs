//! Arbitrary bytes as configurations of nodes.
#![no_main]

#[path = "../node_checks.rs"]
mod node_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_checks::node_config(bytes));
