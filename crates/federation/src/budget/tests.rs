use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

#[test]
fn a_second_worth_of_bytes_may_come_at_once() {
    let mut budget = Budget::new(1_000, at(0));
    budget.spend(1_000, at(0));
    assert_eq!(budget.exhausted_until(at(0)), None);
    budget.spend(500, at(0));
    assert_eq!(budget.exhausted_until(at(0)), Some(at(500)));
    assert_eq!(budget.exhausted_until(at(499)), Some(at(500)));
    assert_eq!(budget.exhausted_until(at(500)), None);
}

#[test]
fn an_idle_peer_saves_no_more_than_a_second() {
    let mut budget = Budget::new(1_000, at(0));
    budget.spend(2_500, at(60_000));
    assert_eq!(budget.exhausted_until(at(60_000)), Some(at(61_500)));
}

#[test]
fn small_steps_of_time_are_not_lost() {
    let mut budget = Budget::new(3, at(0));
    budget.spend(6, at(0));
    for millis in 1..1_000 {
        assert!(budget.exhausted_until(at(millis)).is_some());
    }
    assert_eq!(budget.exhausted_until(at(1_000)), None);
}

#[test]
fn a_clock_that_steps_back_gives_nothing() {
    let mut budget = Budget::new(1_000, at(10_000));
    budget.spend(2_000, at(10_000));
    assert_eq!(budget.exhausted_until(at(5_000)), Some(at(6_000)));
    assert_eq!(budget.exhausted_until(at(6_000)), None);
}

#[test]
fn an_absurd_debt_does_not_overflow() {
    let mut budget = Budget::new(u64::MAX, at(0));
    budget.spend(usize::MAX, at(0));
    budget.spend(usize::MAX, at(0));
    let mut slow = Budget::new(0, at(0));
    slow.spend(usize::MAX, at(0));
    assert!(slow.exhausted_until(at(0)).is_some());
}

#[test]
fn a_burst_may_come_at_once_and_then_the_rate() {
    let mut budget = Budget::with_burst(10, 100, at(0));
    assert!(!budget.spend(100, at(0)));
    assert_eq!(budget.exhausted_until(at(0)), None);
    assert!(budget.spend(1, at(0)), "wanted it told when it ran out");
    assert!(!budget.spend(1, at(0)), "wanted it told once");
    assert_eq!(budget.exhausted_until(at(0)), Some(at(200)));
    assert!(budget.is_full(at(60_000)));
}

#[test]
fn another_rate_forgives_nothing() {
    let mut budget = Budget::new(1_000, at(0));
    budget.spend(3_000, at(0));
    budget.set_rate(100, at(0));
    assert_eq!(budget.exhausted_until(at(0)), Some(at(20_000)));
    budget.set_rate(4_000, at(0));
    assert_eq!(budget.exhausted_until(at(0)), Some(at(500)));
}
