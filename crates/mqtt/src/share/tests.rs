//! A share gives each record to one of those who may have it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sekisho_proto::Position;

use super::{Group, MemberId};

fn position(value: u64) -> Position {
    Position::new(value)
}

proptest! {
    /// Every member is offered what it may have, in its own time: each record is sent by one of
    /// them, and by nobody who may not.
    #[test]
    fn each_record_is_sent_once_by_somebody_who_may(
        rights in proptest::collection::vec(proptest::collection::btree_set(0u64..4, 0..4), 1..40),
        order in proptest::collection::vec(0u64..4, 0..200),
    ) {
        let mut group = Group::new(Position::ZERO, 1_000);
        for member in 0..4 {
            group.join(MemberId(member), Position::ZERO);
        }
        let mut sent: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut read = [0usize; 4];
        let rest = (0..4).flat_map(|member| std::iter::repeat_n(member, rights.len()));
        for member in order.into_iter().chain(rest) {
            let at = &mut read[usize::try_from(member).unwrap()];
            let Some(may) = rights.get(*at) else { continue };
            let record = u64::try_from(*at).unwrap();
            *at += 1;
            let has = |other: MemberId| may.contains(&other.0);
            if may.contains(&member) && group.claim(position(record), MemberId(member), has) {
                sent.entry(record).or_default().push(member);
            }
        }
        for (record, may) in (0u64..).zip(&rights) {
            let by = sent.remove(&record).unwrap_or_default();
            prop_assert_eq!(by.len(), usize::from(!may.is_empty()));
            prop_assert!(by.iter().all(|member| may.contains(member)));
        }
    }

    #[test]
    fn what_somebody_had_not_done_goes_to_others(
        done in proptest::collection::btree_set(0u64..20, 0..20),
    ) {
        let mut group = Group::new(Position::ZERO, 1_000);
        group.join(MemberId(1), Position::ZERO);
        for record in 0..20 {
            prop_assert!(group.claim(position(record), MemberId(1), |_member| true));
        }
        for record in &done {
            group.done(position(*record), MemberId(1));
        }
        group.join(MemberId(2), Position::ZERO);
        let given = group.leave(MemberId(1));
        let open: BTreeSet<u64> = (0..20).filter(|record| !done.contains(record)).collect();
        let to_other: BTreeSet<u64> =
            given.iter().map(|(_member, position)| position.value()).collect();
        prop_assert!(given.iter().all(|(member, _position)| *member == MemberId(2)));
        prop_assert_eq!(to_other, open);
        for record in done {
            prop_assert!(!group.claim(position(record), MemberId(2), |_member| true));
        }
    }
}

#[test]
fn what_a_member_may_not_have_any_more_goes_to_another_that_may() {
    let mut group = Group::new(Position::ZERO, 1_000);
    let [loser, other, neither] = [1, 2, 3].map(MemberId);
    for member in [loser, other, neither] {
        group.join(member, Position::ZERO);
    }
    for record in 0..3 {
        assert!(group.claim(position(record), loser, |_member| false));
    }
    group.done(position(2), loser);
    let open: Vec<Position> = group.open_before(loser, position(9)).collect();
    assert_eq!(open, [position(0), position(1)]);
    assert_eq!(group.open_before(loser, position(1)).count(), 1);
    assert_eq!(group.pass_on(position(0), loser, |member| member == other), Some(other));
    // Of what is another's, and of what is done, nothing is left to be passed on.
    assert_eq!(group.pass_on(position(0), loser, |_member| true), None);
    assert_eq!(group.pass_on(position(2), loser, |_member| true), None);
    assert!(group.claim(position(0), other, |_member| true));
    assert!(!group.claim(position(0), loser, |_member| true));
    // Where nobody may have it, it is given to whoever comes, and not lost.
    assert_eq!(group.pass_on(position(1), loser, |member| member == loser), None);
    assert_eq!(group.orphans().collect::<Vec<_>>(), [position(1)]);
    assert_eq!(group.join(MemberId(4), position(5)), [position(1)]);
    assert_eq!(group.take_lost(), 0);
}

#[test]
fn members_take_turns() {
    let mut group = Group::new(Position::ZERO, 1_000);
    for member in 1..=3 {
        group.join(MemberId(member), Position::ZERO);
    }
    let mut count = BTreeMap::new();
    for record in 0..30 {
        for member in 1..=3 {
            if group.claim(position(record), MemberId(member), |_member| true) {
                *count.entry(member).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(count, BTreeMap::from([(1, 10), (2, 10), (3, 10)]));
}

#[test]
fn decisions_remembered_are_bounded() {
    let mut group = Group::new(Position::ZERO, 4);
    group.join(MemberId(1), Position::ZERO);
    for record in 0..10 {
        assert!(group.claim(position(record), MemberId(1), |_member| true));
    }
    assert_eq!(group.floor(), position(6));
    group.join(MemberId(2), Position::ZERO);
    assert!(!group.claim(position(3), MemberId(2), |_member| true));
}

#[test]
fn what_nobody_is_there_for_waits_for_whoever_comes() {
    let mut group = Group::new(Position::ZERO, 4);
    group.join(MemberId(1), Position::ZERO);
    assert!(group.claim(position(0), MemberId(1), |_member| true));
    assert!(group.leave(MemberId(1)).is_empty());
    // It may have read past it: it is told.
    assert_eq!(group.join(MemberId(2), position(9)), [position(0)]);
    assert!(group.claim(position(0), MemberId(2), |_member| true));
}

#[test]
fn nobody_is_given_what_it_has_read_past() {
    let mut group = Group::new(Position::ZERO, 100);
    group.join(MemberId(1), Position::ZERO);
    group.join(MemberId(2), position(5));
    for record in 0..5 {
        assert!(group.claim(position(record), MemberId(1), |_member| true), "{record}");
    }
}

#[test]
fn what_all_have_done_and_read_past_is_let_go_of_and_what_is_open_is_not() {
    let mut group = Group::new(Position::ZERO, 100);
    group.join(MemberId(1), Position::ZERO);
    for record in 0..6 {
        assert!(group.claim(position(record), MemberId(1), |_member| true));
        if record != 4 {
            group.done(position(record), MemberId(1));
        }
    }
    // Somebody of before, who has read two.
    group.restore(MemberId(2), position(2));
    group.forget();
    let left = |group: &Group| group.claims().map(|(at, _claim)| at.value()).collect::<Vec<_>>();
    assert_eq!(left(&group), [2, 3, 4, 5]);
    // It comes back, and is given nothing that another has or had.
    group.join(MemberId(2), position(2));
    for record in 2..6 {
        assert!(!group.claim(position(record), MemberId(2), |_member| true));
    }
    group.forget();
    assert_eq!(left(&group), [4, 5]);
    assert!(!group.claim(position(1), MemberId(2), |_member| true));
}

#[test]
fn what_was_inherited_and_not_sent_is_given_again() {
    let mut group = Group::new(Position::ZERO, 100);
    group.join(MemberId(1), Position::ZERO);
    assert!(group.claim(position(0), MemberId(1), |_member| true));
    assert!(group.claim(position(1), MemberId(1), |_member| true));
    // It has read past what it inherits.
    group.join(MemberId(2), position(9));
    let given = [(MemberId(2), position(0)), (MemberId(2), position(1))];
    assert_eq!(group.leave(MemberId(1)), given);
    group.done(position(0), MemberId(2));
    group.absent(MemberId(2));
    // Somebody else is not given what is its own.
    assert!(group.join(MemberId(3), position(9)).is_empty());
    assert_eq!(group.join(MemberId(2), position(9)), [position(1)]);
    assert!(group.claim(position(1), MemberId(2), |_member| true));
    // What it comes by is not to be fetched.
    assert!(group.join(MemberId(2), position(1)).is_empty());
}

#[test]
fn what_is_done_makes_room_before_what_is_open() {
    let mut group = Group::new(Position::ZERO, 4);
    group.join(MemberId(1), Position::ZERO);
    for record in 0..4 {
        assert!(group.claim(position(record), MemberId(1), |_member| true));
    }
    group.done(position(2), MemberId(1));
    assert!(group.claim(position(4), MemberId(1), |_member| true));
    let left = |group: &Group| group.claims().map(|(at, _claim)| at.value()).collect::<Vec<_>>();
    assert_eq!((left(&group), group.take_lost()), (vec![0, 1, 3, 4], 0));
    // What is open holds below the floor; what was done is nobody's again.
    assert!(group.claim(position(1), MemberId(1), |_member| true));
    assert!(!group.claim(position(2), MemberId(1), |_member| true));
    assert!(group.claim(position(5), MemberId(1), |_member| true));
    assert_eq!((left(&group), group.take_lost()), (vec![1, 3, 4, 5], 1));
    assert_eq!(group.take_lost(), 0);
}
