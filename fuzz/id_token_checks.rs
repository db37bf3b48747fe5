//! What must hold for anything that somebody brings as what an OpenID provider said. The fuzz target
//! runs this, and so does an ordinary test over the committed corpus.

use data_encoding::BASE64URL_NOPAD;
use sekisho_proto::Timestamp;
use sekisho_seal::SigningKey;
use serde_json::{Value, json};

use super::{OpenIdProvider, OpenIdSubject, check};

/// When all of it is judged: a sign-in of the corpus is of then.
const NOW_S: i64 = 1_795_000_000;
const ISSUER: &str = "https://login.example";
const SUBJECT: &str = "248289761001";
const NONCE: &str = "n-0S6_WzA2Mj";
const HEADER: &str = r#"{"alg":"EdDSA","kid":"one"}"#;
const CLAIMS: &str = r#"{"iss":"https://login.example","sub":"248289761001","aud":"sekisho","exp":1795000600,"iat":1794999995,"nonce":"n-0S6_WzA2Mj"}"#;

/// As a token; as what the provider signed; as what it says that it signed it by.
pub(crate) fn id_token(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(is_taken(text.trim()), is_taken(text.trim()));
    }
    if is_taken(&signed(HEADER.as_bytes(), bytes)) {
        let claims: Value = serde_json::from_slice(bytes).unwrap();
        for (claim, wanted) in [("iss", ISSUER), ("sub", SUBJECT), ("nonce", NONCE)] {
            assert_eq!(claims[claim], wanted, "{claim}");
        }
    }
    if is_taken(&signed(bytes, CLAIMS.as_bytes())) {
        let header: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(header["alg"], "EdDSA");
    }
}

/// Whether a token says that the subject signed in, where the provider has one key.
pub(crate) fn is_taken(token: &str) -> bool {
    let x = BASE64URL_NOPAD.encode(key().public_key().as_bytes());
    let published = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "one", "x": x });
    let keys = serde_json::from_value(json!({ "keys": [published] })).unwrap();
    let provider = OpenIdProvider { issuer: ISSUER.to_owned(), client_id: "sekisho".to_owned() };
    let wanted = OpenIdSubject { provider, subject: SUBJECT.to_owned() };
    let now = Timestamp::from_micros(NOW_S * 1_000_000);
    match check(&keys, &wanted, (token, Some(NONCE)), now) {
        Ok(()) => true,
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            false
        }
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

/// A token of any two parts, which the provider signed.
pub(crate) fn signed(header: &[u8], claims: &[u8]) -> String {
    let parts = [header, claims].map(|part| BASE64URL_NOPAD.encode(part)).join(".");
    let der = jsonwebtoken::EncodingKey::from_ed_der(&key().pkcs8_der());
    let signature =
        jsonwebtoken::crypto::sign(parts.as_bytes(), &der, jsonwebtoken::Algorithm::EdDSA);
    format!("{parts}.{}", signature.unwrap())
}
