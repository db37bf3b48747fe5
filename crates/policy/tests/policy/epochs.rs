//! What topics are sealed to.

use sekisho_policy::{EpochStatus, RETIRED_GRACE, StatementError};
use sekisho_proto::{
    Epoch, PrincipalKind, Statement, Suite, Timestamp,
    statement::{EpochAnnounce, KeyGrant},
};

use crate::world::{Key, World, at, filter, org, signed, topic};

fn epoch(tree: &str, number: u64, from: i64, until: i64) -> EpochAnnounce {
    EpochAnnounce {
        organisation: org("fujisawa"),
        tree: filter(tree),
        epoch: Epoch::new(number),
        suite: Suite::X25519Aes256Gcm,
        public_key: vec![7; 32].into(),
        issued: at(0),
        not_before: at(from),
        not_after: at(until),
        min_epoch: Epoch::new(1),
    }
}

fn key_grant(reader: &Key, tree: &str, number: u64) -> KeyGrant {
    KeyGrant {
        organisation: org("fujisawa"),
        tree: filter(tree),
        epoch: Epoch::new(number),
        suite: Suite::X25519Aes256Gcm,
        reader: reader.id(),
        purpose: "a test".to_owned(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![2; 48].into(),
        issued: at(0),
    }
}

struct Sealed {
    world: World,
    steward: Key,
}

impl Sealed {
    fn new() -> Self {
        let mut world = World::new();
        let steward = world.enrol("steward", PrincipalKind::Steward);
        Self { world, steward }
    }

    fn announce(&mut self, body: EpochAnnounce) -> Statement {
        let statement = signed(body, &[&self.steward]);
        self.world.apply(&statement);
        statement
    }

    fn current(&self, on: &str, now: Timestamp) -> Option<u64> {
        self.world.policy.epoch_of(&topic(on), now).map(|epoch| epoch.epoch.value())
    }

    fn status(&self, number: u64, now: Timestamp) -> EpochStatus {
        self.world.policy.epoch_status(&topic("fujisawa/a/1"), Epoch::new(number), now)
    }
}

#[test]
fn epochs_and_their_keys_are_a_stewards_to_state() {
    let mut sealed = Sealed::new();
    let person = sealed.world.enrol("sato", PrincipalKind::Person);
    sealed.world.grant("sato@fujisawa", "administer,grant", "fujisawa/#");
    let issuer = sealed.world.own.issuer.clone();
    for key in [&person, &issuer] {
        for statement in [
            signed(epoch("fujisawa/#", 1, 0, 1000), &[key]),
            signed(key_grant(&person, "fujisawa/#", 1), &[key]),
        ] {
            let refused = sealed.world.try_apply(&statement);
            assert!(matches!(
                refused,
                Err(StatementError::NotAuthorised { wanted: "a steward", .. })
            ));
        }
    }
    sealed.announce(epoch("fujisawa/#", 1, 0, 1000));
    assert_eq!(sealed.current("fujisawa/a", at(10)), Some(1));
}

#[test]
fn the_newest_epoch_in_force_of_the_most_specific_tree_counts() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/#", 1, 0, 1000));
    sealed.announce(epoch("fujisawa/#", 2, 50, 1000));
    sealed.announce(epoch("fujisawa/a/#", 7, 0, 500));
    sealed.announce(epoch("fujisawa/+/1", 9, 0, 1000));
    assert_eq!(sealed.current("fujisawa/b", at(49)), Some(1));
    assert_eq!(sealed.current("fujisawa/b", at(50)), Some(2));
    assert_eq!(sealed.current("fujisawa/a/1", at(50)), Some(7));
    assert_eq!(sealed.current("fujisawa/b/1", at(50)), Some(9));
    // A wider tree has more readers: it does not stand in for one that has run out.
    assert_eq!(sealed.current("fujisawa/a/1", at(500)), None);
}

#[test]
fn epochs_of_a_tree_only_grow() {
    let mut sealed = Sealed::new();
    let mut second = epoch("fujisawa/#", 5, 0, 1000);
    second.min_epoch = Epoch::new(3);
    sealed.announce(second);
    let mut lower = epoch("fujisawa/#", 6, 0, 1000);
    lower.min_epoch = Epoch::new(2);
    for body in [epoch("fujisawa/#", 4, 0, 1000), epoch("fujisawa/#", 5, 0, 2000), lower] {
        let refused = sealed.world.try_apply(&signed(body, &[&sealed.steward]));
        assert!(matches!(refused, Err(StatementError::EpochOrder { .. })));
    }
}

#[test]
fn the_last_number_of_all_is_announced_once() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/#", u64::MAX, 0, 1000));
    let mut again = epoch("fujisawa/#", u64::MAX, 0, 1000);
    again.public_key = vec![8; 32].into();
    let refused = sealed.world.try_apply(&signed(again, &[&sealed.steward]));
    assert!(matches!(refused, Err(StatementError::EpochOrder { .. })), "{refused:?}");
}

#[test]
fn an_older_epoch_is_taken_until_it_is_retired_and_a_grace_has_passed() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/a/#", 1, 0, 1000));
    assert_eq!(sealed.status(1, at(100)), EpochStatus::Current);
    assert_eq!(sealed.status(2, at(100)), EpochStatus::Unknown);
    sealed.announce(epoch("fujisawa/a/#", 2, 200, 1000));
    assert_eq!(sealed.status(1, at(199)), EpochStatus::Current);
    assert_eq!(sealed.status(1, at(200)), EpochStatus::Grace);
    assert_eq!(sealed.status(2, at(200)), EpochStatus::Current);
    let mut third = epoch("fujisawa/a/#", 3, 300, 1000);
    third.min_epoch = Epoch::new(3);
    sealed.announce(third);
    let end = at(300).saturating_add(RETIRED_GRACE);
    for number in [1, 2] {
        assert_eq!(sealed.status(number, at(359)), EpochStatus::Grace);
        assert_eq!(sealed.status(number, end), EpochStatus::Retired);
    }
    assert_eq!(sealed.status(3, end), EpochStatus::Current);
    assert_eq!(sealed.status(3, at(1000)), EpochStatus::Grace);
}

#[test]
fn an_epoch_ahead_of_its_time_is_taken_from_a_clock_a_little_ahead() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/a/#", 1, 1000, 2000));
    assert_eq!(sealed.status(1, at(879)), EpochStatus::Unknown);
    assert_eq!(sealed.status(1, at(880)), EpochStatus::Current);
    assert_eq!(sealed.current("fujisawa/a/1", at(880)), None);
}

#[test]
fn what_was_sealed_with_a_wider_tree_is_taken_until_a_narrower_one_has_an_epoch_and_a_grace() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/#", 1, 0, 10_000));
    sealed.announce(epoch("fujisawa/#", 2, 0, 10_000));
    sealed.announce(epoch("fujisawa/a/#", 1, 5_000, 10_000));
    for number in [1, 2] {
        assert_ne!(sealed.status(number, at(1_000)), EpochStatus::Unknown);
    }
    assert_eq!(sealed.status(2, at(5_059)), EpochStatus::Current);
    assert_eq!(sealed.status(2, at(5_000).saturating_add(RETIRED_GRACE)), EpochStatus::Unknown);
    assert_eq!(sealed.status(1, at(5_059)), EpochStatus::Current);
}

#[test]
fn a_revoked_epoch_is_no_epoch() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/a/#", 1, 0, 1000));
    let second = sealed.announce(epoch("fujisawa/a/#", 2, 0, 1000));
    sealed.world.revoke(second.id());
    assert_eq!(sealed.current("fujisawa/a/1", at(100)), Some(1));
    assert_eq!(sealed.status(2, at(100)), EpochStatus::Unknown);
    let again =
        sealed.world.try_apply(&signed(epoch("fujisawa/a/#", 2, 1, 1000), &[&sealed.steward]));
    assert!(matches!(again, Err(StatementError::EpochOrder { .. })));
}

#[test]
fn revoking_what_ended_an_epoch_brings_it_back_to_nobody() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/a/#", 1, 0, 1000));
    let mut second = epoch("fujisawa/a/#", 2, 100, 500);
    second.min_epoch = Epoch::new(2);
    let ended = sealed.announce(second);
    assert_eq!(sealed.current("fujisawa/a/1", at(99)), Some(1));
    // Nor where what ended it has run out.
    assert_eq!(sealed.current("fujisawa/a/1", at(500)), None);
    sealed.world.revoke(ended.id());
    assert_eq!(sealed.current("fujisawa/a/1", at(99)), Some(1));
    assert_eq!(sealed.current("fujisawa/a/1", at(100)), None);
    assert_eq!(sealed.status(1, at(159)), EpochStatus::Grace);
    assert_eq!(sealed.status(1, at(100).saturating_add(RETIRED_GRACE)), EpochStatus::Retired);
    let mut third = epoch("fujisawa/a/#", 3, 200, 1000);
    third.min_epoch = Epoch::new(2);
    sealed.announce(third);
    assert_eq!(sealed.current("fujisawa/a/1", at(200)), Some(3));
}

#[test]
fn a_reader_finds_its_own_keys_and_no_others() {
    let mut sealed = Sealed::new();
    sealed.announce(epoch("fujisawa/#", 1, 0, 1000));
    let [one, other] = ["one", "other"].map(|label| sealed.world.enrol(label, PrincipalKind::App));
    let given = signed(key_grant(&one, "fujisawa/#", 1), &[&sealed.steward]);
    sealed.world.apply(&given);
    let find = |world: &World, key: &Key, tree: &str, number| -> usize {
        world.policy.key_grants(&key.id(), &filter(tree), Epoch::new(number)).len()
    };
    assert_eq!(find(&sealed.world, &one, "fujisawa/#", 1), 1);
    assert_eq!(find(&sealed.world, &other, "fujisawa/#", 1), 0);
    assert_eq!(find(&sealed.world, &one, "fujisawa/#", 2), 0);
    assert_eq!(find(&sealed.world, &one, "fujisawa/a/#", 1), 0);
    sealed.world.apply(&signed(
        crate::world::revoke(
            &org("fujisawa"),
            sekisho_proto::statement::RevokeTarget::Statement(given.id()),
        ),
        &[&sealed.steward],
    ));
    assert_eq!(find(&sealed.world, &one, "fujisawa/#", 1), 0);
}
