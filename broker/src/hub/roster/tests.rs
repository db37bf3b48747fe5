use sekisho_proto::{PrincipalId, PrincipalKind};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn who(name: &str) -> Who {
    let (name, id) = (name.parse().unwrap(), PrincipalId::new([1; 32]));
    Who { name, id, kind: PrincipalKind::Device, is_peer: false }
}

fn entered(roster: &Roster, number: u64, name: &str) -> Listed {
    let refusals = Arc::new(Refusals::default());
    let came = Came::by("quic", "127.0.0.1:1".parse().unwrap());
    roster.enter((SessionId::new(number), &who(name)), came, &refusals, at(0))
}

#[test]
fn whoever_leaves_is_listed_no_more_and_neither_is_what_ended() {
    let roster = Roster::default();
    let truck = entered(&roster, 7, "truck-17@fujisawa");
    let first = truck.subscribe(&"fujisawa/#".parse().unwrap(), at(1));
    let _second = truck.subscribe(&"fujisawa/x".parse().unwrap(), at(2));
    drop(first);
    let told = roster.list(None, (0, 10), at(3));
    assert_eq!(told["count"], 1);
    assert_eq!(told["sessions"][0]["subscriptions"][0]["filter"], "fujisawa/x");
    assert_eq!(told["sessions"][0]["via"], "quic");
    drop(truck);
    assert_eq!(roster.list(None, (0, 10), at(3))["count"], 0);
}

#[test]
fn many_sessions_are_told_in_parts() {
    let roster = Roster::default();
    let all: Vec<Listed> = (1..=250)
        .map(|number| {
            let name = if number % 2 == 0 { "even@fujisawa" } else { "odd@fujisawa" };
            entered(&roster, number, name)
        })
        .collect();
    let even = "even@fujisawa".parse().unwrap();
    let (mut from, mut told) = (Some(0), Vec::new());
    while let Some(next) = from {
        let part = roster.list(Some(&even), (next, u32::MAX), at(0));
        let sessions = part["sessions"].as_array().unwrap();
        assert!(!sessions.is_empty() && sessions.len() <= 100);
        told.extend(sessions.iter().map(|one| one["session"].as_u64().unwrap()));
        from = part["next"].as_u64();
    }
    assert_eq!(told, (1..=125).map(|half| half * 2).collect::<Vec<_>>());
    drop(all);
}

#[test]
fn a_session_with_many_subscriptions_tells_some_and_how_many_there_are() {
    let roster = Roster::default();
    let truck = entered(&roster, 7, "truck-17@fujisawa");
    let filter: Filter = "fujisawa/#".parse().unwrap();
    let _all: Vec<Subscribed> = (0..1_000).map(|_| truck.subscribe(&filter, at(1))).collect();
    let told = roster.list(None, (0, 10), at(3));
    let told = &told["sessions"][0];
    assert_eq!(told["subscriptions"].as_array().unwrap().len(), SUBSCRIPTIONS_TOLD_MAX);
    assert_eq!(told["subscriptions_left_out"], 1_000 - SUBSCRIPTIONS_TOLD_MAX);
}

#[test]
fn a_rate_is_that_of_the_last_ten_seconds() {
    let mut meter = Meter::default();
    for second in 0..20 {
        meter.note(5, 500, at(second));
    }
    assert_eq!(meter.told(at(20))["per_s"], 5.0);
    assert_eq!(meter.told(at(25))["per_s"], 2.5);
    assert_eq!(meter.told(at(60))["per_s"], 0.0);
    assert_eq!((meter.records, meter.bytes), (100, 10_000));
    // A clock that is put back stops nothing.
    meter.note(1, 1, at(1));
    assert_eq!(meter.told(at(1))["per_s"], 0.1);
}
