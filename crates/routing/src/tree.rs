//! Finds the subscriptions a topic matches, at a cost that does not grow with those it does not.
//!
//! A trie over levels: a topic of `n` levels visits at most the nodes its own levels, `+` and `#`
//! lead to. It knows nothing of sessions or rights.

use std::collections::BTreeMap;

use sekisho_proto::{Filter, FilterLevel, Topic};

/// A set of `(filter, key)` pairs that answers which keys' filters match a topic.
#[derive(Clone, Debug)]
pub struct SubscriptionTree<K> {
    root: Node<K>,
    len: usize,
}

impl<K: Copy + Ord> SubscriptionTree<K> {
    /// An empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: Node::new(), len: 0 }
    }

    /// Number of `(filter, key)` pairs in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a pair; false where it was there already.
    pub fn insert(&mut self, filter: &Filter, key: K) -> bool {
        let mut node = &mut self.root;
        let mut rest = false;
        for level in filter.levels() {
            match level {
                FilterLevel::Rest => rest = true,
                FilterLevel::One => node = node.any.get_or_insert_with(Box::default),
                FilterLevel::Literal(name) => {
                    node = &mut **node.children.entry(name.into()).or_default();
                }
            }
        }
        let keys = if rest { &mut node.rest } else { &mut node.here };
        let added = keys.insert(key);
        self.len += usize::from(added);
        added
    }

    /// Removes a pair; false where it was not there.
    pub fn remove(&mut self, filter: &Filter, key: K) -> bool {
        let levels: Vec<_> = filter.levels().collect();
        let removed = self.root.remove(&levels, key);
        self.len -= usize::from(removed);
        removed
    }

    /// The keys whose filters match `topic`, ascending, each once.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> Vec<K> {
        let mut found = Vec::new();
        self.root.collect(topic.levels(), &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl<K: Copy + Ord> Default for SubscriptionTree<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// One level. Most nodes of a large tree have one child or one key: hence the boxes, and lists that
/// are no larger than what is in them.
#[derive(Clone, Debug)]
struct Node<K> {
    children: BTreeMap<Box<str>, Box<Self>>,
    any: Option<Box<Self>>,
    here: Keys<K>,
    rest: Keys<K>,
}

/// A set, ascending.
#[derive(Clone, Debug)]
struct Keys<K> {
    sorted: Vec<K>,
}

impl<K: Copy + Ord> Keys<K> {
    fn insert(&mut self, key: K) -> bool {
        let Err(place) = self.sorted.binary_search(&key) else { return false };
        if self.sorted.is_empty() {
            self.sorted.reserve_exact(1);
        }
        self.sorted.insert(place, key);
        true
    }

    fn remove(&mut self, key: &K) -> bool {
        let Ok(place) = self.sorted.binary_search(key) else { return false };
        self.sorted.remove(place);
        true
    }
}

impl<K> Default for Node<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Node<K> {
    const fn new() -> Self {
        Self {
            children: BTreeMap::new(),
            any: None,
            here: Keys { sorted: Vec::new() },
            rest: Keys { sorted: Vec::new() },
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.any.is_none()
            && self.here.sorted.is_empty()
            && self.rest.sorted.is_empty()
    }
}

impl<K: Copy + Ord> Node<K> {
    /// Depth is bounded by the levels a topic may have.
    fn collect(&self, mut levels: std::str::Split<'_, char>, found: &mut Vec<K>) {
        found.extend_from_slice(&self.rest.sorted);
        let Some(level) = levels.next() else {
            found.extend_from_slice(&self.here.sorted);
            return;
        };
        if let Some(child) = self.children.get(level) {
            child.collect(levels.clone(), found);
        }
        if let Some(any) = &self.any {
            any.collect(levels, found);
        }
    }

    fn remove(&mut self, levels: &[FilterLevel<'_>], key: K) -> bool {
        let Some((level, levels)) = levels.split_first() else { return self.here.remove(&key) };
        match level {
            FilterLevel::Rest => self.rest.remove(&key),
            FilterLevel::One => {
                let Some(any) = &mut self.any else { return false };
                let removed = any.remove(levels, key);
                if any.is_empty() {
                    self.any = None;
                }
                removed
            }
            FilterLevel::Literal(name) => {
                let Some(child) = self.children.get_mut(*name) else { return false };
                let removed = child.remove(levels, key);
                if child.is_empty() {
                    self.children.remove(*name);
                }
                removed
            }
        }
    }
}

#[cfg(test)]
mod tests;
