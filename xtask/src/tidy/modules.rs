//! A Rust file that no `mod` reaches is compiled by nobody and rots unseen.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

use super::graph::Graph;
use super::tree::{Source, Tree};
use crate::report::Finding;

/// Every Rust file is a target or reached from one.
pub(super) fn unreached(tree: &Tree, graph: &Graph) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<(String, bool)> =
        graph.roots.iter().map(|root| (root.clone(), true)).collect();
    while let Some((path, is_root)) = waiting.pop() {
        let Some(source) = tree.source(&path) else { continue };
        if reached.insert(path) {
            waiting.extend(children(source, is_root));
        }
    }
    let dead = tree.sources().iter().filter(|source| !reached.contains(&source.path));
    let message = "no `mod` reaches this file: declare it where it belongs, or delete it";
    dead.map(|source| Finding::new(&source.path, message)).collect()
}

/// Files that `source` declares, and whether each is a root of its own folder.
fn children(source: &Source, is_root: bool) -> Vec<(String, bool)> {
    let Ok(file) = &source.syntax else { return Vec::new() };
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let inside = if is_root || name == "mod.rs" {
        folder.to_owned()
    } else {
        join(folder, name.trim_end_matches(".rs"))
    };
    let mut finder = Finder { folder, inside, found: Vec::new() };
    finder.visit_file(file);
    finder.found
}

struct Finder<'a> {
    /// Where the file is: `#[path]` and `include!` start there.
    folder: &'a str,
    /// Where the modules of the place being visited are.
    inside: String,
    found: Vec<(String, bool)>,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let below = join(&self.inside, name.trim_start_matches("r#"));
        if item.content.is_some() {
            let outside = std::mem::replace(&mut self.inside, below);
            visit::visit_item_mod(self, item);
            self.inside = outside;
        } else if let Some(path) = item.attrs.iter().find_map(path_attribute) {
            self.found.push((join(self.folder, &path), true));
        } else {
            self.found.push((format!("{below}.rs"), false));
            self.found.push((format!("{below}/mod.rs"), false));
        }
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if item.path.is_ident("include")
            && let Ok(path) = item.parse_body::<syn::LitStr>()
        {
            self.found.push((join(self.folder, &path.value()), true));
        }
    }
}

fn path_attribute(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &meta.value else {
        return None;
    };
    meta.path.is_ident("path").then(|| path.value())
}

/// `folder` and `path` in one, `..` resolved.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
