use super::*;

#[test]
fn time_follows_the_wall_clock_and_never_goes_back() {
    let course = Course::begin();
    assert_eq!(course.at(1_000, 0), 1_000);
    assert_eq!(course.at(1_500, 500), 1_500);
    // Set ahead, as after a sleep of the machine.
    assert_eq!(course.at(9_000, 600), 9_000);
    // Set back: it goes on from where it was.
    assert_eq!(course.at(2_000, 700), 9_100);
    assert_eq!(course.at(2_100, 800), 9_200);
    // Until the wall clock has caught up.
    assert_eq!(course.at(9_301, 900), 9_301);
}

#[test]
fn a_clock_that_nobody_touched_is_not_behind() {
    assert!(behind() < Duration::from_secs(1), "{:?}", behind());
    let (one, other) = (now(), now());
    assert!(one <= other);
}
