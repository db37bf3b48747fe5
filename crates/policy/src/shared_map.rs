//! A map whose clones share what neither changed: a policy is cloned for every statement that is
//! applied while others decide by it, and an organisation may have tens of thousands of entries.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::Arc,
};

/// Parts that are copied on their own. With 10,000 entries a change copies some 150 of them, and a
/// clone counts up as many references as there are parts.
const PARTS: u64 = 64;

/// Entries in parts by the hash of the key. Iteration is by part, then by key: the same on every
/// run, but in no order that means anything.
#[derive(Clone)]
pub(crate) struct SharedMap<K, V> {
    parts: BTreeMap<u64, Arc<BTreeMap<K, V>>>,
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { parts: BTreeMap::new() }
    }
}

impl<K, V> SharedMap<K, V> {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.parts.values().flat_map(|part| part.keys())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.parts.values().flat_map(|part| part.values())
    }
}

impl<K: Ord + Hash, V> SharedMap<K, V> {
    pub(crate) fn get<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if self.parts.is_empty() {
            return None;
        }
        self.parts.get(&part_of(key))?.get(key)
    }

    pub(crate) fn contains_key<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }
}

impl<K: Ord + Hash + Clone, V: Clone> SharedMap<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.part_mut(&key).insert(key, value);
    }

    pub(crate) fn get_mut<Q: Ord + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // What is not there must not cost a copy.
        let part = self.parts.get_mut(&part_of(key)).filter(|part| part.contains_key(key))?;
        Arc::make_mut(part).get_mut(key)
    }

    /// The value under a key, which is `made` where there was none.
    pub(crate) fn or_insert(&mut self, key: K, made: V) -> &mut V {
        self.part_mut(&key).entry(key).or_insert(made)
    }

    /// The value under a key, which is the default where there was none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.part_mut(&key).entry(key).or_default()
    }

    fn part_mut(&mut self, key: &K) -> &mut BTreeMap<K, V> {
        Arc::make_mut(self.parts.entry(part_of(key)).or_default())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.parts.values().flat_map(|part| part.iter())).finish()
    }
}

fn part_of<Q: Hash + ?Sized>(key: &Q) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() % PARTS
}

#[cfg(test)]
mod tests;
