//! Arbitrary bytes of an MQTT client, from its first packet on.
#![no_main]

#[path = "../mqtt_checks.rs"]
mod mqtt_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mqtt_checks::mqtt_packets(bytes));
