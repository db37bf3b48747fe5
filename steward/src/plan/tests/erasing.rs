//! Seeds whose time is over: destroyed, and said so, wherever the steward is killed.

use std::fs;

use sekisho_proto::{
    StatementBody,
    statement::{Erased, Erasure},
};

use super::*;
use crate::seeds::Seeds;

/// A town some days old, whose first seed is to be destroyed now.
fn town() -> (Town, Action) {
    let mut town = Town::new(&[ALL]);
    town.settings.keep = Some(Duration::from_hours(24));
    town.settle();
    for _day in 0..10 {
        town.hours_pass(24);
        let actions = town.plan();
        if let Some(destroy) = actions.iter().find(|action| matches!(action, Action::Destroy(..))) {
            let destroy = destroy.clone();
            for action in actions.iter().take_while(|action| !matches!(action, Action::Destroy(..)))
            {
                town.act(action);
            }
            return (town, destroy);
        }
        town.settle();
    }
    panic!("no seed is ever destroyed");
}

fn receipts(town: &Town) -> Vec<Erasure> {
    let log = town.policy.log(town.policy.own());
    let receipts = log.iter().filter_map(|logged| {
        let StatementBody::Erasure(erasure) = logged.statement.body() else { return None };
        Some(erasure.clone())
    });
    receipts.collect()
}

fn files(town: &Town, kind: &str) -> usize {
    let entries = fs::read_dir(town.folder.path().join("epochs")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == kind).count()
}

#[test]
fn a_destroyed_seed_has_a_receipt_in_the_log() {
    let (mut town, destroy) = town();
    let Action::Destroy(seed, Some(_)) = destroy else { panic!("{destroy:?}") };
    let held = files(&town, "seed");
    town.settle();
    assert!(files(&town, "seed") < held);
    assert_eq!(files(&town, "erased"), 0);
    let receipts = receipts(&town);
    let Erased::Epoch { tree, epoch, key } = &receipts[0].erased else { panic!("{receipts:?}") };
    assert_eq!((tree, *epoch, *key), (&filter(ALL), Epoch::new(1), seed.hash()));
    let announced = town.policy.log(town.policy.own()).iter().find_map(|logged| {
        let StatementBody::EpochAnnounce(announce) = logged.statement.body() else { return None };
        (announce.epoch == Epoch::new(1)).then(|| announce.public_key.clone())
    });
    assert_eq!(SeedId::of(&announced.unwrap()), seed);
    assert!(town.plan().is_empty());
}

#[test]
fn a_receipt_is_stated_once_wherever_the_steward_is_killed() {
    for killed in ["before", "marked", "destroyed", "stated"] {
        let (mut town, destroy) = town();
        let Action::Destroy(seed, _) = destroy else { panic!("{destroy:?}") };
        let path = town.folder.path().join("epochs").join(format!("{}.seed", seed.hash()));
        let text = fs::read(&path).unwrap();
        let done = (killed != "before").then(|| {
            town.keeper.carry_out(&destroy, &town.policy, town.now, &mut town.entropy).unwrap()
        });
        match killed {
            // The mark is there, the seed not yet overwritten.
            "marked" => crate::private_file::create(&path, &text).unwrap(),
            "stated" => town.apply(&done.unwrap().unwrap()),
            _ => {}
        }
        town.restart();
        assert_eq!(path.exists(), killed == "before", "{killed}");
        town.settle();
        assert!(!path.exists(), "{killed}");
        let said = receipts(&town)
            .into_iter()
            .filter(|one| matches!(one.erased, Erased::Epoch { key, .. } if key == seed.hash()));
        assert_eq!(said.count(), 1, "{killed}");
        assert_eq!(files(&town, "erased"), 0, "{killed}");
    }
}

#[test]
fn a_key_of_an_erased_epoch_is_given_to_nobody_even_where_a_copy_of_the_seed_turns_up() {
    let (mut town, destroy) = town();
    let Action::Destroy(seed, _) = destroy else { panic!("{destroy:?}") };
    let path = town.folder.path().join("epochs").join(format!("{}.seed", seed.hash()));
    let copy = fs::read(&path).unwrap();
    town.settle();
    crate::private_file::create(&path, &copy).unwrap();
    town.restart();
    town.enrol("historian@fujisawa");
    town.grant("historian@fujisawa", "subscribe,history,decrypt", ALL);
    let said = receipts(&town).len();
    town.settle();
    let epochs = town.epochs_of("historian@fujisawa", ALL);
    assert!(!epochs.is_empty() && !epochs.contains(&1), "{epochs:?}");
    assert!(!path.exists(), "the copy is destroyed as well");
    assert_eq!(receipts(&town).len(), said, "one receipt is enough");
}

#[test]
fn a_seed_that_was_lost_and_not_destroyed_has_no_receipt() {
    let (mut town, destroy) = town();
    let Action::Destroy(seed, _) = destroy else { panic!("{destroy:?}") };
    fs::remove_file(town.folder.path().join("epochs").join(format!("{}.seed", seed.hash())))
        .unwrap();
    town.restart();
    town.settle();
    assert!(receipts(&town).is_empty());
}

#[test]
fn a_seed_that_was_never_announced_is_destroyed_without_a_word() {
    let mut town = Town::new(&[ALL]);
    let actions = town.plan();
    drop(town.keeper.carry_out(&actions[0], &town.policy, town.now, &mut town.entropy).unwrap());
    town.settings.suite = Suite::X25519ChaCha20Poly1305;
    town.settings.keep = Some(Duration::from_hours(1));
    town.settle();
    town.hours_pass(2);
    town.settle();
    assert_eq!(files(&town, "seed"), 1);
    assert_eq!(files(&town, "erased"), 0);
    assert!(receipts(&town).is_empty());
}

#[test]
fn a_mark_that_is_not_one_is_refused() {
    let (mut town, destroy) = town();
    let Action::Destroy(seed, _) = destroy else { panic!("{destroy:?}") };
    town.act(&destroy);
    let path = town.folder.path().join("epochs").join(format!("{}.erased", seed.hash()));
    let copy = path.with_file_name("not-a-hash.erased");
    crate::private_file::create(&copy, b"sekisho erased epoch seed, version 1\n").unwrap();
    Seeds::open(town.folder.path()).unwrap_err();
    fs::remove_file(copy).unwrap();
    Seeds::open(town.folder.path()).unwrap();
    fs::write(&path, "something else\n").unwrap();
    Seeds::open(town.folder.path()).unwrap_err();
}
