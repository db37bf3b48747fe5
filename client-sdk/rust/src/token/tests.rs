use sekisho_proto::{Hash, PrincipalKind, PublicKey, Timestamp, TokenId};

use super::{JoinSecret, JoinToken, PREFIX, TokenError};

fn token() -> JoinToken {
    JoinToken {
        name: "truck-17@fujisawa".parse().unwrap(),
        kind: PrincipalKind::Device,
        root: Hash::new([1; 32]),
        node_key: PublicKey::new([2; 32]),
        address: "node.fujisawa.example:7443".to_owned(),
        id: TokenId::new([3; 16]),
        secret: JoinSecret::new([4; 32]),
        expires: "2026-11-21T08:00:00.000000Z".parse().unwrap(),
    }
}

#[test]
fn a_token_survives_its_text() {
    let text = token().to_text();
    assert!(text.starts_with(PREFIX), "{}", *text);
    assert_eq!(JoinToken::parse(&text).unwrap(), token());
    assert_eq!(JoinToken::parse(&format!("  {}\n", *text)).unwrap(), token());
    assert_eq!(JoinToken::parse(&text.to_uppercase()).unwrap(), token());
}

#[test]
fn every_slip_of_one_character_is_noticed() {
    let text = token().to_text();
    for place in PREFIX.len()..text.len() {
        for other in ["a", "7", "0", "!"] {
            let mut slipped = text.to_string();
            slipped.replace_range(place..=place, other);
            if slipped != *text {
                JoinToken::parse(&slipped).unwrap_err();
            }
        }
        JoinToken::parse(&text[..place]).unwrap_err();
    }
    JoinToken::parse(&format!("{}a", *text)).unwrap_err();
}

#[test]
fn another_text_is_refused_by_name() {
    assert_eq!(JoinToken::parse("sekisho-join-v2.aaaa").unwrap_err(), TokenError::Prefix);
    assert_eq!(JoinToken::parse("sekisho-join-v1").unwrap_err(), TokenError::Prefix);
    assert_eq!(JoinToken::parse("sekisho-join-vü.").unwrap_err(), TokenError::Prefix);
    assert_eq!(JoinToken::parse("sekisho-join-v1.").unwrap_err(), TokenError::Encoding);
    assert_eq!(JoinToken::parse("sekisho-join-v1.ü").unwrap_err(), TokenError::Encoding);
    let endless = [PREFIX, &"a".repeat(100_000)].concat();
    assert_eq!(JoinToken::parse(&endless).unwrap_err(), TokenError::Encoding);
}

#[test]
fn the_secret_is_not_shown() {
    let shown = format!("{:?}", token());
    assert!(!shown.contains("4, 4"), "{shown}");
    assert!(shown.contains("truck-17@fujisawa"), "{shown}");
    assert_eq!(token().expires, Timestamp::parse("2026-11-21T08:00:00.000000Z").unwrap());
}
