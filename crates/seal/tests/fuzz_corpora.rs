//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../fuzz/seal_checks.rs"]
mod seal_checks;

use replay::replay;

#[test]
fn key_file_corpus_holds() {
    replay("key_file", seal_checks::key_file);
}

#[test]
fn key_corpus_holds() {
    replay("key", seal_checks::key);
}
