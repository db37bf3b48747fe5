//! Receipts that something was destroyed.

use sekisho_policy::StatementError;
use sekisho_proto::{
    Epoch, Hash, PrincipalKind, RefusalCode, Suite,
    statement::{EpochAnnounce, Erased, Erasure, KeyGrant},
};

use crate::world::{Key, World, at, filter, org, signed};

fn announce(number: u64) -> EpochAnnounce {
    EpochAnnounce {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(number),
        suite: Suite::X25519Aes256Gcm,
        public_key: vec![7; 32].into(),
        issued: at(0),
        not_before: at(0),
        not_after: at(1000),
        min_epoch: Epoch::new(1),
    }
}

fn key_grant(reader: &Key, number: u64) -> KeyGrant {
    KeyGrant {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(number),
        suite: Suite::X25519Aes256Gcm,
        reader: reader.id(),
        purpose: String::new(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![2; 48].into(),
        issued: at(0),
    }
}

fn receipt(erased: Erased) -> Erasure {
    let organisation = org("fujisawa");
    Erasure { organisation, erased, records: 3, reason: "retention".to_owned(), issued: at(0) }
}

fn of_epoch(number: u64, public_key: &[u8]) -> Erasure {
    let (tree, epoch) = (filter("fujisawa/#"), Epoch::new(number));
    receipt(Erased::Epoch { tree, epoch, key: Hash::of(public_key) })
}

fn sealed() -> (World, Key, Key) {
    let mut world = World::new();
    let steward = world.enrol("steward", PrincipalKind::Steward);
    let reader = world.enrol("reader", PrincipalKind::App);
    for number in [1, 2] {
        world.apply(&signed(announce(number), &[&steward]));
        world.apply(&signed(key_grant(&reader, number), &[&steward]));
    }
    world.now = at(1000);
    (world, steward, reader)
}

#[test]
fn of_an_erased_epoch_no_key_is_given_or_found_any_more() {
    let (mut world, steward, reader) = sealed();
    world.apply(&signed(of_epoch(1, &[7; 32]), &[&steward]));
    let found = |world: &World, number| {
        world.policy.key_grants(&reader.id(), &filter("fujisawa/#"), Epoch::new(number)).len()
    };
    assert_eq!((found(&world, 1), found(&world, 2)), (0, 1));
    assert!(world.policy.is_erased(&filter("fujisawa/#"), Epoch::new(1)));
    assert!(!world.policy.is_erased(&filter("fujisawa/#"), Epoch::new(2)));
    let late = world.enrol("late", PrincipalKind::App);
    let refused = world.try_apply(&signed(key_grant(&late, 1), &[&steward])).unwrap_err();
    assert!(matches!(refused, StatementError::EpochErased { .. }), "{refused}");
    assert_eq!(refused.code(), RefusalCode::BadStatement);
    world.apply(&signed(key_grant(&late, 2), &[&steward]));
}

#[test]
fn an_epoch_that_is_in_use_is_not_erased() {
    let (mut world, steward, _reader) = sealed();
    world.now = at(999);
    let refused = world.try_apply(&signed(of_epoch(1, &[7; 32]), &[&steward])).unwrap_err();
    assert!(matches!(refused, StatementError::EpochInUse { .. }), "{refused}");
    world.now = at(1000);
    world.apply(&signed(of_epoch(1, &[7; 32]), &[&steward]));
}

#[test]
fn a_receipt_names_the_key_that_was_announced() {
    let (mut world, steward, _reader) = sealed();
    for body in [of_epoch(1, &[8; 32]), of_epoch(3, &[7; 32])] {
        let refused = world.try_apply(&signed(body, &[&steward])).unwrap_err();
        assert!(matches!(refused, StatementError::OtherEpochKey { .. }), "{refused}");
    }
}

#[test]
fn an_epoch_is_erased_by_a_steward_and_a_subject_by_an_issuer_or_an_administrator() {
    let (mut world, steward, reader) = sealed();
    let issuer = world.own.issuer.clone();
    let of_subject = || receipt(Erased::Subject(reader.id()));
    for statement in [
        signed(of_epoch(1, &[7; 32]), &[&issuer]),
        signed(of_epoch(1, &[7; 32]), &[&reader]),
        signed(of_subject(), &[&steward]),
        signed(of_subject(), &[&reader]),
    ] {
        let refused = world.try_apply(&statement);
        assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
    }
    world.apply(&signed(of_subject(), &[&issuer]));
    world.grant("reader@fujisawa", "administer", "fujisawa/#");
    let again = Erasure { records: 0, ..of_subject() };
    world.apply(&signed(again, &[&reader]));
    world.apply(&signed(of_epoch(2, &[7; 32]), &[&steward]));
    let receipts: Vec<u64> =
        world.policy.erasures(&org("fujisawa")).map(|(_logged, erasure)| erasure.records).collect();
    assert_eq!(receipts, [3, 0, 3]);
}

#[test]
fn a_receipt_cannot_be_revoked() {
    let (mut world, steward, _reader) = sealed();
    let statement = signed(of_epoch(1, &[7; 32]), &[&steward]);
    world.apply(&statement);
    let target = sekisho_proto::statement::RevokeTarget::Statement(statement.id());
    let body = crate::world::revoke(&org("fujisawa"), target);
    let refused = world.try_apply(&signed(body, &[&world.own.issuer.clone()]));
    assert!(matches!(refused, Err(StatementError::NotRevocable { .. })), "{refused:?}");
}
