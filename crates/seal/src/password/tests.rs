use proptest::prelude::*;
use sekisho_proto::PrincipalName;

use super::*;
use crate::SeededEntropy;

fn name(text: &str) -> PrincipalName {
    text.parse().unwrap()
}

fn drawn(seed: u64) -> Password {
    Password::generate(&mut SeededEntropy::new(seed)).unwrap()
}

/// Made by Python: `hmac`, `hashlib`, `base64` and the Ed25519 of `cryptography`.
#[test]
fn text_and_key_are_frozen() {
    let mut counted = [0; SECRET_BYTES];
    for (byte, number) in counted.iter_mut().zip(1..) {
        *byte = number;
    }
    let password = Password(Zeroizing::new(counted));
    let text = "aebag-bafay-dqqci-kbmga-2dqpc-airee-yuqwo-p3je6";
    assert_eq!(password.to_text().as_str(), text);
    let key = password.signing_key(&name("meter@fujisawa")).unwrap();
    let public: String = key.public_key().as_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(public, "9d956079d3c7e04608adedca5b6040c573ea0536205864c1c10888f3346f91ec");
}

#[test]
fn a_password_under_another_name_or_organisation_is_another_key() {
    let password = drawn(1);
    let keys = ["meter@fujisawa", "meter2@fujisawa", "meter@santander", "m@eterfujisawa"]
        .map(|holder| password.signing_key(&name(holder)).unwrap().public_key());
    for (at, key) in keys.iter().enumerate() {
        assert!(keys.iter().skip(at + 1).all(|other| other != key));
    }
    let again = password.signing_key(&name("meter@fujisawa")).unwrap().public_key();
    assert_eq!(again, *keys.first().unwrap());
}

#[test]
fn two_passwords_of_one_name_are_two_keys() {
    let holder = name("meter@fujisawa");
    let keys = [1, 2].map(|seed| drawn(seed).signing_key(&holder).unwrap().public_key());
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn what_somebody_made_up_is_refused() {
    let made_up = ["", "hunter2", "correct horse battery staple", &"a".repeat(40)];
    for text in made_up {
        assert!(Password::parse(text).is_err(), "{text}");
    }
    assert_eq!(Password::parse(&"a".repeat(40)), Err(PasswordError::Check));
    assert_eq!(Password::parse(&"a".repeat(39)), Err(PasswordError::Encoding));
    assert_eq!(Password::parse(&" ".repeat(TEXT_BYTES_MAX + 1)), Err(PasswordError::Encoding));
}

#[test]
fn it_is_shown_by_its_text_alone() {
    let password = drawn(3);
    let shown = format!("{password:?}");
    assert_eq!(shown, "Password(secret)");
    let error = Password::parse("hunter2").unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

proptest! {
    #[test]
    fn a_text_is_read_however_it_is_typed(seed: u64, upper: bool, hyphens: bool) {
        let password = drawn(seed);
        let mut text = password.to_text().to_string();
        if upper {
            text.make_ascii_uppercase();
        }
        if !hyphens {
            text = text.replace('-', " ");
        }
        prop_assert_eq!(Password::parse(&format!(" {text}\n")), Ok(password));
    }

    #[test]
    fn one_wrong_character_is_noticed(seed: u64, at in 0..CHARACTERS, other in 0usize..32) {
        let password = drawn(seed);
        let text = password.to_text().replace('-', "");
        let symbol = b"abcdefghijklmnopqrstuvwxyz234567".get(other).copied().unwrap();
        let mut typed = text.clone().into_bytes();
        if let Some(byte) = typed.get_mut(at) {
            *byte = symbol;
        }
        let typed = String::from_utf8(typed).unwrap();
        prop_assert_eq!(Password::parse(&typed).is_ok(), typed == text);
    }

    #[test]
    fn no_text_breaks_the_reader(text: String) {
        prop_assert!(Password::parse(&text).is_err());
    }
}
