//! Default deny, deny wins, and time.

use sekisho_policy::{Missing, Recipient};
use sekisho_proto::{Action, PrincipalKind, RefusalCode, Scope};

use crate::world::{Key, World, at, filter, grant, topic};

#[test]
fn nothing_is_permitted_that_no_grant_says() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    for action in Action::ALL {
        assert!(!world.may(&truck, action, "fujisawa/a"));
    }
    world.grant("truck-2@fujisawa", "publish", "fujisawa/#");
    world.grant("truck-1@fujisawa", "publish", "fujisawa/b");
    world.grant("truck-1@fujisawa", "subscribe", "fujisawa/a");
    assert!(!world.may_publish(&truck, "fujisawa/a"));
    assert!(world.may_publish(&truck, "fujisawa/b"));
    for action in Action::ALL {
        assert_eq!(world.may(&truck, action, "fujisawa/a"), action == Action::Subscribe);
    }
}

#[test]
fn a_key_without_a_statement_is_nobody() {
    let mut world = World::new();
    world.grant("*@fujisawa", "publish,subscribe", "fujisawa/#");
    let stranger = Key::of("stranger");
    let denial =
        world.policy.permit_publish(stranger.id(), &topic("fujisawa/a"), at(100)).unwrap_err();
    assert_eq!(*denial.missing(), Missing::UnknownPrincipal);
    assert_eq!(denial.code(), RefusalCode::UnknownKey);
}

#[test]
fn the_topics_of_an_unknown_organisation_are_denied() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let denial = world.policy.permit_publish(truck.id(), &topic("nowhere/a"), at(100)).unwrap_err();
    assert!(matches!(denial.missing(), Missing::UnknownOrganisation { .. }));
    let recipient = Recipient::Principal(truck.id());
    assert!(world.policy.may_subscribe(&recipient, &filter("nowhere/#"), at(100)).is_err());
}

#[test]
fn a_grant_to_everybody_covers_who_is_enrolled_later_and_nobody_elsewhere() {
    let mut world = World::new();
    world.grant("*@fujisawa", "subscribe", "fujisawa/news");
    let late = world.enrol("late", PrincipalKind::Person);
    assert!(world.may(&late, Action::Subscribe, "fujisawa/news"));
}

/// N-30: a subscription over a part that is denied is one to the rest.
#[test]
fn a_deny_inside_a_grant_wins_on_exactly_its_topics() {
    let mut world = World::new();
    let reader = world.enrol("reader", PrincipalKind::App);
    world.grant("reader@fujisawa", "subscribe,history", "fujisawa/a/#");
    world.deny("reader@fujisawa", "subscribe", "fujisawa/a/+/x");
    world.subscribing(&reader, "fujisawa/a/b/+").unwrap();
    world.delivery(&reader, "fujisawa/a/b/y", at(50)).unwrap();
    world.delivery(&reader, "fujisawa/a/b/c/x", at(50)).unwrap();
    world.delivery(&reader, "fujisawa/a/x", at(50)).unwrap();
    let denial = world.delivery(&reader, "fujisawa/a/b/x", at(50)).unwrap_err();
    assert!(matches!(denial.missing(), Missing::Denied { .. }));
    // Exactly what is denied cannot even be asked for.
    assert!(world.subscribing(&reader, "fujisawa/a/b/x").is_err());
    assert!(world.subscribing(&reader, "fujisawa/a/+/x").is_err());
}

/// N-31: history is not a way around a deny.
#[test]
fn who_may_not_subscribe_may_not_replay_either() {
    let mut world = World::new();
    let reader = world.enrol("reader", PrincipalKind::App);
    let mut body = grant("reader@fujisawa", "subscribe,history", "fujisawa/#");
    body.from = at(50);
    world.state(body);
    for received in [at(10), at(60)] {
        world.delivery(&reader, "fujisawa/a", received).unwrap();
    }
    world.deny("*@fujisawa", "subscribe", "fujisawa/a");
    for received in [at(10), at(60)] {
        assert!(world.delivery(&reader, "fujisawa/a", received).is_err());
    }
    assert!(!world.may(&reader, Action::History, "fujisawa/a"));
    world.deny("reader@fujisawa", "history", "fujisawa/b");
    assert!(world.delivery(&reader, "fujisawa/b", at(10)).is_err());
    world.delivery(&reader, "fujisawa/b", at(60)).unwrap();
}

#[test]
fn a_deny_wins_over_grants_made_after_it() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    world.deny("*@fujisawa", "publish", "fujisawa/+/secret");
    world.grant("truck-1@fujisawa", "publish", "fujisawa/a/secret");
    assert!(!world.may_publish(&truck, "fujisawa/a/secret"));
}

#[test]
fn a_grant_holds_from_its_beginning_to_before_its_end() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let mut body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    body.from = at(200);
    body.until = Some(at(300));
    world.state(body);
    for (now, may) in [(100, false), (199, false), (200, true), (299, true), (300, false)] {
        world.now = at(now);
        assert_eq!(world.may_publish(&truck, "fujisawa/a"), may, "at {now}");
    }
    let denial = world.policy.permit_publish(truck.id(), &topic("fujisawa/a"), at(300));
    assert!(matches!(denial.unwrap_err().missing(), Missing::GrantEnded { .. }));
    let denial = world.policy.permit_publish(truck.id(), &topic("fujisawa/a"), at(199));
    assert!(matches!(denial.unwrap_err().missing(), Missing::GrantNotYet { .. }));
}

#[test]
fn an_enrolment_that_ran_out_gives_nothing() {
    let mut world = World::new();
    let mut body = world.own.principal_body("visitor", PrincipalKind::Person);
    body.until = Some(at(200));
    world.state(body.clone());
    world.grant("visitor@fujisawa", "publish", "fujisawa/a");
    let visitor = Key::of("visitor@fujisawa");
    world.now = at(199);
    assert!(world.may_publish(&visitor, "fujisawa/a"));
    world.now = at(200);
    assert!(!world.may_publish(&visitor, "fujisawa/a"));
    body.until = Some(at(400));
    world.state(body);
    assert!(world.may_publish(&visitor, "fujisawa/a"));
}

#[test]
fn a_subscription_covers_what_came_since_and_history_what_came_before() {
    let mut world = World::new();
    let reader = world.enrol("reader", PrincipalKind::App);
    let mut body = grant("reader@fujisawa", "subscribe", "fujisawa/a");
    body.from = at(50);
    world.state(body);
    world.delivery(&reader, "fujisawa/a", at(50)).unwrap();
    let denial = world.delivery(&reader, "fujisawa/a", at(49)).unwrap_err();
    assert!(matches!(denial.missing(), Missing::TooOld { .. }));
    let mut body = grant("reader@fujisawa", "history", "fujisawa/a");
    body.from = at(40);
    body.history_from = Some(at(20));
    world.state(body);
    for (received, may) in [(19, false), (20, true), (39, true), (40, false), (49, false)] {
        let found = world.delivery(&reader, "fujisawa/a", at(received)).is_ok();
        assert_eq!(found, may, "received at {received}");
    }
    let mut body = grant("reader@fujisawa", "history", "fujisawa/a");
    body.from = at(60);
    world.state(body);
    for received in [0, 19, 45, 49, 50, 100] {
        world.delivery(&reader, "fujisawa/a", at(received)).unwrap();
    }
}

#[test]
fn a_scope_of_the_organisation_does_not_keep_its_own_principals_out() {
    let mut world = World::new();
    let reader = world.enrol("reader", PrincipalKind::App);
    world.grant("reader@fujisawa", "subscribe", "fujisawa/a");
    let recipient = Recipient::Principal(reader.id());
    world.deliver_to(&recipient, "fujisawa/a", Scope::Organisation, at(100)).unwrap();
}

#[test]
fn a_permit_says_what_was_asked_and_the_most_generous_rate() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let rates = [(Some(5), Some(5)), (Some(50), Some(50)), (Some(7), Some(50)), (None, None)];
    for (rate, wanted) in rates {
        let mut body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
        body.rate_per_s = rate;
        world.state(body);
        let topic = topic("fujisawa/a");
        let permit = world.policy.permit_publish(truck.id(), &topic, at(100)).unwrap();
        assert_eq!(permit.rate_per_s(), wanted);
        assert_eq!((permit.topic(), permit.publisher()), (&topic, truck.id()));
        assert_eq!(permit.policy_version(), world.policy.version());
    }
}

#[test]
fn subscribing_asks_only_whether_something_might_match() {
    let mut world = World::new();
    let reader = world.enrol("reader", PrincipalKind::App);
    world.grant("reader@fujisawa", "subscribe", "fujisawa/+/pm25");
    for (on, may) in [
        ("fujisawa/#", true),
        ("fujisawa/truck-1/#", true),
        ("fujisawa/truck-1/+", true),
        ("fujisawa/+/pm25", true),
        ("fujisawa/truck-1/pm25", true),
        ("fujisawa/+", false),
        ("fujisawa/truck-1/pm10", false),
        ("fujisawa/+/+/#", true),
        ("fujisawa/+/+/+/#", false),
    ] {
        assert_eq!(world.subscribing(&reader, on).is_ok(), may, "{on}");
    }
    world.grant("reader@fujisawa", "publish,discover", "fujisawa/#");
    assert!(world.subscribing(&reader, "fujisawa/truck-1/pm10").is_err());
    world.grant("reader@fujisawa", "history", "fujisawa/#");
    world.subscribing(&reader, "fujisawa/truck-1/pm10").unwrap();
}

#[test]
fn a_denial_names_who_what_where_and_what_is_missing() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let denial =
        world.policy.permit_publish(truck.id(), &topic("fujisawa/a"), at(100)).unwrap_err();
    assert_eq!(
        denial.to_string(),
        "truck-1@fujisawa may not publish on fujisawa/a: no grant of fujisawa allows it"
    );
    assert_eq!((denial.action(), denial.object()), (Action::Publish, "fujisawa/a"));
    assert_eq!(denial.code(), RefusalCode::NotPermitted);
}

#[test]
fn every_statement_makes_a_new_version_and_a_clone_keeps_the_old_one() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let before = world.policy.clone();
    world.grant("truck-1@fujisawa", "publish", "fujisawa/a");
    assert!(world.policy.version() > before.version());
    let topic = topic("fujisawa/a");
    assert!(before.permit_publish(truck.id(), &topic, at(100)).is_err());
    assert!(world.policy.permit_publish(truck.id(), &topic, at(100)).is_ok());
}

#[test]
fn those_who_may_decrypt_any_of_a_tree_are_its_readers() {
    let mut world = World::new();
    for label in ["whole", "part", "denied", "other", "gone"] {
        world.enrol(label, PrincipalKind::App);
    }
    world.grant("whole@fujisawa", "decrypt", "fujisawa/#");
    world.grant("part@fujisawa", "decrypt", "fujisawa/air/+");
    world.grant("denied@fujisawa", "decrypt", "fujisawa/#");
    world.deny("denied@fujisawa", "decrypt", "fujisawa/air/1");
    world.grant("other@fujisawa", "decrypt", "fujisawa/water/#");
    world.grant("other@fujisawa", "subscribe", "fujisawa/#");
    world.grant("gone@fujisawa", "decrypt", "fujisawa/#");
    world.revoke_key(&Key::of("gone@fujisawa"));
    let readers = |tree: &str| -> Vec<String> {
        let found = world.policy.decrypt_readers(&filter(tree), at(100));
        found.into_iter().map(|record| record.name.to_string()).collect()
    };
    assert_eq!(readers("fujisawa/air/#"), ["part@fujisawa", "whole@fujisawa"]);
    let water = ["denied@fujisawa", "other@fujisawa", "whole@fujisawa"];
    assert_eq!(readers("fujisawa/water/#"), water);
}

#[test]
fn a_deny_wins_between_one_principal_and_everybody_whichever_it_names() {
    let mut world = World::new();
    let (truck, other) = (world.device("truck-17"), world.device("truck-18"));
    world.grant("truck-17@fujisawa", "publish", "fujisawa/one/#");
    world.deny("*@fujisawa", "publish", "fujisawa/one/+");
    assert!(!world.may_publish(&truck, "fujisawa/one/a"));
    assert!(world.may_publish(&truck, "fujisawa/one/a/b"));
    world.grant("*@fujisawa", "publish", "fujisawa/all/#");
    world.deny("truck-17@fujisawa", "publish", "fujisawa/all/#");
    assert!(!world.may_publish(&truck, "fujisawa/all/a"));
    assert!(world.may_publish(&other, "fujisawa/all/a"));
}

#[test]
fn a_wildcard_subscription_beside_a_wildcard_deny_is_asked_on_every_topic() {
    let mut world = World::new();
    let reader = world.device("reader");
    world.grant("reader@fujisawa", "subscribe,history", "fujisawa/a/#");
    world.deny("reader@fujisawa", "subscribe", "fujisawa/a/+/x");
    assert!(world.subscribing(&reader, "fujisawa/a/b/+").is_ok());
    assert!(world.subscribing(&reader, "fujisawa/a/+/x").is_err());
    for received in [at(0), at(100)] {
        assert!(world.delivery(&reader, "fujisawa/a/b/y", received).is_ok());
        assert!(world.delivery(&reader, "fujisawa/a/b/x", received).is_err());
    }
}
