use std::time::Duration;

use sekisho_proto::{Statement, StatementBody, Topic, statement::RevokeTarget};
use sekisho_seal::{Opener, Sealer, unwrap_announced_epoch_seed};

use super::*;
use crate::fixture::{self, Town, at, filter, id, identity};

mod erasing;
mod handing_on;
mod opening;
mod passed_on;
mod property;

const ALL: &str = "fujisawa/#";
const TRUCK: &str = "fujisawa/truck/17/air";

fn announcements(actions: &[Action]) -> Vec<&Announcement> {
    let only = actions.iter().filter_map(|action| match action {
        Action::Announce(announcement) => Some(announcement),
        Action::Grant(_) | Action::Destroy(..) | Action::Receipt(..) | Action::Forget(_) => None,
    });
    only.collect()
}

fn causes(actions: &[Action]) -> Vec<Cause> {
    announcements(actions).iter().map(|announcement| announcement.cause).collect()
}

#[test]
fn the_first_thing_is_an_epoch_for_every_tree() {
    let mut town = Town::new(&["fujisawa/truck/#", "fujisawa/park/#"]);
    let actions = town.plan();
    assert_eq!(causes(&actions), [Cause::None, Cause::None]);
    town.settle();
    assert_eq!(town.epoch(TRUCK), Some(1));
    assert_eq!(town.epoch("fujisawa/park/noise"), Some(1));
    assert_eq!(town.epoch("fujisawa/hall"), None);
    assert!(town.plan().is_empty());
}

#[test]
fn a_reader_gets_the_key_and_it_opens_what_was_sealed() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.enrol("truck-17@fujisawa");
    town.grant("desk@fujisawa", "subscribe,decrypt", "fujisawa/truck/#");
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1]);
    assert!(town.epochs_of("truck-17@fujisawa", ALL).is_empty());

    let topic: Topic = TRUCK.parse().unwrap();
    let announce = town.policy.epoch_of(&topic, town.now).unwrap();
    let public = announce.try_into().unwrap();
    let (truck, boot) = (identity("truck-17@fujisawa"), sekisho_proto::BootId::new([7; 16]));
    let mut entropy = sekisho_seal::SeededEntropy::new(9);
    let mut sealer = Sealer::new(truck.signing(), topic, boot, &public, &mut entropy).unwrap();
    let draft = sekisho_seal::HeaderDraft {
        sequence: sekisho_proto::Sequence::ZERO,
        time: town.now,
        previous: None,
        content_type: sekisho_proto::ContentType::samples(),
        sample_count: 1,
        flags: 0,
        expiry_s: 0,
        scope: sekisho_proto::Scope::Federation,
    };
    let envelope = sealer.seal(draft, b"12 ug/m3").unwrap();

    let (_when, grant) = town.key_grants.last().unwrap();
    let keys = unwrap_announced_epoch_seed(&identity("desk@fujisawa"), grant, announce).unwrap();
    let signer = sekisho_seal::VerifyingKey::parse(&truck.public_key()).unwrap();
    let header = sekisho_seal::verify_key_header(sealer.key_header().clone(), &signer).unwrap();
    let envelope = sekisho_seal::verify(envelope, &signer).unwrap();
    let opener = Opener::new(&header, &keys).unwrap();
    assert_eq!(opener.open(&envelope).unwrap(), b"12 ug/m3");
}

#[test]
fn a_reader_that_lost_its_right_is_shut_out_at_once() {
    for how in ["revoke the grant", "revoke the key", "deny"] {
        let mut town = Town::new(&[ALL]);
        town.enrol("desk@fujisawa");
        town.enrol("other@fujisawa");
        let granted = town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
        town.grant("other@fujisawa", "subscribe,decrypt", ALL);
        town.settle();
        match how {
            "revoke the grant" => town.revoke(RevokeTarget::Statement(granted)),
            "revoke the key" => town.revoke(RevokeTarget::Principal(id("desk@fujisawa"))),
            _ => drop(town.deny("desk@fujisawa", "decrypt", "fujisawa/truck/#")),
        }
        let actions = town.plan();
        assert_eq!(causes(&actions), [Cause::ReadersLost(1)], "{how}");
        assert!(matches!(actions.first(), Some(Action::Announce(_))));
        town.settle();
        assert_eq!(town.epoch(TRUCK), Some(2));
        assert_eq!(town.min_epoch(ALL), Epoch::new(2));
        assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1]);
        assert_eq!(town.epochs_of("other@fujisawa", ALL), [1, 2]);
        assert!(town.plan().is_empty());
    }
}

#[test]
fn a_right_that_runs_out_is_a_right_lost() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    let mut grant = fixture::grant("desk@fujisawa", "subscribe,decrypt", ALL, town.now);
    grant.until = Some(town.now.saturating_add(Duration::from_secs(7_200)));
    town.state(grant);
    town.settle();
    town.hours_pass(1);
    assert!(town.plan().is_empty());
    town.hours_pass(1);
    assert_eq!(causes(&town.plan()), [Cause::ReadersLost(1)]);
}

#[test]
fn the_next_epoch_is_announced_and_granted_before_it_begins() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
    town.settle();
    let begun = town.now;
    town.hours_pass(23);
    assert!(town.plan().is_empty());
    town.now = town.now.saturating_add(Duration::from_secs(51 * 60));
    let actions = town.plan();
    let [next] = announcements(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(next.cause, Cause::Due);
    assert_eq!(next.not_before, begun.saturating_add(Duration::from_hours(24)));
    assert_eq!(next.not_after, begun.saturating_add(Duration::from_hours(72)));
    assert_eq!(next.min_epoch, Epoch::ZERO);
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1, 2]);
    assert_eq!(town.epoch(TRUCK), Some(1));
    town.hours_pass(1);
    assert_eq!(town.epoch(TRUCK), Some(2));
}

#[test]
fn a_right_that_ends_before_the_next_epoch_gives_no_key_of_it() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.settle();
    town.now = town.now.saturating_add(Duration::from_mins(23 * 60 + 51));
    let mut grant = fixture::grant("desk@fujisawa", "subscribe,decrypt", ALL, town.now);
    grant.until = Some(town.now.saturating_add(Duration::from_mins(5)));
    town.state(grant);
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1]);
}

#[test]
fn a_late_joiner_cannot_open_earlier_epochs_unless_it_may_read_history() {
    let mut town = Town::new(&[ALL]);
    town.settle();
    for _day in 0..3 {
        town.hours_pass(24);
        town.settle();
    }
    assert_eq!(town.epoch(TRUCK), Some(4));
    for reader in ["late@fujisawa", "historian@fujisawa", "week@fujisawa", "denied@fujisawa"] {
        town.enrol(reader);
    }
    town.grant("late@fujisawa", "subscribe,decrypt", ALL);
    town.grant("historian@fujisawa", "subscribe,history,decrypt", ALL);
    let mut since = fixture::grant("week@fujisawa", "subscribe,history,decrypt", ALL, town.now);
    since.history_from = Some(at(100 + 30 * fixture::HOUR));
    town.state(since);
    town.grant("denied@fujisawa", "subscribe,history,decrypt", ALL);
    town.deny("denied@fujisawa", "history", "fujisawa/park/#");
    town.settle();
    assert_eq!(town.epochs_of("late@fujisawa", ALL), [4]);
    assert_eq!(town.epochs_of("historian@fujisawa", ALL), [1, 2, 3, 4]);
    assert_eq!(town.epochs_of("week@fujisawa", ALL), [2, 3, 4]);
    assert_eq!(town.epochs_of("denied@fujisawa", ALL), [4]);
}

#[test]
fn history_of_one_part_is_no_history_of_another() {
    let mut town = Town::new(&[ALL]);
    town.settle();
    town.hours_pass(25);
    town.settle();
    town.enrol("desk@fujisawa");
    town.grant("desk@fujisawa", "subscribe,history", "fujisawa/park/#");
    town.grant("desk@fujisawa", "subscribe,decrypt", "fujisawa/truck/#");
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [2]);
}

#[test]
fn peers_readers_get_keys_until_the_peering_ends() {
    let mut town = Town::new(&[ALL]);
    let peering = town.befriend("santander");
    town.enrol("park@santander");
    town.grant("park@santander", "subscribe,decrypt", "fujisawa/truck/#");
    town.settle();
    assert_eq!(town.epochs_of("park@santander", ALL), [1]);
    town.revoke(RevokeTarget::Statement(peering));
    assert_eq!(causes(&town.plan()), [Cause::ReadersLost(1)]);
    town.settle();
    assert_eq!(town.epochs_of("park@santander", ALL), [1]);
    assert_eq!(town.min_epoch(ALL), Epoch::new(2));
}

#[test]
fn everybody_of_a_peer_is_reached_through_its_steward_alone() {
    let mut town = Town::new(&[ALL]);
    town.befriend("santander");
    for name in ["steward@santander", "park@santander", "desk@santander"] {
        town.enrol(name);
    }
    let all = town.grant("*@santander", "subscribe,decrypt", "fujisawa/truck/#");
    town.grant("desk@santander", "subscribe,decrypt", "fujisawa/truck/#");
    town.settle();
    assert_eq!(town.epochs_of("steward@santander", ALL), [1]);
    assert_eq!(town.epochs_of("desk@santander", ALL), [1], "who is named is given it directly");
    assert!(town.epochs_of("park@santander", ALL).is_empty());
    town.revoke(RevokeTarget::Statement(all));
    assert_eq!(causes(&town.plan()), [Cause::ReadersLost(1)]);
    town.settle();
    assert_eq!(town.epochs_of("steward@santander", ALL), [1]);
    assert_eq!(town.epochs_of("desk@santander", ALL), [1, 2]);
}

#[test]
fn what_was_drawn_before_a_crash_is_announced_after_it() {
    let mut town = Town::new(&[ALL]);
    let actions = town.plan();
    let done =
        town.keeper.carry_out(&actions[0], &town.policy, town.now, &mut town.entropy).unwrap();
    drop(done);
    town.restart();
    let actions = town.plan();
    let [again] = announcements(&actions)[..] else { panic!("{actions:?}") };
    assert!(again.seed.is_some());
    town.settle();
    assert_eq!(town.keeper.seeds().iter().count(), 1);
}

#[test]
fn seeds_are_destroyed_when_their_time_is_over() {
    let mut town = Town::new(&[ALL]);
    town.settings.keep = Some(Duration::from_hours(72));
    let mut most = 0;
    for _day in 0..20 {
        town.settle();
        most = most.max(town.keeper.seeds().iter().count());
        town.hours_pass(24);
    }
    town.settle();
    assert!((4..=6).contains(&most), "{most} seeds held");
    town.enrol("historian@fujisawa");
    town.grant("historian@fujisawa", "subscribe,history,decrypt", ALL);
    town.settle();
    let oldest = town.epochs_of("historian@fujisawa", ALL)[0];
    assert!(oldest > 14, "epoch {oldest} can still be handed out");
}

#[test]
fn a_clock_that_went_astray_destroys_no_seed() {
    let mut town = Town::new(&[ALL]);
    town.settings.keep = Some(Duration::from_hours(72));
    town.settle();
    let right = town.now;
    town.hours_pass(24 * 365);
    assert!(!town.plan().iter().any(|action| matches!(action, Action::Destroy(..))));
    town.now = right;
    assert!(town.plan().is_empty());
    // The same time with a node that agrees.
    town.hours_pass(24 * 365);
    town.settle();
    let held: Vec<_> = town.keeper.seeds().iter().map(|(_id, seed)| seed.created).collect();
    assert!(held.iter().all(|created| *created > right), "found seeds drawn at {held:?}");
}

#[test]
fn seeds_are_held_for_ever_where_the_owner_wants_that() {
    let mut town = Town::new(&[ALL]);
    town.settings.keep = None;
    for _month in 0..12 {
        town.settle();
        town.hours_pass(24 * 30);
    }
    assert_eq!(town.keeper.seeds().iter().count(), 12);
}

#[test]
fn a_lost_seed_is_replaced_by_a_new_epoch() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.settle();
    let seeds: Vec<SeedId> = town.keeper.seeds().iter().map(|(seed, _held)| seed).collect();
    for seed in seeds {
        town.act(&Action::Destroy(seed, None));
    }
    assert_eq!(causes(&town.plan()), [Cause::SeedLost]);
    town.settle();
    town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [2]);
    assert_eq!(town.min_epoch(ALL), Epoch::ZERO);
}

#[test]
fn another_stewards_epoch_is_left_to_it_while_it_may_act() {
    let mut town = Town::new(&[ALL]);
    let deputy = fixture::principal("deputy@fujisawa", PrincipalKind::Steward, town.now);
    town.state(deputy);
    let actions = town.plan();
    let done = town
        .keeper
        .carry_out(&actions[0], &town.policy, town.now, &mut town.entropy)
        .unwrap()
        .unwrap();
    let theirs = fixture::signed(done.body().clone(), &["deputy@fujisawa"]);
    town.apply(&theirs);
    let seed = town.keeper.seeds().iter().next().unwrap().0;
    town.act(&Action::Destroy(seed, None));
    assert!(town.plan().is_empty());
    town.revoke(RevokeTarget::Principal(id("deputy@fujisawa")));
    assert_eq!(causes(&town.plan()), [Cause::SeedLost]);
}

#[test]
fn an_epoch_whose_announcement_was_revoked_is_replaced() {
    let mut town = Town::new(&[ALL]);
    town.settle();
    let announced = town.policy.log(town.policy.own()).last().unwrap().statement.id();
    town.revoke(RevokeTarget::Statement(announced));
    assert_eq!(causes(&town.plan()), [Cause::None]);
    town.settle();
    assert_eq!(town.epoch(TRUCK), Some(2));
    assert_eq!(town.keeper.seeds().iter().count(), 2);
}

#[test]
fn who_was_shut_out_stays_so_where_the_announcement_that_did_it_was_revoked() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.enrol("other@fujisawa");
    let granted = town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
    let other = town.grant("other@fujisawa", "subscribe,decrypt", ALL);
    town.settle();
    town.revoke(RevokeTarget::Statement(granted));
    town.settle();
    let is_second = |statement: &Statement| {
        let StatementBody::EpochAnnounce(body) = statement.body() else { return false };
        body.epoch == Epoch::new(2)
    };
    let mut log = town.policy.log(town.policy.own()).iter().map(|logged| &logged.statement);
    let announced = log.find(|statement| is_second(statement)).unwrap().id();
    town.revoke(RevokeTarget::Statement(announced));
    assert_eq!(town.epoch(TRUCK), None);
    assert_eq!(causes(&town.plan()), [Cause::None]);
    town.settle();
    assert_eq!(town.epoch(TRUCK), Some(3));
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1]);
    town.revoke(RevokeTarget::Statement(other));
    assert_eq!(causes(&town.plan()), [Cause::ReadersLost(1)]);
}

#[test]
fn a_tree_that_is_kept_no_longer_ends_but_keeps_readers_out_until_then() {
    let mut town = Town::new(&["fujisawa/truck/#"]);
    town.enrol("desk@fujisawa");
    let granted = town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
    town.settle();
    town.settings.trees = vec![filter("fujisawa/park/#")];
    town.settle();
    assert_eq!(town.epoch(TRUCK), Some(1));
    town.revoke(RevokeTarget::Statement(granted));
    town.settle();
    assert_eq!(town.epoch(TRUCK), Some(2));
    town.hours_pass(48);
    town.settle();
    assert_eq!(town.epoch(TRUCK), None);
    assert!(town.epoch("fujisawa/park/noise").is_some());
}

#[test]
fn another_suite_is_taken_at_once_and_shuts_nobody_out() {
    let mut town = Town::new(&[ALL]);
    town.settle();
    town.settings.suite = Suite::X25519ChaCha20Poly1305;
    assert_eq!(causes(&town.plan()), [Cause::Suite]);
    town.settle();
    assert_eq!(town.min_epoch(ALL), Epoch::ZERO);
}

#[test]
fn a_steward_that_was_away_begins_where_it_is() {
    let mut town = Town::new(&[ALL]);
    town.settle();
    town.hours_pass(24 * 10);
    let actions = town.plan();
    let [next] = announcements(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((next.cause, next.not_before), (Cause::None, town.now));
    town.settle();
    assert_eq!(town.epoch(TRUCK), Some(2));
}

#[test]
fn a_reader_with_a_new_kem_key_gets_its_keys_again() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
    town.settle();
    town.hours_pass(1);
    let mut renewed = fixture::principal("desk@fujisawa", PrincipalKind::App, town.now);
    renewed.kem_public_key = identity("another").kem().public_key().to_bytes().into();
    town.state(renewed);
    town.now = town.now.saturating_add(Duration::from_secs(1));
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1, 1]);
}

#[test]
fn a_reader_without_a_kem_key_is_given_none() {
    let mut town = Town::new(&[ALL]);
    let mut reader = fixture::principal("old@fujisawa", PrincipalKind::Device, town.now);
    reader.kem_suite = Suite::Open;
    reader.kem_public_key = Vec::new().into();
    town.state(reader);
    town.grant("old@fujisawa", "subscribe,decrypt", ALL);
    town.settle();
    assert!(town.key_grants.is_empty());
}
