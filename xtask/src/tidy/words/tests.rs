use super::*;

fn lines(findings: &[Finding]) -> Vec<String> {
    let start = |told: String| told.split(": ").next().unwrap().to_owned();
    findings.iter().map(|finding| start(finding.to_string())).collect()
}

#[test]
fn unfinished_business_without_a_number_is_found() {
    let [first, second, third] = MARKS;
    let text = format!(
        "// {first}: later\n// {first}(#12): later\n// {first}(later)\n// {second}(#12)\n\
         // {third}\n// M{first}S and {third}NEY\n"
    );
    let found = lines(&unfinished(&Tree::of(&[("a.rs", &text), ("a.md", &text)])));
    assert_eq!(found, ["a.rs:1", "a.rs:3", "a.rs:4", "a.rs:5"]);
}

#[test]
fn a_path_of_one_machine_is_found_in_any_file() {
    let [personal, apple, admin, shared] = MACHINE_PATHS;
    let text = format!(
        "cd {personal}ana\nx = \"{apple}ana\"\nfujisawa{shared}bench/pm25\nat {admin}.cargo\n\
         ..{personal}x\n({shared}main)\n"
    );
    let found = lines(&machine_paths(&Tree::of(&[("docs/a.md", &text)])));
    assert_eq!(found, ["docs/a.md:1", "docs/a.md:2", "docs/a.md:4", "docs/a.md:6"]);
}
