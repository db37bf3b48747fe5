//! What a proof proves to somebody who has nothing but a root.

use sekisho_proto::Hash;

use crate::hashing::{empty_root, node_hash};

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no such leaf.
    #[error("inclusion proof: wanted a leaf of a log of {size} entries, found index {index}")]
    Index {
        /// The index that was to be proven.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The later tree is the smaller one.
    #[error("consistency proof: wanted a log of at least {old} entries, found {new}")]
    Shrunk {
        /// The earlier size.
        old: u64,
        /// The size that was said to be later.
        new: u64,
    },
    /// More or fewer hashes than the way to the root has steps.
    #[error("{proof} proof: wanted {wanted} hashes, found {found}")]
    Length {
        /// Which proof.
        proof: &'static str,
        /// How many steps there are.
        wanted: usize,
        /// How many hashes there were.
        found: usize,
    },
    /// The hashes lead to another root.
    #[error("{proof} proof: wanted root {wanted} of {size} entries, found {found}")]
    Root {
        /// Which proof.
        proof: &'static str,
        /// The size of the tree whose root this is.
        size: u64,
        /// The root that was to be reached.
        wanted: Hash,
        /// The root that was reached.
        found: Hash,
    },
}

/// Checks that a leaf is in a tree.
///
/// RFC 9162 §2.1.3.2. The size is not hashed, and other sizes can have the same way from the leaf
/// to the root: it is to be taken from where the root was, the signed checkpoint.
///
/// # Errors
///
/// The path does not lead from this leaf at this index to this root of a tree of this size.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    const PROOF: &str = "inclusion";
    let last = match size.checked_sub(1) {
        Some(last) if index <= last => last,
        _ => return Err(ProofError::Index { index, size }),
    };
    let mut steps = Steps { node: index, last };
    check_length(PROOF, steps.clone().count(), path)?;
    let mut hash = *leaf;
    for beside in path {
        hash = match steps.next() {
            Some(Side::Left) => node_hash(beside, &hash),
            Some(Side::Right) => node_hash(&hash, beside),
            None => break,
        };
    }
    check_root(PROOF, size, root, &hash)
}

/// Checks that the tree of the new size begins with the tree of the old size. Both come with their
/// roots.
///
/// RFC 9162 §2.1.4.2; and, as tlog-witness §add-checkpoint has it, "if the old size is zero, the
/// consistency proof MUST be empty, because the empty tree is consistent with any tree", and the
/// root of a tree of size zero is the empty tree's.
///
/// # Errors
///
/// The new tree is the smaller, or the path does not lead to both roots.
pub fn verify_consistency(
    old: (u64, &Hash),
    new: (u64, &Hash),
    path: &[Hash],
) -> Result<(), ProofError> {
    const PROOF: &str = "consistency";
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    for (size, root) in [old, new] {
        if size == 0 {
            check_root(PROOF, size, &empty_root(), root)?;
        }
    }
    if old_size == 0 || old_size == new_size {
        check_length(PROOF, 0, path)?;
        return if old_size == 0 {
            Ok(())
        } else {
            check_root(PROOF, new_size, old_root, new_root)
        };
    }
    // The last complete subtree of the old tree is where the ways to both roots begin. A tree of a
    // power of two is that subtree, so that its root need not be sent.
    let level = old_size.trailing_zeros();
    let mut steps = Steps { node: (old_size - 1) >> level, last: (new_size - 1) >> level };
    let sent = usize::from(!old_size.is_power_of_two());
    check_length(PROOF, steps.clone().count() + sent, path)?;
    let (start, path) = match path.split_first() {
        Some((start, rest)) if sent == 1 => (start, rest),
        _ => (old_root, path),
    };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for beside in path {
        match steps.next() {
            Some(Side::Left) => {
                old_hash = node_hash(beside, &old_hash);
                new_hash = node_hash(beside, &new_hash);
            }
            Some(Side::Right) => new_hash = node_hash(&new_hash, beside),
            None => break,
        }
    }
    check_root(PROOF, old_size, old_root, &old_hash)?;
    check_root(PROOF, new_size, new_root, &new_hash)
}

/// On which side of the way to the root a hash of the path is.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// The way from a node of a level to the root: RFC 9162's `fn` and `sn`.
#[derive(Clone)]
struct Steps {
    node: u64,
    last: u64,
}

impl Iterator for Steps {
    type Item = Side;

    fn next(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        // The last node of a level that has no right neighbour is its own parent.
        let side = if self.node & 1 == 1 || self.node == self.last {
            while self.node & 1 == 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }
}

impl Steps {
    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}

fn check_length(proof: &'static str, wanted: usize, path: &[Hash]) -> Result<(), ProofError> {
    if path.len() == wanted {
        return Ok(());
    }
    Err(ProofError::Length { proof, wanted, found: path.len() })
}

fn check_root(
    proof: &'static str,
    size: u64,
    wanted: &Hash,
    found: &Hash,
) -> Result<(), ProofError> {
    if wanted == found {
        return Ok(());
    }
    Err(ProofError::Root { proof, size, wanted: *wanted, found: *found })
}
