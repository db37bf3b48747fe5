//! A file is short, opens with why it exists, and its name says what is in it.

use std::collections::BTreeSet;

use syn::spanned::Spanned as _;

use super::tree::{Source, Tree};
use crate::report::Finding;

/// Production lines of a file; beyond that nobody reads it to the end.
const LINES_MAX: usize = 800;

/// Written by a program, for the compiler.
const GENERATED: &str = "proto/src/wire/generated.rs";

/// Names of drawers, not of things.
const BANNED_NAMES: [&str; 7] =
    ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "misc.rs", "types.rs"];

/// No file has more than `LINES_MAX` production lines.
pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let written = tree.sources().iter().filter(|source| source.path != GENERATED);
    let counted = written.map(|source| (source, production_lines(source)));
    let long = counted.filter(|(_, lines)| *lines > LINES_MAX);
    let message = |lines| {
        format!(
            "{lines} production lines, wanted at most {LINES_MAX}: split it by noun, a module each"
        )
    };
    long.map(|(source, lines)| Finding::new(&source.path, message(lines))).collect()
}

/// Every module but a test module opens with `//!`.
pub(super) fn openings(tree: &Tree) -> Vec<Finding> {
    let silent = tree.sources().iter().filter(|source| {
        source.path != GENERATED
            && !is_test_module(&source.path)
            && !source.text.starts_with("//! ")
    });
    let message = "opens without `//!`: begin with one sentence that says why this module exists";
    silent.map(|source| Finding::at(&source.path, 1, message)).collect()
}

/// No file is called after a drawer.
pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    let banned = tree.sources().iter().filter_map(|source| {
        let name = source.path.rsplit('/').next()?;
        BANNED_NAMES.contains(&name).then_some((source, name))
    });
    let message = |name: &str| {
        if name == "mod.rs" {
            "write `foo.rs` beside the folder `foo` (for integration tests: `tests/foo/main.rs`)"
                .to_owned()
        } else {
            format!("{name} says nothing: name the file after the thing in it")
        }
    };
    banned.map(|(source, name)| Finding::new(&source.path, message(name))).collect()
}

/// Lines that are neither blank, nor comment, nor part of a `#[cfg(test)]` item.
fn production_lines(source: &Source) -> usize {
    if is_test_module(&source.path) || is_integration_test(&source.path) {
        return 0;
    }
    let mut tests = BTreeSet::new();
    if let Ok(file) = &source.syntax {
        for item in file.items.iter().filter(|item| attributes(item).iter().any(is_cfg_test)) {
            tests.extend(item.span().start().line..=item.span().end().line);
        }
    }
    let lines = source.text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines
        .filter(|(number, line)| {
            !line.is_empty() && !line.starts_with("//") && !tests.contains(number)
        })
        .count()
}

/// `foo/tests.rs` and whatever hangs below it, inside `src`.
fn is_test_module(path: &str) -> bool {
    path.contains("src/") && (path.ends_with("/tests.rs") || path.contains("/tests/"))
}

fn is_integration_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/")
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

/// The attributes of the items that are found behind `#[cfg(test)]`.
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    if let syn::Item::Mod(item) = item {
        &item.attrs
    } else if let syn::Item::Fn(item) = item {
        &item.attrs
    } else if let syn::Item::Impl(item) = item {
        &item.attrs
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests;
