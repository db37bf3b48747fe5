//! The rules of the house that no compiler knows, one function per rule.
//!
//! A check takes the files (or the packages) as a value and returns findings, so that each is tested
//! by handing it a house that breaks its rule.

mod door;
mod files;
mod floors;
mod graph;
mod items;
mod modules;
mod schema;
mod scripts;
mod threats;
mod tree;
mod walk;
mod words;

use std::path::Path;

use anyhow::Result;

use crate::report::Finding;
use graph::Graph;
use tree::Tree;

/// Runs every check over the repository at `root`.
///
/// # Errors
/// The files or the packages cannot be listed.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let graph = Graph::read(root)?;
    let checks = [
        floors::directions(&graph),
        floors::sans_io(&graph),
        floors::banned(&graph),
        floors::features(&graph, &tree),
        floors::shared_lints(&graph, &tree),
        files::lengths(&tree),
        files::openings(&tree),
        files::names(&tree),
        modules::unreached(&tree, &graph),
        items::unparsed(&tree),
        items::ignored_tests(&tree),
        items::bare_aliases(&tree),
        words::unfinished(&tree),
        words::machine_paths(&tree),
        door::publish_paths(&tree),
        walk::functions(&tree),
        threats::tests(&tree),
        schema::described(&tree),
        scripts::lengths(&tree),
        scripts::openings(&tree),
        scripts::names(&tree),
        scripts::unfinished(&tree),
        scripts::locks(&tree),
    ];
    let mut findings: Vec<_> = checks.into_iter().flatten().collect();
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests;
