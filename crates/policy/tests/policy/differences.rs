//! What a statement would change, told before anybody signs it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sekisho_policy::{Change, Concern, Diff, Policy, StatementError};
use sekisho_proto::{
    Action, PrincipalId, PrincipalKind, StatementBody, Timestamp, Topic,
    statement::{Grant, RevokeTarget, Role},
};

use crate::{
    model::{Both, TOPICS, some_step, some_world},
    world::{Key, Verifier, World, actions, at, deny, grant, grantee, revoke, role, signed, topic},
};

type Decisions = BTreeSet<(PrincipalId, Action, Topic)>;

/// Everything that is allowed, asked one by one.
fn allowed(policy: &Policy, both: &Both, now: Timestamp) -> Decisions {
    let mut allowed = BTreeSet::new();
    for (_who, key) in &both.keys {
        for on in TOPICS {
            for action in Action::ALL {
                if policy.permit(action, key.id(), &topic(on), now).is_ok() {
                    allowed.insert((key.id(), action, topic(on)));
                }
            }
        }
    }
    allowed
}

fn decisions(changes: &[Change]) -> Decisions {
    let decision = |change: &Change| (change.id, change.action, change.topic.clone());
    changes.iter().map(decision).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_difference_is_what_applying_the_statement_then_changes(
        (both, stated) in some_world(),
        step in some_step(),
    ) {
        let now = 150;
        let (body, key) = both.said(&step, now, &stated);
        let topics: Vec<Topic> = TOPICS.iter().map(|on| topic(on)).collect();
        let before = &both.world.policy;
        let diff = before.diff(&body, &key.id(), &topics, at(now));
        let mut after = before.clone();
        let applied = after.apply(&signed(body.clone(), &[&key]), at(now), &Verifier::default());
        if applied.is_err() {
            // Whoever may not state it sees what it would be if an issuer did.
            let issuer = &both.world.own.issuer;
            let applied = after.apply(&signed(body, &[issuer]), at(now), &Verifier::default());
            prop_assert!(applied.is_ok(), "{applied:?}");
        }
        prop_assert!(diff.refused.is_none());
        let (then, was) = (allowed(&after, &both, diff.at), allowed(before, &both, diff.at));
        prop_assert_eq!(decisions(&diff.opened), &then - &was);
        prop_assert_eq!(decisions(&diff.closed), &was - &then);
    }
}

fn diff(world: &World, body: impl Into<StatementBody>, on: &[&str]) -> Diff {
    let topics: Vec<Topic> = on.iter().map(|on| topic(on)).collect();
    world.policy.diff(&body.into(), &world.own.issuer.id(), &topics, world.now)
}

fn told(changes: &[Change]) -> Vec<String> {
    let tell = |change: &Change| format!("{} {} {}", change.principal, change.action, change.topic);
    changes.iter().map(tell).collect()
}

#[test]
fn a_grant_tells_what_it_opens_beyond_what_was_open_when_it_begins() {
    let mut world = World::new();
    world.enrol("anna", PrincipalKind::Person);
    world.grant("anna@fujisawa", "subscribe", "fujisawa/a");
    let later = Grant { from: at(500), ..grant("anna@fujisawa", "subscribe", "fujisawa/+") };
    let diff = diff(&world, later, &["fujisawa/a", "fujisawa/b", "fujisawa/c/d"]);
    assert_eq!(told(&diff.opened), ["anna@fujisawa subscribe fujisawa/b"]);
    assert_eq!((diff.at, diff.closed.len()), (at(500), 0));
}

#[test]
fn a_deny_a_revocation_and_the_end_of_a_role_tell_what_they_close() {
    let mut world = World::new();
    world.enrol("anna", PrincipalKind::Person);
    let boss = world.enrol("boss", PrincipalKind::Person);
    let given = world.grant("role/crew@fujisawa", "publish,grant", "fujisawa/#");
    let member = world.role("role/crew@fujisawa", "boss@fujisawa");
    let handed_on = Grant { from: at(100), ..grant("anna@fujisawa", "publish", "fujisawa/a") };
    world.apply(&signed(handed_on, &[&boss]));
    let on = ["fujisawa/a", "fujisawa/b"];
    let own = world.own.name.clone();
    let all = [
        "anna@fujisawa publish fujisawa/a",
        "boss@fujisawa publish fujisawa/a",
        "boss@fujisawa grant fujisawa/a",
        "boss@fujisawa publish fujisawa/b",
        "boss@fujisawa grant fujisawa/b",
    ];
    let sorted = |mut words: Vec<String>| {
        words.sort();
        words
    };
    let all = sorted(all.map(str::to_owned).to_vec());
    for target in [given, member] {
        let body = revoke(&own, RevokeTarget::Statement(target));
        assert_eq!(sorted(told(&diff(&world, body, &on).closed)), all);
    }
    let body = revoke(&own, RevokeTarget::Principal(boss.id()));
    assert_eq!(sorted(told(&diff(&world, body, &on).closed)), all);
    let closed = told(&diff(&world, deny("*@fujisawa", "publish", "fujisawa/a"), &on).closed);
    let wanted = ["anna@fujisawa publish fujisawa/a", "boss@fujisawa publish fujisawa/a"];
    assert_eq!(closed, wanted);
}

#[test]
fn what_deserves_a_second_look_is_named() {
    let mut world = World::new();
    let concerns = |world: &World, body: StatementBody| -> Vec<Concern> {
        diff(world, body, &[]).concerns.into_iter().collect()
    };
    let plain = Grant { until: Some(at(900)), ..grant("anna@fujisawa", "subscribe", "fujisawa/a") };
    assert_eq!(concerns(&world, plain.clone().into()), []);
    let bold = Grant {
        grantee: grantee("*@santander"),
        actions: actions("subscribe,history,grant"),
        filter: "fujisawa/+".parse().unwrap(),
        onward: true,
        until: None,
        ..plain.clone()
    };
    let all = [
        Concern::Wildcard,
        Concern::Onward,
        Concern::History,
        Concern::OtherOrganisation,
        Concern::GrantRight,
        Concern::Everybody,
        Concern::NoEnd,
    ];
    assert_eq!(concerns(&world, bold.clone().into()), all);
    // By way of a role nothing is hidden.
    world.state(Grant { grantee: grantee("role/crew@fujisawa"), ..bold });
    assert_eq!(concerns(&world, role("role/crew@fujisawa", "*@santander").into()), all);
    world.role("role/guests@fujisawa", "carla@santander");
    let to_guests = Grant { grantee: grantee("role/guests@fujisawa"), ..plain };
    assert_eq!(concerns(&world, to_guests.into()), [Concern::OtherOrganisation]);
}

#[test]
fn what_would_not_be_applied_changes_nothing_and_says_why() {
    let world = World::new();
    let body = Role { issued: at(9), until: Some(at(9)), ..role("role/a@fujisawa", "b@fujisawa") };
    let diff = diff(&world, body, &["fujisawa/a"]);
    assert!(matches!(diff.refused, Some(StatementError::EmptyPeriod { .. })));
    assert!(diff.opened.is_empty() && diff.closed.is_empty());
}

#[test]
fn asking_changes_nothing() {
    let mut world = World::new();
    let anna = world.enrol("anna", PrincipalKind::Person);
    let version = world.policy.version();
    let found = diff(&world, grant("anna@fujisawa", "publish", "fujisawa/a"), &["fujisawa/a"]);
    assert_eq!(found.opened.len(), 1);
    assert_eq!(world.policy.version(), version);
    assert!(!world.may_publish(&Key::of("anna@fujisawa"), "fujisawa/a"));
    assert_eq!(anna.id(), found.opened[0].id);
}
