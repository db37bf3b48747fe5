use sekisho_proto::{GapReason, Position, Timestamp, frame::Start};

use super::{Done, Ends, Place};
use crate::message::Gap;

fn at(value: u64) -> Position {
    Position::new(value)
}

#[test]
fn what_is_published_while_the_connection_is_lost_is_not_missed() {
    let mut place = Place::new(Start::Latest, Ends::Never);
    assert_eq!(place.start(), Start::Latest);
    place.handle_subscribed(at(40), at(40));
    assert_eq!(place.start(), Start::Position(at(40)));
}

#[test]
fn it_goes_on_behind_the_last_delivery_and_takes_nothing_twice() {
    let mut place = Place::new(Start::Earliest, Ends::Never);
    place.start();
    place.handle_subscribed(at(3), at(10));
    assert!(place.wants(at(3)));
    place.advance(at(4));
    place.advance(at(7));
    assert_eq!(place.start(), Start::Position(at(7)));
    place.handle_subscribed(at(5), at(10));
    assert!(!place.wants(at(6)), "a cursor may begin earlier");
    assert!(place.wants(at(7)));
}

fn done(position: u64) -> Done {
    let mut done = Done::default();
    done.advance(at(position));
    done
}

fn gap(from: u64, to: u64, reason: GapReason) -> Gap {
    Gap { from: at(from), to: at(to), reason, topic: None }
}

#[test]
fn nothing_that_was_delivered_is_told_as_missing() {
    let mut place = Place::new(Start::Earliest, Ends::Never);
    place.start();
    place.handle_subscribed(at(0), at(10));
    place.advance(at(7));
    place.start();
    place.handle_subscribed(at(5), at(10));
    assert_eq!(place.handle_gap(gap(5, 7, GapReason::Retention)), None);
    let told = place.handle_gap(gap(5, 9, GapReason::Retention));
    assert_eq!(told, Some(gap(7, 9, GapReason::Retention)));
    assert!(place.was_told(done(8)));
}

#[test]
fn what_a_node_tells_on_a_connection_only_goes_forward() {
    let mut place = Place::new(Start::Earliest, Ends::Never);
    place.start();
    place.handle_subscribed(at(3), at(10));
    assert!(place.follows(at(3)) && !place.follows(at(2)));
    place.handle_gap(gap(3, u64::MAX, GapReason::Retention));
    assert!(!place.follows(at(5)), "inside a gap that was told");
    place.start();
    assert!(place.follows(at(2)), "a cursor may begin earlier");
}

#[test]
fn what_comes_after_a_log_ended_earlier_is_wanted() {
    let mut place = Place::new(Start::Earliest, Ends::Never);
    place.start();
    place.handle_subscribed(at(0), at(500));
    place.advance(at(500));
    place.start();
    place.handle_subscribed(at(300), at(300));
    let restart = gap(300, 300, GapReason::Restart);
    assert_eq!(place.handle_gap(restart.clone()), Some(restart));
    assert!(place.wants(at(300)), "the first record of a log that was put back");
    place.advance(at(301));
    assert_eq!(place.start(), Start::Position(at(301)));
}

#[test]
fn what_was_done_before_a_restart_acknowledges_nothing_after_it() {
    let mut place = Place::new(Start::Earliest, Ends::Never);
    place.start();
    place.handle_subscribed(at(0), at(500));
    place.advance(at(500));
    let mut done = done(499);
    assert!(place.was_told(done));
    place.start();
    place.handle_subscribed(at(300), at(300));
    place.handle_gap(gap(300, 300, GapReason::Restart));
    place.advance(at(600));
    assert!(!place.was_told(done));
    assert_eq!(place.acknowledgeable(done), None);
    // The program takes the gap, and then the first record behind it.
    done.restart();
    assert_eq!(place.acknowledgeable(done), None);
    assert!(done.advance(at(300)), "before what was done of the log as it was");
    assert_eq!(place.acknowledgeable(done), Some(at(300)));
}

#[test]
fn history_of_a_log_that_was_put_back_ends_with_it() {
    let mut place = Place::new(Start::Earliest, Ends::AtHead);
    place.start();
    place.handle_subscribed(at(0), at(500));
    place.advance(at(400));
    place.start();
    place.handle_subscribed(at(300), at(300));
    place.handle_gap(gap(300, 300, GapReason::Restart));
    assert!(place.is_finished());
}

#[test]
fn a_start_that_nothing_came_from_is_asked_for_again() {
    for from in [Start::LastValue, Start::Time(Timestamp::EPOCH), Start::Earliest] {
        let mut place = Place::new(from, Ends::Never);
        place.start();
        place.handle_subscribed(at(3), at(10));
        assert_eq!(place.start(), from);
    }
}

#[test]
fn history_ends_where_the_log_ended_when_it_was_asked_for() {
    let mut place = Place::new(Start::Earliest, Ends::AtHead);
    assert!(!place.is_finished());
    place.handle_subscribed(at(0), at(3));
    assert!(!place.is_finished());
    place.advance(at(2));
    assert!(!place.is_finished());
    assert!(place.wants(at(2)));
    assert!(!place.wants(at(3)));
    place.handle_subscribed(at(2), at(9));
    place.advance(at(3));
    assert!(place.is_finished());
}

#[test]
fn history_of_an_empty_log_ends_at_once() {
    let mut place = Place::new(Start::Earliest, Ends::AtHead);
    place.handle_subscribed(at(0), at(0));
    assert!(place.is_finished());
}

#[test]
fn history_ends_when_the_node_says_that_it_has_told_everything() {
    let mut place = Place::new(Start::Earliest, Ends::AtHead);
    place.handle_subscribed(at(0), at(10));
    place.advance(at(4));
    place.handle_subscribed(at(10), at(10));
    assert!(place.is_finished());
}

#[test]
fn what_the_node_has_not_told_on_this_connection_is_not_acknowledged_on_it() {
    let mut place = Place::new(Start::Earliest, Ends::Never);
    place.start();
    assert_eq!(place.acknowledgeable(done(0)), None);
    place.handle_subscribed(at(0), at(10));
    place.advance(at(8));
    assert!(place.was_told(done(7)));
    assert_eq!(place.acknowledgeable(done(7)), Some(at(7)));
    // The node crashed, and its cursor stands further back than what was done.
    place.start();
    place.handle_subscribed(at(3), at(10));
    assert!(!place.was_told(done(7)));
    assert_eq!(place.acknowledgeable(done(7)), Some(at(2)));
    place.advance(at(4));
    assert_eq!(place.acknowledgeable(done(7)), Some(at(3)));
    place.advance(at(8));
    assert_eq!(place.acknowledgeable(done(7)), Some(at(7)));
}

#[test]
fn last_values_that_were_broken_off_are_asked_for_again_and_not_what_lies_between() {
    let mut place = Place::new(Start::LastValue, Ends::Never);
    place.start();
    place.handle_subscribed(at(0), at(900));
    place.advance(at(11));
    assert_eq!(place.start(), Start::LastValue);
    place.handle_subscribed(at(0), at(950));
    assert!(!place.wants(at(10)) && place.wants(at(870)));
    place.advance(at(871));
    place.handle_subscribed(at(950), at(950));
    assert_eq!(place.start(), Start::Position(at(950)), "they have all come");
}
