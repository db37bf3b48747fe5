//! A tree's right edge: enough to go on appending and to know the root, in a few hundred bytes.

use sekisho_proto::Hash;

use crate::{
    Tree,
    hashing::{empty_root, fold_back, node_hash},
};

const SIZE_BYTES: usize = 8;

/// The complete subtrees that a log of this size ends in. It proves nothing to others, but whoever
/// appends every entry to one knows the log's root without keeping the entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// From the largest subtree to the smallest: one for each bit of `size`.
    hashes: Vec<Hash>,
}

impl Frontier {
    /// Of a tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// How many leaves were added.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_back(self.hashes.iter().rev().copied()).unwrap_or_else(empty_root)
    }

    /// The bytes to keep it in.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.hashes.iter().flat_map(|hash| *hash.as_bytes()));
        bytes
    }

    /// A frontier from the bytes that it was kept in. Whether its hashes are those of a log is not
    /// looked at, and cannot be.
    ///
    /// # Errors
    ///
    /// The bytes are not as many as a frontier of the size that they state has.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let found = bytes.len();
        let (size, hashes) = bytes
            .split_first_chunk::<SIZE_BYTES>()
            .ok_or(FrontierError { wanted: SIZE_BYTES, found })?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<{ Hash::LENGTH }>();
        let count = size.count_ones() as usize;
        if hashes.len() != count || !rest.is_empty() {
            return Err(FrontierError { wanted: SIZE_BYTES + count * Hash::LENGTH, found });
        }
        Ok(Self { size, hashes: hashes.iter().copied().map(Hash::new).collect() })
    }
}

impl From<&Tree> for Frontier {
    fn from(tree: &Tree) -> Self {
        let size = tree.size();
        let levels = (0..u64::BITS).rev().filter(|level| (size >> level) & 1 == 1);
        let hashes = levels.filter_map(|level| tree.node(level, (size >> level) - 1)).collect();
        Self { size, hashes }
    }
}

/// Bytes that are no frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("frontier of a log: wanted {wanted} bytes, found {found}")]
pub struct FrontierError {
    wanted: usize,
    found: usize,
}
