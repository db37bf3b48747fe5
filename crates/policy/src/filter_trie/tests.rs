use proptest::prelude::*;

use super::*;

fn some_level() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["a", "b", "c"])
}

fn some_topic() -> impl Strategy<Value = Topic> {
    proptest::collection::vec(some_level(), 1..5)
        .prop_map(|levels| format!("o/{}", levels.join("/")).parse().unwrap())
}

fn some_filter() -> impl Strategy<Value = Filter> {
    let level = prop_oneof![3 => some_level(), 1 => Just("+")];
    (proptest::collection::vec(level, 0..4), any::<bool>()).prop_map(|(levels, open)| {
        let mut levels = levels;
        if open || levels.is_empty() {
            levels.push("#");
        }
        format!("o/{}", levels.join("/")).parse().unwrap()
    })
}

fn trie_of(filters: &[Filter]) -> FilterTrie<usize> {
    let mut trie = FilterTrie::default();
    for (place, filter) in filters.iter().enumerate() {
        trie.values_mut(filter).push(place);
    }
    trie
}

fn all(visit: impl FnOnce(&mut dyn FnMut(&[usize]) -> ControlFlow<()>)) -> Vec<usize> {
    let mut found = Vec::new();
    visit(&mut |values| {
        found.extend_from_slice(values);
        ControlFlow::Continue(())
    });
    found.sort_unstable();
    found
}

fn places(filters: &[Filter], wanted: impl Fn(&Filter) -> bool) -> Vec<usize> {
    filters
        .iter()
        .enumerate()
        .filter(|(_, filter)| wanted(filter))
        .map(|(place, _)| place)
        .collect()
}

proptest! {
    #[test]
    fn a_topic_finds_exactly_the_filters_that_match(
        filters in proptest::collection::vec(some_filter(), 0..20),
        topic in some_topic(),
    ) {
        let trie = trie_of(&filters);
        let found = all(|visit| assert!(trie.matching(&topic, visit, &mut 0).is_continue()));
        prop_assert_eq!(found, places(&filters, |filter| filter.matches(&topic)));
    }

    #[test]
    fn a_filter_finds_exactly_the_filters_that_overlap(
        filters in proptest::collection::vec(some_filter(), 0..20),
        wanted in some_filter(),
    ) {
        let trie = trie_of(&filters);
        let found = all(|visit| assert!(trie.overlapping(&wanted, visit, &mut 0).is_continue()));
        prop_assert_eq!(found, places(&filters, |filter| filter.overlaps(&wanted)));
    }

    #[test]
    fn a_clone_does_not_see_later_changes(
        filters in proptest::collection::vec(some_filter(), 1..20),
        topic in some_topic(),
    ) {
        let mut trie = trie_of(&filters);
        let kept = trie.clone();
        for filter in &filters {
            trie.values_mut(filter).clear();
        }
        let found = all(|visit| assert!(kept.matching(&topic, visit, &mut 0).is_continue()));
        prop_assert_eq!(found, places(&filters, |filter| filter.matches(&topic)));
        let cleared = all(|visit| assert!(trie.matching(&topic, visit, &mut 0).is_continue()));
        prop_assert!(cleared.is_empty());
    }
}

#[test]
fn the_most_specific_filter_comes_first_and_breaking_stops() {
    let filters =
        ["o/#", "o/+/b", "o/a/#", "o/a/b", "o/a/+", "o/+/#"].map(|text| text.parse().unwrap());
    let trie = trie_of(&filters);
    let mut order = Vec::new();
    let topic = "o/a/b".parse().unwrap();
    let flow = trie.matching(
        &topic,
        &mut |values| {
            order.extend_from_slice(values);
            if order.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
        &mut 0,
    );
    assert!(flow.is_break());
    assert_eq!(order, [3, 4, 2, 1, 5]);
}
