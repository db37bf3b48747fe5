//! Sessions over connections, time and crashes.

use std::sync::Arc;

use proptest::prelude::*;
use sekisho_mqtt::overlap::{Options, Standing};
use sekisho_mqtt::session_state::{Form, Held, NEVER};
use sekisho_proto::{ContentType, Position, Topic};
use sekisho_store::{Disk, KeyedChange, KeyedFile, StdDisk};

use super::*;

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn key(principal: u8, client: &str) -> Key {
    Key { principal: PrincipalId::new([principal; 32]), client: client.into() }
}

fn left(key: &Key, expiry_s: u32, seconds: i64) -> SessionState {
    let mut state = SessionState::new(key.principal, key.client.to_string(), expiry_s);
    state.left = Some(at(seconds));
    state
}

fn will(delay_s: u32) -> Testament {
    Testament {
        topic: Topic::parse("fujisawa/mqtt/gone").unwrap(),
        body: Bytes::from_static(b"bye"),
        content_type: ContentType::parse(ContentType::OPAQUE).unwrap(),
        flags: 0,
        expiry_s: 0,
        delay_s,
    }
}

#[test]
fn a_session_has_one_connection_which_is_told_to_let_go_of_it() {
    let mut sessions = Sessions::default();
    let (before, Connected { taken_over, .. }) = sessions.attach(&key(1, "a")).ok().unwrap();
    assert!(before.is_none() && !taken_over.is_cancelled());
    let Err(Blocked::Until(gone)) = sessions.attach(&key(1, "a")) else {
        panic!("wanted the older connection in the way");
    };
    assert!(taken_over.is_cancelled() && !gone.is_cancelled());
    sessions.leave(left(&key(1, "a"), 9, 0));
    assert!(gone.is_cancelled());
    let (before, Connected { taken_over, .. }) = sessions.attach(&key(1, "a")).ok().unwrap();
    assert!(before.is_some() && !taken_over.is_cancelled());
}

/// With so many subscriptions of the log, and one of what the node says of itself.
fn subscribed(state: SessionState, count: u32) -> SessionState {
    let spelt = |number: u32| if number == 0 { "$SYS/#".to_owned() } else { number.to_string() };
    let held = (0..=count).map(|number| {
        let standing = Standing {
            number,
            filter: "fujisawa/#".parse().unwrap(),
            options: Options::parse(1).unwrap(),
            identifier: None,
            share: None,
            since: Position::ZERO,
        };
        let (spelt, next, done) = (spelt(number), Position::ZERO, BTreeSet::new());
        (number, Box::new(Held { standing, spelt, form: Form::Message, next, done, owed: None }))
    });
    SessionState { subscriptions: held.collect(), ..state }
}

#[test]
fn what_a_client_has_to_take_up_is_that_of_a_session_that_goes_on() {
    let mut sessions = Sessions::default();
    let (a, b, c) = (key(1, "a"), key(1, "b"), key(1, "c"));
    sessions.leave(subscribed(left(&a, 9, 0), 3));
    sessions.leave(subscribed(left(&b, 0, 0), 3));
    let found = |sessions: &Sessions, key, seconds| sessions.left_behind(key, at(seconds));
    assert_eq!([&a, &b, &c].map(|key| found(&sessions, key, 8)), [3, 0, 0]);
    assert_eq!(found(&sessions, &a, 9), 0, "wanted a session that is over left alone");
    // One that is connected says what it would leave.
    let (_before, connected) = sessions.attach(&a).ok().unwrap();
    assert_eq!(found(&sessions, &a, 8), 0);
    connected.subscriptions.note(5);
    assert_eq!(found(&sessions, &a, 8), 5);
}

#[test]
fn another_principals_client_identifier_is_another_session() {
    let mut sessions = Sessions::default();
    let (_before, first) = sessions.attach(&key(1, "a")).ok().unwrap();
    let (before, _second) = sessions.attach(&key(2, "a")).ok().unwrap();
    assert!(before.is_none() && !first.taken_over.is_cancelled());
    let blobs = [key(1, "a"), key(2, "a"), key(1, "a/../#"), key(1, "")].map(|key| key.blob());
    let names: BTreeSet<&String> = blobs.iter().collect();
    assert_eq!(names.len(), 4);
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(blobs.iter().all(|name| is_plain(&name[SESSIONS.len()..])), "{blobs:?}");
}

#[test]
fn one_principal_has_so_many_sessions_and_no_more() {
    let mut sessions = Sessions::default();
    for number in 0..SESSIONS_PER_PRINCIPAL_MAX {
        assert!(sessions.attach(&key(1, &number.to_string())).is_ok());
    }
    let Err(Blocked::Refused(refusal)) = sessions.attach(&key(1, "more")) else {
        panic!("wanted a refusal");
    };
    assert_eq!(refusal.code, RefusalCode::TooMany);
    assert!(sessions.attach(&key(2, "more")).is_ok());
    // What is remembered already needs no room.
    sessions.leave(left(&key(1, "0"), 9, 0));
    assert!(sessions.attach(&key(1, "0")).is_ok());
}

#[test]
fn a_will_is_due_before_its_session_ends_and_once() {
    let mut sessions = Sessions::default();
    let state = SessionState { will: Some(will(3)), ..left(&key(1, "a"), 5, 0) };
    sessions.leave(state);
    assert!(sessions.take_due(at(2)).wills.is_empty());
    let due = sessions.take_due(at(3));
    assert_eq!((due.wills.len(), due.ended.len(), sessions.len()), (1, 0, 1));
    let due = sessions.take_due(at(5));
    assert_eq!((due.wills.len(), due.ended.len(), sessions.len()), (0, 1, 0));
}

#[test]
fn what_is_due_of_a_session_that_is_connected_again_is_left_alone() {
    let mut sessions = Sessions::default();
    sessions.leave(SessionState { will: Some(will(3)), ..left(&key(1, "a"), 5, 0) });
    assert!(sessions.attach(&key(1, "a")).is_ok());
    let due = sessions.take_due(at(99));
    assert!(due.wills.is_empty() && due.ended.is_empty());
    assert_eq!(sessions.len(), 1);
}

#[test]
fn what_a_client_ends_in_order_is_removed_from_the_disk() {
    let mut sessions = Sessions::default();
    // It was kept for its will or its expiry, and the client has withdrawn both.
    let ended = left(&key(1, "a"), 0, 7);
    assert_eq!(kept_form(&ended), None);
    sessions.leave(ended);
    let due = sessions.take_due(at(7));
    assert_eq!(due.changed, [(key(1, "a"), None)]);
    assert!(due.wills.is_empty());
    assert!(kept_form(&SessionState { will: Some(will(0)), ..left(&key(1, "a"), 0, 7) }).is_some());
}

#[test]
fn clients_that_come_and_go_leave_nothing_to_be_done_behind() {
    let mut sessions = Sessions::default();
    for second in 0..100 {
        assert!(sessions.attach(&key(1, "a")).is_ok());
        sessions.leave(left(&key(1, "a"), 3_600, second));
        assert_eq!(sessions.due.len(), 1);
    }
    assert!(sessions.attach(&key(1, "a")).is_ok());
    assert!(sessions.due.is_empty());
    assert_eq!(sessions.bytes, 0);
}

#[test]
fn what_one_principal_leaves_takes_so_much_memory_and_no_more() {
    let mut sessions = Sessions::default();
    let long = Testament { body: Bytes::from(vec![0; 1 << 20]), ..will(9) };
    let mut count = 0;
    while sessions.attach(&key(1, &count.to_string())).is_ok() {
        let key = key(1, &count.to_string());
        sessions.leave(SessionState { will: Some(long.clone()), ..left(&key, NEVER, 0) });
        count += 1;
    }
    assert_eq!(count, BYTES_PER_PRINCIPAL_MAX >> 20);
    assert!(sessions.attach(&key(2, "other")).is_ok());
    // What is remembered may be taken up, which makes room.
    assert!(sessions.attach(&key(1, "0")).is_ok());
    assert!(sessions.attach(&key(1, "1")).is_ok());
    assert!(sessions.attach(&key(1, "new")).is_ok());
}

#[test]
fn after_a_crash_every_session_is_there_and_those_connected_have_left() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let keyed = KeyedFile::open(&disk, &folder.path().join("keyed"), 1 << 20).unwrap();
    let mut connected = left(&key(1, "connected"), 7, 0);
    connected.left = None;
    connected.will = Some(will(0));
    let before = [left(&key(1, "left"), NEVER, 3), connected];
    let mut changes: Vec<KeyedChange> = before
        .iter()
        .map(|state| KeyedChange::PutBlob(Key::of(state).blob(), state.encode().into()))
        .collect();
    let damaged = format!("{SESSIONS}{}", "0".repeat(64));
    changes.push(KeyedChange::PutBlob(damaged, Bytes::from_static(b"nonsense")));
    keyed.apply(&changes).unwrap();
    let mut sessions = Sessions::open(&keyed, at(100)).unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.take_due(at(100)).wills.len(), 1);
    assert_eq!(sessions.take_due(at(107)).ended.len(), 1);
    let (state, _taken_over) = sessions.attach(&key(1, "left")).ok().unwrap();
    assert_eq!(state.unwrap(), before[0]);
}

proptest! {
    /// Whatever connects and leaves: nobody has two connections, and counts agree.
    #[test]
    fn counts_agree(steps in proptest::collection::vec((0u8..3, 0u8..3, 0u32..4, any::<bool>()), 0..60)) {
        let mut sessions = Sessions::default();
        let mut connected = BTreeSet::new();
        for (now, (principal, client, expiry_s, leaves)) in (0i64..).zip(steps) {
            let key = key(principal, &client.to_string());
            if leaves {
                if connected.remove(&key) {
                    sessions.leave(left(&key, expiry_s, now));
                }
            } else {
                prop_assert_eq!(sessions.attach(&key).is_ok(), !connected.contains(&key));
                connected.insert(key);
            }
            let due = sessions.take_due(at(now));
            prop_assert!(due.ended.iter().all(|(key, _state)| !connected.contains(key)));
            let counted: usize = sessions.of_principal.values().map(|share| share.count).sum();
            prop_assert_eq!(counted, sessions.known.len());
            let bytes: usize = sessions.known.values().map(Entry::bytes).sum();
            prop_assert_eq!(bytes, sessions.bytes);
            prop_assert!(sessions.due.len() <= sessions.known.len());
            prop_assert!(connected.iter().all(|key| sessions.known.contains_key(key)));
        }
    }
}
