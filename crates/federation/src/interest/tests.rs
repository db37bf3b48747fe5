use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sekisho_proto::Topic;

use super::*;

const LINGER: Duration = Duration::from_secs(60);
const MAX: usize = 6;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn filter(text: &str) -> Filter {
    text.parse().expect("a filter")
}

fn filters(texts: &[&str]) -> Vec<Filter> {
    texts.iter().map(|text| filter(text)).collect()
}

fn wanted(texts: &[&str]) -> Option<Wanted> {
    Some(texts.iter().map(|text| (filter(text), Since::Latest)).collect())
}

fn interests(imports: &[&str], max: usize) -> Interests {
    let mut interests = Interests::new(LINGER);
    interests.set_terms(&filters(imports), max);
    interests
}

fn asked(interests: &Interests) -> Vec<&str> {
    interests.asked.keys().map(Filter::as_str).collect()
}

fn want(interests: &mut Interests, texts: &[&str], now: Timestamp) -> Vec<InterestChange> {
    interests.set_wanted(wanted(texts), now);
    interests.settle(now)
}

#[test]
fn everything_of_the_contract_is_asked_for_where_nobody_says_otherwise() {
    let mut interests = interests(&["f/a/#", "f/b/+", "f/a/x", "f/b/+"], MAX);
    let add = |text| InterestChange::Add(filter(text), Since::Earliest);
    assert_eq!(interests.settle(at(0)), [add("f/a/#"), add("f/b/+")]);
    assert_eq!(interests.settle(at(1)), []);
    assert_eq!(interests.due(), None);
}

#[test]
fn what_is_wanted_is_asked_for_within_the_contract_and_once() {
    let mut all = interests(&["f/a/#", "f/b/#"], MAX);
    want(&mut all, &["f/#", "f/a/x", "g/#"], at(0));
    assert_eq!(asked(&all), ["f/a/#", "f/b/#"]);
    let mut few = interests(&["f/+/air"], MAX);
    want(&mut few, &["f/17/#", "f/18/noise"], at(0));
    assert_eq!(asked(&few), ["f/17/air"]);
}

#[test]
fn what_is_wanted_no_longer_is_asked_for_a_while_yet() {
    let mut interests = interests(&["f/#"], MAX);
    want(&mut interests, &["f/a"], at(0));
    assert_eq!(want(&mut interests, &[], at(10)), []);
    assert_eq!(interests.due(), Some(at(70)));
    assert_eq!(want(&mut interests, &["f/a"], at(20)), []);
    assert_eq!(interests.due(), None);
    want(&mut interests, &[], at(30));
    assert_eq!(interests.settle(at(89)), []);
    assert_eq!(interests.settle(at(90)), [InterestChange::Remove(filter("f/a"))]);
    assert_eq!(interests.due(), None);
}

#[test]
fn a_wider_one_takes_the_place_of_many_and_gives_it_back_to_few() {
    let mut interests = interests(&["f/#"], MAX);
    want(&mut interests, &["f/a/1", "f/a/2"], at(0));
    want(&mut interests, &["f/a/1", "f/a/2", "f/a/#"], at(1));
    assert_eq!(asked(&interests), ["f/a/#"]);
    want(&mut interests, &["f/a/1", "f/a/2"], at(2));
    assert_eq!(asked(&interests), ["f/a/#"]);
    interests.settle(at(62));
    assert_eq!(asked(&interests), ["f/a/1", "f/a/2"]);
}

#[test]
fn more_than_may_be_asked_for_becomes_what_the_contract_names() {
    let mut interests = interests(&["f/a/#", "f/b/#"], 3);
    want(&mut interests, &["f/a/1", "f/a/2", "f/a/3", "f/b/1"], at(0));
    assert_eq!(asked(&interests), ["f/a/#", "f/b/1"]);
}

#[test]
fn a_contract_of_more_filters_than_may_be_asked_for_is_asked_for_by_what_they_begin_with() {
    let mut few = interests(&["f/a/1", "f/a/2", "f/b/1", "f/b/2"], 2);
    few.settle(at(0));
    assert_eq!(asked(&few), ["f/a/#", "f/b/#"]);
    let mut one = interests(&["f/a/1", "f/b/2"], 1);
    one.settle(at(0));
    assert_eq!(asked(&one), ["f/#"]);
}

#[test]
fn what_the_contract_allows_no_longer_is_let_go_of_at_once() {
    let mut interests = interests(&["f/a/#", "f/b/#"], MAX);
    interests.settle(at(0));
    interests.set_terms(&filters(&["f/a/x", "f/c"]), MAX);
    let changes = interests.settle(at(1));
    let removed = ["f/a/#", "f/b/#"].map(|text| InterestChange::Remove(filter(text)));
    let added = ["f/a/x", "f/c"].map(|text| InterestChange::Add(filter(text), Since::Earliest));
    assert_eq!(changes, [removed, added].concat());
}

#[test]
fn the_earliest_of_those_who_want_it_says_where_it_begins() {
    let mut interests = interests(&["f/#"], MAX);
    let all = [("f/a", Since::Latest), ("f/+", Since::Time(at(7))), ("f/b/c", Since::Earliest)];
    interests.set_wanted(Some(all.map(|(text, since)| (filter(text), since)).into()), at(9));
    let add = |text, since| InterestChange::Add(filter(text), since);
    let wanted = [add("f/+", Since::Time(at(7))), add("f/b/c", Since::Earliest)];
    assert_eq!(interests.settle(at(9)), wanted);
}

fn level() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c", "+"])
}

fn any_filter() -> impl Strategy<Value = Filter> {
    (vec(level(), 1..4), any::<bool>()).prop_map(|(levels, is_open)| {
        let end = if is_open { "/#" } else { "" };
        filter(&format!("f/{}{end}", levels.join("/")))
    })
}

/// Every topic of a small world.
fn topics() -> Vec<Topic> {
    let mut all = vec!["f".to_owned()];
    let mut topics = Vec::new();
    for _level in 0..4 {
        all = all
            .iter()
            .flat_map(|one| ["a", "b", "c"].map(|level| format!("{one}/{level}")))
            .collect();
        topics.extend(all.iter().map(|text| text.parse().expect("a topic")));
    }
    topics
}

fn matched(filters: &[Filter], topic: &Topic) -> bool {
    filters.iter().any(|filter| filter.matches(topic))
}

#[derive(Debug, Clone)]
enum Step {
    Want(Filter),
    Leave(usize),
    Wait(u8),
    Terms(Vec<Filter>, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any_filter().prop_map(Step::Want),
        3 => any::<usize>().prop_map(Step::Leave),
        2 => any::<u8>().prop_map(Step::Wait),
        1 => (vec(any_filter(), 1..5), 1_usize..8).prop_map(|(all, max)| Step::Terms(all, max)),
    ]
}

proptest! {
    #[test]
    fn an_intersection_matches_what_both_match(one in any_filter(), other in any_filter()) {
        let both = intersection(&one, &other);
        for topic in topics() {
            let matches = one.matches(&topic) && other.matches(&topic);
            prop_assert_eq!(both.as_ref().is_some_and(|both| both.matches(&topic)), matches);
        }
    }

    #[test]
    fn what_is_asked_covers_what_is_wanted_within_the_contract_and_the_bounds(
        steps in vec(step(), 1..40),
    ) {
        let (mut imports, mut max) = (filters(&["f/a/#", "f/+/b"]), MAX);
        let mut interests = Interests::new(LINGER);
        interests.set_terms(&imports, max);
        let (mut wants, mut now, mut told) = (Vec::<Filter>::new(), at(0), BTreeSet::new());
        let (mut frames, mut changes_of_terms) = (0, 0);
        let count = steps.len();
        for step in steps {
            match step {
                Step::Want(filter) => wants.push(filter),
                Step::Leave(which) if !wants.is_empty() => drop(wants.swap_remove(which % wants.len())),
                Step::Leave(_) => {}
                Step::Wait(seconds) => now = now.saturating_add(Duration::from_secs(seconds.into())),
                Step::Terms(all, most) => {
                    changes_of_terms += 1;
                    (imports, max) = (all, most);
                    interests.set_terms(&imports, max);
                }
            }
            let naive: Wanted = wants.iter().map(|want| (want.clone(), Since::Latest)).collect();
            interests.set_wanted(Some(naive), now);
            for change in interests.settle(now) {
                frames += 1;
                match change {
                    InterestChange::Remove(filter) => prop_assert!(told.remove(&filter)),
                    InterestChange::Add(filter, _since) => prop_assert!(told.insert(filter)),
                }
            }
            let asked: Vec<Filter> = told.iter().cloned().collect();
            prop_assert_eq!(&asked, &interests.asked.keys().cloned().collect::<Vec<_>>());
            prop_assert!(asked.len() <= max, "{:?}", asked);
            let fits = outermost(imports.iter().cloned()).len() <= max;
            for topic in topics() {
                let is_wanted = matched(&wants, &topic) && matched(&imports, &topic);
                prop_assert!(!is_wanted || matched(&asked, &topic), "{} of {:?}", topic, asked);
                let is_allowed = matched(&imports, &topic) || !matched(&asked, &topic);
                prop_assert!(!fits || is_allowed, "{} of {:?}", topic, asked);
            }
        }
        // Each step adds its own filter within each import, or splits one that is too wide; what is
        // removed was added before.
        let most = (count + changes_of_terms * count) * (5 + SPLIT_MAX) * 2;
        prop_assert!(frames <= most, "{frames} frames for {count} steps");
        interests.set_wanted(Some(Wanted::new()), now);
        interests.settle(now);
        interests.settle(now.saturating_add(LINGER));
        prop_assert!(interests.asked.is_empty());
    }
}

#[test]
fn patterns_that_cross_in_too_many_pieces_are_all_that_the_contract_names() {
    let imports: Vec<String> = (0..64).map(|number| format!("f/in{number}/+/#")).collect();
    let wishes: Vec<String> = (0..64).map(|number| format!("f/+/out{number}/#")).collect();
    let mut imports: Vec<&str> = imports.iter().map(String::as_str).collect();
    let wishes: Vec<&str> = wishes.iter().map(String::as_str).collect();
    let mut few = interests(&imports, 256);
    want(&mut few, &wishes[..2], at(0));
    assert_eq!(asked(&few).len(), 128);
    let mut many = interests(&imports, 256);
    want(&mut many, &wishes, at(0));
    imports.sort_unstable();
    assert_eq!(asked(&many), imports);
}
