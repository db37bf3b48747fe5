//! What somebody who trusts only a root can check alone, and logs applied again from a store.

use sekisho_policy::Policy;
use sekisho_proto::{
    Epoch, Hash, OrgName, PrincipalId, PrincipalKind, Statement, Suite, Timestamp,
    statement::{EpochAnnounce, KeyGrant},
};

use crate::world::{Key, Party, Verifier, World, at, filter, grant, org, peering, signed, topic};

/// A reader of `fujisawa` that knows its root's fingerprint and nothing else.
fn reader(root: Hash) -> Policy {
    Policy::new(org("fujisawa"), root)
}

/// Applies a proof as a client does: each statement received when it says it was issued.
fn check(policy: &mut Policy, proof: &[&Statement]) {
    for statement in proof {
        let received = statement.body().issued();
        policy.apply(statement, received, &Verifier::default()).unwrap();
    }
}

fn world_with_peer() -> (World, Party) {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(
        world.own.side(&["fujisawa/#"], &["santander/#"]),
        other.side(&["santander/#"], &["fujisawa/#"]),
    );
    world.peer(&other, contract);
    world.apply(&other.principal("bus-1", PrincipalKind::Device));
    (world, other)
}

#[test]
fn a_principal_is_proved_to_who_trusts_the_root() {
    let (mut world, _other) = world_with_peer();
    let truck = world.device("truck-1");
    world.device("truck-2");
    let mut policy = reader(world.own.fingerprint());
    let proof = world.policy.proof_of_principal(&truck.id());
    assert_eq!(proof.len(), 3);
    check(&mut policy, &proof);
    assert_eq!(policy.principal(&truck.id()).unwrap().public_key, truck.public());
    assert!(world.policy.proof_of_principal(&Key::of("stranger").id()).is_empty());
}

#[test]
fn a_foreign_principal_is_proved_through_the_peering() {
    let (world, _other) = world_with_peer();
    let bus = Key::of("bus-1@santander");
    let mut policy = reader(world.own.fingerprint());
    let proof = world.policy.proof_of_principal(&bus.id());
    assert_eq!(proof.len(), 6);
    check(&mut policy, &proof);
    assert_eq!(policy.principal(&bus.id()).unwrap().public_key, bus.public());
    // A proof of another one on top of it is no conflict.
    check(&mut policy, &proof);
}

#[test]
fn a_guest_is_proved_with_what_lets_it_publish() {
    let (mut world, _other) = world_with_peer();
    let bus = Key::of("bus-1@santander");
    world.grant("bus-1@santander", "publish", "fujisawa/stop/#");
    world.grant("bus-1@santander", "subscribe", "fujisawa/b");
    assert!(world.policy.permit_publish(bus.id(), &topic("fujisawa/stop/1"), at(100)).is_ok());
    let mut policy = reader(world.own.fingerprint());
    let proof = world.policy.proof_of_principal(&bus.id());
    assert_eq!(proof.len(), 7, "the right to read is left out");
    check(&mut policy, &proof);
    assert!(policy.permit_publish(bus.id(), &topic("fujisawa/stop/1"), at(100)).is_ok());
    assert!(policy.permit_publish(bus.id(), &topic("fujisawa/b"), at(100)).is_err());
}

#[test]
fn a_proof_without_its_peering_proves_nothing() {
    let (world, _other) = world_with_peer();
    let bus = Key::of("bus-1@santander");
    let mut policy = reader(world.own.fingerprint());
    for statement in world.policy.proof_of_principal(&bus.id()) {
        if statement.kind() != sekisho_proto::StatementKind::Peering {
            let _refused = policy.apply(statement, at(0), &Verifier::default());
        }
    }
    assert!(policy.principal(&bus.id()).is_none());
}

#[test]
fn an_epoch_and_its_keys_are_proved() {
    let (mut world, _other) = world_with_peer();
    let steward = world.enrol("steward", PrincipalKind::Steward);
    let app = world.enrol("app", PrincipalKind::App);
    let announce = EpochAnnounce {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        public_key: vec![7; 32].into(),
        issued: at(0),
        not_before: at(0),
        not_after: at(1000),
        min_epoch: Epoch::new(1),
    };
    let key = KeyGrant {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        reader: app.id(),
        purpose: String::new(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![2; 48].into(),
        issued: at(0),
    };
    world.apply(&signed(announce, &[&steward]));
    world.apply(&signed(key, &[&steward]));
    let mut policy = reader(world.own.fingerprint());
    let topic = topic("fujisawa/a");
    check(&mut policy, &world.policy.proof_of_epoch(&topic, at(100)));
    assert_eq!(policy.epoch_of(&topic, at(100)), world.policy.epoch_of(&topic, at(100)));
    let (tree, epoch) = (filter("fujisawa/#"), Epoch::new(1));
    check(&mut policy, &world.policy.proof_of_key_grants(&app.id(), &tree, epoch));
    assert_eq!(policy.key_grants(&app.id(), &tree, epoch).len(), 1);
}

#[test]
fn a_grant_that_was_handed_on_is_proved_with_its_whole_chain() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    let truck = world.device("truck-1");
    world.grant("boss@fujisawa", "publish,grant", "fujisawa/#");
    let given = signed(grant("truck-1@fujisawa", "publish", "fujisawa/a"), &[&boss]);
    world.apply(&given);
    let mut policy = reader(world.own.fingerprint());
    let proof = world.policy.proof_of_statement(&org("fujisawa"), &given.id());
    check(&mut policy, &proof);
    check(&mut policy, &world.policy.proof_of_principal(&truck.id()));
    assert!(policy.permit_publish(truck.id(), &topic("fujisawa/a"), at(100)).is_ok());
}

/// A steward that is an issuer as well, as `init` makes it: an epoch needs its principal statement,
/// an enrolment its issuer statement, and whoever reads a proof cannot tell which was meant.
#[test]
fn what_a_key_with_two_offices_states_is_proved_whichever_office_it_needs() {
    let mut world = World::new();
    let steward = world.enrol("steward", PrincipalKind::Steward);
    let also_issuer = world.own.issuer_body("steward", &steward);
    let roots = [&world.own.roots[0].clone(), &world.own.roots[1].clone()];
    world.apply(&signed(also_issuer, &roots));
    let announce = EpochAnnounce {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        public_key: vec![7; 32].into(),
        issued: at(0),
        not_before: at(0),
        not_after: at(1000),
        min_epoch: Epoch::new(1),
    };
    let truck = Key::of("truck-1@fujisawa");
    let enrolment = world.own.principal_body("truck-1", PrincipalKind::Device);
    let may_publish = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    let key = KeyGrant {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        reader: truck.id(),
        purpose: String::new(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![2; 48].into(),
        issued: at(0),
    };
    let may_publish = signed(may_publish, &[&steward]);
    world.apply(&signed(announce, &[&steward]));
    world.apply(&signed(enrolment, &[&steward]));
    world.apply(&may_publish);
    world.apply(&signed(key, &[&steward]));
    let (tree, epoch) = (filter("fujisawa/#"), Epoch::new(1));
    let topic = topic("fujisawa/a");
    let fresh = |proof: Vec<&Statement>| {
        assert!(proof.len() >= 4, "{proof:?}");
        let mut policy = reader(world.own.fingerprint());
        check(&mut policy, &proof);
        policy
    };
    let policy = fresh(world.policy.proof_of_epoch(&topic, at(100)));
    assert_eq!(policy.epoch_of(&topic, at(100)).unwrap().epoch, epoch);
    let policy = fresh(world.policy.proof_of_principal(&truck.id()));
    assert_eq!(policy.principal(&truck.id()).unwrap().public_key, truck.public());
    let policy = fresh(world.policy.proof_of_key_grants(&truck.id(), &tree, epoch));
    assert_eq!(policy.key_grants(&truck.id(), &tree, epoch).len(), 1);
    let mut policy = fresh(world.policy.proof_of_statement(&org("fujisawa"), &may_publish.id()));
    check(&mut policy, &world.policy.proof_of_principal(&truck.id()));
    assert!(policy.permit_publish(truck.id(), &topic, at(100)).is_ok());
}

type StoredLog = (OrgName, Vec<(Statement, Timestamp)>);

fn stored(policy: &Policy, organisation: &str) -> StoredLog {
    let organisation = org(organisation);
    let logged = policy.log(&organisation).iter();
    let statements = logged.map(|logged| ((*logged.statement).clone(), logged.received));
    (organisation.clone(), statements.collect())
}

fn decisions(policy: &Policy, keys: &[PrincipalId]) -> Vec<bool> {
    let mut found = Vec::new();
    for id in keys {
        for on in ["fujisawa/a", "fujisawa/b", "santander/a"] {
            found.push(policy.permit_publish(*id, &topic(on), at(1000)).is_ok());
        }
    }
    found
}

#[test]
fn stored_logs_are_applied_again_in_whatever_order_the_organisations_come() {
    let (mut world, other) = world_with_peer();
    let bus = Key::of("bus-1@santander");
    let truck = world.device("truck-1");
    world.apply(&signed(grant("bus-1@santander", "publish", "santander/#"), &[&other.issuer]));
    world.grant("bus-1@santander", "publish,grant", "fujisawa/#");
    // A statement of one log by a principal of the other, who is revoked there afterwards.
    world.apply(&signed(grant("truck-1@fujisawa", "publish", "fujisawa/a"), &[&bus]));
    world.apply(&signed(grant("truck-2@fujisawa", "publish", "fujisawa/b"), &[&bus]));
    world.now = at(200);
    let target = sekisho_proto::statement::RevokeTarget::Principal(bus.id());
    let body = crate::world::revoke(&org("santander"), target);
    world.apply(&signed(body, &[&other.issuer]));
    let keys = [truck.id(), bus.id()];
    let logs = [stored(&world.policy, "fujisawa"), stored(&world.policy, "santander")];
    for order in [[0, 1], [1, 0]] {
        let mut policy = Policy::new(org("fujisawa"), world.own.fingerprint());
        let unapplied =
            policy.restore(order.map(|place| logs[place].clone()), &Verifier::default());
        assert!(unapplied.is_empty(), "{unapplied:?}");
        assert_eq!(policy.version(), world.policy.version());
        assert_eq!(decisions(&policy, &keys), decisions(&world.policy, &keys));
        assert_eq!(policy.peers(), world.policy.peers());
    }
}

/// The ids of a log, in its order.
fn order(policy: &Policy, organisation: &str) -> Vec<Hash> {
    policy.log(&org(organisation)).iter().map(|logged| logged.statement.id()).collect()
}

#[test]
fn stored_logs_have_their_order_again_also_where_a_contract_stands_in_two_of_them() {
    let (mut world, other) = world_with_peer();
    for number in 0..3 {
        world.device(&format!("truck-{number}"));
        world.apply(&other.principal(&format!("tram-{number}"), PrincipalKind::Device));
        let mut contract = peering(
            world.own.side(&["fujisawa/#"], &["santander/#"]),
            other.side(&["santander/#"], &["fujisawa/#"]),
        );
        contract.issued = at(number + 1);
        contract.from = at(number + 1);
        world.apply(&signed(contract, &[&world.own.issuer, &other.issuer]));
    }
    let logs = [stored(&world.policy, "fujisawa"), stored(&world.policy, "santander")];
    for places in [[0, 1], [1, 0]] {
        let mut policy = Policy::new(org("fujisawa"), world.own.fingerprint());
        let logs = places.map(|place| logs[place].clone());
        assert!(policy.restore(logs, &Verifier::default()).is_empty());
        for organisation in ["fujisawa", "santander"] {
            assert_eq!(order(&policy, organisation), order(&world.policy, organisation));
        }
    }
}

#[test]
fn a_contract_that_only_one_stored_log_has_is_applied_nevertheless() {
    let (world, _other) = world_with_peer();
    let fujisawa = stored(&world.policy, "fujisawa");
    let (santander, mut statements) = stored(&world.policy, "santander");
    statements.retain(|(statement, _received)| statement.organisations().len() == 1);
    let mut policy = Policy::new(org("fujisawa"), world.own.fingerprint());
    let unapplied = policy.restore([(santander, statements), fujisawa], &Verifier::default());
    assert!(unapplied.is_empty(), "{unapplied:?}");
    assert_eq!(policy.peers(), world.policy.peers());
}

#[test]
fn a_stored_statement_that_cannot_be_applied_is_told_and_does_not_stop_the_rest() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let (organisation, mut statements) = stored(&world.policy, "fujisawa");
    let forged = signed(grant("truck-1@fujisawa", "publish", "fujisawa/a"), &[&truck]);
    statements.insert(2, (forged, at(100)));
    let mut policy = Policy::new(organisation.clone(), world.own.fingerprint());
    let unapplied = policy.restore([(organisation, statements)], &Verifier::default());
    let places: Vec<usize> = unapplied.iter().map(|one| one.position).collect();
    assert_eq!(places, [2]);
    assert!(policy.principal(&truck.id()).is_some());
}
