use sekisho_proto::OrgName;

use super::*;
use crate::view::Moment;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

/// A window that was looked at from `now`, with boundaries at 10 and 20.
fn window(now: i64) -> Window {
    let window = Window::default();
    for boundary in [10, 20] {
        Moment::watched(at(now), &window).has_reached(at(boundary));
    }
    window
}

#[test]
fn a_yes_is_found_only_by_who_asked_for_what_was_asked() {
    let cache = DecisionCache::default();
    let (one, other) = (PrincipalId::new([1; 32]), PrincipalId::new([2; 32]));
    let reader = Recipient::Principal(one);
    let peer = Recipient::Peer(OrgName::parse("santander").unwrap());
    let any = Window::default();
    cache.keep(Asker::Publisher(&one), &topic("o/a"), &any, &any, Some(7));
    cache.keep(Asker::Recipient(&reader, Scope::Federation), &topic("o/b"), &any, &any, None);
    let find = |asker, on| cache.find(asker, &topic(on), at(0), at(0));
    assert_eq!(find(Asker::Publisher(&one), "o/a"), Some(Some(7)));
    assert_eq!(find(Asker::Recipient(&reader, Scope::Federation), "o/b"), Some(None));
    for (asker, on) in [
        (Asker::Publisher(&other), "o/a"),
        (Asker::Publisher(&one), "o/b"),
        (Asker::Recipient(&reader, Scope::Federation), "o/a"),
        (Asker::Recipient(&reader, Scope::Organisation), "o/b"),
        (Asker::Recipient(&peer, Scope::Federation), "o/b"),
    ] {
        assert_eq!(find(asker, on), None, "{asker:?} {on}");
    }
}

#[test]
fn a_yes_holds_between_the_boundaries_that_it_was_decided_by() {
    let cache = DecisionCache::default();
    let id = PrincipalId::new([1; 32]);
    let asker = Asker::Publisher(&id);
    cache.keep(asker, &topic("o/a"), &window(15), &window(25), None);
    for (now, received, holds) in
        [(10, 20, true), (19, 90, true), (9, 20, false), (20, 20, false), (15, 19, false)]
    {
        let found = cache.find(asker, &topic("o/a"), at(now), at(received));
        assert_eq!(found.is_some(), holds, "at {now}, received at {received}");
    }
}

#[test]
fn it_keeps_no_more_than_it_has_room_for_and_always_the_last() {
    let cache = DecisionCache::default();
    let id = PrincipalId::new([1; 32]);
    let any = Window::default();
    for number in 0..PARTS * KEPT_MAX + PARTS {
        let on = topic(&format!("o/{number}"));
        cache.keep(Asker::Publisher(&id), &on, &any, &any, None);
        assert!(cache.find(Asker::Publisher(&id), &on, at(0), at(0)).is_some());
    }
    for part in cache.parts.get().unwrap() {
        assert!(part.lock().unwrap().len() <= KEPT_MAX);
    }
}
