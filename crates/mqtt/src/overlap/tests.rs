//! However subscriptions overlap, one of them brings a record.

use proptest::prelude::*;
use sekisho_proto::{Filter, Position, PrincipalId, Topic};

use super::{Options, Standing, matches};
use crate::session_state::{Form, Held, NEVER, SessionState};

const FILTERS: [&str; 8] = ["#", "+/#", "a", "a/#", "a/+", "+/b", "a/b", "%24s/#"];
const TOPICS: [&str; 6] = ["a", "a/b", "c/b", "a/b/c", "%24s/b", "a/%24b"];
const PREFIX: usize = 2;

fn filter(text: &str) -> Filter {
    Filter::parse(&format!("fujisawa/mqtt/{text}")).unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(&format!("fujisawa/mqtt/{text}")).unwrap()
}

fn remembering(standings: &[Standing]) -> SessionState {
    let mut state = SessionState::new(PrincipalId::new([1; 32]), "client".to_owned(), NEVER);
    for standing in standings {
        let (standing, spelt, done) = (standing.clone(), String::new(), [].into());
        let form = Form::Message;
        let held = Held { next: standing.since, standing, spelt, form, done, owed: None };
        state.subscriptions.insert(held.standing.number, Box::new(held));
    }
    state
}

prop_compose! {
    fn standing()(
        text in prop::sample::select(&FILTERS[..]),
        byte in 0u8..16,
        identifier in proptest::option::of(1u32..9),
        share in proptest::option::weighted(0.2, Just("group".to_owned())),
        since in 0u64..10,
    ) -> Standing {
        let options = Options::parse(byte).unwrap_or(Options::parse(1).unwrap());
        let since = Position::new(since);
        Standing { number: 0, filter: filter(text), options, identifier, share, since }
    }
}

proptest! {
    #[test]
    fn one_copy_as_all_matching_subscriptions_together_want_it(
        mut standings in proptest::collection::vec(standing(), 0..6),
        name in prop::sample::select(&TOPICS[..]),
        position in 0u64..12,
        is_own: bool,
    ) {
        for (number, standing) in standings.iter_mut().enumerate() {
            standing.number = u32::try_from(number).unwrap() + 1;
        }
        let state = remembering(&standings);
        let (topic, position) = (topic(name), Position::new(position));
        let at = (&topic, position, PREFIX);
        let plain: Vec<&Standing> = standings
            .iter()
            .filter(|one| one.share.is_none() && one.since <= position)
            .filter(|one| !(is_own && one.options.no_local()) && one.matches(&topic, PREFIX))
            .collect();
        let mut copies = 0;
        for one in standings.iter().filter(|one| one.share.is_none()) {
            let Some(merged) = state.merge(one.number, at, is_own) else { continue };
            copies += 1;
            let quality = plain.iter().map(|one| one.options.quality()).max();
            prop_assert_eq!(Some(merged.quality), quality);
            let identifiers: Vec<u32> = plain.iter().filter_map(|one| one.identifier).collect();
            prop_assert_eq!(merged.identifiers, identifiers);
        }
        prop_assert_eq!(copies, usize::from(!plain.is_empty()));
        for shared in standings.iter().filter(|one| one.share.is_some()) {
            let merged = state.merge(shared.number, at, is_own);
            let wanted = shared.since <= position
                && !(is_own && shared.options.no_local())
                && shared.matches(&topic, PREFIX);
            prop_assert_eq!(merged.is_some(), wanted);
        }
    }

    #[test]
    fn only_options_of_the_standard_are_taken(byte: u8) {
        let forbidden = byte & 3 == 3 || byte >> 4 & 3 == 3 || byte >> 6 != 0;
        prop_assert_eq!(Options::parse(byte).is_none(), forbidden);
    }
}

#[test]
fn a_wildcard_stands_for_no_name_that_begins_with_a_dollar() {
    for (wild, name, is_match) in [
        ("#", "%24s/b", false),
        ("+/b", "%24s/b", false),
        ("%24s/#", "%24s/b", true),
        ("a/+", "a/%24b", true),
        ("#", "a/%24b", true),
    ] {
        assert_eq!(matches(&filter(wild), &topic(name), PREFIX), is_match, "{wild} {name}");
    }
}
