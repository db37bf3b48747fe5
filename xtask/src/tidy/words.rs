//! Words that must not stay in the repository: unfinished business, and one machine's paths.

use super::tree::Tree;
use crate::report::Finding;

/// Marks of unfinished business. Written in two pieces so that this file does not find itself.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("HA", "CK")];

/// Folders that exist on somebody's machine and on nobody else's.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

/// Unfinished business is numbered: the first mark with `(#123)` behind it, the others never.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let sources = tree.sources().iter();
    sources.flat_map(|source| unfinished_in(&source.path, &source.text)).collect()
}

/// The same of one file, in whatever language.
pub(super) fn unfinished_in(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in numbered(text) {
        for mark in MARKS {
            let found = starts(line, mark, |before| !before.is_alphanumeric() && before != '_');
            if found.into_iter().any(|rest| !is_allowed(mark, rest)) {
                let message = format!("{mark}: finish it, or write `{}(#123)`", MARKS[0]);
                findings.push(Finding::at(path, number, message));
            }
        }
    }
    findings
}

/// No tracked file names a folder of the machine it was written on.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in numbered(text) {
            for folder in MACHINE_PATHS {
                // `fujisawa/work/…` is a topic and `../home/…` a relative path.
                let is_root =
                    |before: char| !before.is_alphanumeric() && !"/_-.}~+#".contains(before);
                if !starts(line, folder, is_root).is_empty() {
                    let message = format!("{folder}…: write a path from the repository's root");
                    findings.push(Finding::at(path, number, message));
                }
            }
        }
    }
    findings
}

/// What follows each place where `word` begins, `boundary` accepting the character before it.
fn starts<'a>(line: &'a str, word: &str, boundary: impl Fn(char) -> bool) -> Vec<&'a str> {
    let found = line.match_indices(word).filter_map(|(start, _)| {
        let (before, from) = line.split_at_checked(start)?;
        let begins = before.chars().next_back().is_none_or(&boundary);
        begins.then(|| from.strip_prefix(word))?
    });
    found.collect()
}

/// The rest of a longer word is no mark at all; the first mark may carry a number.
fn is_allowed(mark: &str, rest: &str) -> bool {
    if rest.starts_with(|next: char| next.is_alphanumeric() || next == '_') {
        return true;
    }
    let number = rest.strip_prefix("(#").and_then(|rest| rest.split_once(')')).map(|found| found.0);
    mark == MARKS[0]
        && number
            .is_some_and(|found| !found.is_empty() && found.bytes().all(|b| b.is_ascii_digit()))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests;
