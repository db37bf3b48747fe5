//! What is given to a role is given to whoever has it, for as long as they have it.

use sekisho_policy::{Missing, Recipient, StatementError};
use sekisho_proto::{
    Action, PrincipalKind, Scope, StatementKind,
    statement::{Grant, Role},
};

use crate::world::{
    Key, Party, World, actions, at, grant, grantee, name, org, peering, role, signed, topic,
};

const CREW: &str = "role/crew@fujisawa";

fn with_anna() -> (World, Key) {
    let mut world = World::new();
    let anna = world.enrol("anna", PrincipalKind::Person);
    (world, anna)
}

#[test]
fn a_member_may_what_the_role_may_from_the_statement_on_and_until_it_ends() {
    let (mut world, anna) = with_anna();
    world.grant(CREW, "publish,subscribe", "fujisawa/#");
    assert!(!world.may_publish(&anna, "fujisawa/a"));
    world.state(Role { until: Some(at(300)), ..role(CREW, "anna@fujisawa") });
    for (now, may) in [(100, true), (299, true), (300, false)] {
        world.now = at(now);
        assert_eq!(world.may_publish(&anna, "fujisawa/a"), may, "at {now}");
        assert_eq!(world.subscribing(&anna, "fujisawa/#").is_ok(), may, "at {now}");
    }
}

#[test]
fn a_role_without_a_grant_is_nothing_and_a_role_by_another_name_is_another() {
    let (mut world, anna) = with_anna();
    world.role(CREW, "anna@fujisawa");
    world.grant("role/crew-2@fujisawa", "publish", "fujisawa/#");
    assert!(!world.may_publish(&anna, "fujisawa/a"));
}

#[test]
fn a_revoked_membership_ends_at_once_and_one_of_two_is_enough() {
    let (mut world, anna) = with_anna();
    world.grant(CREW, "publish", "fujisawa/#");
    let by_name = world.role(CREW, "anna@fujisawa");
    let as_one_of_all = world.role(CREW, "*@fujisawa");
    world.revoke(by_name);
    assert!(world.may_publish(&anna, "fujisawa/a"));
    world.revoke(as_one_of_all);
    assert!(!world.may_publish(&anna, "fujisawa/a"));
}

#[test]
fn everybody_of_a_peer_may_have_a_role_and_then_its_node_may_have_the_records() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(world.own.side(&["fujisawa/#"], &[]), other.side(&[], &["fujisawa/#"]));
    world.peer(&other, contract);
    world.apply(&other.principal("carla", PrincipalKind::Person));
    let carla = Key::of("carla@santander");
    let node = Recipient::Peer(org("santander"));
    let may = |world: &World| {
        let node = world.deliver_to(&node, "fujisawa/a", Scope::Federation, at(200)).is_ok();
        (world.may(&carla, Action::Subscribe, "fujisawa/a"), node)
    };
    world.grant(CREW, "subscribe", "fujisawa/#");
    assert_eq!(may(&world), (false, false));
    let everybody = world.role(CREW, "*@santander");
    world.now = at(200);
    assert_eq!(may(&world), (true, true));
    world.revoke(everybody);
    assert_eq!(may(&world), (false, false));
    let by_name = world.role(CREW, "carla@santander");
    assert_eq!(may(&world), (true, true));
    world.deny("carla@santander", "subscribe", "fujisawa/a");
    assert_eq!(may(&world), (false, false));
    world.revoke(by_name);
    assert_eq!(may(&world), (false, false));
}

/// Who joins later has no part of what came before: that is for a right to history.
#[test]
fn a_member_reads_what_came_since_it_was_one_and_older_records_by_history() {
    let (mut world, anna) = with_anna();
    world.grant(CREW, "subscribe", "fujisawa/a");
    world.grant(CREW, "subscribe,history", "fujisawa/b");
    world.now = at(200);
    world.role(CREW, "anna@fujisawa");
    world.now = at(250);
    for (received, live) in [(150, false), (199, false), (200, true), (240, true)] {
        let found = world.delivery(&anna, "fujisawa/a", at(received));
        assert_eq!(found.is_ok(), live, "received at {received}: {found:?}");
        world.delivery(&anna, "fujisawa/b", at(received)).unwrap();
    }
    let late = world.delivery(&anna, "fujisawa/a", at(150)).unwrap_err();
    assert!(matches!(late.missing(), Missing::TooOld { .. }));
}

#[test]
fn a_renewed_role_goes_on_and_one_that_lapsed_begins_anew() {
    let (mut world, anna) = with_anna();
    world.grant(CREW, "subscribe", "fujisawa/a");
    let until = |until| Role { until: Some(at(until)), ..role(CREW, "anna@fujisawa") };
    world.state(until(300));
    world.now = at(290);
    world.state(until(400));
    world.now = at(350);
    world.delivery(&anna, "fujisawa/a", at(120)).unwrap();
    world.now = at(401);
    world.state(until(500));
    assert!(world.delivery(&anna, "fujisawa/a", at(400)).is_err());
    world.delivery(&anna, "fujisawa/a", at(401)).unwrap();
}

/// N-30: a deny of a role wins over every grant, by whatever they speak of somebody.
#[test]
fn a_deny_of_a_role_wins_on_exactly_its_members_and_topics() {
    let (mut world, anna) = with_anna();
    let boris = world.enrol("boris", PrincipalKind::Person);
    world.role(CREW, "anna@fujisawa");
    world.grant("*@fujisawa", "subscribe,history", "fujisawa/a/#");
    world.deny(CREW, "subscribe", "fujisawa/a/+/x");
    world.subscribing(&anna, "fujisawa/a/b/+").unwrap();
    world.delivery(&anna, "fujisawa/a/b/y", at(100)).unwrap();
    for received in [at(50), at(100)] {
        assert!(world.delivery(&anna, "fujisawa/a/b/x", received).is_err());
        world.delivery(&boris, "fujisawa/a/b/x", received).unwrap();
    }
}

#[test]
fn a_role_is_given_by_an_issuer_or_whoever_administers_everything_and_never_to_itself() {
    let (mut world, anna) = with_anna();
    let boris = world.enrol("boris", PrincipalKind::Person);
    let give = |member: &str, key: &Key| signed(role(CREW, member), &[key]);
    world.grant("anna@fujisawa", "administer", "fujisawa/a/#");
    world.grant("boris@fujisawa", "publish,grant", "fujisawa/#");
    for key in [&anna, &boris] {
        let refused = world.try_apply(&give("carla@fujisawa", key));
        assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
    }
    world.grant("anna@fujisawa", "administer", "fujisawa/#");
    for herself in ["anna@fujisawa", "*@fujisawa"] {
        let refused = world.try_apply(&give(herself, &anna));
        assert!(matches!(refused, Err(StatementError::OwnRole { .. })), "{refused:?}");
    }
    world.apply(&give("carla@fujisawa", &anna));
    world.deny("anna@fujisawa", "administer", "fujisawa/x");
    let refused = world.try_apply(&give("dora@fujisawa", &anna));
    assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
}

#[test]
fn a_role_that_ends_before_it_begins_is_refused() {
    let mut world = World::new();
    let body = Role { issued: at(50), until: Some(at(50)), ..role(CREW, "anna@fujisawa") };
    let refused = world.try_apply(&signed(body, &[&world.own.issuer.clone()]));
    assert!(matches!(refused, Err(StatementError::EmptyPeriod { .. })));
}

#[test]
fn a_role_is_taken_by_whoever_could_give_it_and_not_by_who_has_it() {
    let (mut world, anna) = with_anna();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.grant("*@fujisawa", "administer", "fujisawa/#");
    let given = world.role(CREW, "anna@fujisawa");
    world.deny(CREW, "publish", "fujisawa/#");
    let end = |key: &Key| {
        let target = sekisho_proto::statement::RevokeTarget::Statement(given);
        signed(crate::world::revoke(&org("fujisawa"), target), &[key])
    };
    let refused = world.try_apply(&end(&anna));
    assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
    world.apply(&end(&boss));
}

/// N-39: what was handed on by virtue of a role falls with the role.
#[test]
fn what_a_member_hands_on_is_within_the_roles_grant_and_ends_with_the_membership() {
    let (mut world, anna) = with_anna();
    let truck = world.device("truck-1");
    world.grant(CREW, "publish,grant", "fujisawa/a/#");
    let member = world.role(CREW, "anna@fujisawa");
    let mut body = Grant { from: at(100), ..grant("truck-1@fujisawa", "publish", "fujisawa/a/+") };
    world.apply(&signed(body.clone(), &[&anna]));
    assert!(world.may_publish(&truck, "fujisawa/a/1"));
    body = Grant { actions: actions("publish,decrypt"), ..body };
    let refused = world.try_apply(&signed(body, &[&anna]));
    assert!(matches!(refused, Err(StatementError::Exceeds { .. })), "{refused:?}");
    world.revoke(member);
    assert!(!world.may_publish(&truck, "fujisawa/a/1"));
    let refused =
        world.try_apply(&signed(grant("boris@fujisawa", "publish", "fujisawa/a/1"), &[&anna]));
    assert!(matches!(refused, Err(StatementError::Exceeds { .. })), "{refused:?}");
    world.now = at(200);
    world.state(Role { issued: at(200), ..role(CREW, "anna@fujisawa") });
    assert!(world.may_publish(&truck, "fujisawa/a/1"), "who has the role again stands by it");
}

/// N-39: a member hands on what it has by the role, not what the role had before and has after.
#[test]
fn a_member_hands_on_no_earlier_and_no_later_part_of_a_roles_grant_than_its_own() {
    let (mut world, anna) = with_anna();
    world.grant(CREW, "subscribe,grant", "fujisawa/a");
    world.now = at(200);
    world.state(Role { until: Some(at(400)), ..role(CREW, "anna@fujisawa") });
    let held = Grant {
        from: at(200),
        until: Some(at(400)),
        ..grant("boris@fujisawa", "subscribe", "fujisawa/a")
    };
    for wider in [
        Grant { from: at(199), ..held.clone() },
        Grant { until: Some(at(401)), ..held.clone() },
        Grant { until: None, ..held.clone() },
    ] {
        let refused = world.try_apply(&signed(wider, &[&anna]));
        let period = "a period as long";
        assert!(
            matches!(refused, Err(StatementError::Exceeds { wanted, .. }) if wanted == period),
            "{refused:?}"
        );
    }
    world.apply(&signed(held, &[&anna]));
}

#[test]
fn a_foreign_grantor_hands_nothing_on_to_a_role_unless_it_is_onward() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(world.own.side(&["fujisawa/#"], &[]), other.side(&[], &["fujisawa/#"]));
    world.peer(&other, contract);
    world.apply(&other.principal("carla", PrincipalKind::Person));
    let carla = Key::of("carla@santander");
    let held = grant("carla@santander", "subscribe,grant", "fujisawa/a/#");
    world.state(held.clone());
    let to_role = Grant { grantee: grantee(CREW), ..grant("a@b", "subscribe", "fujisawa/a/1") };
    let refused = world.try_apply(&signed(to_role.clone(), &[&carla]));
    assert!(matches!(refused, Err(StatementError::Exceeds { wanted: "onward", .. })));
    world.state(Grant { onward: true, ..held });
    world.apply(&signed(to_role, &[&carla]));
}

#[test]
fn why_names_the_statement_of_the_role_and_what_lists_roles_and_rights() {
    let (mut world, _anna) = with_anna();
    let member = world.role(CREW, "anna@fujisawa");
    let given = world.grant(CREW, "publish", "fujisawa/#");
    let denied = world.deny(CREW, "publish", "fujisawa/secret");
    let who = name("anna@fujisawa");
    let why = world.policy.why(&who, Action::Publish, &topic("fujisawa/a"), at(100));
    let steps = why.verdict.as_ref().unwrap();
    let kinds: Vec<StatementKind> = steps.iter().map(|step| step.kind).collect();
    let wanted = [
        StatementKind::OrgRoot,
        StatementKind::Issuer,
        StatementKind::Principal,
        StatementKind::Role,
        StatementKind::Grant,
    ];
    assert_eq!(kinds, wanted);
    assert!(why.to_string().contains("anna@fujisawa has role/crew@fujisawa"), "{why}");
    let what = world.policy.what(&who, at(100));
    assert_eq!((what.roles.len(), what.roles[0].statement), (1, member));
    assert_eq!((what.grants[0].statement, what.grants[0].role), (given, Some(member)));
    assert_eq!((what.denies[0].statement, what.denies[0].role), (denied, Some(member)));
    assert!(what.allows(Action::Publish, &topic("fujisawa/a")));
    assert!(!what.allows(Action::Publish, &topic("fujisawa/secret")));
    let listed = world.policy.who(&topic("fujisawa/a"), Action::Publish, at(100));
    assert_eq!((listed.len(), listed[0].role), (1, Some(member)));
}

#[test]
fn the_past_of_a_role_is_asked_as_it_was() {
    let (mut world, _anna) = with_anna();
    world.grant(CREW, "publish", "fujisawa/#");
    world.now = at(200);
    let member = world.role(CREW, "anna@fujisawa");
    world.now = at(300);
    world.revoke(member);
    let who = name("anna@fujisawa");
    for (then, may) in [(150, false), (200, true), (299, true), (300, false)] {
        let why = world.policy.why(&who, Action::Publish, &topic("fujisawa/a"), at(then));
        assert_eq!(why.is_allowed(), may, "{why}");
        let listed = world.policy.who(&topic("fujisawa/a"), Action::Publish, at(then));
        assert_eq!(listed.len(), usize::from(may), "at {then}");
    }
}

#[test]
fn what_was_made_by_a_role_is_proved_with_the_role() {
    let (mut world, anna) = with_anna();
    world.grant(CREW, "publish,administer", "fujisawa/#");
    world.role(CREW, "anna@fujisawa");
    let body = Grant { from: at(100), ..grant("truck-1@fujisawa", "publish", "fujisawa/a") };
    let handed_on = signed(body, &[&anna]);
    let denied = signed(crate::world::deny("*@fujisawa", "publish", "fujisawa/b"), &[&anna]);
    let given = signed(role("role/other@fujisawa", "truck-1@fujisawa"), &[&anna]);
    for statement in [handed_on, denied, given] {
        world.apply(&statement);
        let proof = world.policy.proof_of_statement(&org("fujisawa"), &statement.id());
        let mut client = sekisho_policy::Policy::new(org("fujisawa"), world.own.fingerprint());
        for step in &proof {
            let verifier = crate::world::Verifier::default();
            client.apply(step, step.body().issued(), &verifier).unwrap();
        }
        assert_eq!(proof.last().map(|last| last.id()), Some(statement.id()));
    }
}
