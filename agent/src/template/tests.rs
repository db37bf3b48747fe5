use sekisho_proto::{Sample, Timestamp};

use super::{Template, TopicFault};
use crate::observation::Observation;

fn observation(stream: &str, labels: &[(&str, &str)]) -> Observation {
    Observation {
        stream: stream.into(),
        labels: labels.iter().map(|(name, word)| ((*name).into(), (*word).into())).collect(),
        sample: Sample { time: Timestamp::EPOCH, values: Vec::new() },
    }
}

fn topic(word: &str) -> Result<String, TopicFault> {
    let observation = observation("", &[("id", word)]);
    bus().topic(&observation).map(|topic| topic.as_str().into())
}

fn bus() -> Template {
    Template::parse("fujisawa/bus/{id}").unwrap()
}

#[test]
fn words_and_streams_are_filled_in() {
    let template = Template::parse("fujisawa/bus-{id}/{stream}/x{id}{stream}").unwrap();
    assert_eq!(template.words().collect::<Vec<_>>(), ["id", "stream", "id", "stream"]);
    let topic = template.topic(&observation("rmc", &[("id", "7")])).unwrap();
    assert_eq!(topic.as_str(), "fujisawa/bus-7/rmc/x7rmc");
}

#[test]
fn what_a_level_may_not_hold_is_escaped() {
    for (word, wanted) in [
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E."),
        ("$SYS", "%24SYS"),
        ("a$", "a$"),
        ("50%", "50%25"),
        (" a b ", "%20a b%20"),
        (" ", "%20"),
        ("湘南", "湘南"),
    ] {
        assert_eq!(topic(word).unwrap(), format!("fujisawa/bus/{wanted}"), "{word:?}");
    }
}

#[test]
fn distinct_words_never_share_a_topic() {
    let words = ["", "%", "%25", " ", "%20", ".", "%2E", "..", "%2E.", "$", "%24"];
    let topics: std::collections::BTreeSet<_> =
        words.iter().map(|word| topic(word).unwrap()).collect();
    assert_eq!(topics.len(), words.len());
}

#[test]
fn a_word_that_no_level_can_hold_gives_no_topic() {
    let long = "x".repeat(129);
    for word in ["a/b", "a+b", "#", "a\u{0}b", "a\u{202e}b", "e\u{301}", long.as_str()] {
        assert!(matches!(topic(word), Err(TopicFault::Unspeakable { .. })), "{word:?}");
    }
}

#[test]
fn a_missing_word_is_named() {
    let template = Template::parse("fujisawa/bus/{id}").unwrap();
    let fault = template.topic(&observation("", &[])).unwrap_err();
    assert_eq!(
        fault.to_string(),
        r#"topic "fujisawa/bus/{id}": wanted a value for id, found none"#
    );
}

#[test]
fn texts_that_are_no_template_are_refused() {
    for text in [
        "",
        "fujisawa",
        "{org}/bus",
        "Fujisawa/bus",
        "fujisawa/{",
        "fujisawa/{}",
        "fujisawa/}x",
        "fujisawa/{a{b}}",
        "fujisawa//bus",
        "fujisawa/100%25",
        "fujisawa/+",
        "fujisawa/#",
    ] {
        assert!(Template::parse(text).is_err(), "{text}");
    }
}
