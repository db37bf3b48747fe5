//! What a transparency log costs: growing it, proving from it, and verifying what it proves.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use sekisho::clock;
use sekisho_benches::{city::City, sound};
use sekisho_proto::Hash;
use sekisho_seal::{SigningKey, StrictVerifier};
use sekisho_tlog::{
    Checkpoint, Frontier, Note, NoteKey, NoteKeyKind, Signing, TlogPolicy, TlogProof, Tree, cosign,
    leaf_hash, sign_checkpoint, verify_consistency, verify_inclusion,
};

const SIZES: [u64; 2] = [100_000, 1_000_000];
const ORIGIN: &str = "sekisho/fujisawa/control";
const WITNESS: &str = "sekisho/santander/node";
/// A statement, as the control log keeps it.
const ENTRY: [u8; 300] = [7; 300];
/// Visits the leaves in an order that no cache foresees.
const STRIDE: u64 = 7_919;

/// A log and what a client knows of it.
struct Log {
    tree: Tree,
    size: u64,
    root: Hash,
}

impl Log {
    fn new(size: u64) -> Self {
        let tree: Tree = leaves(size).collect();
        let root = tree.root();
        Self { tree, size, root }
    }

    fn indices(&self) -> impl Iterator<Item = u64> + use<> {
        let size = self.size;
        (0..).map(move |visit: u64| visit.wrapping_mul(STRIDE) % size)
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: ORIGIN.to_owned(), size: self.size, root: self.root }
    }

    fn inclusion(&self, index: u64) -> Vec<Hash> {
        sound(self.tree.inclusion(index, self.size).ok_or("the log has no such leaf"))
    }
}

fn leaves(size: u64) -> impl Iterator<Item = Hash> {
    (0..size).map(|index| leaf_hash(&index.to_be_bytes()))
}

fn trees(criterion: &mut Criterion, log: &Log) {
    let size = log.size;
    let mut group = criterion.benchmark_group("tlog");
    let held: Vec<Hash> = leaves(size).collect();
    group.sample_size(10).throughput(Throughput::Elements(size));
    group.bench_function(BenchmarkId::new("Tree::append, all leaves", size), |bencher| {
        bencher.iter(|| held.iter().copied().collect::<Tree>());
    });
    group.finish();
    let mut group = criterion.benchmark_group("tlog");
    let mut frontier = Frontier::from(&log.tree);
    group.bench_function(BenchmarkId::new("leaf_hash and Frontier::append", size), |bencher| {
        bencher.iter(|| frontier.append(leaf_hash(black_box(&ENTRY))));
    });
    group.bench_function(BenchmarkId::new("Tree::root", size), |bencher| {
        bencher.iter(|| black_box(&log.tree).root());
    });
    let mut indices = log.indices();
    group.bench_function(BenchmarkId::new("Tree::inclusion", size), |bencher| {
        bencher.iter(|| indices.next().map(|index| log.inclusion(index)));
    });
    let index = size / 3;
    let (leaf, path) = (sound(log.tree.leaf(index).ok_or("no leaf")), log.inclusion(index));
    group.bench_function(BenchmarkId::new("verify_inclusion", size), |bencher| {
        bencher.iter(|| {
            sound(verify_inclusion(black_box(&leaf), index, size, &log.root, black_box(&path)));
        });
    });
    let old = size / 3 * 2;
    let old_root = sound(log.tree.root_at(old).ok_or("no such size"));
    group.bench_function(BenchmarkId::new("Tree::consistency", size), |bencher| {
        bencher.iter(|| log.tree.consistency(black_box(old), size));
    });
    let path = sound(log.tree.consistency(old, size).ok_or("no such size"));
    group.bench_function(BenchmarkId::new("verify_consistency", size), |bencher| {
        bencher.iter(|| {
            let (old, new) = ((old, &old_root), (size, &log.root));
            sound(verify_consistency(old, new, black_box(&path)));
        });
    });
    group.finish();
}

/// One note with the log's signature and a witness's.
struct Signatures {
    key: SigningKey,
    note: Note,
    policy: TlogPolicy,
}

impl Signatures {
    fn new(log: &Log, key: &SigningKey) -> Self {
        let public = key.verifying_key().public_key();
        let sign = |message: &[u8]| key.sign(message);
        let signing = Signing { key: public, sign: &sign };
        let note = sound(sign_checkpoint(&log.checkpoint(), &signing));
        let line = sound(cosign(&note, WITNESS, &signing, clock::now()));
        let note = sound(note.with_signature(line));
        let log = sound(NoteKey::new(ORIGIN, NoteKeyKind::Log, public));
        let witness = sound(NoteKey::new(WITNESS, NoteKeyKind::Cosigner, public));
        let policy = sound(TlogPolicy::of(log, [("santander", witness)], 1));
        Self { key: key.clone(), note, policy }
    }
}

fn proofs(criterion: &mut Criterion, log: &Log, signatures: &Signatures) {
    let Signatures { key, note, policy } = signatures;
    let size = log.size;
    let mut group = criterion.benchmark_group("tlog");
    let sign = |message: &[u8]| key.sign(message);
    let signing = Signing { key: key.verifying_key().public_key(), sign: &sign };
    let checkpoint = log.checkpoint();
    group.bench_function(BenchmarkId::new("sign_checkpoint", size), |bencher| {
        bencher.iter(|| sound(sign_checkpoint(black_box(&checkpoint), &signing)));
    });
    group.bench_function(BenchmarkId::new("cosign", size), |bencher| {
        let now = clock::now();
        bencher.iter(|| sound(cosign(black_box(note), WITNESS, &signing, now)));
    });
    let index = size / 3;
    let (leaf, path) = (sound(log.tree.leaf(index).ok_or("no leaf")), log.inclusion(index));
    let proof = TlogProof { extra: None, index, path, note: note.clone() };
    let text = proof.encode();
    group.bench_function(BenchmarkId::new("TlogProof parse and verify", size), |bencher| {
        bencher.iter(|| {
            let proof = sound(TlogProof::parse(black_box(&text)));
            sound(proof.verify(&leaf, policy, &StrictVerifier))
        });
    });
    group.finish();
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn print_sizes(log: &Log, note: &Note) {
    let (mut longest, mut bytes) = (0, 0);
    for index in log.indices().take(10_000) {
        let path = log.inclusion(index);
        longest = longest.max(path.len());
        let proof = TlogProof { extra: None, index, path, note: note.clone() };
        bytes = bytes.max(proof.encode().len());
    }
    let consistency = (1..=10_000)
        .filter_map(|part| log.tree.consistency(log.size * part / 10_000, log.size))
        .map(|path| path.len())
        .max();
    println!(
        "proofs of {} entries: inclusion at most {longest} hashes, {} B; consistency at most {} \
         hashes; .tlog-proof with one witness at most {bytes} B; checkpoint {} B; frontier {} B",
        log.size,
        longest * Hash::LENGTH,
        consistency.unwrap_or_default(),
        note.to_string().len(),
        Frontier::from(&log.tree).encode().len(),
    );
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let city = City::new("fujisawa", clock::now());
    for size in SIZES {
        let log = Log::new(size);
        let signatures = Signatures::new(&log, city.device(0).signing());
        trees(&mut criterion, &log);
        proofs(&mut criterion, &log, &signatures);
        print_sizes(&log, &signatures.note);
    }
    criterion.final_summary();
}
