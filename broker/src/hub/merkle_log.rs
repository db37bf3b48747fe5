//! A log of this node as a Merkle tree: what it states and proves about itself.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use sekisho_proto::{Hash, LogName};
use sekisho_tlog::{Checkpoint, Tree};

/// A log's name and its tree, which whoever writes the log lets grow once entries are durable.
#[derive(Debug, Clone)]
pub(crate) struct MerkleLog {
    name: LogName,
    tree: Arc<RwLock<Tree>>,
}

impl MerkleLog {
    /// A log with these leaves.
    pub(crate) fn new(name: LogName, leaves: impl IntoIterator<Item = Hash>) -> Self {
        Self::of(name, Arc::new(RwLock::new(leaves.into_iter().collect())))
    }

    /// A log whose tree somebody else lets grow.
    pub(crate) const fn of(name: LogName, tree: Arc<RwLock<Tree>>) -> Self {
        Self { name, tree }
    }

    pub(crate) const fn name(&self) -> &LogName {
        &self.name
    }

    /// How many entries it has.
    pub(crate) fn size(&self) -> u64 {
        self.tree().size()
    }

    /// Adds entries that are durable.
    pub(super) fn extend(&self, leaves: impl IntoIterator<Item = Hash>) {
        self.tree.write().unwrap_or_else(PoisonError::into_inner).extend(leaves);
    }

    /// What it holds now.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let tree = self.tree();
        Checkpoint { origin: self.name.to_string(), size: tree.size(), root: tree.root() }
    }

    /// What it held when it had so many entries; `None` where it never had.
    pub(crate) fn checkpoint_at(&self, size: u64) -> Option<Checkpoint> {
        let root = self.tree().root_at(size)?;
        Some(Checkpoint { origin: self.name.to_string(), size, root })
    }

    /// The proof that an entry is among the first `size`.
    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        self.tree().inclusion(index, size)
    }

    /// The proof that the first `new` entries begin with the first `old`.
    pub(crate) fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        self.tree().consistency(old, new)
    }

    fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&MerkleLog> for sekisho_tlog::Frontier {
    fn from(log: &MerkleLog) -> Self {
        Self::from(&*log.tree())
    }
}
