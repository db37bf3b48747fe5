//! Each topic has one provider and service, and each of these one topic.

use proptest::prelude::*;
use sekisho_proto::{Topic, TransducerName};

use super::{of_topic, of_transducer, topic_of, transducer_of};

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

/// What sensiNact makes of the name of a service or resource (`NamingUtils.sanitizeName` of its
/// device factory).
fn sanitized(name: &str) -> String {
    let keep = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    name.chars().map(|letter| if keep(letter) { letter } else { '-' }).collect()
}

/// What names a class there (`NamingUtils.sanitizeName` of its core), but for key words.
fn class(name: &str) -> String {
    let plain: String =
        name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect();
    let mut letters = plain.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[test]
fn a_topic_is_its_device_and_the_rest_is_a_service() {
    let spelt = |text: &str, levels| of_topic(&topic(text), levels);
    let pair = |provider: &str, service: &str| (provider.to_owned(), service.to_owned());
    assert_eq!(spelt("fujisawa/truck/17/air", 3), pair("fujisawa--truck--17", "air"));
    assert_eq!(spelt("fujisawa/truck/17", 3), pair("fujisawa--truck--17", "data"));
    assert_eq!(spelt("fujisawa/truck/17/data", 3), pair("fujisawa--truck--17", "Z64ata"));
    assert_eq!(spelt("fujisawa/truck/17/admin", 3), pair("fujisawa--truck--17", "Z61dmin"));
    assert_eq!(spelt("fujisawa/truck/17/Air", 3), pair("fujisawa--truck--17", "Z41ir"));
    assert_eq!(spelt("fujisawa/las-llamas", 32), pair("fujisawa--las-llamas", "data"));
    assert_eq!(spelt("fujisawa/a--b", 32), pair("fujisawa--aZ2dZ2db", "data"));
    assert_eq!(spelt("fujisawa/園/1", 32), pair("fujisawa--Ze5Z9cZ92--1", "data"));
}

#[test]
fn a_transducer_is_a_resource() {
    let spelt = |text: &str| of_transducer(&TransducerName::parse(text).unwrap());
    assert_eq!(spelt("pm2_5"), "pm2-5");
    assert_eq!(spelt("pm2-5"), "pm2Z2d5");
    assert_eq!(spelt("${x}/y"), "Z24Z7bxZ7dZ2fy");
}

#[test]
fn what_spells_nothing_is_no_topic() {
    for (provider, service) in [
        ("", "data"),
        ("fujisawa", "data"),
        ("fujisawa--truck", "Data"),
        ("fujisawa--truck--17--", "air"),
        ("fujisawa--tr_uck--17", "air"),
        ("fujisawa--truck--Z61", "air"),
        ("fujisawa--truck--Zzz", "air"),
        ("fujisawa--truck", "air"),
    ] {
        assert_eq!(topic_of(provider, service, 3), None, "{provider} {service}");
    }
    assert_eq!(transducer_of("pm2_5"), None);
    assert_eq!(transducer_of(""), None);
}

fn level() -> impl Strategy<Value = String> {
    let level = "[-_ a-zA-Z0-9.$%{}é園Zz]{1,6}|admin|data|Data|Admin|[zZ][0-9a-f]{2}ata";
    level.prop_filter("a level", |level| Topic::parse(&format!("fujisawa/{level}")).is_ok())
}

fn any_topic() -> impl Strategy<Value = Topic> {
    prop::collection::vec(level(), 1..5)
        .prop_map(|levels| topic(&format!("fujisawa/{}", levels.join("/"))))
}

proptest! {
    #[test]
    fn names_lead_back_and_sensinact_leaves_them_alone(topic in any_topic(), levels in 1_usize..6) {
        let (provider, service) = of_topic(&topic, levels);
        prop_assert_eq!(sanitized(&provider), provider.clone());
        prop_assert_eq!(sanitized(&service), service.clone());
        prop_assert_eq!(topic_of(&provider, &service, levels), Some(topic));
    }

    #[test]
    fn two_topics_share_no_class(one in any_topic(), other in any_topic(), levels in 1_usize..6) {
        prop_assume!(one != other);
        let classes = |topic| {
            let (provider, service) = of_topic(topic, levels);
            (class(&provider), class(&service))
        };
        prop_assert_ne!(classes(&one), classes(&other));
    }

    #[test]
    fn resources_lead_back(text in "[-_ a-zA-Z0-9.${}/é園Z]{1,12}") {
        prop_assume!(TransducerName::parse(&text).is_ok());
        let name = TransducerName::parse(&text).unwrap();
        let spelt = of_transducer(&name);
        prop_assert_eq!(sanitized(&spelt), spelt.clone());
        prop_assert_eq!(transducer_of(&spelt), Some(name));
    }

    #[test]
    fn no_text_breaks_it(provider in any::<String>(), service in any::<String>()) {
        if let Some(topic) = topic_of(&provider, &service, 3) {
            prop_assert_eq!(of_topic(&topic, 3), (provider, service));
        }
    }
}
