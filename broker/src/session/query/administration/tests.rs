use sekisho_proto::Offset;

use super::*;

fn tree(topic: &str, levels: usize) -> String {
    tree_of(&topic.parse().unwrap(), levels).to_string()
}

#[test]
fn topics_are_summed_up_by_their_first_levels() {
    assert_eq!(tree("fujisawa/truck/17/air", 1), "fujisawa/#");
    assert_eq!(tree("fujisawa/truck/17/air", 2), "fujisawa/truck/#");
    assert_eq!(tree("fujisawa/truck/17/air", 4), "fujisawa/truck/17/air");
    assert_eq!(tree("fujisawa/tide", 2), "fujisawa/tide");
    assert_eq!(tree("fujisawa/tide", 9), "fujisawa/tide");
    let long = format!("a/b/{}", "x".repeat(128));
    assert_eq!(tree(&long, 2), "a/b/#");
}

#[test]
fn what_is_kept_is_what_was_not_dropped() {
    let state = |first, next, records, received: Option<i64>| TopicState {
        topic: "fujisawa/tide".parse().unwrap(),
        first_offset: Offset::new(first),
        next_offset: Offset::new(next),
        records,
        last_position: None,
        last_received: received.map(Timestamp::from_micros),
    };
    let day = Some(Duration::from_hours(24));
    let mut kept = Kept::default();
    kept.add(&state(10, 30, 20, Some(5)), day);
    kept.add(&state(0, 0, 0, None), day);
    let told = kept.told(&"fujisawa/#".parse().unwrap());
    assert_eq!((&told["topics"], &told["records"]), (&json!(2), &json!(20)));
    assert_eq!(told["retention_s"], 86_400);
    kept.add(&state(0, 1, 1, Some(3)), None);
    let told = kept.told(&"fujisawa/#".parse().unwrap());
    assert_eq!(told["retention_s"], Value::Null);
    assert_eq!(told["last_received"], Timestamp::from_micros(5).to_string());
    // A copy of the log that was put back goes on far behind.
    let mut kept = Kept::default();
    kept.add(&state(0, (1 << 40) + 2, 5, None), None);
    assert_eq!(kept.told(&"fujisawa/#".parse().unwrap())["records"], 5);
}
