use super::*;
use crate::LinkLimits;

fn at(position: u64) -> Position {
    Position::new(position)
}

fn intake(resume: Option<u64>) -> Intake {
    let filter = "fujisawa/#".parse().expect("a filter");
    let mut intake = Intake::new(
        filter,
        resume.map(at),
        Start::Earliest,
        8,
        Asking::new(&LinkLimits::default(), 1),
    );
    assert_eq!(intake.connect(true), 8);
    intake
}

#[test]
fn the_place_moves_only_behind_everything_that_is_done() {
    let mut intake = intake(None);
    for position in [3, 5, 9] {
        intake.arrive(at(position)).expect("in order");
    }
    intake.done(at(5));
    assert_eq!((intake.resume, intake.take_acknowledgement()), (None, None));
    intake.done(at(3));
    assert_eq!(intake.resume, Some(at(6)));
    assert_eq!(intake.take_acknowledgement(), Some(at(5)));
    assert_eq!(intake.take_acknowledgement(), None);
    intake.done(at(9));
    assert_eq!(intake.take_unsaved(), Some(at(10)));
    assert_eq!(intake.take_unsaved(), None);
}

#[test]
fn positions_must_grow_and_not_lie_behind_the_place() {
    let mut intake = intake(Some(4));
    let order = |wanted, found| Err(IntakeFault::Order { wanted: at(wanted), found: at(found) });
    assert_eq!(intake.arrive(at(3)), order(4, 3));
    intake.arrive(at(6)).expect("in order");
    assert_eq!(intake.arrive(at(6)), order(7, 6));
    assert_eq!(intake.skip(at(5), at(9)), order(7, 5));
}

#[test]
fn no_more_comes_than_was_granted() {
    let mut intake = intake(None);
    for position in 0..8 {
        intake.arrive(at(position)).expect("granted");
    }
    assert_eq!(intake.arrive(at(8)), Err(IntakeFault::Credit));
    intake.done(at(0));
    assert_eq!(intake.take_credit(), None, "one is not worth a frame");
    intake.done(at(1));
    assert_eq!(intake.take_credit(), Some(2));
    intake.arrive(at(8)).expect("granted");
}

#[test]
fn the_last_records_are_granted_for_however_few_they_are() {
    let mut intake = intake(None);
    intake.arrive(at(0)).expect("granted");
    intake.done(at(0));
    intake.done(at(0));
    assert_eq!(intake.take_credit(), Some(1));
}

#[test]
fn a_gap_moves_the_place_when_everything_before_it_is_done() {
    let mut intake = intake(None);
    intake.arrive(at(2)).expect("in order");
    intake.skip(at(3), at(10)).expect("in order");
    assert_eq!(intake.resume, None);
    intake.done(at(2));
    assert_eq!(intake.resume, Some(at(10)));
    assert_eq!(intake.take_credit(), Some(1), "a gap costs no credit");
}

#[test]
fn what_a_lost_connection_brought_is_awaited_again() {
    let mut intake = intake(None);
    intake.arrive(at(0)).expect("in order");
    intake.arrive(at(1)).expect("in order");
    intake.done(at(0));
    intake.connect(true);
    assert_eq!(intake.resume, Some(at(1)));
    intake.done(at(1));
    assert_eq!(intake.resume, Some(at(1)), "it was not sent on this connection");
    intake.arrive(at(1)).expect("in order");
    intake.done(at(1));
    assert_eq!(intake.resume, Some(at(2)));
}

#[test]
fn a_window_that_shrinks_is_granted_again_only_when_less_is_under_way() {
    let mut intake = intake(None);
    intake.set_window(4);
    for position in 0..5 {
        intake.arrive(at(position)).expect("granted");
        intake.done(at(position));
        assert_eq!(intake.take_credit(), (position == 4).then_some(1));
    }
}

#[test]
fn what_is_done_behind_one_that_is_not_takes_no_room() {
    let mut intake = intake(None);
    intake.arrive(at(0)).expect("granted");
    for position in (2..20_000).step_by(2) {
        intake.arrive(at(position)).expect("granted");
        intake.done(at(position));
        intake.take_credit();
        intake.skip(at(position + 1), at(position + 2)).expect("in order");
    }
    assert_eq!((intake.resume, intake.arrived.len()), (None, 2));
    intake.done(at(0));
    assert_eq!((intake.resume, intake.arrived.len()), (Some(at(20_000)), 0));
}

#[test]
fn what_is_done_in_any_order_is_all_done_in_the_end() {
    let mut intake = intake(None);
    for position in 0..8 {
        intake.arrive(at(position)).expect("granted");
    }
    for (position, resume) in
        [(5, None), (3, None), (4, None), (0, Some(1)), (7, Some(1)), (2, Some(1)), (1, Some(6))]
    {
        intake.done(at(position));
        assert_eq!(intake.resume, resume.map(at), "{position}");
    }
    intake.done(at(6));
    assert_eq!((intake.resume, intake.undone()), (Some(at(8)), 0));
}
