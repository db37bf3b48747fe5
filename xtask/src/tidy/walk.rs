//! ARCHITECTURE.md walks a reading through the house by function and file; both must exist.

use syn::visit::{self, Visit};

use super::tree::Tree;
use crate::report::Finding;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// The heading of the section that holds the table.
const HEADING: &str = "## The walk";

/// Functions the table names at least; the walk has ten steps, one of which repeats others.
const FUNCTIONS_MIN: usize = 8;

/// Every `path::function` in the walk table stands in a file named on the same row.
pub(super) fn functions(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(DOCUMENT) else {
        let message =
            format!("missing: write it, with `{HEADING}` as a table of functions and files");
        return vec![Finding::new(DOCUMENT, message)];
    };
    let mut findings = Vec::new();
    let mut found = 0;
    for (line, row) in rows(text) {
        let (functions, files) = names(row);
        found += functions.len();
        for file in files.iter().filter(|file| tree.source(file).is_none()) {
            findings.push(Finding::at(
                DOCUMENT,
                line,
                format!("no file {file}: name the real one"),
            ));
        }
        for function in functions {
            if !files.iter().any(|file| defines(tree, file, function)) {
                let files = if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
                let message = format!(
                    "`{function}` is not in the row's files ({files}): name the function and the \
                     file as they are called today"
                );
                findings.push(Finding::at(DOCUMENT, line, message));
            }
        }
    }
    if found < FUNCTIONS_MIN {
        let message = format!(
            "the table below `{HEADING}` names {found} functions (`crate::Type::function`), wanted \
             {FUNCTIONS_MIN} or more"
        );
        findings.push(Finding::new(DOCUMENT, message));
    }
    findings
}

/// Table rows of the walk's section, with their line numbers.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let section = lines.skip_while(|(_, line)| !line.starts_with(HEADING)).skip(1);
    section
        .take_while(|(_, line)| !line.starts_with("## "))
        .filter(|(_, line)| line.starts_with('|'))
}

/// What stands between backticks: paths of functions, and Rust files.
fn names(row: &str) -> (Vec<&str>, Vec<&str>) {
    let mut functions = Vec::new();
    let mut files = Vec::new();
    for text in row.split('`').skip(1).step_by(2) {
        let path = text.split('(').next().unwrap_or(text);
        if Some("rs") == path.rsplit_once('.').map(|(_, ending)| ending) {
            files.push(path);
        } else if path.rsplit_once("::").is_some_and(|(_, last)| is_function(last)) {
            functions.push(path);
        }
    }
    (functions, files)
}

fn is_function(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// Whether `file` defines the function at the end of `path`, in the type named before it.
fn defines(tree: &Tree, file: &str, path: &str) -> bool {
    let Some(syntax) = tree.source(file).and_then(|source| source.syntax.as_ref().ok()) else {
        return false;
    };
    let mut segments = path.rsplit("::");
    let name = segments.next().unwrap_or_default();
    let owner = segments.next().filter(|owner| !is_function(owner));
    let mut finder = Finder { name, owner, inside: None, found: false };
    finder.visit_file(syntax);
    finder.found
}

struct Finder<'a> {
    name: &'a str,
    owner: Option<&'a str>,
    /// The type or trait whose body is being visited.
    inside: Option<String>,
    found: bool,
}

impl Finder<'_> {
    fn meet(&mut self, signature: &syn::Signature) {
        let at_home = self.owner.is_none_or(|owner| self.inside.as_deref() == Some(owner));
        self.found |= at_home && signature.ident == self.name;
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty {
            self.inside = path.path.segments.last().map(|last| last.ident.to_string());
        }
        visit::visit_item_impl(self, item);
        self.inside = None;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.inside = Some(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.inside = None;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.meet(&item.sig);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.meet(&item.sig);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.meet(&item.sig);
    }
}

#[cfg(test)]
mod tests;
