//! How ordinary tests, on a stable compiler, put the committed corpora through the checks of the
//! fuzz targets: each file as it is, so that what a fuzzer once found stays found, and then many
//! times with a few changes, drawn from a seed that a failing test prints.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

/// Changed inputs for each file of a corpus.
const ROUNDS: u64 = 300;
/// Changes of one input at most.
const CHANGES_MAX: u64 = 4;
/// What parsers were not written with in mind, of the integers.
const EDGES: [&[u8]; 8] = [
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff; 4],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    b"-9223372036854775809",
];

/// The files of a target's corpus, in order.
pub(crate) fn files(target: &str) -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = here.ancestors().map(|folder| folder.join("fuzz/corpus").join(target));
    let folder = corpus.into_iter().find(|folder| folder.is_dir());
    let Some(folder) = folder else { panic!("{target}: wanted a corpus, found none") };
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Checks every file of a target's corpus, as it is and changed.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let contents: Vec<_> =
        files(target).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    for (content, path) in &contents {
        checked(check, content, &path.display().to_string());
    }
    for ((content, path), number) in contents.iter().zip(1..) {
        for round in 0..ROUNDS {
            let seed = number << 32 | round;
            let mut mutator = Mutator::new(seed);
            let other = &contents[mutator.below(contents.len())].0;
            let changed = mutator.change(content, other);
            checked(check, &changed, &format!("{} changed with seed {seed}", path.display()));
        }
    }
}

fn checked(check: fn(&[u8]), bytes: &[u8], what: &str) {
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| check(bytes))) {
        println!("{what}: {}", bytes.escape_ascii());
        resume_unwind(cause);
    }
}

/// Draws changes from a seed: xorshift64*, the same everywhere and for ever.
struct Mutator(u64);

impl Mutator {
    /// Neighbouring seeds have nothing in common.
    fn new(seed: u64) -> Self {
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// A few changes of the kinds that break parsers; `other` is another input, to take parts from.
    fn change(&mut self, content: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = content.to_vec();
        for _change in 0..=self.next() % CHANGES_MAX {
            let at = self.below(bytes.len() + 1);
            match self.next() % 8 {
                0 => self.flip(&mut bytes),
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..(at + 1 + self.below(8)).min(bytes.len()))),
                3 => insert(&mut bytes, at, EDGES[self.below(EDGES.len())]),
                4 => {
                    let edge = EDGES[self.below(EDGES.len())];
                    let end = (at + edge.len()).min(bytes.len());
                    bytes.splice(at..end, edge.iter().copied());
                }
                5 => {
                    let part = self.part_of(content);
                    insert(&mut bytes, at, part);
                }
                6 => {
                    let part = self.part_of(other);
                    insert(&mut bytes, at, part);
                }
                _ => {
                    let byte = u8::try_from(self.next() & 0xff).unwrap();
                    insert(&mut bytes, at, &[byte]);
                }
            }
        }
        bytes
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let (at, bit) = (self.below(bytes.len()), self.next() % 8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn part_of<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let from = self.below(bytes.len());
        let length = self.below(64.min(bytes.len() - from) + 1);
        &bytes[from..from + length]
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}
