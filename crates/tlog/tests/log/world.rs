//! Keys, logs and a naive tree that is nothing but RFC 9162's definitions.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sekisho_proto::{Hash, PublicKey, Signature, StatementVerifier, Timestamp};
use sekisho_tlog::{
    Checkpoint, Note, NoteKey, NoteKeyKind, NoteSigner, Tree, cosign, empty_root, leaf_hash,
    node_hash, sign_checkpoint,
};

/// A key that anybody in these tests can make again from its label.
#[derive(Clone)]
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn of(label: &str) -> Self {
        Self(SigningKey::from_bytes(leaf_hash(label.as_bytes()).as_bytes()))
    }

    pub(crate) fn log(&self, name: &str) -> NoteKey {
        NoteKey::new(name, NoteKeyKind::Log, self.public_key()).unwrap()
    }

    pub(crate) fn cosigner(&self, name: &str) -> NoteKey {
        NoteKey::new(name, NoteKeyKind::Cosigner, self.public_key()).unwrap()
    }
}

impl NoteSigner for Key {
    fn public_key(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature::new(self.0.sign(message).to_bytes())
    }
}

/// Checks signatures for good.
pub(crate) struct Verifier;

impl StatementVerifier for Verifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        VerifyingKey::from_bytes(key.as_bytes())
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    fn acceptable(&self, key: &PublicKey) -> bool {
        VerifyingKey::from_bytes(key.as_bytes()).is_ok_and(|key| !key.is_weak())
    }
}

pub(crate) const ORIGIN: &str = "sekisho/fujisawa/control";

/// Seconds since 1970.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// The entries of a log that nobody else has.
pub(crate) fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("entry {index}").into_bytes()).collect()
}

pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    entries(count).iter().map(|entry| leaf_hash(entry)).collect()
}

pub(crate) fn tree(count: u64) -> Tree {
    leaves(count).into_iter().collect()
}

pub(crate) fn checkpoint_of(tree: &Tree, size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size, root: tree.root_at(size).unwrap() }
}

/// A checkpoint that the log's key signed and these have cosigned, each a second after the last.
pub(crate) fn cosigned(checkpoint: &Checkpoint, log: &Key, cosigners: &[&str]) -> Note {
    let note = sign_checkpoint(checkpoint, log).unwrap();
    cosigners.iter().zip(1..).fold(note, |note, (name, seconds)| {
        let line = cosign(&note, name, &Key::of(name), at(1_800_000_000 + seconds)).unwrap();
        note.with_signature(line).unwrap()
    })
}

/// A hash with its first bit the other way.
pub(crate) fn bent(hash: &Hash) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[0] ^= 1;
    Hash::new(bytes)
}

/// RFC 9162 §2.1.1, by its recursive definition.
pub(crate) fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// RFC 9162 §2.1.3.1, by its recursive definition.
pub(crate) fn naive_inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, beside) = if index < left.len() {
        (naive_inclusion(index, left), naive_root(right))
    } else {
        (naive_inclusion(index - left.len(), right), naive_root(left))
    };
    path.push(beside);
    path
}

/// On which side of a leaf's way to the root the hashes of its path are, from the leaf up.
pub(crate) fn naive_sides(index: u64, size: u64) -> Vec<bool> {
    if size == 1 {
        return Vec::new();
    }
    let left = split(usize::try_from(size).unwrap()) as u64;
    let (mut sides, on_the_left) = if index < left {
        (naive_sides(index, left), false)
    } else {
        (naive_sides(index - left, size - left), true)
    };
    sides.push(on_the_left);
    sides
}

/// RFC 9162 §2.1.4.1, by its recursive definition; `whole` is its `b`.
pub(crate) fn naive_consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, beside) = if old <= left.len() {
        (naive_consistency(old, left, whole), naive_root(right))
    } else {
        (naive_consistency(old - left.len(), right, false), naive_root(left))
    };
    path.push(beside);
    path
}

/// The largest power of two below a number.
fn split(count: usize) -> usize {
    let mut power = 1;
    while power * 2 < count {
        power *= 2;
    }
    power
}
