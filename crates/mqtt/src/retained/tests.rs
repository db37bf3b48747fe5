//! Retained messages against a map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sekisho_proto::{Filter, Position, PrincipalId, Timestamp, Topic};

use super::{Kept, Noted, Retained};
use crate::overlap::matches;

const NAMES: [&str; 8] = ["a", "a/b", "a/b/c", "a/b-c", "ab", "b", "%24s", "a/%24x"];
const FILTERS: [&str; 7] = ["#", "+", "a/#", "a/+", "a/b", "+/b", "b/#"];

fn topic(name: &str) -> Topic {
    Topic::parse(&format!("fujisawa/mqtt/{name}")).unwrap()
}

const fn publisher(number: u8) -> PrincipalId {
    PrincipalId::new([number; 32])
}

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

proptest! {
    #[test]
    fn they_are_the_last_of_each_topic(
        notes in proptest::collection::vec(
            (prop::sample::select(&NAMES[..]), proptest::option::of((0usize..40, 0i64..10))), 0..40),
        wanted in prop::sample::select(&FILTERS[..]),
        page in 1usize..5,
        now in 0i64..10,
    ) {
        let mut retained = Retained::new(usize::MAX, usize::MAX, Position::ZERO);
        let mut model: BTreeMap<Topic, (u64, usize, i64)> = BTreeMap::new();
        for (position, (name, kept)) in (0u64..).zip(notes) {
            let record = kept.map(|(bytes, expires)| Kept {
                position: Position::new(position),
                expires: (expires > 0).then(|| at(expires)),
                bytes,
                publisher: publisher(1),
                record: position,
            });
            retained.note(&topic(name), Position::new(position), record);
            match kept {
                Some((bytes, expires)) => {
                    model.insert(topic(name), (position, bytes, expires));
                }
                None => {
                    model.remove(&topic(name));
                }
            }
        }
        let bytes: usize = model.values().map(|(_position, bytes, _expires)| *bytes).sum();
        prop_assert_eq!((retained.len(), retained.bytes()), (model.len(), bytes));
        let filter = Filter::parse(&format!("fujisawa/mqtt/{wanted}")).unwrap();
        let expected = model.iter().filter(|(topic, (_position, _bytes, expires))| {
            matches(&filter, topic, 2) && (*expires == 0 || *expires > now)
        });
        let expected: Vec<u64> = expected.map(|(_topic, (position, ..))| *position).collect();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (some, last) = retained.matching(&filter, after.as_ref(), (page, 2), at(now));
            prop_assert!(some.len() <= page);
            found.extend(some);
            after = last;
            if after.is_none() {
                break;
            }
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_more_is_kept_than_the_limits_allow(
        notes in proptest::collection::vec(
            (prop::sample::select(&NAMES[..]), proptest::option::of(0usize..40), 1u8..4), 0..60),
    ) {
        let mut retained = Retained::new(5, 60, Position::ZERO);
        for (position, (name, bytes, number)) in (0u64..).zip(notes) {
            let position = Position::new(position);
            let publisher = publisher(number);
            let kept = bytes.map(|bytes| Kept { position, expires: None, bytes, publisher, record: () });
            let noted = retained.note(&topic(name), position, kept);
            prop_assert_eq!(noted == Noted::Kept, retained.get(&topic(name)).is_some());
            prop_assert!(retained.len() <= 5 && retained.bytes() <= 60);
            let names = NAMES.map(topic);
            let own = names.iter().filter_map(|name| retained.get(name));
            let own: Vec<_> = own.filter(|kept| kept.publisher == publisher).collect();
            let bytes: usize = own.iter().map(|kept| kept.bytes).sum();
            prop_assert!(own.len() <= 3 && bytes <= 30);
        }
    }
}

#[test]
fn what_was_noted_is_not_noted_again() {
    let mut retained = Retained::new(9, 99, Position::new(5));
    let (position, publisher) = (Position::new(4), publisher(1));
    let kept = Kept { position, expires: None, bytes: 1, publisher, record: () };
    assert_eq!(retained.note(&topic("a"), Position::new(4), Some(kept)), Noted::Old);
    assert!(retained.is_empty());
    assert_eq!(retained.next(), Position::new(5));
}

#[test]
fn what_has_expired_is_let_go_of() {
    let mut retained = Retained::new(9, 99, Position::ZERO);
    let (position, publisher) = (Position::ZERO, publisher(1));
    let kept = Kept { position, expires: Some(at(3)), bytes: 9, publisher, record: () };
    retained.note(&topic("a"), Position::ZERO, Some(kept));
    assert!(retained.expire(at(2)).is_empty());
    assert_eq!(retained.expire(at(3)), [topic("a")]);
    assert_eq!(retained.bytes(), 0);
}

#[test]
fn one_publisher_leaves_room_for_another() {
    let mut retained = Retained::new(4, 1_000, Position::ZERO);
    let mut note = |position: u64, name: &str, number: u8, bytes: Option<usize>| {
        let (position, publisher) = (Position::new(position), publisher(number));
        let kept =
            bytes.map(|bytes| Kept { position, expires: None, bytes, publisher, record: () });
        retained.note(&topic(name), position, kept)
    };
    assert_eq!(note(0, "a", 1, Some(1)), Noted::Kept);
    assert_eq!(note(1, "b", 1, Some(499)), Noted::Kept);
    assert_eq!(note(2, "ab", 1, Some(1)), Noted::Full, "its share of the topics");
    assert_eq!(note(3, "b", 1, Some(500)), Noted::Full, "its share of the bytes");
    assert_eq!(note(4, "a", 2, Some(1)), Noted::Kept, "another takes the topic over");
    assert_eq!(note(5, "b", 1, Some(499)), Noted::Kept);
    assert_eq!(note(6, "ab", 1, Some(1)), Noted::Kept, "the room of the topic it lost is free");
    assert_eq!(note(7, "ab", 1, None), Noted::Cleared);
    assert_eq!(note(8, "a/b", 1, Some(1)), Noted::Kept);
}
