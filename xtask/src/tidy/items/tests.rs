use super::*;

fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_test_that_never_runs_is_found_inside_a_macro_too() {
    let tree = Tree::of(&[(
        "a.rs",
        "#[test]\n#[ignore]\nfn a() {}\n#[ignore = \"slow\"]\nfn b() {}\n\
         proptest! {\n#[test]\n#[ignore]\nfn c() {}\n}\n#[cfg_attr(debug, ignore)]\nfn d() {}\n\
         // #[ignore]\nconst TEXT: &str = \"#[ignore]\";\nfn e(ignore: [u8; 1]) {}\n",
    )]);
    let lines: Vec<_> = told(&ignored_tests(&tree));
    let starts = ["a.rs:2:", "a.rs:4:", "a.rs:8:", "a.rs:11:"];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{lines:?}");
}

#[test]
fn a_public_alias_of_a_bare_type_is_found() {
    let tree = Tree::of(&[(
        "a.rs",
        "pub type Topic = String;\npub(crate) type Offset = std::primitive::u64;\n\
         type Local = usize;\npub type Answer = Result<u8, String>;\n",
    )]);
    let lines = told(&bare_aliases(&tree));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("a.rs:1: `type Topic = String`"), "{lines:?}");
    assert!(lines[1].starts_with("a.rs:2: `type Offset = u64`"), "{lines:?}");
}

#[test]
fn a_file_that_is_not_rust_is_found() {
    let lines = told(&unparsed(&Tree::of(&[("a.rs", "fn a() {}\nfn {\n")])));
    assert!(matches!(&lines[..], [line] if line.starts_with("a.rs:2: not Rust")), "{lines:?}");
}
