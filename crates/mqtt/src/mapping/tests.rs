use proptest::prelude::*;

use super::*;

fn prefix() -> Prefix {
    Prefix::parse("fujisawa/mqtt").expect("a prefix")
}

/// What MQTT's own rules say, level by level (4.7.1, 4.7.2).
fn mqtt_matches(filter: &str, name: &str) -> bool {
    if hides(filter, name) {
        return false;
    }
    let (wanted, found): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), name.split('/').collect());
    for (index, level) in wanted.iter().enumerate() {
        match (*level, found.get(index)) {
            ("#", _) => return true,
            (_, None) => return false,
            ("+", Some(_)) => {}
            (level, Some(other)) if level == *other => {}
            _ => return false,
        }
    }
    wanted.len() == found.len()
}

fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{0,2}",
        2 => "[ .%$2450Ee]{0,5}",
        1 => "[a-z0-9 _%$.:;,=@é本-]{0,12}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(level(), 1..6)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a topic name has a character", |name| !name.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 1 => Just("+".to_owned())];
    (proptest::collection::vec(level, 1..6), any::<bool>())
        .prop_map(|(mut levels, open)| {
            if open {
                levels.push("#".to_owned());
            }
            levels.join("/")
        })
        .prop_filter("a topic filter has a character", |filter| !filter.is_empty())
}

fn is_reserved(text: &str) -> bool {
    matches!(check("name", text), Err(NameError::Reserved { .. }))
}

proptest! {
    #[test]
    fn every_topic_name_has_one_topic_and_comes_back_as_it_was(name in name()) {
        prop_assume!(!is_reserved(&name));
        let topic = prefix().topic(&name).expect("a topic");
        prop_assert_eq!(prefix().name(&topic), Some(name));
    }

    #[test]
    fn two_topic_names_never_have_the_same_topic(one in name(), other in name()) {
        prop_assume!(one != other && !is_reserved(&one) && !is_reserved(&other));
        let [one, other] = [one, other].map(|name| prefix().topic(&name).expect("a topic"));
        prop_assert_ne!(one, other);
    }

    #[test]
    fn matching_before_mapping_and_after_it_agree(name in name(), filter in filter()) {
        prop_assume!(!is_reserved(&name) && !is_reserved(&filter));
        let (topic, mapped) =
            (prefix().topic(&name).expect("a topic"), prefix().filter(&filter).expect("a filter"));
        let matches = mapped.matches(&topic) && !hides(&filter, &name);
        prop_assert_eq!(matches, mqtt_matches(&filter, &name));
    }

    #[test]
    fn any_text_is_a_name_or_refused_with_a_reason(text in any::<String>()) {
        match prefix().topic(&text) {
            Ok(topic) => prop_assert_eq!(prefix().name(&topic), Some(text.clone())),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        if let Ok(filter) = prefix().filter(&text) {
            prop_assert!(filter.as_str().starts_with("fujisawa/mqtt/"));
        }
    }

    #[test]
    fn every_topic_under_the_prefix_that_has_a_name_is_that_of_its_name(name in name()) {
        prop_assume!(!is_reserved(&name));
        let whole = Prefix::parse("fujisawa").expect("a prefix");
        let topic = prefix().topic(&name).expect("a topic");
        let long = whole.name(&topic).expect("a name under the organisation too");
        prop_assert_eq!(long.strip_prefix("mqtt/"), Some(name.as_str()));
        prop_assert_eq!(whole.topic(&long).expect("a topic"), topic);
    }
}

#[test]
fn escapes_are_those_of_the_protocol() {
    let cases = [
        ("a/b", "fujisawa/mqtt/a/b"),
        ("/a", "fujisawa/mqtt/%/a"),
        ("a//", "fujisawa/mqtt/a/%/%"),
        ("$x/$y", "fujisawa/mqtt/%24x/%24y"),
        ("a$", "fujisawa/mqtt/a$"),
        ("100%", "fujisawa/mqtt/100%25"),
        ("./..", "fujisawa/mqtt/%2E/%2E."),
        (" a b ", "fujisawa/mqtt/%20a b%20"),
        (" ", "fujisawa/mqtt/%20"),
        ("%24x", "fujisawa/mqtt/%2524x"),
    ];
    for (name, topic) in cases {
        assert_eq!(prefix().topic(name).expect(name).as_str(), topic);
    }
}

#[test]
fn what_is_not_of_mqtt_is_refused() {
    for name in ["", "a/+", "#", "a\0b"] {
        assert!(matches!(prefix().topic(name), Err(NameError::NotMqtt { .. })), "{name:?}");
    }
    for filter in ["", "a+", "#/a", "a/#b", "a#", "+a/b", "a\0"] {
        assert!(matches!(prefix().filter(filter), Err(NameError::NotMqtt { .. })), "{filter:?}");
    }
}

#[test]
fn names_of_the_server_are_refused_in_every_case() {
    for name in
        ["$SYS/broker", "$sys", "$Sys/a", "$SHARE/a/b", "$queue/x", "$mQtT/x", "$CONTROL/v1"]
    {
        assert!(matches!(prefix().topic(name), Err(NameError::Reserved { .. })), "{name:?}");
        assert!(matches!(prefix().filter(name), Err(NameError::Reserved { .. })), "{name:?}");
    }
    assert!(prefix().topic("a/$SYS").is_ok());
}

#[test]
fn what_hides_or_breaks_a_limit_is_refused() {
    let long = "x".repeat(129);
    let deep = vec!["x"; 40].join("/");
    let huge = "x/".repeat(32_767);
    let refused =
        ["a\u{feff}b", "a\u{202e}b", "e\u{301}", "a\tb", "a\rb", "a\n", &long, &deep, &huge];
    for name in refused {
        let short: String = name.chars().take(20).collect();
        assert!(matches!(prefix().topic(name), Err(NameError::Grammar(_))), "{short:?}");
        assert!(matches!(prefix().filter(name), Err(NameError::Grammar(_))), "{short:?}");
    }
}

#[test]
fn a_path_upwards_stays_below_the_prefix() {
    for name in ["../x", "../../x", "a/../../x", "..", "/../"] {
        let topic = prefix().topic(name).expect(name);
        assert!(topic.as_str().starts_with("fujisawa/mqtt/"), "{topic}");
        assert!(topic.levels().all(|level| level != ".."), "{topic}");
    }
}

#[test]
fn topics_outside_the_prefix_have_no_name() {
    for topic in ["fujisawa/mqttx/a", "fujisawa/other", "santander/mqtt/a", "fujisawa/mqtt"] {
        assert_eq!(prefix().name(&Topic::parse(topic).expect("a topic")), None, "{topic}");
    }
}
