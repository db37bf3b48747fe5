//! Who is given the key of a tree, and by whose steward.

use sekisho_policy::{Policy, StatementError};
use sekisho_proto::{Epoch, PrincipalKind, Suite, statement::KeyGrant};

use crate::world::{Key, Party, Verifier, World, at, filter, org, peering, signed};

/// Two organisations as one of them knows both; santander reads what fujisawa exports.
fn two() -> (World, Party) {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(world.own.side(&["fujisawa/#"], &[]), other.side(&[], &["fujisawa/#"]));
    world.peer(&other, contract);
    for (label, kind) in [
        ("steward", PrincipalKind::Steward),
        ("anna", PrincipalKind::Person),
        ("boris", PrincipalKind::Person),
    ] {
        world.apply(&other.principal(label, kind));
        world.enrol(label, kind);
    }
    (world, other)
}

/// The same as the other party's node knows it.
fn seen_by(world: &World, other: &Party) -> Policy {
    let mut policy = Policy::new(other.name.clone(), other.fingerprint());
    let logs = [&other.name, &world.own.name].map(|name| {
        let logged = world.policy.log(name).iter();
        let statements = logged.map(|logged| ((*logged.statement).clone(), logged.received));
        (name.clone(), statements.collect())
    });
    let unapplied = policy.restore(logs, &Verifier::default());
    assert!(unapplied.is_empty(), "{unapplied:?}");
    policy
}

fn names(records: &[&sekisho_policy::PrincipalRecord]) -> Vec<String> {
    records.iter().map(|record| record.name.to_string()).collect()
}

#[test]
fn a_peer_that_may_as_a_whole_is_given_the_key_through_its_steward() {
    let (mut world, other) = two();
    let tree = filter("fujisawa/#");
    world.grant("*@santander", "decrypt,subscribe", "fujisawa/#");
    assert_eq!(names(&world.policy.decrypt_readers(&tree, at(100))), ["steward@santander"]);
    let there = seen_by(&world, &other);
    let handed_on = ["anna@santander", "boris@santander"];
    assert_eq!(names(&there.handed_on_readers(&tree, at(100))), handed_on);
    world.grant("anna@santander", "decrypt", "fujisawa/a/#");
    let by_name = ["anna@santander", "steward@santander"];
    assert_eq!(names(&world.policy.decrypt_readers(&tree, at(100))), by_name);
    let there = seen_by(&world, &other);
    assert_eq!(names(&there.handed_on_readers(&tree, at(100))), ["boris@santander"]);
    world.deny("boris@santander", "decrypt", "fujisawa/a");
    assert!(seen_by(&world, &other).handed_on_readers(&tree, at(100)).is_empty());
}

#[test]
fn a_role_is_given_the_key_by_its_members_names_or_through_their_steward() {
    let (mut world, other) = two();
    let tree = filter("fujisawa/#");
    world.grant("role/crew@fujisawa", "decrypt", "fujisawa/#");
    let readers = |world: &World| names(&world.policy.decrypt_readers(&tree, at(100)));
    assert!(readers(&world).is_empty());
    world.role("role/crew@fujisawa", "anna@fujisawa");
    let member = world.role("role/crew@fujisawa", "anna@santander");
    assert_eq!(readers(&world), ["anna@fujisawa", "anna@santander"]);
    world.role("role/crew@fujisawa", "*@santander");
    world.revoke(member);
    assert_eq!(readers(&world), ["anna@fujisawa", "steward@santander"]);
    let there = seen_by(&world, &other);
    let handed_on = ["anna@santander", "boris@santander"];
    assert_eq!(names(&there.handed_on_readers(&tree, at(100))), handed_on);
}

#[test]
fn a_steward_hands_another_organisations_key_on_to_its_own_people_alone() {
    let (mut world, other) = two();
    let steward = Key::of("steward@santander");
    let hand_on = |reader: &Key| KeyGrant {
        organisation: org("santander"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        reader: reader.id(),
        purpose: String::new(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![2; 48].into(),
        issued: at(0),
    };
    let (own, foreign) = (Key::of("anna@santander"), Key::of("anna@fujisawa"));
    let refused = world.try_apply(&signed(hand_on(&foreign), &[&steward]));
    assert!(matches!(refused, Err(StatementError::NotOwnReader { .. })), "{refused:?}");
    for key in [&other.issuer, &Key::of("steward@fujisawa"), &own] {
        let refused = world.try_apply(&signed(hand_on(&own), &[key]));
        assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
    }
    world.apply(&signed(hand_on(&own), &[&steward]));
    let found = world.policy.key_grants(&own.id(), &filter("fujisawa/#"), Epoch::new(1));
    assert_eq!(found.len(), 1);
}
