use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const LEVELS: [&str; 4] = ["a", "b", "c", "truck-17"];

fn topic(text: &str) -> Topic {
    Topic::parse(text).expect("a topic")
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).expect("a filter")
}

fn topics() -> impl Strategy<Value = Topic> {
    prop::collection::vec(prop::sample::select(LEVELS.as_slice()), 1..5)
        .prop_map(|levels| topic(&format!("city/{}", levels.join("/"))))
}

fn filters() -> impl Strategy<Value = Filter> {
    let level = prop_oneof![3 => prop::sample::select(LEVELS.as_slice()), 2 => Just("+")];
    (prop::collection::vec(level, 0..4), any::<bool>()).prop_map(|(mut levels, open)| {
        if open || levels.is_empty() {
            levels.push("#");
        }
        filter(&format!("city/{}", levels.join("/")))
    })
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Filter, u8),
    Remove(Filter, u8),
    RemoveSome(prop::sample::Index),
    Match(Topic),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (filters(), 0..6_u8).prop_map(|(filter, key)| Step::Insert(filter, key)),
        1 => (filters(), 0..6_u8).prop_map(|(filter, key)| Step::Remove(filter, key)),
        2 => any::<prop::sample::Index>().prop_map(Step::RemoveSome),
        3 => topics().prop_map(Step::Match),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn agrees_with_asking_every_filter(steps in steps()) {
        let mut tree = SubscriptionTree::new();
        let mut naive: BTreeSet<(Filter, u8)> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Insert(filter, key) => {
                    let added = naive.insert((filter.clone(), key));
                    prop_assert_eq!(tree.insert(&filter, key), added);
                }
                Step::Remove(filter, key) => {
                    let removed = naive.remove(&(filter.clone(), key));
                    prop_assert_eq!(tree.remove(&filter, key), removed);
                }
                Step::RemoveSome(index) => {
                    if naive.is_empty() {
                        continue;
                    }
                    let (filter, key) = index.get(&naive.iter().cloned().collect::<Vec<_>>()).clone();
                    naive.remove(&(filter.clone(), key));
                    prop_assert!(tree.remove(&filter, key));
                }
                Step::Match(topic) => {
                    let wanted: BTreeSet<u8> = naive
                        .iter()
                        .filter(|(filter, _)| filter.matches(&topic))
                        .map(|(_, key)| *key)
                        .collect();
                    prop_assert_eq!(tree.matches(&topic), wanted.into_iter().collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(tree.len(), naive.len());
        }
        for (filter, key) in naive {
            prop_assert!(tree.remove(&filter, key));
        }
        prop_assert!(tree.is_empty());
        prop_assert!(tree.root.is_empty(), "branches without subscriptions are left");
    }
}

#[test]
fn an_open_filter_matches_its_own_level_too() {
    let mut tree = SubscriptionTree::new();
    tree.insert(&filter("city/a/#"), 1);
    tree.insert(&filter("city/#"), 2);
    tree.insert(&filter("city/+/#"), 3);
    tree.insert(&filter("city/a/+"), 4);
    assert_eq!(tree.matches(&topic("city/a")), [1, 2, 3]);
    assert_eq!(tree.matches(&topic("city/a/b")), [1, 2, 3, 4]);
    assert_eq!(tree.matches(&topic("city/b")), [2, 3]);
    assert_eq!(tree.matches(&topic("town/a")), Vec::<i32>::new());
}

#[test]
fn a_key_with_several_matching_filters_is_found_once() {
    let mut tree = SubscriptionTree::new();
    for text in ["city/a/b", "city/+/b", "city/a/#", "city/#"] {
        assert!(tree.insert(&filter(text), 7));
    }
    assert_eq!(tree.len(), 4);
    assert_eq!(tree.matches(&topic("city/a/b")), [7]);
}
