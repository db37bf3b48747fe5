use super::{Counts, compare, counted, lower};

fn counts(stages: &[(&str, u64)]) -> Counts {
    let instructions = stages.iter().map(|(stage, count)| ((*stage).to_owned(), *count));
    Counts { compiler: "rustc 1".to_owned(), instructions: instructions.collect() }
}

fn told(recorded: &[(&str, u64)], found: &[(&str, u64)]) -> Vec<String> {
    let findings = compare(&counts(recorded), &counts(found));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_costs_more_is_named_with_what_was_wanted_and_found() {
    let findings = told(&[("admit", 1_000), ("match", 100)], &[("admit", 1_051), ("match", 100)]);
    assert_eq!(findings.len(), 1);
    let [finding] = &findings[..] else { unreachable!() };
    for word in ["admit", "1000", "1051"] {
        assert!(finding.contains(word), "{finding}");
    }
}

#[test]
fn what_is_off_by_little_is_let_through() {
    assert_eq!(told(&[("admit", 1_000)], &[("admit", 1_050)]), Vec::<String>::new());
    assert_eq!(told(&[("admit", 1_000)], &[("admit", 951)]), Vec::<String>::new());
    assert_eq!(
        lower(&counts(&[("admit", 1_000)]), &counts(&[("admit", 951)])),
        Vec::<String>::new()
    );
}

#[test]
fn what_costs_less_is_to_be_recorded_and_is_no_failure() {
    let (recorded, found) = (counts(&[("admit", 1_000)]), counts(&[("admit", 900)]));
    assert!(compare(&recorded, &found).is_empty());
    let [word] = &lower(&recorded, &found)[..] else { panic!("wanted one word") };
    assert!(word.contains("admit") && word.contains("--record"), "{word}");
}

#[test]
fn a_stage_on_one_side_only_is_a_failure() {
    assert_eq!(told(&[], &[("admit", 1)]).len(), 1);
    assert_eq!(told(&[("admit", 1)], &[]).len(), 1);
}

#[test]
fn another_compiler_is_mentioned() {
    let recorded = Counts { compiler: "rustc 0".to_owned(), ..counts(&[("admit", 1)]) };
    let findings = compare(&recorded, &counts(&[("admit", 9)]));
    assert!(findings.iter().any(|finding| finding.to_string().contains("another compiler")));
}

#[test]
fn calls_of_the_signature_check_and_the_hash_are_left_out() {
    let profile = "\
events: Ir
fn=admit
0 40
cfn=sekisho_seal::verifying_key::VerifyingKey::is_signed
calls=4 0
0 600
cfn=sha2::sha256::soft::unroll::compress
calls=4 0
0 100
cfn=decode
calls=4 0
0 60

fn=decode
0 60

totals: 800
";
    assert_eq!(counted(profile), Some(100));
}

#[test]
fn a_profile_in_which_nothing_was_counted_is_none() {
    assert_eq!(counted("events: Ir\ntotals: 0\n"), None);
    assert_eq!(counted("events: Ir\n"), None);
}
