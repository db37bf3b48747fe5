//! A whole Merkle tree in memory: every root and every proof without reading anything.

use sekisho_proto::Hash;

use crate::hashing::{empty_root, fold_back, node_hash};

/// The hashes of all complete subtrees of a log: 64 bytes an entry.
///
/// Roots and proofs of every earlier size stay available, because a complete subtree never changes.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// `levels[l][i]` covers the leaves from `i << l`, `1 << l` of them.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// Adds a leaf and tells its index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.size();
        let mut carried = Some(leaf);
        for nodes in &mut self.levels {
            let Some(hash) = carried.take() else { break };
            if nodes.len() % 2 == 1 {
                carried = nodes.last().map(|left| node_hash(left, &hash));
            }
            nodes.push(hash);
        }
        self.levels.extend(carried.map(|hash| vec![hash]));
        index
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        let peaks = self.levels.iter().filter(|nodes| nodes.len() % 2 == 1);
        fold_back(peaks.filter_map(|nodes| nodes.last().copied())).unwrap_or_else(empty_root)
    }

    /// The root over the first leaves; `None` where there are not so many.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        if size == 0 { Some(empty_root()) } else { self.range(0, size) }
    }

    /// A leaf; `None` where there is none.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.node(0, index)
    }

    /// The proof that a leaf is in the tree of the first `size` leaves: the hashes beside its way to
    /// the root, from the leaf up. `None` where the tree or the leaf is not there.
    ///
    /// RFC 9162 §2.1.3.1.
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut first, mut end) = (0, size);
        let mut path = Vec::new();
        while end - first > 1 {
            let middle = first + largest_power_below(end - first);
            if index < middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(first, middle)?);
                first = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The proof that the tree of `new` leaves begins with the tree of `old` leaves; empty where
    /// `old` is none or all of them. `None` where there are not so many, or `old` is the larger.
    ///
    /// RFC 9162 §2.1.4.1.
    #[must_use]
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        if old > new || new > self.size() {
            return None;
        }
        let mut path = Vec::new();
        if old == 0 {
            return Some(path);
        }
        let (mut first, mut end) = (0, new);
        while old != end {
            let middle = first + largest_power_below(end - first);
            if old <= middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(first, middle)?);
                first = middle;
            }
        }
        if first > 0 {
            path.push(self.range(first, end)?);
        }
        path.reverse();
        Some(path)
    }

    /// The hash over leaves from `first` to before `end`, which must be a subtree as proofs have
    /// them: `first` is a multiple of the smallest power of two that is not below their number.
    fn range(&self, first: u64, end: u64) -> Option<Hash> {
        let count = end.checked_sub(first)?;
        let levels = (0..u64::BITS).filter(|level| (count >> level) & 1 == 1);
        let peaks = levels.map(|level| self.node(level, (end >> level) - 1));
        fold_back_all(peaks)
    }

    /// The hash over the leaves from `index << level`, `1 << level` of them.
    pub(crate) fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let nodes = self.levels.get(usize::try_from(level).ok()?)?;
        nodes.get(usize::try_from(index).ok()?).copied()
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

fn fold_back_all(subtrees: impl Iterator<Item = Option<Hash>>) -> Option<Hash> {
    fold_back(subtrees.collect::<Option<Vec<_>>>()?)
}

/// The largest power of two that is below a number of at least two: RFC 9162's `k`.
const fn largest_power_below(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
