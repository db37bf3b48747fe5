//! Filters in a tree by level, so that a question about one topic visits the filters that may
//! match it and no others. It knows nothing of rights: it finds, others judge.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use sekisho_proto::{Filter, FilterLevel, Topic};

/// Values under filters. A clone shares every node, and a change copies only the nodes on its way.
#[derive(Debug, Clone)]
pub(crate) struct FilterTrie<V> {
    root: Arc<Node<V>>,
}

#[derive(Debug, Clone)]
struct Node<V> {
    literals: BTreeMap<Box<str>, Arc<Self>>,
    one: Option<Arc<Self>>,
    /// Values of the filter that ends at this node.
    here: Vec<V>,
    /// Values of the filter that ends with `#` below this node.
    rest: Vec<V>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self { literals: BTreeMap::new(), one: None, here: Vec::new(), rest: Vec::new() }
    }
}

impl<V> Default for FilterTrie<V> {
    fn default() -> Self {
        Self { root: Arc::new(Node::default()) }
    }
}

impl<V: Clone> FilterTrie<V> {
    /// The values under exactly this filter, to be changed.
    pub(crate) fn values_mut(&mut self, filter: &Filter) -> &mut Vec<V> {
        let mut node = Arc::make_mut(&mut self.root);
        for level in filter.levels() {
            let child = match level {
                FilterLevel::Literal(text) => node.literals.entry(text.into()).or_default(),
                FilterLevel::One => node.one.get_or_insert_default(),
                FilterLevel::Rest => return &mut node.rest,
            };
            node = Arc::make_mut(child);
        }
        &mut node.here
    }
}

impl<V> FilterTrie<V> {
    /// Shows the values of every filter that matches the topic, level by level the literal before
    /// `+` before `#`, until `visit` breaks. Adds the nodes looked at to `visited`.
    pub(crate) fn matching<'a>(
        &'a self,
        topic: &Topic,
        visit: &mut dyn FnMut(&'a [V]) -> ControlFlow<()>,
        visited: &mut usize,
    ) -> ControlFlow<()> {
        self.root.matching(topic.levels(), visit, visited)
    }

    /// Shows the values of every filter.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a [V])) {
        self.root.each(visit);
    }

    /// Shows the values of every filter that may overlap the given one, and perhaps of some that do
    /// not: only whole levels are compared. Adds the nodes looked at to `visited`.
    pub(crate) fn overlapping<'a>(
        &'a self,
        filter: &Filter,
        visit: &mut dyn FnMut(&'a [V]) -> ControlFlow<()>,
        visited: &mut usize,
    ) -> ControlFlow<()> {
        let levels: Vec<FilterLevel<'_>> = filter.levels().collect();
        self.root.overlapping(&levels, visit, visited)
    }
}

impl<V> Node<V> {
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a [V])) {
        visit(&self.here);
        visit(&self.rest);
        for child in self.literals.values().chain(&self.one) {
            child.each(visit);
        }
    }

    fn matching<'a>(
        &'a self,
        mut levels: std::str::Split<'_, char>,
        visit: &mut dyn FnMut(&'a [V]) -> ControlFlow<()>,
        visited: &mut usize,
    ) -> ControlFlow<()> {
        *visited += 1;
        match levels.next() {
            None => show(&self.here, visit)?,
            Some(level) => {
                if let Some(child) = self.literals.get(level) {
                    child.matching(levels.clone(), visit, visited)?;
                }
                if let Some(child) = &self.one {
                    child.matching(levels, visit, visited)?;
                }
            }
        }
        show(&self.rest, visit)
    }

    fn overlapping<'a>(
        &'a self,
        levels: &[FilterLevel<'_>],
        visit: &mut dyn FnMut(&'a [V]) -> ControlFlow<()>,
        visited: &mut usize,
    ) -> ControlFlow<()> {
        *visited += 1;
        let Some((level, below)) = levels.split_first() else {
            show(&self.here, visit)?;
            return show(&self.rest, visit);
        };
        // What follows a `#` may be anything, so the `#` stays for the levels below.
        let below = if *level == FilterLevel::Rest { levels } else { below };
        match level {
            FilterLevel::Literal(text) => {
                if let Some(child) = self.literals.get(*text) {
                    child.overlapping(below, visit, visited)?;
                }
            }
            FilterLevel::One | FilterLevel::Rest => {
                for child in self.literals.values() {
                    child.overlapping(below, visit, visited)?;
                }
            }
        }
        if let Some(child) = &self.one {
            child.overlapping(below, visit, visited)?;
        }
        if *level == FilterLevel::Rest {
            show(&self.here, visit)?;
        }
        show(&self.rest, visit)
    }
}

fn show<'a, V>(
    values: &'a [V],
    visit: &mut dyn FnMut(&'a [V]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if values.is_empty() { ControlFlow::Continue(()) } else { visit(values) }
}

#[cfg(test)]
mod tests;
