//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../fuzz/checks.rs"]
mod checks;
#[path = "../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn envelope_corpus_holds() {
    replay("envelope", checks::envelope);
}

#[test]
fn frame_corpus_holds() {
    replay("frame", checks::frame);
}

#[test]
fn name_corpus_holds() {
    replay("name", checks::name);
}

#[test]
fn sample_batch_corpus_holds() {
    replay("sample_batch", checks::sample_batch);
}

#[test]
fn statement_corpus_holds() {
    replay("statement", checks::statement);
}

#[test]
fn errand_corpus_holds() {
    replay("errand", checks::errand);
}

#[test]
fn log_entry_corpus_holds() {
    replay("log_entry", checks::log_entry);
}
