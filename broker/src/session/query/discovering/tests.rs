use sekisho_proto::{Offset, Position};

use super::*;

fn states(count: usize) -> Vec<TopicState> {
    let state = |number| TopicState {
        topic: format!("fujisawa/many/{number:05}").parse().unwrap(),
        first_offset: Offset::new(0),
        next_offset: Offset::new(1),
        records: 1,
        last_position: Some(Position::new(0)),
        last_received: Some(Timestamp::EPOCH),
    };
    (0..count).map(state).collect()
}

fn read(part: &str) -> (usize, Option<String>) {
    let part: Value = serde_json::from_str(part).unwrap();
    let topics = part["topics"].as_array().unwrap().len();
    (topics, part["next"].as_str().map(str::to_owned))
}

#[test]
fn the_last_part_says_that_nothing_comes_after_it() {
    let found = states(3);
    let entries: Vec<Value> = found.iter().map(|state| told(state, None)).collect();
    assert_eq!(read(&part(&found, &entries, false)), (3, None));
    let more = Some("fujisawa/many/00002".to_owned());
    assert_eq!(read(&part(&found, &entries, true)), (3, more));
    assert_eq!(read(&part(&[], &[], false)), (0, None));
}

#[test]
fn a_part_that_one_answer_does_not_hold_goes_on_behind_what_it_held() {
    let found = states(1_000);
    let words = "x".repeat(2_000);
    let entries: Vec<Value> = found.iter().map(|_state| json!({ "title": words })).collect();
    let cut = part(&found, &entries, false);
    assert!(cut.len() <= ANSWER_BYTES_MAX, "found {}", cut.len());
    let (topics, next) = read(&cut);
    assert!((500..530).contains(&topics), "found {topics}");
    assert_eq!(next, Some(format!("fujisawa/many/{:05}", topics - 1)));
}

#[test]
fn those_that_may_be_told_are_found_however_far_behind_the_others_they_are() {
    let all = states(1_000);
    let look = |after: Option<&Topic>, most: usize| -> Vec<TopicState> {
        let behind = all.iter().filter(|state| after.is_none_or(|after| state.topic > *after));
        behind.take(most).cloned().collect()
    };
    let last_three = |topic: &Topic| topic.as_str() >= "fujisawa/many/00997";
    assert_eq!(first_of(look, last_three, None, 2), all[997..999]);
    assert_eq!(first_of(look, last_three, None, 3), all[997..]);
    assert_eq!(first_of(look, last_three, None, 9), all[997..]);
    assert_eq!(first_of(look, |_topic| true, Some(all[9].topic.clone()), 5), all[10..15]);
    assert_eq!(first_of(look, |_topic| false, None, 5), []);
    assert_eq!(first_of(look, |_topic| true, Some(all[999].topic.clone()), 5), []);
}
