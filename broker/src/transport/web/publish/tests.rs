use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use sekisho_proto::{Hash, Offset, PrincipalId, Timestamp, Topic};

use super::repeating::{Repeating, Turn, key};
use super::{KEY_HEADER, key_header};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const ANNE: PrincipalId = PrincipalId::new([1; 32]);
const BEN: PrincipalId = PrincipalId::new([2; 32]);

fn begin(known: &Arc<Repeating>, whose: PrincipalId, key: &str, what: &str) -> Result<Turn, u16> {
    begin_at(known, whose, key, what, NOW)
}

fn begin_at(
    known: &Arc<Repeating>,
    whose: PrincipalId,
    key: &str,
    what: &str,
    now: Timestamp,
) -> Result<Turn, u16> {
    let begun = known.begin(whose, key.to_owned(), Hash::of(what.as_bytes()), now);
    begun.map_err(|problem| problem.status().as_u16())
}

fn topic() -> Topic {
    "fujisawa/a".parse().unwrap()
}

fn finish(turn: Result<Turn, u16>, offset: u64) {
    let Ok(Turn::First(doing)) = turn else { panic!("wanted to do it first, found {turn:?}") };
    assert_eq!(doing.done(topic(), Offset::new(offset), NOW).len(), 1);
}

#[test]
fn what_was_done_is_not_done_again() {
    let known = Arc::new(Repeating::default());
    let first = begin(&known, ANNE, "k", "a");
    assert_eq!(begin(&known, ANNE, "k", "a").unwrap_err(), 409, "while it is being done");
    finish(first, 7);
    let again = begin(&known, ANNE, "k", "a");
    let Ok(Turn::Before(_, offset)) = again else { panic!("{again:?}") };
    assert_eq!(offset, Offset::new(7));
    assert_eq!(begin(&known, ANNE, "k", "b").unwrap_err(), 422, "another request");
    finish(begin(&known, BEN, "k", "b"), 8);
}

#[test]
fn what_failed_and_what_is_long_ago_is_done_again() {
    let known = Arc::new(Repeating::default());
    drop(begin(&known, ANNE, "k", "a"));
    finish(begin(&known, ANNE, "k", "a"), 7);
    let later = Timestamp::from_micros(NOW.as_micros() + 600_000_000);
    assert!(matches!(begin_at(&known, ANNE, "k", "a", later), Ok(Turn::First(_))));
}

#[test]
fn one_principal_has_so_many_keys_and_others_have_theirs() {
    let known = Arc::new(Repeating::default());
    for number in 0..600 {
        finish(begin(&known, ANNE, &number.to_string(), "a"), number);
    }
    assert_eq!(begin(&known, ANNE, "more", "a").unwrap_err(), 429);
    finish(begin(&known, BEN, "more", "a"), 1);
    let later = Timestamp::from_micros(NOW.as_micros() + 600_000_000);
    assert!(begin_at(&known, ANNE, "more", "a", later).is_ok());
}

#[test]
fn a_key_is_short_and_visible() {
    assert_eq!(key("\"8e03978e-40d5\"").unwrap(), "8e03978e-40d5");
    for bad in ["", "\"\"", "a b", "a\tb", "é", &"a".repeat(129)] {
        assert!(key(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_key_header_is_base64_and_bounded() {
    let headers = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(KEY_HEADER, HeaderValue::from_str(text).unwrap());
        headers
    };
    assert_eq!(key_header(&headers("AAEC")).unwrap().unwrap().as_ref(), [0, 1, 2]);
    for bad in ["AAE", "??", &data_encoding::BASE64.encode(&[0; 2049])] {
        assert!(key_header(&headers(bad)).is_err(), "{bad}");
    }
    let mut twice = headers("AAEC");
    twice.append(KEY_HEADER, HeaderValue::from_static("AAEC"));
    assert!(key_header(&twice).is_err());
}
