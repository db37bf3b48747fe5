//! What is a command and what is not.

use proptest::prelude::*;
use sekisho_proto::Value;

use super::{Answer, Command, Memory, Outcome, read};
use crate::config::ActuationConfig;

fn config() -> ActuationConfig {
    let text = |text: &str| text.to_owned();
    ActuationConfig { topic: text("commands"), answers: text("answers"), level: text("command") }
}

fn command(below: &str, payload: &str) -> Result<Command, Answer> {
    read(&config(), 3, (below, payload.as_bytes()))
}

#[test]
fn a_value_is_set_and_an_action_carried_out() {
    let below = "fujisawa--truck--17/data/fan-speed";
    let set = command(below, r#"{"operation":"SET","id":"7","value":3}"#).unwrap();
    assert_eq!(set.topic.as_str(), "fujisawa/truck/17/command");
    let text = |text: &str| Value::Text(text.to_owned());
    let named: Vec<_> = set.values.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(
        named,
        [
            ("operation", &text("SET")),
            ("resource", &text("fan_speed")),
            ("correlation", &text("7")),
            ("value", &Value::Integer(3)),
        ]
    );
    let act = r#"{"operation":"ACT","parameters":{"minutes":1.5,"why":"dust"}}"#;
    let act = command("fujisawa--truck--17/air/flush", act).unwrap();
    assert_eq!(act.topic.as_str(), "fujisawa/truck/17/air/command");
    assert_eq!(act.values[3], ("parameter.minutes".to_owned(), Value::Float(1.5)));
    assert_eq!(act.values[4], ("parameter.why".to_owned(), text("dust")));
}

#[test]
fn what_is_no_command_is_told_so() {
    let below = "fujisawa--truck--17/data/fan";
    for (below, payload, words) in [
        (below, "on", "operation"),
        (below, r#"{"operation":"GET"}"#, "SET"),
        (below, r#"{"operation":"SET","id":"9"}"#, "a value with SET"),
        (below, r#"{"operation":"ACT","value":1}"#, "a value with SET"),
        (below, r#"{"operation":"SET","value":null}"#, "a value with SET"),
        (below, r#"{"operation":"SET","value":[1]}"#, "a number"),
        (below, r#"{"operation":"SET","value":1,"topic":"x"}"#, "unknown field"),
        (below, r#"{"operation":"ACT","parameters":{"a\u202eb":1}}"#, "a plain name"),
        ("fujisawa--truck--17/fan", r#"{"operation":"SET","value":1}"#, "PROVIDER/SERVICE"),
        ("../../fujisawa/data/fan", r#"{"operation":"SET","value":1}"#, "PROVIDER/SERVICE"),
        ("fujisawa--+--17/data/fan", r#"{"operation":"SET","value":1}"#, "PROVIDER/SERVICE"),
    ] {
        let refused = command(below, payload).unwrap_err();
        assert!(refused.why.contains(words), "{payload}: {}", refused.why);
        assert!(!refused.accepted);
    }
    let refused = command(below, r#"{"operation":"SET","id":"9"}"#).unwrap_err();
    assert_eq!(refused.id, "9");
}

const FAN: &str = "fujisawa--truck--17/data/fan";

fn settle(memory: &mut Memory, outcome: Outcome) -> Answer {
    memory.settle(FAN, "a-1".to_owned(), outcome)
}

#[test]
fn a_command_refused_while_disconnected_is_accepted_with_the_same_id_afterwards() {
    let mut memory = Memory::default();
    let out_of_reach = "wanted a node, found none in reach".to_owned();
    let refused = settle(&mut memory, Outcome::Refused(out_of_reach));
    assert!(!refused.accepted && refused.why.contains("in reach"), "{refused:?}");
    assert_eq!(memory.answer(FAN, "a-1"), None);
    let accepted = settle(&mut memory, Outcome::Accepted);
    assert!(accepted.accepted);
    assert_eq!(memory.answer(FAN, "a-1"), Some(&accepted));
    assert_eq!(memory.answer("fujisawa--truck--18/data/fan", "a-1"), None);
}

#[test]
fn a_command_that_may_have_been_done_is_not_done_again() {
    let mut memory = Memory::default();
    let unanswered = settle(&mut memory, Outcome::Unanswered("it may have it".to_owned()));
    assert!(!unanswered.accepted);
    assert_eq!(memory.answer(FAN, "a-1"), Some(&unanswered));
}

#[test]
fn a_command_without_an_id_is_not_remembered() {
    let mut memory = Memory::default();
    assert!(memory.settle(FAN, String::new(), Outcome::Accepted).accepted);
    assert_eq!(memory.answer(FAN, ""), None);
}

proptest! {
    #[test]
    fn no_bytes_break_it(below in any::<String>(), payload in any::<Vec<u8>>()) {
        drop(read(&config(), 3, (&below, &payload)));
    }
}
