use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Filter, FilterLevel};
use crate::Topic;

/// Deepest filter of the exhaustive comparison, levels below the organisation, `#` not counted.
/// Topics go one level deeper, where a filter with `#` and one without differ.
const DEPTH: usize = 3;

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

/// All sequences of 1 to `depth` of these levels, below the organisation `o`.
fn paths(levels: &[&str], depth: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut longest = vec!["o".to_owned()];
    for _ in 0..depth {
        longest = longest
            .iter()
            .flat_map(|path| levels.iter().map(move |level| format!("{path}/{level}")))
            .collect();
        all.extend(longest.clone());
    }
    all
}

/// MQTT's rule, spelled out: the oracle.
fn oracle(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => oracle(filter, topic),
        ([level, filter @ ..], [first, topic @ ..]) => level == first && oracle(filter, topic),
        _ => false,
    }
}

fn small_filters() -> Vec<Filter> {
    let mut filters: Vec<_> =
        paths(&["a", "b", "+"], DEPTH).iter().map(|text| filter(text)).collect();
    filters.push(filter("o/#"));
    filters.extend(paths(&["a", "b", "+"], DEPTH).iter().map(|text| filter(&format!("{text}/#"))));
    filters
}

fn small_topics() -> Vec<Topic> {
    paths(&["a", "b", "c"], DEPTH + 1).iter().map(|text| topic(text)).collect()
}

#[test]
fn matching_is_what_mqtt_says() {
    for filter in small_filters() {
        let wanted: Vec<_> = filter.as_str().split('/').collect();
        for topic in small_topics() {
            let found: Vec<_> = topic.levels().collect();
            assert_eq!(filter.matches(&topic), oracle(&wanted, &found), "{filter} {topic}");
        }
    }
}

#[test]
fn containment_and_overlap_are_those_of_the_matched_topics() {
    let topics = small_topics();
    let matched: Vec<(Filter, BTreeSet<usize>)> = small_filters()
        .into_iter()
        .map(|filter| {
            let numbers = topics.iter().enumerate();
            let set = numbers.filter(|(_, topic)| filter.matches(topic)).map(|(number, _)| number);
            let set = set.collect();
            (filter, set)
        })
        .collect();
    for (left, of_left) in &matched {
        for (right, of_right) in &matched {
            let contains = of_right.is_subset(of_left);
            assert_eq!(left.contains(right), contains, "{left} contains {right}");
            let overlaps = !of_left.is_disjoint(of_right);
            assert_eq!(left.overlaps(right), overlaps, "{left} overlaps {right}");
        }
    }
}

#[test]
fn filters_of_different_organisations_have_nothing_in_common() {
    for (left, right) in [("o/#", "p/#"), ("o/+", "p/+"), ("o/a", "p/a")] {
        let (left, right) = (filter(left), filter(right));
        assert!(!left.contains(&right) && !left.overlaps(&right));
    }
    assert!(!filter("o/#").matches(&topic("p/a")));
}

#[test]
fn filters_whose_common_topics_would_be_too_long_do_not_overlap() {
    let long = ["x".repeat(126), "y".repeat(126)].join("/");
    let left = filter(&format!("o/{long}/+/+"));
    let overlapping = filter(&format!("o/+/+/{}/{}", "z".repeat(126), "w".repeat(126)));
    assert!(left.overlaps(&overlapping));
    let too_long = filter(&format!("o/+/+/{}/{}", "z".repeat(128), "w".repeat(128)));
    assert!(!left.overlaps(&too_long));
}

#[test]
fn wildcards_stand_alone_and_never_for_the_organisation() {
    for text in [
        "#", "+", "+/a", "+/#", "#/a", "", "o", "o/", "o//#", "o/a#", "o/#/a", "o/a+", "o/+a",
        "o/##", "o/a/b#", "o/+#",
    ] {
        assert!(Filter::parse(text).is_err(), "{text:?}");
    }
    for text in ["o/#", "o/+", "o/+/#", "o/+/a/+", "o/a/#", "o/%/#"] {
        assert_eq!(filter(text).as_str(), text);
    }
}

#[test]
fn literal_levels_follow_the_grammar_of_topics() {
    let too_long = format!("o/{}/#", "x".repeat(129));
    for text in ["o/../#", "o/$SYS/#", "o/a%/+", "o/ a/+", "o/e\u{301}/#", "o/\u{7}/+", &too_long] {
        assert!(Filter::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_filter_has_at_most_512_bytes_and_32_levels() {
    assert!(Filter::parse(&format!("o{}/#", "/+".repeat(30))).is_ok());
    assert!(Filter::parse(&format!("o{}/#", "/+".repeat(31))).is_err());
    let levels = vec!["x".repeat(127); 3].join("/");
    assert!(Filter::parse(&format!("o/{levels}/{}/#", "y".repeat(124))).is_ok());
    assert!(Filter::parse(&format!("o/{levels}/{}/#", "y".repeat(125))).is_err());
}

#[test]
fn a_filter_without_wildcards_is_a_topic() {
    assert_eq!(filter("o/a/b").is_topic(), Some(topic("o/a/b")));
    assert_eq!(filter("o/a/+").is_topic(), None);
    assert_eq!(filter("o/#").is_topic(), None);
    assert_eq!(Filter::from(&topic("o/a/b")), filter("o/a/b"));
}

#[test]
fn levels_are_told_apart() {
    let all = filter("o/+/a/#");
    let levels: Vec<_> = all.levels().collect();
    let wanted =
        [FilterLevel::Literal("o"), FilterLevel::One, FilterLevel::Literal("a"), FilterLevel::Rest];
    assert_eq!(levels, wanted);
    assert_eq!(Filter::everything(all.organisation()), filter("o/#"));
}

fn any_filter() -> impl Strategy<Value = Filter> {
    ("o(/(a|b|\\+)){0,31}", any::<bool>()).prop_filter_map("a filter", |(fixed, open)| {
        Filter::parse(&if open { format!("{fixed}/#") } else { fixed }).ok()
    })
}

fn any_topic() -> impl Strategy<Value = Topic> {
    "o(/(a|b)){1,31}".prop_map(|text| topic(&text))
}

proptest! {
    #[test]
    fn deep_filters_match_as_the_oracle_says(filter in any_filter(), topic in any_topic()) {
        let wanted: Vec<_> = filter.as_str().split('/').collect();
        let found: Vec<_> = topic.levels().collect();
        prop_assert_eq!(filter.matches(&topic), oracle(&wanted, &found));
    }

    #[test]
    fn what_is_contained_is_matched(left in any_filter(), right in any_filter(), topic in any_topic()) {
        if left.contains(&right) && right.matches(&topic) {
            prop_assert!(left.matches(&topic));
            prop_assert!(left.overlaps(&right));
        }
        if left.matches(&topic) && right.matches(&topic) {
            prop_assert!(left.overlaps(&right) && right.overlaps(&left));
        }
        prop_assert!(left.contains(&left) && left.overlaps(&left));
    }

    #[test]
    fn any_text_parses_to_itself_or_not_at_all(text in "\\PC{0,40}|o/[a+#%/.$ 2450E]{0,12}") {
        if let Ok(topic) = Topic::parse(&text) {
            prop_assert_eq!(topic.as_str(), &text);
            prop_assert!(Filter::parse(&text).is_ok());
        }
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(filter.as_str(), &text);
        }
    }
}
