use super::*;

fn told(rows: &str) -> Vec<String> {
    let known = "| a thief | `it_is_refused` | `e2e/tests/thieves.rs` |\n".repeat(TESTS_MIN);
    let document =
        format!("# A\n\n{HEADING}\n\n| Tried | Test | In |\n|---|---|---|\n{known}{rows}\n## B\n");
    let tree = Tree::of(&[
        (DOCUMENT, &document),
        ("e2e/tests/thieves.rs", "#[tokio::test]\nasync fn it_is_refused() {}"),
        (
            "e2e/tests/guests.rs",
            "#[test]\nfn it_is_let_in() {}\n\n#[test]\nfn it_is_let_in_late_too() {}",
        ),
        ("e2e/js/test/page.test.ts", "it('is shown nothing', () => {})"),
    ]);
    tests(&tree).iter().map(ToString::to_string).collect()
}

fn only(found: &[String]) -> &str {
    let [finding] = found else { panic!("wanted one finding, found {found:?}") };
    finding
}

#[test]
fn tests_that_are_there_pass() {
    let rows = "| a guest | `it_is_let_in`, `it_is_refused` | `e2e/tests/guests.rs`, `thieves.rs` |\n\
                | | `is shown nothing` | `e2e/js/test/page.test.ts` |\n\
                |  | `it_is_let_in` | `e2e/tests/guests.rs` |\n";
    assert_eq!(told(rows), [""; 0]);
}

#[test]
fn a_test_that_is_gone_or_was_named_otherwise_is_found() {
    let found = told("| a guest | `it_is_let_in_late` | `e2e/tests/guests.rs` |\n");
    assert!(only(&found).contains("no test `it_is_let_in_late`"), "{found:?}");
    let found = told("| a guest | `it_is_let_in` | `e2e/tests/thieves.rs` |\n");
    assert!(only(&found).contains("(e2e/tests/thieves.rs)"), "{found:?}");
}

#[test]
fn a_file_that_is_gone_is_found() {
    let found = told("| a guest | `it_is_let_in` | `e2e/tests/guests.rs`, `gone.rs` |\n");
    assert!(only(&found).contains("no file e2e/tests/gone.rs"), "{found:?}");
}

#[test]
fn a_missing_document_or_table_is_found() {
    let missing = tests(&Tree::of(&[]));
    assert!(missing[0].to_string().contains("missing"), "{missing:?}");
    let empty = tests(&Tree::of(&[(DOCUMENT, "# A\n")]));
    assert!(empty[0].to_string().contains("names 0 tests"), "{empty:?}");
}

#[test]
fn a_function_of_rust_that_does_not_run_is_no_test() {
    for runs in [
        "#[test]\nfn it_holds() {}",
        "    #[test]\n    fn it_holds() {}",
        "#[tokio::test(flavor = \"multi_thread\")]\nasync fn it_holds() {}",
        "/// Why.\n#[test]\n#[expect(\n    clippy::panic,\n    reason = \"so\"\n)]\nfn it_holds() {}",
        "proptest! {\n    /// Why.\n    fn it_holds(number in 0..9) {}\n}",
    ] {
        assert!(defines_in_rust(runs, "it_holds"), "{runs}");
    }
    for never_runs in [
        "// fn it_holds() is to be written",
        "#[test]\n// fn it_holds() {}",
        "// #[test]\nfn it_holds() {}",
        "fn it_holds() {}",
        "#[test]\nfn another() {\n    other();\n}\nfn it_holds() {}",
        "#[test]\nfn another() {}\n\nfn it_holds() {}",
        "#[test]\nfn another() {}\nfn it_holds() {}",
        "#[test]\n#[ignore = \"slow\"]\nfn it_holds() {}",
        "#[test]\nfn it_holds_too() {}",
        "proptest! {\n    fn another(number in 0..9) {}\n}\n\nfn it_holds() {}",
    ] {
        assert!(!defines_in_rust(never_runs, "it_holds"), "{never_runs}");
    }
}

#[test]
fn a_title_of_typescript_that_does_not_run_is_no_test() {
    for runs in [
        "it('holds', () => {});",
        "describe('a', () => {\n  test(\"holds\", () => {});\n});",
        "it(\n  `holds`,\n  () => {},\n);",
    ] {
        assert!(defines_in_script(runs, "holds"), "{runs}");
    }
    for never_runs in [
        "// it('holds', () => {});",
        "/*\n * it('holds') */",
        "it.skip('holds', () => {});",
        "xit('holds', () => {});",
        "it.todo('holds');",
        "it('holds too', () => {});",
        "it('it holds', () => {});",
        "// that it holds",
        "const title = 'holds';",
    ] {
        assert!(!defines_in_script(never_runs, "holds"), "{never_runs}");
    }
}
