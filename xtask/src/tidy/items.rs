//! Items that hide something: a test that never runs, a number that goes by a name.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::Visit;

use super::tree::Tree;
use crate::report::Finding;

/// What an alias may not stand for: it would look like a type of ours and check nothing.
const BARE: [&str; 16] = [
    "String", "str", "bool", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
    "isize", "f32", "f64",
];

/// Every Rust file parses; the other checks see nothing in one that does not.
pub(super) fn unparsed(tree: &Tree) -> Vec<Finding> {
    let broken = tree.sources().iter().filter_map(|source| {
        let error = source.syntax.as_ref().err()?;
        Some(Finding::at(&source.path, error.span().start().line, format!("not Rust: {error}")))
    });
    broken.collect()
}

/// No test is switched off, inside a macro either.
pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    let message = "#[ignore]: mend the test or delete it; one that is skipped proves nothing";
    let mut findings = Vec::new();
    for source in tree.sources() {
        let Ok(tokens) = source.text.parse::<TokenStream>() else { continue };
        let mut lines = Vec::new();
        ignore_attributes(tokens, &mut lines);
        findings.extend(lines.into_iter().map(|line| Finding::at(&source.path, line, message)));
    }
    findings
}

/// No public alias of a bare type.
pub(super) fn bare_aliases(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (source, file) in tree.parsed() {
        let mut finder = Aliases::default();
        finder.visit_file(file);
        for (line, name, bare) in finder.found {
            let message = format!("`type {name} = {bare}` checks nothing: make it a newtype");
            findings.push(Finding::at(&source.path, line, message));
        }
    }
    findings
}

#[derive(Default)]
struct Aliases {
    found: Vec<(usize, String, String)>,
}

impl<'ast> Visit<'ast> for Aliases {
    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        let is_private = matches!(item.vis, syn::Visibility::Inherited);
        let syn::Type::Path(path) = &*item.ty else { return };
        let Some(last) = path.path.segments.last() else { return };
        if !is_private && BARE.iter().any(|bare| last.ident == bare) {
            let line = item.span().start().line;
            self.found.push((line, item.ident.to_string(), last.ident.to_string()));
        }
    }
}

/// Lines on which an attribute `ignore`, with or without a reason, or inside `cfg_attr`, stands.
fn ignore_attributes(tokens: TokenStream, lines: &mut Vec<usize>) {
    let mut after_hash = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let mut inside = group.stream().into_iter();
            let first = inside.next().map(|first| first.to_string()).unwrap_or_default();
            let conditional = first == "cfg_attr" && group.to_string().contains(", ignore");
            if after_hash && (first == "ignore" || conditional) {
                lines.push(group.span().start().line);
            } else {
                ignore_attributes(group.stream(), lines);
            }
        }
        after_hash = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#');
    }
}

#[cfg(test)]
mod tests;
