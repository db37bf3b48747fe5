//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../fuzz/store_checks.rs"]
mod store_checks;

use replay::replay;

#[test]
fn segment_corpus_holds() {
    replay("segment", store_checks::segment);
}
