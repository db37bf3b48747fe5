use bytes::Bytes;

use super::{KeyHeader, KeyHeaderContent, key_header_signing_input};
use crate::{BootId, DecodeError, Epoch, Hash, PrincipalId, Signature, Suite, Topic};

fn content(suite: Suite, encapsulation: usize) -> KeyHeaderContent {
    KeyHeaderContent {
        suite,
        topic: Topic::parse("o/a").unwrap(),
        epoch: Epoch::new(7),
        publisher: PrincipalId::new([1; 32]),
        boot: BootId::new([2; 16]),
        encapsulation: Bytes::from(vec![3; encapsulation]),
        commitment: [4; 32],
    }
}

fn assemble(content: &KeyHeaderContent) -> Result<KeyHeader, DecodeError> {
    KeyHeader::assemble(content.encode(), Signature::new([5; 64]))
}

#[test]
fn its_id_is_the_beginning_of_the_hash_of_what_is_signed() {
    let content = content(Suite::X25519Aes256Gcm, 32);
    let key_header = assemble(&content).unwrap();
    let input = key_header_signing_input(&content.encode());
    assert!(input.starts_with(b"sekisho-key-header-v1\0\0\0\0\0\0\0\0"));
    assert_eq!(key_header.signing_input(), input);
    assert_eq!(key_header.id().as_bytes(), &Hash::of(&input).as_bytes()[..16]);
    assert_eq!(key_header.content(), &content);
}

#[test]
fn an_encapsulation_has_the_length_of_its_suite() {
    for (suite, length) in [
        (Suite::X25519Aes256Gcm, 32),
        (Suite::X25519ChaCha20Poly1305, 32),
        (Suite::XWingAes256Gcm, 1120),
        (Suite::XWingChaCha20Poly1305, 1120),
    ] {
        assert!(assemble(&content(suite, length)).is_ok());
        for wrong in [0, length - 1, length + 1] {
            let error = assemble(&content(suite, wrong)).unwrap_err().to_string();
            assert!(
                error.contains("encapsulation: wanted the length of a sealing suite"),
                "{error}"
            );
        }
    }
    assert!(assemble(&content(Suite::Open, 0)).is_err());
}

#[test]
fn epoch_zero_is_refused() {
    let content = KeyHeaderContent { epoch: Epoch::ZERO, ..content(Suite::X25519Aes256Gcm, 32) };
    let error = assemble(&content).unwrap_err().to_string();
    assert_eq!(error, "key header content: epoch: wanted 1 or more, found 0");
}
