use super::*;

fn fujisawa() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn code(ways: &WaysHome, bytes: usize) -> Result<(Place, OwnedSemaphorePermit), RefusalCode> {
    ways.room(&fujisawa(), bytes).map_err(|refusal| refusal.code)
}

#[test]
fn where_there_is_no_way_or_none_any_more_the_publisher_is_to_wait() {
    let ways = WaysHome::default();
    assert_eq!(code(&ways, 1).unwrap_err(), RefusalCode::Draining);
    let queue = ways.begin(&fujisawa());
    drop(code(&ways, 1).unwrap());
    drop(queue);
    assert_eq!(code(&ways, 1).unwrap_err(), RefusalCode::Draining);
    ways.end(&fujisawa());
    assert_eq!(code(&ways, 1).unwrap_err(), RefusalCode::Draining);
}

#[test]
fn what_waits_to_be_carried_is_bounded_in_number_and_in_bytes() {
    let ways = WaysHome::default();
    let _queue = ways.begin(&fujisawa());
    let small: Vec<_> = (0..WAITING_MAX).map(|_| code(&ways, 100).unwrap()).collect();
    assert_eq!(code(&ways, 100).unwrap_err(), RefusalCode::TooMany);
    drop(small);
    let half = WAITING_KIB_MAX as usize * 1_024 / 2;
    let large: Vec<_> = (0..2).map(|_| code(&ways, half - 1).unwrap()).collect();
    assert_eq!(code(&ways, 1).unwrap_err(), RefusalCode::TooMany);
    drop(large);
    drop(code(&ways, 1).unwrap());
}
