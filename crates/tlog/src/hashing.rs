//! The three hashes of a Merkle tree, kept apart by their first byte.

use sekisho_proto::Hash;
use sha2::{Digest as _, Sha256};

const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The hash of an entry as a leaf.
///
/// RFC 9162 §2.1.1: `MTH({d[0]}) = HASH(0x00 || d[0])`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash::new(Sha256::new().chain_update(LEAF).chain_update(entry).finalize().into())
}

/// The hash of two neighbouring subtrees.
///
/// RFC 9162 §2.1.1: `MTH(D_n) = HASH(0x01 || MTH(D[0:k]) || MTH(D[k:n]))`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new().chain_update(NODE).chain_update(left).chain_update(right);
    Hash::new(hasher.finalize().into())
}

/// The root of a tree without leaves.
///
/// RFC 9162 §2.1.1: "The hash of an empty list is the hash of an empty string".
#[must_use]
pub fn empty_root() -> Hash {
    Hash::new(Sha256::digest([]).into())
}

/// The root over subtrees that follow each other, handed in from the last to the first.
pub(crate) fn fold_back(subtrees: impl IntoIterator<Item = Hash>) -> Option<Hash> {
    subtrees.into_iter().reduce(|right, left| node_hash(&left, &right))
}
