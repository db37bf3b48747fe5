//! Policies of witnesses: what a quorum demands, and which files are none.

use proptest::prelude::*;
use sekisho_proto::Timestamp;
use sekisho_tlog::{Note, NoteKey, QuorumError, TlogPolicy, cosign, sign_checkpoint};

use crate::world::{Key, ORIGIN, Verifier, checkpoint_of, cosigned, tree};

fn log_key() -> Key {
    Key::of("fujisawa's node")
}

fn vkey(name: &str) -> String {
    Key::of(name).cosigner(name).to_string()
}

/// `log` and `witness` lines for witnesses of these names, then the rest.
fn file(witnesses: &[&str], rest: &str) -> String {
    let log = format!("log {}\n", log_key().log(ORIGIN));
    let lines = witnesses.iter().map(|name| format!("witness {name} {}\n", vkey(name)));
    format!("{log}{}{rest}", lines.collect::<String>())
}

fn policy(witnesses: &[&str], rest: &str) -> TlogPolicy {
    file(witnesses, rest).parse().unwrap()
}

fn refused(file: &str) -> String {
    match TlogPolicy::parse(file) {
        Err(error) => error.to_string(),
        Ok(policy) => panic!("a policy:\n{policy}"),
    }
}

fn note(cosigners: &[&str]) -> Note {
    cosigned(&checkpoint_of(&tree(9), 9), &log_key(), cosigners)
}

/// The specification's example: two of X, and one of Y.
const EXAMPLE: &str = "group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
";

#[test]
fn the_specification_s_example_demands_what_it_says() {
    let names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"];
    let policy = policy(&names, EXAMPLE);
    for chosen in 0..64_usize {
        let cosigners: Vec<_> = names
            .iter()
            .enumerate()
            .filter(|(at, _)| chosen >> at & 1 == 1)
            .map(|(_, n)| *n)
            .collect();
        let of = |group: char| cosigners.iter().filter(|name| name.starts_with(group)).count();
        let wanted = of('X') >= 2 && of('Y') >= 1;
        let found = policy.check(&note(&cosigners), &Verifier);
        assert_eq!(found.is_ok(), wanted, "{cosigners:?}");
        if let Ok(accepted) = found {
            let names: Vec<_> = accepted.cosigners.iter().map(|cosigner| &cosigner.name).collect();
            assert_eq!(names, cosigners, "all who cosigned are named");
            assert_eq!(accepted.checkpoint.size, 9);
            assert_eq!(accepted.log, log_key().log(ORIGIN));
        }
    }
}

#[test]
fn a_refusal_names_the_quorum_and_who_cosigned() {
    let policy = policy(&["a", "b", "c"], "group g 2 a b c\nquorum g\n");
    let error = policy.check(&note(&["b"]), &Verifier).unwrap_err().to_string();
    assert_eq!(
        error,
        "checkpoint of sekisho/fujisawa/control at 9 entries: wanted cosignatures of 2 of a, b, c, \
         found [b]"
    );
}

#[test]
fn a_cosignature_counts_once_however_often_it_is_there() {
    let policy = policy(&["a", "b", "c"], "group g 2 a b c\nquorum g\n");
    let note = note(&["a"]);
    let again = format!("{note}{0}\n{0}\n", note.signatures()[1]);
    let again = Note::parse(&again).unwrap();
    assert!(matches!(policy.check(&again, &Verifier), Err(QuorumError::Quorum { .. })));
}

/// One key under two names would be one witness that counts twice.
#[test]
fn a_key_is_one_witness_whatever_it_is_called() {
    let one = Key::of("one");
    let (a, b) = (one.cosigner("a"), one.cosigner("b"));
    let error = refused(&format!("witness a {a}\nwitness b {b}\ngroup g 2 a b\nquorum g\n"));
    assert!(error.starts_with("witness policy: witness: wanted each key once, found"), "{error}");
    let (a, b) = (one.log("a"), one.log("b"));
    let error = refused(&format!("log {a}\nlog {b}\nquorum none\n"));
    assert!(error.starts_with("witness policy: log: wanted each key once, found"), "{error}");
    let of = TlogPolicy::of(
        log_key().log(ORIGIN),
        [("a", one.cosigner("a")), ("b", one.cosigner("b"))],
        2,
    );
    assert!(of.is_err());
}

#[test]
fn a_name_is_a_member_once_in_the_whole_file() {
    let twice_in_one = file(&["a", "b"], "group g 2 a a\nquorum g\n");
    let in_two = file(&["a", "b"], "group g any a b\ngroup h all g a\nquorum h\n");
    let group_in_two =
        file(&["a", "b"], "group g any a\ngroup h any g\ngroup i all g b\nquorum i\n");
    for file in [twice_in_one, in_two, group_in_two] {
        let error = refused(&file);
        assert!(error.contains("each name a member once"), "{error}");
    }
}

#[test]
fn the_log_itself_must_have_signed() {
    let policy = policy(&["a"], "quorum a\n");
    let checkpoint = checkpoint_of(&tree(9), 9);
    let stranger = cosigned(&checkpoint, &Key::of("somebody else"), &["a"]);
    let error = policy.check(&stranger, &Verifier).unwrap_err();
    assert!(matches!(error, QuorumError::Note(_)), "{error}");

    let mut other = checkpoint.clone();
    other.origin = "sekisho/osaka/control".to_owned();
    let error = policy.check(&cosigned(&other, &log_key(), &["a"]), &Verifier).unwrap_err();
    assert_eq!(
        error.to_string(),
        "checkpoint: wanted one of a log that the policy lists, found one of \"sekisho/osaka/control\""
    );
    assert!(policy.check(&cosigned(&checkpoint, &log_key(), &["a"]), &Verifier).is_ok());
}

#[test]
fn a_log_may_have_a_new_key_beside_the_old() {
    let (old, new) = (Key::of("old"), Key::of("new"));
    let text = format!("log {}\nlog {}\nquorum none\n", old.log(ORIGIN), new.log(ORIGIN));
    let policy: TlogPolicy = text.parse().unwrap();
    for key in [old, new] {
        let note = sign_checkpoint(&checkpoint_of(&tree(3), 3), &key).unwrap();
        assert_eq!(policy.check(&note, &Verifier).unwrap().log, key.log(ORIGIN));
    }
}

#[test]
fn a_policy_without_logs_accepts_only_a_log_that_is_known_otherwise() {
    let policy: TlogPolicy = format!("witness a {}\nquorum a\n", vkey("a")).parse().unwrap();
    let note = note(&["a"]);
    assert!(matches!(policy.check(&note, &Verifier), Err(QuorumError::Log { .. })));
    assert!(policy.check_of(&log_key().log(ORIGIN), &note, &Verifier).is_ok());
    assert!(policy.check_of(&Key::of("x").log(ORIGIN), &note, &Verifier).is_err());
}

#[test]
fn a_known_witness_s_false_cosignature_refuses_the_checkpoint() {
    let policy = policy(&["a", "b"], "quorum a\n");
    let good = note(&["a", "b"]);
    let other = cosigned(&checkpoint_of(&tree(9), 8), &log_key(), &["a", "b"]);
    let lines = |note: &Note, at: usize| note.signatures()[at].to_string();
    let mixed = format!(
        "{}\n{}\n{}\n{}\n",
        good.text(),
        lines(&good, 0),
        lines(&good, 1),
        lines(&other, 2)
    );
    let refused = policy.check(&Note::parse(&mixed).unwrap(), &Verifier);
    assert!(matches!(refused, Err(QuorumError::Note(_))), "{refused:?}");
}

#[test]
fn comments_tabs_urls_and_any_octets_are_read() {
    let mut text = b" \t# Fujisawa \xff\xfe\n\n".to_vec();
    text.extend(
        format!("\tlog\t {} \t https://fujisawa.example/log \n", log_key().log(ORIGIN)).bytes(),
    );
    text.extend(b"witness \xff\xfe ");
    text.extend(format!("{} https://w.example/\n", vkey("w")).bytes());
    text.extend(b"quorum \xff\xfe\n# the end\n");
    let policy = TlogPolicy::parse(&text).unwrap();
    let accepted = policy.check(&note(&["w"]), &Verifier).unwrap();
    assert_eq!(accepted.cosigners[0].key, Key::of("w").cosigner("w"));
    assert!(policy.check(&note(&[]), &Verifier).is_err());
    let encoded = policy.encode();
    assert_eq!(TlogPolicy::parse(&encoded).unwrap(), policy);
    assert!(encoded.windows(4).any(|bytes| bytes == b"/\nqu"), "the URL is kept");
}

#[test]
fn a_policy_has_one_form() {
    let cases = [
        ("", "quorum: wanted one line, found none"),
        ("quorum none\nquorum none\n", "quorum: wanted one line"),
        ("quorum none", "each end in a newline"),
        ("quorum x\n", "a line before defines"),
        ("quorum\n", "line: wanted"),
        ("quorum none extra\n", "line: wanted"),
        ("Quorum none\n", "line: wanted"),
        ("quorum none\r\n", "no control characters"),
        ("quorum\u{b}none\n", "no control characters"),
        ("quorum none # a comment\n", "line: wanted"),
        ("log\nquorum none\n", "line: wanted"),
        ("log nonsense\nquorum none\n", "a verifier key"),
        ("group g any\nquorum g\n", "line: wanted"),
        ("group g any none\nquorum g\n", "a line before defines"),
    ];
    for (file, wanted) in cases {
        let error = refused(file);
        assert!(error.contains(wanted), "{file:?}: {error}");
    }
    let rest = [
        ("group g 0 a b\nquorum g\n", "1 to as many"),
        ("group g 3 a b\nquorum g\n", "1 to as many"),
        ("group g 01 a b\nquorum g\n", "a decimal number"),
        ("group g +1 a b\nquorum g\n", "a decimal number"),
        ("group g most a b\nquorum g\n", "a decimal number"),
        ("group g 99999999999999999999 a b\nquorum g\n", "a decimal number"),
        ("group g all a b g\nquorum g\n", "a line before defines"),
        ("group g all h\ngroup h all a\nquorum g\n", "a line before defines"),
        ("group a all b\nquorum a\n", "each defined once"),
        ("group none all a\nquorum none\n", "other than none"),
        ("group g any a\nquorum h\n", "a line before defines"),
        ("quorum g\ngroup g any a\n", "a line before defines"),
    ];
    for (rest, wanted) in rest {
        let error = refused(&file(&["a", "b"], rest));
        assert!(error.contains(wanted), "{rest:?}: {error}");
    }
    let log_as_witness = format!("witness a {}\nquorum a\n", Key::of("a").log("a"));
    assert!(refused(&log_as_witness).contains("a key of type 0x04"));
    let twice = file(&["a"], &format!("witness a {}\nquorum a\n", vkey("b")));
    assert!(refused(&twice).contains("each defined once"));
}

#[test]
fn a_large_policy_is_read_and_an_endless_one_is_not() {
    let witnesses = |count: usize| {
        let names: Vec<_> = (0..count).map(|at| format!("w{at}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        file(&names, &format!("group g all {}\nquorum g\n", names.join(" ")))
    };
    assert_eq!(TlogPolicy::parse(witnesses(256)).unwrap().witnesses().count(), 256);
    let error = refused(&witnesses(257));
    assert_eq!(error, "witness policy: witnesses: wanted at most 256, found more");
    let long = format!("#{}\nquorum none\n", "x".repeat(256 * 1024));
    assert!(refused(&long).contains("256 KiB"));
}

#[test]
fn a_policy_made_of_keys_is_the_policy_that_it_prints() {
    let names = ["santander", "osaka", "mitaka"];
    let key = |name: &&str| Key::of(name).cosigner(&format!("sekisho/{name}/node"));
    let of = |threshold| {
        TlogPolicy::of(log_key().log(ORIGIN), names.iter().map(|name| (name, key(name))), threshold)
    };
    let policy = of(2).unwrap();
    assert_eq!(policy.to_string().parse(), Ok(policy.clone()));
    let keys: Vec<NoteKey> = policy.witnesses().cloned().collect();
    assert_eq!(keys, names.each_ref().map(key));
    assert!(of(4).is_err());
    assert!(of(0).unwrap().check(&note(&[]), &Verifier).is_ok());
    assert!(policy.check(&note(&[]), &Verifier).is_err());
}

/// A rule that the naive evaluation below understands as well.
#[derive(Debug, Clone)]
enum Rule {
    Witness(usize),
    Group(usize, Vec<Self>),
}

fn rule() -> impl Strategy<Value = Rule> {
    let witness = Just(Rule::Witness(0));
    witness.prop_recursive(3, 12, 4, |inner| {
        prop::collection::vec(inner, 1..4).prop_flat_map(|members| {
            (1..=members.len()).prop_map(move |k| Rule::Group(k, members.clone()))
        })
    })
}

/// Gives each witness of the rule a number, and writes the lines that define it.
fn write(rule: &mut Rule, witnesses: &mut usize, groups: &mut usize, lines: &mut String) -> String {
    match rule {
        Rule::Witness(at) => {
            *at = *witnesses;
            *witnesses += 1;
            let name = format!("w{at}");
            *lines += &format!("witness {name} {}\n", vkey(&name));
            name
        }
        Rule::Group(threshold, members) => {
            let names: Vec<_> =
                members.iter_mut().map(|member| write(member, witnesses, groups, lines)).collect();
            *groups += 1;
            let name = format!("g{groups}");
            *lines += &format!("group {name} {threshold} {}\n", names.join(" "));
            name
        }
    }
}

fn holds(rule: &Rule, cosigned: &[bool]) -> bool {
    match rule {
        Rule::Witness(at) => cosigned[*at],
        Rule::Group(threshold, members) => {
            members.iter().filter(|member| holds(member, cosigned)).count() >= *threshold
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nested_groups_are_what_their_definition_says(
        mut rule in rule(),
        chosen in prop::collection::vec(any::<bool>(), 64),
    ) {
        let (mut witnesses, mut groups, mut lines) = (0, 0, String::new());
        let quorum = write(&mut rule, &mut witnesses, &mut groups, &mut lines);
        let file = format!("log {}\n{lines}quorum {quorum}\n", log_key().log(ORIGIN));
        let policy = TlogPolicy::parse(&file).unwrap();
        prop_assert_eq!(TlogPolicy::parse(policy.encode()).unwrap(), policy.clone());
        let names: Vec<_> = (0..witnesses).map(|at| format!("w{at}")).collect();
        let cosigners: Vec<_> =
            names.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(n, _)| n.as_str()).collect();
        let found = policy.check(&note(&cosigners), &Verifier).is_ok();
        prop_assert_eq!(found, holds(&rule, &chosen), "{}", file);
    }
}

#[test]
fn a_quorum_of_old_cosignatures_is_none_where_new_ones_are_wanted() {
    let log = log_key().log(ORIGIN);
    let (key, name) = (Key::of("a"), "a");
    let policy = policy(&[name], "quorum a\n");
    let note = sign_checkpoint(&checkpoint_of(&tree(9), 9), &log_key()).unwrap();
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    let line = cosign(&note, name, &key, at(1_800_000_000)).unwrap();
    let note = note.with_signature(line).unwrap();
    policy.check_of(&log, &note, &Verifier).unwrap();
    policy.check_since(&log, &note, &Verifier, at(1_800_000_000)).unwrap();
    let refused = policy.check_since(&log, &note, &Verifier, at(1_800_000_001)).unwrap_err();
    assert!(matches!(refused, QuorumError::Quorum { .. }), "{refused}");
}
