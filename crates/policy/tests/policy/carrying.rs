//! Publishers that roam: who carries whose envelopes home, and what a carrier asks first.

use sekisho_policy::{Missing, Policy};
use sekisho_proto::{
    PrincipalId, PrincipalKind,
    statement::{Peering, RevokeTarget},
};

use crate::world::{
    Key, Party, Verifier, World, at, deny, filter, grant, org, peering, revoke, signed, topic,
};

const AIR: &str = "fujisawa/truck/17/air";

/// A contract that shares nothing, and by which Santander's node carries trucks of Fujisawa home.
fn contract(fujisawa: &Party, santander: &Party) -> Peering {
    let mut carrier = santander.side(&[], &[]);
    carrier.carries_home = vec![filter("fujisawa/truck/#")];
    peering(fujisawa.side(&[], &[]), carrier)
}

/// Santander, with what Fujisawa states of a truck that may publish its own topics.
fn at_the_carrier() -> (World, Party, Key) {
    let (mut world, fujisawa) = (World::of("santander"), Party::new("fujisawa"));
    let terms = contract(&fujisawa, &world.own);
    world.peer(&fujisawa, terms);
    world.apply(&fujisawa.principal("truck-17", PrincipalKind::Device));
    let granted = grant("truck-17@fujisawa", "publish", "fujisawa/truck/17/#");
    world.apply(&signed(granted, &[&fujisawa.issuer]));
    (world, fujisawa, Key::of("truck-17@fujisawa"))
}

/// Fujisawa, with a truck of its own and the contract.
fn at_home() -> (World, Party) {
    let (mut world, santander) = (World::new(), Party::new("santander"));
    let terms = contract(&world.own, &santander);
    world.peer(&santander, terms);
    (world, santander)
}

#[test]
fn a_carrier_takes_what_its_contract_names_from_who_may_publish_it() {
    let (world, fujisawa, truck) = at_the_carrier();
    let party = world.policy.carried_home(&topic(AIR), world.now).unwrap();
    assert_eq!((&party.organisation, party.node_key), (&fujisawa.name, fujisawa.node.public()));
    let may = |key: &Key, on: &str| world.policy.permit_carrying(key.id(), &topic(on), world.now);
    assert_eq!(may(&truck, AIR), Ok(None));
    // Neither exported nor imported: it could not be read here.
    assert!(!world.may_publish(&truck, AIR));
    // Another topic of the truck's tree, of the contract's, of another home.
    assert!(may(&truck, "fujisawa/truck/18/air").is_err());
    assert!(may(&truck, "fujisawa/depot/17/air").is_err());
    assert!(world.policy.carried_home(&topic("fujisawa/depot/17/air"), world.now).is_none());
    assert!(world.policy.carried_home(&topic("toulouse/truck/17/air"), world.now).is_none());
    assert!(may(&Key::of("stranger"), AIR).is_err());
}

#[test]
fn a_carrier_takes_only_the_owners_own_publishers_also_where_others_may_publish() {
    let (mut world, fujisawa, _truck) = at_the_carrier();
    let app = world.enrol("app", PrincipalKind::App);
    let granted = grant("app@santander", "publish", "fujisawa/truck/17/#");
    world.apply(&signed(granted, &[&fujisawa.issuer]));
    assert!(world.policy.permit_carrying(app.id(), &topic(AIR), world.now).is_err());
}

#[test]
fn a_carrier_goes_by_the_owners_rates_denies_and_revocations() {
    let (mut world, fujisawa, truck) = at_the_carrier();
    let by_owner = |body| signed(body, &[&fujisawa.issuer]);
    let may = |world: &World| world.policy.permit_carrying(truck.id(), &topic(AIR), world.now);
    let mut slow = grant("truck-17@fujisawa", "publish", "fujisawa/truck/17/air");
    slow.rate_per_s = Some(5);
    let mut slow_world = World::of("santander");
    let terms = contract(&fujisawa, &slow_world.own);
    slow_world.peer(&fujisawa, terms);
    slow_world.apply(&fujisawa.principal("truck-17", PrincipalKind::Device));
    slow_world.apply(&by_owner(slow));
    assert_eq!(may(&slow_world), Ok(Some(5)));

    let denied = signed(deny("truck-17@fujisawa", "publish", AIR), &[&fujisawa.issuer]);
    world.apply(&denied);
    assert!(matches!(may(&world).unwrap_err().missing(), Missing::Denied { .. }));
    world.apply(&signed(
        revoke(&fujisawa.name, RevokeTarget::Statement(denied.id())),
        &[&fujisawa.issuer],
    ));
    assert_eq!(may(&world), Ok(None));
    world.apply(&signed(
        revoke(&fujisawa.name, RevokeTarget::Principal(truck.id())),
        &[&fujisawa.issuer],
    ));
    assert!(matches!(may(&world).unwrap_err().missing(), Missing::Revoked { .. }));
}

#[test]
fn a_carrier_whose_peer_is_silent_carries_nothing_restricted() {
    let (mut world, fujisawa, truck) = at_the_carrier();
    world.policy.note_heard(&fujisawa.name, at(100));
    world.now = at(100 + 15 * 60);
    assert_eq!(world.policy.permit_carrying(truck.id(), &topic(AIR), world.now), Ok(None));
    world.now = at(101 + 15 * 60);
    let refused = world.policy.permit_carrying(truck.id(), &topic(AIR), world.now);
    assert!(matches!(refused.unwrap_err().missing(), Missing::Stale { .. }));
}

#[test]
fn a_home_knows_its_carriers_by_their_contracts_in_force() {
    let (mut world, santander) = at_home();
    let node = santander.node.id();
    let carrier = |world: &World, id: &PrincipalId, on: &str| {
        let party = world.policy.carrier(id, &topic(on), world.now);
        party.map(|party| party.organisation.clone())
    };
    assert_eq!(carrier(&world, &node, AIR), Some(org("santander")));
    assert_eq!(carrier(&world, &node, "fujisawa/depot/17/air"), None);
    assert_eq!(carrier(&world, &node, "santander/truck/17/air"), None);
    assert_eq!(carrier(&world, &world.own.node.id(), AIR), None);
    assert_eq!(carrier(&world, &Key::of("stranger").id(), AIR), None);

    // A contract that does not say so takes its place; then none is in force.
    let silent =
        peering(world.own.side(&["fujisawa/#"], &[]), santander.side(&[], &["fujisawa/#"]));
    let silent = signed(silent, &[&world.own.issuer, &santander.issuer]);
    world.apply(&silent);
    assert_eq!(carrier(&world, &node, AIR), None);
    assert!(world.policy.proof_of_carriers(world.now).is_empty());
    world.revoke(silent.id());
    assert_eq!(carrier(&world, &node, AIR), None);
}

#[test]
fn a_contract_carries_from_its_beginning_to_its_end() {
    let (mut world, santander) = (World::new(), Party::new("santander"));
    let terms = Peering { from: at(200), until: Some(at(300)), ..contract(&world.own, &santander) };
    world.peer(&santander, terms);
    for (second, carries) in [(199, false), (200, true), (299, true), (300, false)] {
        let found = world.policy.carrier(&santander.node.id(), &topic(AIR), at(second));
        assert_eq!(found.is_some(), carries, "{second}");
        let proof = world.policy.proof_of_carriers(at(second));
        assert_eq!(proof.is_empty(), !carries, "{second}");
    }
}

/// What a truck keeps: the contract, and all that leads from its root to it.
#[test]
fn carriers_are_proved_to_who_trusts_the_root() {
    let (world, santander) = at_home();
    let proof = world.policy.proof_of_carriers(world.now);
    let mut truck = Policy::new(org("fujisawa"), world.own.fingerprint());
    for statement in &proof {
        truck.apply(statement, statement.body().issued(), &Verifier::default()).unwrap();
    }
    assert_eq!(proof.len(), 5);
    let found = truck.carrier(&santander.node.id(), &topic(AIR), world.now).unwrap();
    assert_eq!(found.address, "santander.example:7600");
    assert!(World::new().policy.proof_of_carriers(world.now).is_empty());
}
