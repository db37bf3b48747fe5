use serde_json::{Value, json};

use super::*;
use crate::fixture::identity;

fn entry() -> Value {
    let keys = identity("truck");
    json!({
        "token": "07".repeat(16),
        "public_key": keys.public_key().to_string(),
        "kem_suite": keys.kem().suite().number(),
        "kem_public_key": data_encoding::HEXLOWER.encode(&keys.kem().public_key().to_bytes()),
        "proof": "0a".repeat(32),
        "since": "2026-11-20T08:30:00.000000Z",
    })
}

fn parse(entries: &[Value]) -> Vec<Result<Request, RequestError>> {
    Request::parse_list(&Value::from(entries).to_string()).unwrap()
}

#[test]
fn the_nodes_list_is_read() {
    let found = parse(&[entry()]);
    let [Ok(request)] = found.as_slice() else { panic!("{found:?}") };
    let keys = identity("truck");
    assert_eq!(request.token, TokenId::new([7; 16]));
    assert_eq!(request.id(), keys.id());
    assert_eq!(request.kem_suite, Suite::X25519Aes256Gcm);
    assert_eq!(request.kem_public_key, keys.kem().public_key().to_bytes());
    assert_eq!(request.proof, [10; 32]);
    assert!(request.sign_in.is_empty());
    let mut entry = entry();
    entry["sign_in"] = json!("0b0c");
    assert_eq!(parse(&[entry])[0].as_ref().unwrap().sign_in, [11, 12]);
}

#[test]
fn a_newcomer_without_a_kem_key_can_be_enrolled() {
    let mut entry = entry();
    entry["kem_suite"] = json!(0);
    entry["kem_public_key"] = json!("");
    assert!(parse(&[entry])[0].is_ok());
}

#[test]
fn one_bad_entry_holds_up_no_other() {
    let faults: [(&str, Value); 10] = [
        ("sign_in", json!("0")),
        ("token", json!("07")),
        ("public_key", json!("00".repeat(32))),
        ("public_key", json!("z".repeat(64))),
        ("kem_suite", json!(99)),
        ("kem_suite", json!(2)),
        ("kem_public_key", json!("0")),
        ("kem_public_key", json!("00".repeat(32))),
        ("proof", json!("0a".repeat(31))),
        ("proof", Value::Null),
    ];
    for (key, value) in faults {
        let mut wrong = entry();
        wrong[key] = value;
        let found = parse(&[wrong, entry()]);
        assert!(matches!(found.as_slice(), [Err(_), Ok(_)]), "{key}: {found:?}");
    }
}

#[test]
fn what_is_no_list_is_refused() {
    for text in ["", "{}", "null", "[", "[1"] {
        Request::parse_list(text).unwrap_err();
    }
    assert!(Request::parse_list("[]").unwrap().is_empty());
}
