use super::Topic;

fn refused(text: &str) -> String {
    match Topic::parse(text) {
        Ok(topic) => panic!("{topic:?} was accepted"),
        Err(error) => error.wanted().to_owned(),
    }
}

#[test]
fn a_topic_begins_with_its_organisation() {
    let topic: Topic = "fujisawa/truck/17/pm2.5".parse().unwrap();
    assert_eq!(topic.organisation().as_str(), "fujisawa");
    assert_eq!(topic.levels().collect::<Vec<_>>(), ["fujisawa", "truck", "17", "pm2.5"]);
    for text in ["fujisawa", "", "/", "Fujisawa/a", "-a/b", "藤沢/a", "%/a"] {
        let wanted = refused(text);
        assert!(wanted.contains("an organisation"), "{text:?}: {wanted}");
    }
}

#[test]
fn cities_name_levels_in_their_own_language_and_case() {
    for text in [
        "fujisawa/ゴミ収集車/17号",
        "santander/camión/Ñ",
        "o/a b",
        "o/a.b",
        "o/...",
        "o/.a",
        "o/a$",
    ] {
        assert_eq!(Topic::parse(text).unwrap().as_str(), text);
    }
    assert_ne!(Topic::parse("o/A").unwrap(), Topic::parse("o/a").unwrap());
}

#[test]
fn empty_levels_are_refused() {
    for text in ["o/", "o//a", "o/a/", "o/a//b"] {
        assert_eq!(refused(text), "no empty level", "{text:?}");
    }
}

#[test]
fn dot_levels_are_refused() {
    for text in ["o/.", "o/..", "o/a/../b", "o/./a"] {
        assert_eq!(refused(text), "no level . or ..", "{text:?}");
    }
}

#[test]
fn wildcards_are_refused() {
    for text in ["o/+", "o/#", "o/a+", "o/#a", "o/a/+/b"] {
        assert_eq!(refused(text), "no + or # in a level", "{text:?}");
    }
}

#[test]
fn reserved_levels_are_refused() {
    for text in ["o/$SYS", "o/a/$b", "o/$"] {
        assert_eq!(refused(text), "no level that begins with $", "{text:?}");
    }
}

#[test]
fn characters_that_do_not_show_are_refused() {
    let control = "\0\t\n\u{1f}\u{7f}\u{85}\u{9f}";
    let invisible = "\u{ad}\u{61c}\u{180e}\u{200b}\u{202e}\u{2066}\u{e0001}\u{e007f}";
    for character in control.chars().chain(invisible.chars()) {
        assert_eq!(refused(&format!("o/a{character}b")), "no control characters", "{character:?}");
    }
}

#[test]
fn outer_spaces_are_refused() {
    for text in ["o/ a", "o/a ", "o/ ", "o/a\u{3000}", "o/\u{a0}a"] {
        assert_eq!(refused(text), "no outer spaces", "{text:?}");
    }
}

#[test]
fn only_one_spelling_of_a_letter_is_accepted() {
    assert!(Topic::parse("o/camión").is_ok());
    assert_eq!(refused("o/camio\u{301}n"), "Unicode in normalisation form C");
    assert!(Topic::parse("o/ゴ").is_ok());
    assert_eq!(refused("o/コ\u{3099}"), "Unicode in normalisation form C");
    assert_eq!(refused("o/\u{212b}"), "Unicode in normalisation form C");
}

#[test]
fn a_topic_has_at_most_512_bytes() {
    let topic =
        |last: usize| format!("o/{}", vec!["x".repeat(127); 3].join("/")) + "/" + &"y".repeat(last);
    assert_eq!(topic(126).len(), 512);
    assert!(Topic::parse(&topic(126)).is_ok());
    let error = Topic::parse(&topic(127)).unwrap_err();
    assert_eq!(error.to_string(), "topic: wanted at most 512 bytes, found 513 bytes");
}

#[test]
fn a_level_has_at_most_128_bytes() {
    assert!(Topic::parse(&format!("o/{}", "x".repeat(128))).is_ok());
    assert_eq!(refused(&format!("o/{}", "x".repeat(129))), "levels of at most 128 bytes");
    assert_eq!(refused(&format!("o/{}", "é".repeat(65))), "levels of at most 128 bytes");
}

#[test]
fn a_topic_has_at_most_32_levels() {
    assert!(Topic::parse(&format!("o{}", "/x".repeat(31))).is_ok());
    assert_eq!(refused(&format!("o{}", "/x".repeat(32))), "at most 32 levels");
}

#[test]
fn an_escape_stands_only_for_what_a_level_may_not_hold() {
    for text in [
        "o/%",
        "o/a/%/b",
        "o/%25",
        "o/50%25",
        "o/%25%25a",
        "o/%24SYS",
        "o/%24",
        "o/%20a",
        "o/a%20",
        "o/%20",
        "o/%20%20",
        "o/%20 a %20",
        "o/%2E",
        "o/%2E.",
        "o/%24%25",
        "o/%25%20",
    ] {
        assert!(Topic::parse(text).is_ok(), "{text:?}");
    }
    for text in [
        "o/a%",
        "o/%a",
        "o/%%",
        "o/%2",
        "o/%41",
        "o/%2f",
        "o/%2F",
        "o/%2e",
        "o/%2B",
        "o/%23",
        "o/%2E%2E",
        "o/%2Ea",
        "o/a%2E",
        "o/%2E..",
        "o/a%24",
        "o/%25%24",
        "o/a%20b",
        "o/%20%20%20",
        "o/%00",
        "o/%25%",
    ] {
        let wanted = "% only as the escape of what a level may not hold";
        assert_eq!(refused(text), wanted, "{text:?}");
    }
}
