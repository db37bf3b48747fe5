//! What is here before the statement that permits it.

use super::*;

/// A record that the peer's node received after its last checkpoint.
fn late_record(position: u64) -> frame::Record {
    frame::Record { received: at(10_500), ..record(position, &["fujisawa"]) }
}

#[test]
fn a_record_ahead_of_its_statement_is_tried_again_when_that_comes() {
    let mut link = connected();
    for position in 0..2 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
    }
    let truck = key("truck").id();
    let topic: Topic = "fujisawa/17/air".parse().expect("a topic");
    for command in drain(&mut link) {
        let LinkCommand::Admit { record } = command else { panic!("{command:?}") };
        link.handle_denied(record, truck, topic.clone(), at(30));
    }
    assert!(drain(&mut link).is_empty());
    link.handle_statements(statements(0, 1), at(40));
    link.handle_applied(StatementIndex::new(0), id(0), at(40));
    assert_eq!(taken(&drain(&mut link)), [0, 1]);
}

#[test]
fn nothing_of_a_topic_overtakes_a_record_that_is_held() {
    let mut link = connected();
    for position in 0..4 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
    }
    assert_eq!(answer(&mut link, &[1, 3], at(30)), [0]);
    // Another topic is not concerned.
    let other = held_record(9);
    assert!(link.handle_admitted(other, &topic_of(18), at(31)));
    // What comes while the first is tried again waits for it, in whatever order they are asked about.
    link.handle_statements(statements(0, 1), at(40));
    link.handle_applied(StatementIndex::new(0), id(0), at(40));
    link.handle_record(record(4, &["fujisawa"]), at(41));
    assert_eq!(answer(&mut link, &[3], at(41)), [1, 2]);
    link.handle_statements(statements(1, 1), at(50));
    link.handle_applied(StatementIndex::new(1), id(1), at(50));
    assert_eq!(answer(&mut link, &[], at(51)), [3, 4]);
}

#[test]
fn what_was_held_behind_a_record_goes_on_when_that_is_given_up() {
    let mut link = connected();
    for position in 0..3 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
    }
    assert_eq!(answer(&mut link, &[0], at(30)), [0_u64; 0]);
    link.handle_timeout(at(5_030));
    assert_eq!(link.counters().refused, 1);
    assert_eq!(answer(&mut link, &[], at(5_030)), [1, 2]);
}

#[test]
fn what_is_held_takes_so_much_memory_and_no_more() {
    let limits = LinkLimits { held_bytes_max: 2_500, ..limits() };
    let own = key("node of santander").id();
    let mut link = Link::new(own, peering(&["fujisawa/#"]), Resume::default(), limits, 7, at(10));
    drain(&mut link);
    connect(&mut link, at(20));
    for position in 0..4 {
        let envelope = Bytes::from(vec![0; 1_000]);
        link.handle_record(frame::Record { envelope, ..record(position, &["fujisawa"]) }, at(30));
    }
    // The first is given up, and with it the second has no other one before it than itself.
    assert_eq!(answer(&mut link, &[0], at(30)), [1, 2, 3]);
    assert_eq!(link.counters().refused, 1);
}

#[test]
fn a_publisher_that_is_not_permitted_delays_a_link_once() {
    let mut link = connected();
    let truck = key("truck").id();
    let topic: Topic = "fujisawa/17/air".parse().expect("a topic");
    let deny = |link: &mut Link, position, now| {
        link.handle_record(record(position, &["fujisawa"]), now);
        for command in drain(link) {
            if let LinkCommand::Admit { record } = command {
                link.handle_denied(record, truck, topic.clone(), now);
            }
        }
    };
    deny(&mut link, 0, at(30));
    deny(&mut link, 1, at(1_030));
    assert_eq!(link.poll_timeout(at(1_030)), Some((at(5_030), "held")));
    link.handle_timeout(at(5_030));
    assert_eq!((link.counters().refused, link.undone()), (2, 0));
    deny(&mut link, 2, at(5_031));
    assert_eq!((link.counters().refused, link.undone()), (3, 0));
}

#[test]
fn a_record_is_not_given_up_before_the_owners_log_is_complete_up_to_it() {
    let mut link = connected();
    link.handle_record(late_record(0), at(11_000));
    assert_eq!(answer(&mut link, &[0], at(11_000)), [0_u64; 0]);
    // However late the statement is.
    for millis in [16_000, 50_000] {
        link.handle_heard(at(millis));
        link.handle_timeout(at(millis));
    }
    assert_ne!(link.poll_timeout(at(50_000)).map(|(_at, why)| why), Some("held"));
    // What was shown before the record was received says nothing of it, nor does a checkpoint of
    // the second in which it was.
    show_made(&mut link, &log_of(0), at(10_000), at(60_000));
    assert_eq!((link.counters().refused, link.undone()), (0, 1));
    link.handle_statements(statements(0, 1), at(61_000));
    link.handle_applied(StatementIndex::new(0), id(0), at(61_000));
    assert_eq!(answer(&mut link, &[], at(61_000)), [0]);
    assert_eq!(link.counters().refused, 0);
}

#[test]
fn a_record_is_given_up_once_the_owners_log_is_complete_up_to_it() {
    let mut link = connected();
    for position in 0..3 {
        link.handle_record(late_record(position), at(11_000));
    }
    assert_eq!(answer(&mut link, &[0, 2], at(11_000)), [0_u64; 0]);
    // Complete, but it may come another way.
    show_made(&mut link, &log_of(0), at(11_000), at(12_000));
    assert_eq!(link.counters().refused, 0);
    link.handle_timeout(at(15_999));
    assert_eq!(link.counters().refused, 0);
    link.handle_timeout(at(16_000));
    assert_eq!(link.counters().refused, 2);
    assert_eq!(answer(&mut link, &[], at(16_000)), [1]);
}

#[test]
fn a_publisher_that_was_waited_for_in_vain_delays_nothing_until_another_statement_comes() {
    let mut link = connected();
    link.handle_record(late_record(0), at(11_000));
    answer(&mut link, &[0], at(11_000));
    show_made(&mut link, &log_of(0), at(30_000), at(30_000));
    assert_eq!((link.counters().refused, link.undone()), (1, 0));
    // Received before that checkpoint, and after it.
    link.handle_record(late_record(1), at(31_000));
    answer(&mut link, &[1], at(31_000));
    assert_eq!((link.counters().refused, link.undone()), (2, 0));
    let next = frame::Record { received: at(31_500), ..record(2, &["fujisawa"]) };
    link.handle_record(next, at(32_000));
    answer(&mut link, &[2], at(32_000));
    assert_eq!((link.counters().refused, link.undone()), (3, 0));
}

#[test]
fn a_record_that_is_dated_into_the_future_is_not_held_for_ever() {
    let mut link = connected();
    let received = at(1_000_000_000);
    link.handle_record(frame::Record { received, ..record(0, &["fujisawa"]) }, at(10_000));
    answer(&mut link, &[0], at(10_000));
    for millis in [60_000, 120_000] {
        show_made(&mut link, &log_of(0), at(millis), at(millis));
        assert_eq!(link.counters().refused, 0);
    }
    show_made(&mut link, &log_of(0), at(131_000), at(131_000));
    assert_eq!((link.counters().refused, link.undone()), (1, 0));
}

#[test]
fn what_waits_for_statements_and_has_no_room_comes_again() {
    let limits = LinkLimits { held_bytes_max: 1_500, ..limits() };
    let own = key("node of santander").id();
    let mut link = Link::new(own, peering(&["fujisawa/#"]), Resume::default(), limits, 7, at(10));
    drain(&mut link);
    connect(&mut link, at(20));
    drain(&mut link);
    for position in 0..2 {
        let envelope = Bytes::from(vec![0; 1_000]);
        link.handle_record(frame::Record { envelope, ..late_record(position) }, at(11_000));
    }
    for command in drain(&mut link) {
        let LinkCommand::Admit { record } = command else { panic!("{command:?}") };
        link.handle_denied(record, key("truck").id(), topic_of(17), at(11_000));
    }
    let reason = hung_up(&drain(&mut link));
    assert_eq!(reason, Some(HangupReason::Held { max: 1_500 }));
    assert_eq!(link.counters().refused, 0);
    assert_eq!(link.places().get(&filter("fujisawa/#")), None);
    // The whole log comes first, and what it does not permit is refused where there is no room.
    let (until, _) = link.poll_timeout(at(11_000)).expect("a dial is due");
    link.handle_timeout(until);
    connect(&mut link, at(12_000));
    drain(&mut link);
    for position in 0..2 {
        let envelope = Bytes::from(vec![0; 1_000]);
        link.handle_record(frame::Record { envelope, ..late_record(position) }, at(12_100));
    }
    answer(&mut link, &[0, 1], at(12_100));
    assert!(link.is_connected());
    assert_eq!((link.counters().refused, link.undone()), (1, 1));
}
