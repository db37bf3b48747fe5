use super::*;

fn name(text: &str) -> OrgName {
    text.parse().unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + millis * 1_000)
}

#[test]
fn a_link_tells_what_crosses_it_how_late_it_is_and_what_was_refused() {
    let board = LinkBoard::default();
    let (owner, via) = (name("fujisawa"), name("bilbao"));
    board.begin(&owner, &via, at(0));
    board.note(&owner, |link| link.set_phase(LinkPhase::Up, at(100)));
    board.note(&owner, |link| link.tell_head(Position::new(4), Position::new(10)));
    for position in 4..8 {
        let came = (Position::new(position), 250);
        board.note(&owner, |link| link.take(came, at(500), at(2_000)));
    }
    board.note(&owner, |link| link.refuse(RefusalCode::BadSignature, 2));
    board.note(&owner, |link| link.gap("retention"));
    let told = board.link(&owner, at(7_000));
    let number = |name: &str| told.get(name).and_then(Value::as_u64);
    assert_eq!((number("records"), number("bytes")), (Some(4), Some(1_000)));
    assert_eq!((number("records_per_s"), number("bytes_per_s")), (Some(1), Some(200)));
    assert_eq!(number("behind_records"), Some(2));
    assert_eq!(told["delay_s"], json!(1.5));
    assert_eq!(told["refused"], json!({ "bad-signature": 2 }));
    assert_eq!(told["gaps"], json!({ "retention": 1 }));
    assert_eq!((&told["via"], &told["state"]), (&json!("bilbao"), &json!("up")));
    // It goes on counting where another route takes its place.
    board.begin(&owner, &owner, at(8_000));
    let told = board.link(&owner, at(60_000));
    assert_eq!((&told["via"], &told["records"]), (&json!("fujisawa"), &json!(4)));
    assert_eq!(told["records_per_s"], json!(1), "wanted what came lately spread over the time");
}

#[test]
fn a_peer_has_no_more_interests_than_it_may() {
    let board = Arc::new(LinkBoard::default());
    let (peer, other) = (name("fujisawa"), name("bilbao"));
    let first = board.ask(&peer, 2).unwrap();
    let _second = board.ask(&peer, 2).unwrap();
    // They may stand beside those that take their place.
    drop([board.ask(&peer, 2).unwrap(), board.ask(&peer, 2).unwrap()]);
    let _next = [board.ask(&peer, 2).unwrap(), board.ask(&peer, 2).unwrap()];
    assert_eq!(board.ask(&peer, 2).unwrap_err().code, RefusalCode::TooMany);
    drop(board.ask(&other, 2).unwrap());
    drop(first);
    let _third = board.ask(&peer, 2).unwrap();
    assert_eq!(board.taking(&peer, at(0))["interests"], json!(4));
    assert_eq!(board.taking(&peer, at(0))["refused_interests"], json!(1));
    assert_eq!(board.taking(&name("toulouse"), at(0)), Value::Null);
}
