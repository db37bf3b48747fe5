//! The threat model names the tests that try each attack; each of them must be there, or the promise
//! is words.

use super::tree::Tree;
use crate::report::Finding;

const DOCUMENT: &str = "docs/threat-model.md";

/// The heading of the section that holds the table.
const HEADING: &str = "## Tests that try it";

/// Tests the table names at least: there are several for each attack that is named.
const TESTS_MIN: usize = 300;

/// Every test in the table is defined in a file of its row, and runs: a function of Rust or a title
/// of TypeScript.
pub(super) fn tests(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(DOCUMENT) else {
        let message = format!("missing: write it, with `{HEADING}` as a table of tests and files");
        return vec![Finding::new(DOCUMENT, message)];
    };
    let mut findings = Vec::new();
    let mut count = 0;
    for (line, row) in rows(text) {
        let mut cells = row.trim().trim_matches('|').rsplit(" | ");
        let files = files_of(cells.next().unwrap_or_default());
        for file in files.iter().filter(|file| tree.text(file).is_none()) {
            let message = format!("no file {file}: name the real one");
            findings.push(Finding::at(DOCUMENT, line, message));
        }
        for test in quoted(cells.next().unwrap_or_default()) {
            count += 1;
            if !files.iter().any(|file| defines(tree, file, test)) {
                let files = files.join(", ");
                let message = format!(
                    "no test `{test}` in the row's files ({files}): name the one that tries it today"
                );
                findings.push(Finding::at(DOCUMENT, line, message));
            }
        }
    }
    if count < TESTS_MIN {
        let message =
            format!("the table below `{HEADING}` names {count} tests, wanted {TESTS_MIN} or more");
        findings.push(Finding::new(DOCUMENT, message));
    }
    findings
}

/// Table rows of the section but the heading, with their line numbers.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let section = lines.skip_while(|(_, line)| !line.starts_with(HEADING)).skip(1);
    section
        .take_while(|(_, line)| !line.starts_with("## "))
        .filter(|(_, line)| line.starts_with('|') && line.contains('`'))
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The files of a cell; one without a folder is beside the first.
fn files_of(cell: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for name in quoted(cell) {
        let folder = files.first().and_then(|first| first.rsplit_once('/'));
        files.push(match folder {
            Some((folder, _first)) if !name.contains('/') => format!("{folder}/{name}"),
            _ => name.to_owned(),
        });
    }
    files
}

fn defines(tree: &Tree, file: &str, test: &str) -> bool {
    let Some(text) = tree.text(file) else { return false };
    if file.ends_with(".rs") { defines_in_rust(text, test) } else { defines_in_script(text, test) }
}

/// A function that runs: below `#[test]` or `#[tokio::test]`, or inside of `proptest!`.
fn defines_in_rust(text: &str, test: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let named = format!("fn {test}(");
    let mut is_in_proptest = false;
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("proptest!") || line.starts_with('}') {
            is_in_proptest = line.starts_with("proptest!");
        }
        let code = line.trim_start();
        let code = code.strip_prefix("async ").unwrap_or(code);
        if code.starts_with(&named) && (is_in_proptest || runs(lines.get(..index))) {
            return true;
        }
    }
    false
}

/// Whether the attributes right before a function make it a test that is not left out.
fn runs(before: Option<&[&str]>) -> bool {
    let upwards = before.unwrap_or_default().iter().rev().map(|line| line.trim_start());
    let own = upwards.take_while(|line| {
        line.starts_with("//") || !(line.is_empty() || line.ends_with(['{', '}', ';']))
    });
    let own: Vec<&str> = own.collect();
    let has = |attribute: &str| own.iter().any(|line| line.starts_with(attribute));
    (has("#[test]") || has("#[tokio::test")) && !has("#[ignore")
}

/// A call of `it` or `test` at the beginning of a line, with this title as a whole.
fn defines_in_script(text: &str, test: &str) -> bool {
    ["it(", "test("].iter().any(|call| {
        text.match_indices(call).any(|(at, _call)| {
            let (before, behind) = text.split_at(at);
            let line = before.rsplit('\n').next().unwrap_or_default();
            let argument = behind.strip_prefix(call).unwrap_or_default().trim_start();
            line.trim().is_empty() && is_title(argument, test)
        })
    })
}

fn is_title(argument: &str, test: &str) -> bool {
    ['\'', '"', '`'].iter().any(|quote| {
        let title = argument.strip_prefix(*quote).and_then(|rest| rest.strip_prefix(test));
        title.is_some_and(|rest| rest.starts_with(*quote))
    })
}

#[cfg(test)]
mod tests;
