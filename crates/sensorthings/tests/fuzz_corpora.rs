//! Replays the committed fuzz corpus through the checks of the fuzz target, as it is and changed, so
//! that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../fuzz/sensorthings_checks.rs"]
mod sensorthings_checks;

use replay::replay;

#[test]
fn sensorthings_corpus_holds() {
    replay("sensorthings", sensorthings_checks::sensorthings);
}
