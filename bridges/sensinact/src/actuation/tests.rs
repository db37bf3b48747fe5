//! What is a command and what is not.

use proptest::prelude::*;
use sekisho_proto::Value;

use super::{Answer, Command, read};
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

proptest! {
    #[test]
    fn no_bytes_break_it(below in any::<String>(), payload in any::<Vec<u8>>()) {
        drop(read(&config(), 3, (&below, &payload)));
    }
}
