//! Replays the committed corpus of packets through the checks of its fuzz target, as it is and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../../fuzz/mqtt_checks.rs"]
mod mqtt_checks;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn mqtt_packets_corpus_holds() {
    replay("mqtt_packets", mqtt_checks::mqtt_packets);
}
