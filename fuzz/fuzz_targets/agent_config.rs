//! Arbitrary bytes as configurations of agents.
#![no_main]

#[path = "../agent_checks.rs"]
#[expect(dead_code, reason = "each target runs one of the checks")]
mod agent_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_checks::agent_config(bytes));
