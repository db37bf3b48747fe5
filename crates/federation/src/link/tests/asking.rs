//! When a link asks for records, and what it makes of being refused.

use sekisho_proto::RefusalCode;

use super::*;

fn asked(commands: &[LinkCommand]) -> Vec<u32> {
    let asked = commands.iter().filter_map(|command| {
        let LinkCommand::Subscribe { subscription, .. } = command else { return None };
        Some(*subscription)
    });
    asked.collect()
}

fn not_permitted(commands: &[LinkCommand]) -> usize {
    let told = |command: &&LinkCommand| matches!(command, LinkCommand::NotPermitted { .. });
    commands.iter().filter(told).count()
}

fn heard(commands: &[LinkCommand]) -> Vec<Timestamp> {
    let heard = commands.iter().filter_map(|command| {
        let LinkCommand::Heard { at } = command else { return None };
        Some(*at)
    });
    heard.collect()
}

fn refuse(link: &mut Link, subscription: u32, now: Timestamp) -> Vec<LinkCommand> {
    link.handle_subscription_refused(subscription, RefusalCode::NotPermitted, now);
    drain(link)
}

#[test]
fn records_are_asked_for_when_the_log_is_applied_to_its_end_and_proven_to_end_there() {
    let mut link = link_with(&["fujisawa/#"], Resume::default());
    link.handle_connected(at(20));
    link.handle_statements(statements(0, 2), at(21));
    link.handle_statements(statements(2, 0), at(22));
    show(&mut link, &log_of(2), at(22));
    link.handle_applied(StatementIndex::new(0), id(0), at(23));
    let commands = drain(&mut link);
    assert_eq!((asked(&commands), heard(&commands), link.heard()), (vec![], vec![], None));
    link.handle_applied(StatementIndex::new(1), id(1), at(24));
    let commands = drain(&mut link);
    assert_eq!((asked(&commands), heard(&commands)), (vec![1], vec![at(0)]));
    link.handle_statements(statements(2, 0), at(25));
    assert_eq!(asked(&drain(&mut link)), []);
}

#[test]
fn a_log_that_is_read_on_is_not_complete_before_a_checkpoint_of_it_holds() {
    let mut link = connected();
    link.handle_statements(statements(0, 1), at(40_000));
    show(&mut link, &log_of(1), at(41_000));
    assert_eq!((heard(&drain(&mut link)), link.heard()), (vec![], Some(at(0))));
    link.handle_applied(StatementIndex::new(0), id(0), at(42_000));
    assert_eq!((heard(&drain(&mut link)), link.heard()), (vec![at(41_000)], Some(at(41_000))));
}

#[test]
fn that_the_log_is_heard_is_told_now_and_then() {
    let mut link = connected();
    for millis in (1_000..=61_000).step_by(1_000) {
        show(&mut link, &log_of(0), at(millis));
    }
    assert_eq!(heard(&drain(&mut link)), [at(30_000), at(60_000)]);
    link.handle_disconnected(at(62_000));
    show(&mut link, &log_of(0), at(63_000));
    assert_eq!((heard(&drain(&mut link)), link.heard()), (vec![], Some(at(61_000))));
}

#[test]
fn a_record_before_the_log_was_read_is_one_that_was_not_asked_for() {
    let mut link = link_with(&["fujisawa/#"], Resume::default());
    link.handle_connected(at(20));
    link.handle_record(record(0, &["fujisawa"]), at(21));
    let reason = hung_up(&drain(&mut link));
    assert_eq!(reason, Some(HangupReason::UnknownSubscription { found: 1 }));
}

#[test]
fn what_is_not_permitted_is_told_once_and_asked_for_ever_more_rarely() {
    let mut link = connected();
    let mut now = at(30);
    let mut pauses = Vec::new();
    let mut told = 0;
    for _ in 0..12 {
        let commands = refuse(&mut link, 1, now);
        told += not_permitted(&commands);
        assert_eq!((asked(&commands), hung_up(&commands)), (vec![], None));
        let begun = now;
        loop {
            let (due, _why) = link.poll_timeout(now).expect("something is due");
            now = due;
            link.handle_timeout(now);
            let commands = drain(&mut link);
            show(&mut link, &log_of(0), now);
            if !asked(&commands).is_empty() {
                break;
            }
        }
        pauses.push(now.saturating_since(begun));
    }
    assert!(link.is_connected());
    assert_eq!(told, 1);
    let (first, last) = (pauses[0], pauses[11]);
    assert!(first <= Duration::from_millis(500), "{first:?}");
    assert!(last >= Duration::from_secs(30) && last <= Duration::from_mins(1), "{last:?}");
}

#[test]
fn a_statement_of_the_peer_has_it_asked_again() {
    let mut link = connected();
    for millis in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000] {
        refuse(&mut link, 1, at(millis));
        link.intakes.get_mut(&1).expect("an intake").asking.ask(at(millis));
    }
    refuse(&mut link, 1, at(33_000));
    link.handle_statements(statements(0, 1), at(34_000));
    assert_eq!(asked(&drain(&mut link)), []);
    link.handle_applied(StatementIndex::new(0), id(0), at(34_001));
    assert_eq!(asked(&drain(&mut link)), [1]);
}

#[test]
fn a_refusal_that_was_on_its_way_when_a_statement_came_is_asked_again_about() {
    let mut link = connected();
    for millis in [1_000, 2_000, 4_000, 8_000] {
        refuse(&mut link, 1, at(millis));
        link.handle_timeout(at(millis + 30_000));
        drain(&mut link);
        link.handle_heard(at(millis + 30_000));
    }
    link.handle_statements(statements(0, 1), at(39_000));
    link.handle_applied(StatementIndex::new(0), id(0), at(39_000));
    refuse(&mut link, 1, at(39_001));
    let (due, _why) = link.poll_timeout(at(39_001)).expect("something is due");
    link.handle_timeout(due);
    assert_eq!((due <= at(39_501), asked(&drain(&mut link))), (true, vec![1]));
}

#[test]
fn nothing_is_asked_of_a_peer_that_is_gone() {
    let mut link = connected();
    refuse(&mut link, 1, at(30));
    link.handle_statements(statements(0, 1), at(700));
    link.handle_disconnected(at(701));
    drain(&mut link);
    link.handle_applied(StatementIndex::new(0), id(0), at(702));
    assert_eq!(asked(&drain(&mut link)), []);
    let (due, why) = link.poll_timeout(at(2_000)).expect("something is due");
    assert_eq!(why, "dial", "{due}");
}

#[test]
fn many_statements_at_once_do_not_have_it_asked_many_times() {
    let mut link = connected();
    refuse(&mut link, 1, at(21));
    link.handle_statements(statements(0, 50), at(22));
    for index in 0..50 {
        link.handle_applied(StatementIndex::new(index), id(index), at(23));
    }
    assert_eq!(asked(&drain(&mut link)), []);
    let (due, why) = link.poll_timeout(at(23)).expect("something is due");
    assert!(due <= at(520), "{why} {due}");
    link.handle_timeout(at(520));
    assert_eq!(asked(&drain(&mut link)), [1]);
}

#[test]
fn a_refused_subscription_holds_up_no_other_and_gets_no_credit() {
    let mut link = link_with(&["fujisawa/a/#", "fujisawa/b/#"], Resume::default());
    connect(&mut link, at(20));
    link.handle_record(record(0, &["fujisawa"]), at(21));
    drain(&mut link);
    refuse(&mut link, 1, at(22));
    link.handle_stored(Position::new(0), at(23));
    let other = frame::Record { subscription: 2, ..record(1, &["fujisawa"]) };
    link.handle_record(other, at(24));
    link.handle_stored(Position::new(1), at(25));
    let credited: Vec<_> = drain(&mut link)
        .into_iter()
        .filter_map(|command| {
            let (LinkCommand::Credit { subscription, .. }
            | LinkCommand::Acknowledge { subscription, .. }) = command
            else {
                return None;
            };
            Some(subscription)
        })
        .collect();
    assert_eq!(credited, [2, 2]);
    link.handle_timeout(at(600));
    let start = drain(&mut link).into_iter().find_map(|command| {
        let LinkCommand::Subscribe { subscription: 1, start, .. } = command else { return None };
        Some(start)
    });
    assert_eq!(start, Some(frame::Start::Position(Position::new(1))));
}

#[test]
fn a_subscription_that_held_and_is_taken_away_is_told_again() {
    let mut link = connected();
    assert_eq!(not_permitted(&refuse(&mut link, 1, at(30))), 1);
    link.handle_timeout(at(600));
    assert_eq!(not_permitted(&refuse(&mut link, 1, at(601))), 0);
    link.handle_timeout(at(2_000));
    assert_eq!(asked(&drain(&mut link)), [1]);
    link.handle_subscribed(1, Position::ZERO, at(2_001));
    assert_eq!(not_permitted(&refuse(&mut link, 1, at(2_002))), 0);
    link.handle_timeout(at(10_000));
    assert_eq!(asked(&drain(&mut link)), [1]);
    link.handle_subscribed(1, Position::ZERO, at(10_001));
    assert_eq!(not_permitted(&refuse(&mut link, 1, at(20_001))), 1);
    let (due, _why) = link.poll_timeout(at(20_001)).expect("something is due");
    assert!(due <= at(20_501), "{due}");
}

#[test]
fn what_is_too_much_at_once_is_asked_for_again_later_and_ends_nothing() {
    let mut link = connected();
    link.handle_subscription_refused(1, RefusalCode::RateLimited, at(30));
    let commands = drain(&mut link);
    assert_eq!((hung_up(&commands), not_permitted(&commands)), (None, 0));
    link.handle_timeout(at(1_000));
    assert_eq!(asked(&drain(&mut link)), [1]);
    // What is not permitted is news still.
    assert_eq!(not_permitted(&refuse(&mut link, 1, at(1_001))), 1);
}

#[test]
fn any_other_refusal_ends_the_connection() {
    for (subscription, code) in
        [(1, RefusalCode::TooMany), (CONTROL_LOG, RefusalCode::NotPermitted)]
    {
        let mut link = connected();
        link.handle_subscription_refused(subscription, code, at(30));
        let wanted = Some(HangupReason::Refused { subscription, code });
        assert_eq!(hung_up(&drain(&mut link)), wanted);
    }
}

#[test]
fn of_a_log_that_was_put_back_no_place_is_left() {
    let places = [("fujisawa/a/#", 9), ("fujisawa/b/#", 4), ("fujisawa/then/#", 7)];
    let positions = places.map(|(text, place)| (filter(text), Position::new(place)));
    let resume = Resume { positions: BTreeMap::from(positions), ..Resume::default() };
    let mut link = link_with(&["fujisawa/a/#", "fujisawa/b/#"], resume);
    connect(&mut link, at(20));
    drain(&mut link);
    let (from_position, to_position) = (Position::new(6), Position::new(6));
    let (subscription, reason) = (1, GapReason::Restart);
    let gap = frame::Gap { subscription, from_position, to_position, reason, topic: None };
    link.handle_gap(&gap, at(31));
    link.handle_gap(&frame::Gap { subscription: 2, ..gap }, at(31));
    let commands = drain(&mut link);
    for (text, _place) in places {
        let forget = LinkCommand::SavePosition { filter: filter(text), position: None };
        assert!(commands.contains(&forget), "{text}: {commands:?}");
    }
    let hangups = commands.iter().filter(|it| matches!(it, LinkCommand::Hangup { .. }));
    assert_eq!(hangups.count(), 1);
    let (until, _) = link.poll_timeout(at(31)).expect("a dial is due");
    link.handle_timeout(until);
    connect(&mut link, until);
    let starts: Vec<_> = drain(&mut link)
        .into_iter()
        .filter_map(|command| {
            let LinkCommand::Subscribe { start, .. } = command else { return None };
            Some(start)
        })
        .collect();
    assert_eq!(starts, [frame::Start::Earliest; 2]);
}

#[test]
fn what_is_done_is_kept_when_the_connection_ends() {
    let mut link = connected();
    for position in 0..3 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
        drain(&mut link);
        link.handle_stored(Position::new(position), at(31));
    }
    let save = |position| LinkCommand::SavePosition {
        filter: filter("fujisawa/#"),
        position: Some(Position::new(position)),
    };
    assert!(!drain(&mut link).contains(&save(3)), "it is not due yet");
    link.handle_disconnected(at(32));
    assert_eq!(drain(&mut link), [save(3)]);
    link.handle_disconnected(at(33));
    assert_eq!(drain(&mut link), []);
}
