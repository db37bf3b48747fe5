//! Replays the committed fuzz corpora through the checks of the fuzz targets, so that what a fuzzer
//! once found stays found.
#![cfg(test)]

use std::{fs, path::Path};

use proptest::prelude::*;
use sekisho_tlog::{Note, TileId, TlogPolicy, TlogProof};

#[path = "../../../fuzz/log_checks.rs"]
mod log_checks;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::{files, replay};

/// Bytes that mean something in one of the formats, and a few that must not.
const BYTES: &[u8] = b"\0\t\n\r \"#+-./0129=@AQagklpqx\x7f\x80\xc2\xe2\xff";

type Check = fn(&[u8]);

#[test]
fn note_corpus_holds() {
    replay("note", log_checks::note);
}

#[test]
fn log_proof_corpus_holds() {
    replay("log_proof", log_checks::log_proof);
}

#[test]
fn witness_policy_corpus_holds() {
    replay("witness_policy", log_checks::witness_policy);
}

#[test]
fn tile_corpus_holds() {
    replay("tile", log_checks::tile);
}

#[test]
fn frontier_corpus_holds() {
    replay("frontier", log_checks::frontier);
}

#[test]
fn the_examples_are_accepted() {
    let read = |path: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        fs::read(folder.join(path)).unwrap()
    };
    let text = |path: &str| String::from_utf8(read(path)).unwrap();
    Note::parse(&text("note/cosigned")).unwrap().checkpoint().unwrap();
    TlogProof::parse(&text("log_proof/example")).unwrap();
    assert_eq!(TlogPolicy::parse(read("witness_policy/example")).unwrap().witnesses().count(), 6);
    TileId::parse_path(text("tile/full").lines().next().unwrap()).unwrap();
}

proptest! {
    /// One or a few bytes beside what the corpora hold: where parsers break that were written with
    /// good input in mind.
    #[test]
    fn near_misses_hold(
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3, prop::sample::select(BYTES)),
            1..4,
        ),
    ) {
        let checks: [(&str, Check); 4] = [
            ("note", log_checks::note),
            ("log_proof", log_checks::log_proof),
            ("witness_policy", log_checks::witness_policy),
            ("tile", log_checks::tile),
        ];
        let all = checks.map(|(target, check)| files(target).into_iter().map(move |f| (f, check)));
        let all: Vec<_> = all.into_iter().flatten().collect();
        let (file, check) = &all[file.index(all.len())];
        let mut bytes = fs::read(file).unwrap();
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len().max(1));
            match kind {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        check(&bytes);
    }
}
