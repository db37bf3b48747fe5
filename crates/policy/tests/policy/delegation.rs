//! Nobody hands on more than they hold.

use sekisho_policy::StatementError;
use sekisho_proto::{
    Action, PrincipalKind,
    statement::{Grant, RevokeTarget},
};

use crate::world::{
    Key, Party, World, actions, at, deny, filter, grant, grantee, org, peering, revoke, signed,
};

/// A world in which `boss` may hand on a bounded right.
fn bounded() -> (World, Key, Grant) {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.device("truck-1");
    let mut held = grant("boss@fujisawa", "publish,subscribe,history,grant", "fujisawa/a/#");
    held.from = at(10);
    held.until = Some(at(500));
    held.history_from = Some(at(5));
    held.rate_per_s = Some(10);
    world.state(held.clone());
    let handed_on = Grant { grantee: grantee("truck-1@fujisawa"), ..held };
    (world, boss, handed_on)
}

#[test]
fn a_grant_handed_on_whole_or_in_part_works() {
    let (mut world, boss, whole) = bounded();
    world.apply(&signed(whole.clone(), &[&boss]));
    let part = Grant {
        actions: actions("publish"),
        filter: filter("fujisawa/a/+"),
        from: at(20),
        until: Some(at(400)),
        rate_per_s: Some(1),
        ..whole
    };
    world.apply(&signed(part, &[&boss]));
    assert!(world.may_publish(&Key::of("truck-1@fujisawa"), "fujisawa/a/1"));
}

/// N-39: a grant wider than the grantor's own.
#[test]
fn a_grant_wider_than_its_grantors_is_refused_whatever_is_wider() {
    let (mut world, boss, whole) = bounded();
    let history_only = actions("history");
    let wider = [
        ("decrypt", Grant { actions: actions("publish,decrypt"), ..whole.clone() }),
        ("administer", Grant { actions: actions("administer"), ..whole.clone() }),
        ("a filter that contains it", Grant { filter: filter("fujisawa/#"), ..whole.clone() }),
        ("a filter that contains it", Grant { filter: filter("fujisawa/+/b"), ..whole.clone() }),
        ("a period as long", Grant { until: Some(at(501)), ..whole.clone() }),
        ("a period as long", Grant { until: None, ..whole.clone() }),
        ("a period as long", Grant { from: at(9), ..whole.clone() }),
        ("history", Grant { history_from: Some(at(4)), actions: history_only, ..whole.clone() }),
        ("history", Grant { history_from: None, actions: history_only, ..whole.clone() }),
        ("a rate as high", Grant { rate_per_s: Some(11), ..whole.clone() }),
        ("a rate as high", Grant { rate_per_s: None, ..whole.clone() }),
        ("onward", Grant { onward: true, ..whole.clone() }),
    ];
    for (wanted, body) in wider {
        let refused = world.try_apply(&signed(body, &[&boss]));
        let Err(StatementError::Exceeds { wanted: found, .. }) = refused else {
            // Where no grant even overlaps, the action to grant is what is missing.
            panic!("wanted {wanted}, found {refused:?}");
        };
        assert!(found.contains(wanted), "wanted {wanted}, found {found}");
    }
}

#[test]
fn history_is_not_handed_on_as_more_recent_than_it_is_held() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    let mut held = grant("boss@fujisawa", "history,grant", "fujisawa/#");
    held.from = at(10);
    world.state(held.clone());
    let later = Grant { grantee: grantee("truck-1@fujisawa"), from: at(90), ..held.clone() };
    assert!(world.try_apply(&signed(later, &[&boss])).is_err());
    let same = Grant { grantee: grantee("truck-1@fujisawa"), ..held };
    world.apply(&signed(same, &[&boss]));
}

#[test]
fn holding_a_right_is_not_holding_the_right_to_grant_it() {
    let mut world = World::new();
    let reader = world.enrol("reader", PrincipalKind::App);
    world.grant("reader@fujisawa", "subscribe,publish", "fujisawa/#");
    let body = grant("truck-1@fujisawa", "subscribe", "fujisawa/a");
    let refused = world.try_apply(&signed(body, &[&reader]));
    assert!(matches!(refused, Err(StatementError::Exceeds { .. })));
}

#[test]
fn two_grants_are_not_added_up_to_hand_on_more_than_either() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.grant("boss@fujisawa", "grant", "fujisawa/#");
    world.grant("boss@fujisawa", "publish", "fujisawa/#");
    let body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    assert!(world.try_apply(&signed(body, &[&boss])).is_err());
}

/// N-39: a grant to oneself.
#[test]
fn nobody_grants_to_themselves() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.grant("boss@fujisawa", "publish,grant", "fujisawa/#");
    let body = grant("boss@fujisawa", "publish", "fujisawa/a");
    let refused = world.try_apply(&signed(body, &[&boss]));
    assert!(matches!(refused, Err(StatementError::SelfGrant { .. })));
}

#[test]
fn who_is_denied_something_does_not_grant_it() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.grant("boss@fujisawa", "publish,subscribe,grant", "fujisawa/#");
    world.state(deny("boss@fujisawa", "publish", "fujisawa/a/+"));
    let body = |what, on| signed(grant("truck-1@fujisawa", what, on), &[&boss]);
    for on in ["fujisawa/a/1", "fujisawa/a/#", "fujisawa/#"] {
        let refused = world.try_apply(&body("publish", on));
        assert!(matches!(refused, Err(StatementError::GrantorDenied { .. })), "{on}");
    }
    world.apply(&body("publish", "fujisawa/b"));
    world.apply(&body("subscribe", "fujisawa/a/1"));
    world.state(deny("boss@fujisawa", "grant", "fujisawa/#"));
    assert!(world.try_apply(&body("subscribe", "fujisawa/a/2")).is_err());
}

/// N-39, along a chain of three.
#[test]
fn revoking_a_grant_revokes_what_was_granted_from_it() {
    let mut world = World::new();
    let labels = ["first", "second", "third"];
    let [first, second, third] = labels.map(|label| world.enrol(label, PrincipalKind::Person));
    let rights = "publish,grant";
    let top = world.grant("first@fujisawa", rights, "fujisawa/#");
    world.apply(&signed(grant("second@fujisawa", rights, "fujisawa/#"), &[&first]));
    let middle = signed(grant("third@fujisawa", rights, "fujisawa/#"), &[&second]);
    world.apply(&middle);
    assert!(world.may_publish(&third, "fujisawa/a"));
    world.revoke(top);
    for key in [&first, &second, &third] {
        assert!(!world.may_publish(key, "fujisawa/a"));
    }
    // Neither is anything handed on from a grant that is not in force any more.
    let body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    assert!(world.try_apply(&signed(body, &[&third])).is_err());
}

#[test]
fn revoking_a_grantor_revokes_what_it_granted() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    let truck = world.device("truck-1");
    world.grant("boss@fujisawa", "publish,grant", "fujisawa/#");
    world.apply(&signed(grant("truck-1@fujisawa", "publish", "fujisawa/#"), &[&boss]));
    assert!(world.may_publish(&truck, "fujisawa/a"));
    world.revoke_key(&boss);
    assert!(!world.may_publish(&truck, "fujisawa/a"));
}

#[test]
fn a_grant_is_handed_on_from_the_one_that_lasts_longest() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    let truck = world.device("truck-1");
    let mut short = grant("boss@fujisawa", "publish,grant", "fujisawa/#");
    short.until = Some(at(200));
    let short = world.state(short);
    let long = world.grant("boss@fujisawa", "publish,grant", "fujisawa/a/#");
    let mut body = grant("truck-1@fujisawa", "publish", "fujisawa/a/1");
    body.until = Some(at(150));
    world.apply(&signed(body, &[&boss]));
    world.revoke(short);
    assert!(world.may_publish(&truck, "fujisawa/a/1"));
    world.revoke(long);
    assert!(!world.may_publish(&truck, "fujisawa/a/1"));
}

#[test]
fn a_chain_of_grants_has_an_end() {
    let mut world = World::new();
    let rights = "publish,grant";
    let mut grantor = world.enrol("p0", PrincipalKind::Person);
    world.grant("p0@fujisawa", rights, "fujisawa/#");
    let mut length = 0;
    for next in 1..20 {
        let label = format!("p{next}");
        let key = world.enrol(&label, PrincipalKind::Person);
        let body = grant(&format!("{label}@fujisawa"), rights, "fujisawa/#");
        if world.try_apply(&signed(body, &[&grantor])).is_err() {
            break;
        }
        assert!(world.may_publish(&key, "fujisawa/a"));
        grantor = key;
        length = next;
    }
    assert_eq!(length, 8);
}

#[test]
fn a_foreign_grantor_passes_on_to_third_organisations_only_what_is_onward() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(world.own.side(&["fujisawa/#"], &[]), other.side(&[], &["fujisawa/#"]));
    world.peer(&other, contract);
    world.apply(&other.principal("lead", PrincipalKind::Person));
    let lead = Key::of("lead@santander");
    world.grant("lead@santander", "subscribe,grant", "fujisawa/a");
    let give = |to: &str, on: &str| signed(grant(to, "subscribe", on), &[&lead]);
    world.apply(&give("app@santander", "fujisawa/a"));
    world.apply(&give("app@fujisawa", "fujisawa/a"));
    let refused = world.try_apply(&give("app@third", "fujisawa/a"));
    assert!(matches!(refused, Err(StatementError::Exceeds { wanted: "onward", .. })));
    let mut onward = grant("lead@santander", "subscribe,grant", "fujisawa/b");
    onward.onward = true;
    world.state(onward);
    world.apply(&give("app@third", "fujisawa/b"));
}

#[test]
fn a_delegate_may_subscribe_no_longer_than_its_grantor() {
    let (mut world, boss, whole) = bounded();
    let truck = Key::of("truck-1@fujisawa");
    let given = signed(whole, &[&boss]);
    world.apply(&given);
    world.now = at(499);
    assert!(world.may(&truck, Action::Subscribe, "fujisawa/a/1"));
    world.now = at(500);
    assert!(!world.may(&truck, Action::Subscribe, "fujisawa/a/1"));
    let target = RevokeTarget::Statement(given.id());
    world.apply(&signed(revoke(&org("fujisawa"), target), &[&boss]));
}
