//! Logs applied again: with signatures that were checked beforehand, and never with less than all.

use sekisho_policy::{
    CheckedSignatures, Policy, SignatureCheck, StatementError, Unapplied, ValidSignature,
};
use sekisho_proto::{PublicKey, Signature, Statement, StatementVerifier, Timestamp};

use crate::world::{Verifier, World, at, grant, org};

fn log(world: &World) -> Vec<(Statement, Timestamp)> {
    let logged = world.policy.log(&org("fujisawa")).iter();
    logged.map(|logged| ((*logged.statement).clone(), logged.received)).collect()
}

/// Believes no signature.
struct Doubter;

impl StatementVerifier for Doubter {
    fn verify(&self, _key: &PublicKey, _message: &[u8], _signature: &Signature) -> bool {
        false
    }

    fn acceptable(&self, _key: &PublicKey) -> bool {
        true
    }
}

fn replay(
    world: &World,
    log: Vec<(Statement, Timestamp)>,
    verifier: &dyn StatementVerifier,
) -> Vec<Unapplied> {
    let mut policy = Policy::new(world.own.name.clone(), world.own.fingerprint());
    policy.restore([(world.own.name.clone(), log)], verifier)
}

fn some_world() -> World {
    let mut world = World::new();
    for number in 0..20 {
        world.device(&format!("truck-{number}"));
        world.grant(&format!("truck-{number}@fujisawa"), "publish", "fujisawa/#");
    }
    world
}

fn valid(statements: &[Statement]) -> Vec<ValidSignature> {
    let statements: Vec<&Statement> = statements.iter().collect();
    let verifier = Verifier::default();
    SignatureCheck::of(&statements).iter().filter_map(|check| check.run(&verifier)).collect()
}

fn checks(statements: &[Statement]) -> usize {
    SignatureCheck::of(&statements.iter().collect::<Vec<_>>()).len()
}

#[test]
fn what_was_checked_beforehand_is_not_checked_again() {
    let world = some_world();
    let log = log(&world);
    let statements: Vec<Statement> =
        log.iter().map(|(statement, _received)| statement.clone()).collect();
    let all = checks(&statements);
    assert_eq!(all, statements.iter().map(|statement| statement.signatures().len()).sum());
    let unapplied = replay(&world, log, &CheckedSignatures::new(valid(&statements), Doubter));
    assert!(unapplied.is_empty(), "{unapplied:?}");
}

#[test]
fn a_signature_that_was_not_found_valid_is_asked_about_and_refused() {
    let world = some_world();
    let mut log = log(&world);
    let (last, _received) = log.last_mut().unwrap();
    let signer = last.signatures()[0].signer;
    *last = last.clone().with_signature(signer, Signature::new([3; 64]));
    let statements: Vec<Statement> =
        log.iter().map(|(statement, _received)| statement.clone()).collect();
    let valid = valid(&statements);
    assert_eq!(valid.len() + 1, checks(&statements));
    let verifier = CheckedSignatures::new(valid, Verifier::default());
    let unapplied = replay(&world, log, &verifier);
    assert!(matches!(unapplied[0].error, StatementError::BadSignature { .. }), "{unapplied:?}");
    assert_eq!(unapplied.len(), 1);
}

#[test]
fn a_signature_checked_for_one_statement_says_nothing_of_another() {
    let mut world = some_world();
    let statements: Vec<Statement> =
        log(&world).into_iter().map(|(statement, _received)| statement).collect();
    let verifier = CheckedSignatures::new(valid(&statements), Verifier::default());
    let other = Statement::unsigned(grant("truck-1@fujisawa", "administer", "fujisawa/#").into());
    for signed in statements.iter().flat_map(Statement::signatures) {
        let moved = other.clone().with_signature(signed.signer, signed.signature);
        world.policy.apply(&moved, at(100), &verifier).unwrap_err();
    }
}

/// N-37: a log that is empty, cut off or broken gives nothing that it does not say.
#[test]
fn an_empty_or_cut_off_log_gives_no_right_and_a_broken_one_keeps_the_last_good_policy() {
    let world = some_world();
    let truck = crate::world::Key::of("truck-19@fujisawa");
    let topic = crate::world::topic("fujisawa/a");
    let whole = log(&world);
    for length in 0..whole.len() {
        let mut policy = Policy::new(world.own.name.clone(), world.own.fingerprint());
        let part = whole[..length].to_vec();
        let unapplied = policy.restore([(world.own.name.clone(), part)], &Verifier::default());
        assert!(unapplied.is_empty());
        assert!(policy.permit_publish(truck.id(), &topic, at(100)).is_err(), "{length} statements");
    }
    let good = world.policy.clone();
    let mut next = good.clone();
    let broken = whole[3].0.clone().with_signature(truck.id(), Signature::new([0; 64]));
    let broken = Statement::unsigned(broken.body().clone())
        .with_signature(broken.signatures()[0].signer, Signature::new([0; 64]));
    let mut empty = Policy::new(world.own.name.clone(), world.own.fingerprint());
    empty.apply(&broken, at(100), &Verifier::default()).unwrap_err();
    assert!(next.apply(&broken, at(100), &Verifier::default()).is_ok_and(|known| !known.is_new));
    assert_eq!(next.version(), good.version());
    assert!(good.permit_publish(truck.id(), &topic, at(100)).is_ok());
}
