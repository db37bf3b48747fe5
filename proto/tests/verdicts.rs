//! What this implementation takes and refuses of the fuzz corpora, as they are, cut off, and with a
//! bit turned: written down in `fuzz/verdicts.json`, so that the others can be held to it.
#![cfg(test)]

#[path = "../../fuzz/replay.rs"]
#[expect(dead_code, reason = "the files of a corpus are wanted, and not what is changed in them")]
mod replay;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use sekisho_proto::{
    AccessEntry, AccessRecord, Envelope, Frame, Header, KeyHeader, LogEntry, SampleBatch, Statement,
};

/// Bytes of a file that are cut at and turned: what is behind them is a body.
const CHANGED_MAX: usize = 600;

type Decoder = fn(&[u8]) -> bool;

/// By their names in the file: a corpus, and what reads it.
const DECODERS: [(&str, &str, Decoder); 9] = [
    ("header", "envelope", |bytes| Header::decode(bytes).is_ok()),
    ("envelope", "envelope", |bytes| Envelope::decode(Bytes::copy_from_slice(bytes)).is_ok()),
    ("key header", "envelope", |bytes| KeyHeader::decode(Bytes::copy_from_slice(bytes)).is_ok()),
    ("frame", "frame", |bytes| Frame::decode(bytes.to_vec()).is_ok()),
    ("samples", "sample_batch", |bytes| SampleBatch::decode(bytes).is_ok()),
    ("statement", "statement", |bytes| Statement::decode(bytes).is_ok()),
    ("log entry", "log_entry", |bytes| LogEntry::decode(&Bytes::copy_from_slice(bytes)).is_ok()),
    ("access entry", "log_entry", |bytes| {
        AccessEntry::decode(&Bytes::copy_from_slice(bytes)).is_ok()
    }),
    ("access record", "log_entry", |bytes| {
        AccessRecord::decode(&Bytes::copy_from_slice(bytes)).is_ok()
    }),
];

/// What is told of one file: itself; cut off before each byte; each byte with one bit turned.
fn told(content: &[u8], decoder: Decoder) -> String {
    let changed = 0..content.len().min(CHANGED_MAX);
    let cut = changed.clone().map(|at| decoder(&content[..at]));
    let turned = changed.map(|at| {
        let mut bytes = content.to_vec();
        bytes[at] ^= 1 << (at % 8);
        decoder(&bytes)
    });
    let verdicts = [decoder(content)].into_iter().chain(cut).chain(turned);
    runs(verdicts.map(|is_taken| if is_taken { '+' } else { '-' }))
}

/// As `-12+1-7`: so many of each, one after the other.
fn runs(verdicts: impl Iterator<Item = char>) -> String {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for verdict in verdicts {
        match runs.last_mut() {
            Some((last, count)) if *last == verdict => *count += 1,
            _ => runs.push((verdict, 1)),
        }
    }
    runs.into_iter().map(|(verdict, count)| format!("{verdict}{count}")).collect()
}

#[test]
fn what_is_taken_and_refused_of_the_corpora_is_what_is_written_down() {
    let mut found: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for (name, corpus, decoder) in DECODERS {
        for path in replay::files(corpus) {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let verdict = told(&fs::read(&path).unwrap(), decoder);
            found.entry(name).or_default().insert(format!("{corpus}/{file}"), verdict);
        }
    }
    let found = serde_json::to_string_pretty(&found).unwrap() + "\n";
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/verdicts.json");
    let written = fs::read_to_string(&place).unwrap_or_default();
    if found != written {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdicts.json");
        fs::write(&new, found).unwrap();
        panic!(
            "wanted what {} says, found other verdicts: {} has them, to take its place where they \
             are right",
            place.display(),
            new.display()
        );
    }
}
