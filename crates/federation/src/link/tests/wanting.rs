//! What a link asks for where its node takes only what somebody wants.

use super::*;
use crate::{Since, Wanted};

fn wanted(texts: &[(&str, Since)]) -> Option<Wanted> {
    Some(texts.iter().map(|(text, since)| (filter(text), *since)).collect())
}

/// A link to which its node has said what is wanted before it dialled.
fn wanting(texts: &[(&str, Since)]) -> Link {
    let mut link = link_with(&["fujisawa/#"], Resume::default());
    link.handle_wanted(wanted(texts), at(11));
    drain(&mut link);
    connect(&mut link, at(20));
    link
}

fn subscribed(commands: &[LinkCommand]) -> Vec<(u32, String, frame::Start)> {
    let subscribed = commands.iter().filter_map(|command| {
        let LinkCommand::Subscribe { subscription, filter, start, .. } = command else {
            return None;
        };
        Some((*subscription, filter.to_string(), *start))
    });
    subscribed.collect()
}

#[test]
fn nothing_is_asked_for_that_nobody_wants_and_one_filter_serves_many() {
    let mut link = wanting(&[]);
    assert_eq!(subscribed(&drain(&mut link)), []);
    let many: Vec<String> = (0..50).map(|number| format!("fujisawa/truck/{number}")).collect();
    let mut texts: Vec<(&str, Since)> =
        many.iter().map(|text| (text.as_str(), Since::Latest)).collect();
    texts.push(("fujisawa/truck/#", Since::Latest));
    link.handle_wanted(wanted(&texts), at(30));
    let asked = subscribed(&drain(&mut link));
    assert_eq!(asked, [(1, "fujisawa/truck/#".to_owned(), frame::Start::Latest)]);
}

#[test]
fn what_began_at_the_end_of_the_peers_log_goes_on_from_there() {
    let mut link = wanting(&[("fujisawa/a/#", Since::Latest)]);
    drain(&mut link);
    link.handle_subscribed(1, Position::new(70), at(21));
    link.handle_timeout(at(22));
    link.handle_disconnected(at(22));
    let (until, _why) = link.poll_timeout(at(22)).expect("a dial is due");
    link.handle_timeout(until);
    connect(&mut link, until);
    let place = frame::Start::Position(Position::new(70));
    assert_eq!(subscribed(&drain(&mut link)), [(1, "fujisawa/a/#".to_owned(), place)]);
}

#[test]
fn somebody_who_looks_back_has_the_past_asked_for() {
    let mut link = wanting(&[("fujisawa/a", Since::Time(at(5))), ("fujisawa/b", Since::Earliest)]);
    let asked = subscribed(&drain(&mut link));
    let wanted =
        [("fujisawa/a", frame::Start::Time(at(5))), ("fujisawa/b", frame::Start::Earliest)];
    let wanted = (1..).zip(wanted).map(|(number, (text, start))| (number, text.to_owned(), start));
    assert_eq!(asked, wanted.collect::<Vec<_>>());
}

#[test]
fn what_is_wanted_again_goes_on_where_it_ended() {
    let mut link = wanting(&[("fujisawa/a", Since::Earliest)]);
    link.handle_record(record(3, &["fujisawa"]), at(21));
    link.handle_stored(Position::new(3), at(21));
    link.handle_wanted(wanted(&[]), at(30));
    drain(&mut link);
    let linger = limits().interest_linger;
    let due = at(30).saturating_add(linger);
    link.handle_heard(due);
    link.handle_timeout(due);
    let unsubscribe = LinkCommand::Unsubscribe { subscription: 1 };
    assert!(drain(&mut link).contains(&unsubscribe));
    link.handle_wanted(wanted(&[("fujisawa/+", Since::Latest)]), due);
    let place = frame::Start::Position(Position::new(4));
    assert_eq!(subscribed(&drain(&mut link)), [(2, "fujisawa/+".to_owned(), place)]);
    assert!(link.is_connected());
}

#[test]
fn windows_are_shared_among_whatever_is_asked_for() {
    let mut link = wanting(&[("fujisawa/a", Since::Earliest)]);
    let credit = |commands: &[LinkCommand]| {
        let granted = commands.iter().filter_map(|command| {
            let LinkCommand::Subscribe { credit, .. } = command else { return None };
            Some(*credit)
        });
        granted.collect::<Vec<_>>()
    };
    assert_eq!(credit(&drain(&mut link)), [8]);
    let more = ["fujisawa/a", "fujisawa/b", "fujisawa/c", "fujisawa/d"];
    let more: Vec<_> = more.iter().map(|text| (*text, Since::Earliest)).collect();
    link.handle_wanted(wanted(&more), at(30));
    assert_eq!(credit(&drain(&mut link)), [2, 2, 2]);
}

#[test]
fn places_of_filters_that_come_and_go_are_bounded() {
    let mut link = wanting(&[]);
    let (mut now, mut forgotten) = (at(30), 0);
    for number in 0..1_200 {
        now = now.saturating_add(Duration::from_secs(61));
        let text = format!("fujisawa/truck/{number}");
        link.handle_wanted(wanted(&[(&text, Since::Latest)]), now);
        let asked = subscribed(&drain(&mut link));
        let [(subscription, ..)] = asked[..] else { panic!("{asked:?}") };
        link.handle_subscribed(subscription, Position::new(number), now);
        link.save(now);
        let commands = drain(&mut link);
        let forgets = |command: &&LinkCommand| {
            matches!(command, LinkCommand::SavePosition { position: None, .. })
        };
        forgotten += commands.iter().filter(forgets).count();
    }
    assert_eq!((link.places().len(), forgotten), (1_024, 1_200 - 1_024));
}
