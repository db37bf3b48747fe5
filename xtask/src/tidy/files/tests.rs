use super::*;

fn paths(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| finding.to_string().split(':').next().unwrap().into()).collect()
}

#[test]
fn only_production_lines_count() {
    let code = "fn f() {}\n".repeat(LINES_MAX);
    let comments = "// why\n\n".repeat(50);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn t() {}\n".repeat(50));
    let fits = format!("{comments}{code}{tests}");
    let long = format!("{fits}fn one_more() {{}}\n");
    let tree = Tree::of(&[
        ("a/src/fits.rs", &fits),
        ("a/src/long.rs", &long),
        ("a/src/long/tests.rs", &long),
        ("a/tests/long.rs", &long),
        (GENERATED, &long),
    ]);
    assert_eq!(paths(&lengths(&tree)), ["a/src/long.rs"]);
}

#[test]
fn a_module_opens_with_why() {
    let tree = Tree::of(&[
        ("a/src/told.rs", "//! Why.\n"),
        ("a/src/silent.rs", "use std::fs;\n//! Late.\n"),
        ("a/src/told/tests.rs", "use super::*;\n"),
        ("a/tests/silent.rs", "use a::B;\n"),
    ]);
    assert_eq!(paths(&openings(&tree)), ["a/src/silent.rs", "a/tests/silent.rs"]);
}

#[test]
fn drawers_are_found() {
    let tree = Tree::of(&[
        ("a/src/hub/mod.rs", ""),
        ("a/src/utils.rs", ""),
        ("a/tests/common.rs", ""),
        ("a/src/commoner.rs", ""),
    ]);
    assert_eq!(paths(&names(&tree)), ["a/src/hub/mod.rs", "a/src/utils.rs", "a/tests/common.rs"]);
}
