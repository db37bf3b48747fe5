//! Letters that strangers wrote: the corpus of the fuzz target, as it is and changed.

#[path = "../../../fuzz/letter_checks.rs"]
mod letter_checks;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use super::*;

#[test]
fn letter_corpus_holds() {
    replay::replay("letter", letter_checks::letter);
}

#[test]
fn the_corpus_has_a_letter_of_each_stage() {
    let letters = replay::files("letter")
        .into_iter()
        .filter_map(|path| Letter::parse(&std::fs::read_to_string(path).unwrap()).ok());
    let stages: Vec<_> = letters.map(|letter| letter.stage).collect();
    for stage in Stage::ALL {
        assert!(stages.contains(&stage), "wanted {stage:?} among {stages:?}");
    }
}
