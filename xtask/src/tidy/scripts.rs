//! What is written in TypeScript: the rules that Biome does not know. Functions and types are its
//! business and the compiler's.

use super::tree::Tree;
use super::words;
use crate::report::Finding;

/// Lines of a file that are neither blank nor comment; beyond that nobody reads it to the end.
const LINES_MAX: usize = 800;
/// Written by a program, for the compiler.
const GENERATED: &str = "_pb.ts";
/// Names of drawers, not of things.
const BANNED_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "misc", "types"];
/// A whole address: which registry somebody installed from is nobody else's business.
const RESOLVED: &str = "\"resolved\": \"http";

/// No file is too long.
pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let counted = written(tree).map(|(path, text)| (path, production_lines(text)));
    let long = counted.filter(|(path, lines)| !is_test(path) && *lines > LINES_MAX);
    let message =
        |lines| format!("{lines} production lines, wanted at most {LINES_MAX}: split it by noun");
    long.map(|(path, lines)| Finding::new(path, message(lines))).collect()
}

/// Every file opens with a comment.
pub(super) fn openings(tree: &Tree) -> Vec<Finding> {
    let opens = |text: &str| ["// ", "/** ", "/**\n"].iter().any(|mark| text.starts_with(mark));
    let silent = written(tree).filter(|(path, text)| !is_test(path) && !opens(text));
    let message = "opens without a comment: begin with one sentence that says why this file exists";
    silent.map(|(path, _text)| Finding::at(path, 1, message)).collect()
}

/// No file is called after a drawer.
pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    let is_banned = |path: &str| {
        let name = path.rsplit('/').next().and_then(|name| name.split('.').next());
        name.is_some_and(|name| BANNED_NAMES.contains(&name))
    };
    let banned = written(tree).filter(|(path, _text)| is_banned(path));
    let message = "says nothing: name the file after the thing in it";
    banned.map(|(path, _text)| Finding::new(path, message)).collect()
}

/// Unfinished business is numbered, as in Rust.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    written(tree).flat_map(|(path, text)| words::unfinished_in(path, text)).collect()
}

/// Locked packages are named by version and hash, not by where somebody got them.
pub(super) fn locks(tree: &Tree) -> Vec<Finding> {
    let locks = tree.texts().filter(|(path, _text)| path.ends_with("package-lock.json"));
    let lines = locks.flat_map(|(path, text)| {
        text.lines().enumerate().map(move |(index, line)| (path, index + 1, line))
    });
    let message =
        "names a registry: omit-lockfile-registry-resolved=true in .npmrc, then npm install";
    let named = lines.filter(|(_path, _number, line)| line.contains(RESOLVED));
    named.map(|(path, number, _line)| Finding::at(path, number, message)).collect()
}

fn written(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts().filter(|(path, _text)| {
        (path.ends_with(".ts") || path.ends_with(".tsx")) && !path.ends_with(GENERATED)
    })
}

fn is_test(path: &str) -> bool {
    path.contains(".test.ts") || path.contains("/test/")
}

fn production_lines(text: &str) -> usize {
    let is_comment =
        |line: &str| ["//", "/*", "*/", "* "].iter().any(|mark| line.starts_with(mark));
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && *line != "*" && !is_comment(line)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(findings: &[Finding]) -> Vec<String> {
        let start = |told: String| told.split(": ").next().unwrap().to_owned();
        findings.iter().map(|finding| start(finding.to_string())).collect()
    }

    #[test]
    fn only_production_lines_count() {
        let code = "f();\n".repeat(LINES_MAX);
        let fits = format!("// Why.\n\n/**\n * More.\n *\n */\n{code}");
        let long = format!("{fits}f();\n");
        let tree = Tree::of(&[
            ("a/src/fits.ts", &fits),
            ("a/src/long.tsx", &long),
            ("a/src/long.test.ts", &long),
            ("a/test/long.ts", &long),
            ("a/src/wire/long_pb.ts", &long),
            ("a/long.md", &long),
        ]);
        assert_eq!(told(&lengths(&tree)), ["a/src/long.tsx"]);
    }

    #[test]
    fn a_file_opens_with_why_and_is_no_drawer() {
        let tree = Tree::of(&[
            ("a/src/told.ts", "// Why.\n"),
            ("a/src/documented.ts", "/** Why. */\n"),
            ("a/src/silent.ts", "import 'x';\n// Late.\n"),
            ("a/src/utils.ts", "// Why.\n"),
            ("a/src/commoner.ts", "// Why.\n"),
        ]);
        assert_eq!(told(&openings(&tree)), ["a/src/silent.ts:1"]);
        assert_eq!(told(&names(&tree)), ["a/src/utils.ts"]);
    }

    #[test]
    fn a_lock_that_names_a_registry_is_found() {
        let text =
            "{\n \"resolved\": \"client-sdk/js\",\n \"resolved\": \"https://a.example/b.tgz\"\n}\n";
        let tree = Tree::of(&[("package-lock.json", text), ("a/package-lock.json", "{}")]);
        assert_eq!(told(&locks(&tree)), ["package-lock.json:3"]);
    }
}
