use proptest::prelude::*;
use sekisho_proto::{Offset, Topic, TransducerName, Unit};

use super::{Id, Place, Quantity, escaped, unescaped};

fn id(topic: &str, quantity: Option<(&str, Option<&str>)>, place: Option<(u64, u32)>) -> Id {
    Id {
        topic: Topic::parse(topic).unwrap(),
        quantity: quantity.map(|(transducer, unit)| Quantity {
            transducer: TransducerName::parse(transducer).unwrap(),
            unit: unit.map(|unit| Unit::parse(unit).unwrap()),
        }),
        place: place.map(|(offset, number)| Place { offset: Offset::new(offset), number }),
    }
}

#[test]
fn identifiers_are_readable_where_names_are() {
    let found = id("fujisawa/trucks/17/air", Some(("pm2_5", None)), Some((12, 3)));
    assert_eq!(found.to_string(), "fujisawa:trucks:17:air::pm2_5@12.3");
}

#[test]
fn whatever_a_name_holds_comes_back() {
    for found in [
        id("fujisawa/藤沢/a:b", Some(("a::b", Some("ug/m3"))), None),
        id("fujisawa/it's (not) simple", None, Some((u64::MAX, u32::MAX))),
        id("fujisawa/100%25~", Some(("~40@", None)), None),
    ] {
        let text = found.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte)));
        assert_eq!(Id::parse(&text), Some(found), "{text}");
    }
}

#[test]
fn each_identifier_has_one_spelling() {
    for text in [
        "",
        "fujisawa",
        "fujisawa:",
        "fujisawa:a@1",
        "fujisawa:a@01.2",
        "fujisawa:~61",
        "fujisawa:~c3~a9",
        "fujisawa:a::b::c::d",
        "fujisawa:a::",
        "fujisawa:a~2Fb",
        "fujisawa/a",
    ] {
        assert_eq!(Id::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn escapes_come_back(name in ".{0,40}") {
        prop_assert_eq!(unescaped(&escaped(&name)), Some(name));
    }

    #[test]
    fn what_is_parsed_is_written_alike(text in "[a-z:@~0-9A-F.]{0,24}") {
        if let Some(id) = Id::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
