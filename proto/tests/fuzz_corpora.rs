//! Replays the committed fuzz corpora through the checks of the fuzz targets, so that what a fuzzer
//! once found stays found.
#![cfg(test)]

use std::{fs, path::Path};

#[path = "../../fuzz/checks.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}

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
