#[path = "../../../../fuzz/id_token_checks.rs"]
mod id_token_checks;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{EncodingKey, Header, encode};
use sekisho_seal::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::openid::OpenIdProvider;

const NOW_S: i64 = 1_795_000_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW_S * 1_000_000)
}

fn wanted() -> OpenIdSubject {
    let provider = OpenIdProvider {
        issuer: "https://login.example".to_owned(),
        client_id: "sekisho".to_owned(),
    };
    OpenIdSubject { provider, subject: "248289761001".to_owned() }
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example",
        "sub": "248289761001",
        "aud": "sekisho",
        "exp": NOW_S + 600,
        "iat": NOW_S - 5,
    })
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn published(id: &str, key: &SigningKey) -> JwkSet {
    let x = BASE64URL_NOPAD.encode(key.public_key().as_bytes());
    let key =
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id, "x": x });
    serde_json::from_value(json!({ "keys": [key] })).unwrap()
}

fn token(claims: &Value, key: &SigningKey, id: &str) -> String {
    let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, claims, &EncodingKey::from_ed_der(&key.pkcs8_der())).unwrap()
}

fn judged(claims: &Value) -> Result<(), String> {
    judged_with(claims, None)
}

fn judged_with(claims: &Value, nonce: Option<&str>) -> Result<(), String> {
    let token = token(claims, &key(1), "one");
    let judged = check(&published("one", &key(1)), &wanted(), (&token, nonce), now());
    judged.map_err(|error| error.to_string())
}

#[test]
fn a_token_that_says_all_of_it_is_taken() {
    judged(&claims()).unwrap();
    let mut several = claims();
    several["aud"] = json!(["other", "sekisho"]);
    several["azp"] = json!("sekisho");
    judged(&several).unwrap();
}

#[test]
fn whatever_it_says_otherwise_is_refused_and_named() {
    let faults = [
        ("iss", json!("https://login.example.attacker"), "iss: wanted https://login.example"),
        ("sub", json!("248289761002"), "sub: wanted who was invited"),
        ("aud", json!("another"), "aud: wanted sekisho, found another"),
        ("aud", json!(["sekisho", "another"]), "azp: wanted sekisho, found none"),
        ("azp", json!("another"), "azp: wanted sekisho, found another"),
        ("exp", json!(NOW_S - 121), "exp: wanted a time after"),
        ("iat", json!(NOW_S + 121), "iat: wanted a time shortly before"),
        ("iat", json!(NOW_S - 901), "iat: wanted a time shortly before"),
    ];
    for (claim, value, told) in faults {
        let mut claims = claims();
        claims[claim] = value;
        let error = judged(&claims).unwrap_err();
        assert!(error.contains(told), "{claim}: {error}");
    }
    for missing in ["iss", "sub", "aud", "exp", "iat"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(missing);
        assert!(judged(&claims).is_err(), "{missing}");
    }
}

#[test]
fn a_token_that_the_provider_did_not_sign_is_refused() {
    let keys = published("one", &key(1));
    let judge = |token: &str| check(&keys, &wanted(), (token, None), now());
    let good = token(&claims(), &key(1), "one");
    judge(&good).unwrap();
    for forged in [
        token(&claims(), &key(2), "one"),
        token(&claims(), &key(1), "two"),
        good.trim_end_matches(|_last: char| true).to_owned(),
        good.get(..good.len() - 1).unwrap().to_owned(),
        format!("{good}.x"),
    ] {
        judge(&forged).unwrap_err();
    }
}

#[test]
fn nothing_unsigned_or_signed_with_what_everybody_knows_is_taken() {
    let keys = published("one", &key(1));
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
    check(&keys, &wanted(), (&unsigned, None), now()).unwrap_err();
    // The confusion of a public key with a shared secret.
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(key(1).public_key().as_bytes());
    let confused = encode(&header, &claims(), &secret).unwrap();
    let error = check(&keys, &wanted(), (&confused, None), now()).unwrap_err();
    assert!(error.to_string().contains("alg: wanted a signature by a key"), "{error}");
}

#[test]
fn what_a_page_brings_is_for_its_own_invitation_and_key_alone() {
    let mut asked = claims();
    asked["nonce"] = json!("this key's");
    judged_with(&asked, Some("this key's")).unwrap();
    // A token that the steward fetched for itself was asked for by nobody else.
    judged_with(&asked, None).unwrap();
    let error = judged_with(&asked, Some("another key's")).unwrap_err();
    assert!(error.contains("nonce: wanted that of this invitation"), "{error}");
    assert!(error.ends_with("found another") && !error.contains("key's"), "{error}");
    let error = judged_with(&claims(), Some("this key's")).unwrap_err();
    assert!(error.ends_with("found none"), "{error}");
}

#[test]
fn id_token_corpus_holds() {
    replay::replay("id_token", id_token_checks::id_token);
}

#[test]
fn a_sign_in_of_the_corpus_is_taken() {
    let contents = replay::files("id_token").into_iter().map(|path| std::fs::read(path).unwrap());
    let signed = |claims: &Vec<u8>| {
        let token = id_token_checks::signed(br#"{"alg":"EdDSA","kid":"one"}"#, claims);
        id_token_checks::is_taken(&token)
    };
    assert!(contents.into_iter().any(|content| signed(&content)), "wanted one that is in order");
}
