use sekisho_proto::{Statement, StatementBody};

use super::*;
use crate::{
    KemKeyPair, SeededEntropy, SigningKey,
    fixture::{EPOCH, SEALING, Scripted, Zeros, tree, unhex_all},
};

/// The reader of the grants that another implementation made.
fn foreign_reader(kem_suite: Suite) -> Identity {
    let seed = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let kem = KemKeyPair::from_seed(kem_suite, &seed).unwrap();
    Identity::new(SigningKey::from_seed(&[9; 32]), kem)
}

fn reader(suite: Suite, seed: u64) -> Identity {
    Identity::generate(suite, &mut SeededEntropy::new(seed)).unwrap()
}

fn draft(reader: PrincipalId) -> KeyGrantDraft {
    KeyGrantDraft {
        organisation: OrgName::parse("fujisawa").unwrap(),
        tree: tree(),
        epoch: EPOCH,
        reader,
        purpose: "care".to_owned(),
        issued: Timestamp::from_micros(1),
    }
}

fn epoch_keys(suite: Suite) -> EpochKeyPair {
    EpochKeyPair::generate(suite, &mut SeededEntropy::new(5)).unwrap()
}

fn wrap(epoch_keys: &EpochKeyPair, reader: &Identity) -> KeyGrant {
    let mut entropy = SeededEntropy::new(6);
    let key = reader.kem().public_key();
    wrap_epoch_seed(epoch_keys, key, draft(reader.id()), &mut entropy).unwrap()
}

fn announce(keys: &EpochKeyPair) -> EpochAnnounce {
    EpochAnnounce {
        organisation: OrgName::parse("fujisawa").unwrap(),
        tree: tree(),
        epoch: EPOCH,
        suite: keys.suite(),
        public_key: keys.public_key().to_bytes().into(),
        issued: Timestamp::from_micros(1),
        not_before: Timestamp::from_micros(1),
        not_after: Timestamp::from_micros(2),
        min_epoch: EPOCH,
    }
}

#[test]
fn a_granted_seed_arrives_whatever_the_suites_of_epoch_and_reader() {
    for epoch_suite in SEALING {
        let keys = epoch_keys(epoch_suite);
        for reader_suite in SEALING {
            let reader = reader(reader_suite, 1);
            let grant = wrap(&keys, &reader);
            let taken = unwrap_announced_epoch_seed(&reader, &grant, &announce(&keys)).unwrap();
            assert_eq!(taken.seed(), keys.seed());
            assert_eq!(taken.suite(), epoch_suite);
        }
    }
}

#[test]
fn a_grant_survives_the_journey_as_a_statement() {
    let (keys, reader) = (epoch_keys(Suite::XWingAes256Gcm), reader(Suite::XWingAes256Gcm, 1));
    let statement = Statement::unsigned(StatementBody::KeyGrant(wrap(&keys, &reader)));
    let arrived = Statement::decode(&statement.encode()).unwrap();
    let StatementBody::KeyGrant(grant) = arrived.body() else { panic!("a key grant") };
    assert_eq!(unwrap_epoch_seed(&reader, grant).unwrap().seed(), keys.seed());
}

#[test]
fn a_grant_to_somebody_else_is_refused_and_does_not_open() {
    for suite in SEALING {
        let (keys, reader, thief) = (epoch_keys(suite), reader(suite, 1), reader(suite, 2));
        let grant = wrap(&keys, &reader);
        let error = unwrap_epoch_seed(&thief, &grant).unwrap_err();
        assert!(matches!(error, GrantError::Reader { .. }), "{error}");
        let renamed = KeyGrant { reader: thief.id(), ..grant };
        let error = unwrap_epoch_seed(&thief, &renamed).unwrap_err();
        assert!(matches!(error, GrantError::Kem(KemError::Sealed { .. })), "{error}");
    }
}

#[test]
fn a_grant_that_says_anything_else_than_what_was_sealed_does_not_open() {
    let reader = reader(Suite::X25519Aes256Gcm, 1);
    let grant = wrap(&epoch_keys(Suite::X25519Aes256Gcm), &reader);
    let others = [
        KeyGrant { organisation: OrgName::parse("santander").unwrap(), ..grant.clone() },
        KeyGrant { tree: Filter::parse("fujisawa/#").unwrap(), ..grant.clone() },
        KeyGrant { epoch: EPOCH.next(), ..grant.clone() },
        KeyGrant { suite: Suite::X25519ChaCha20Poly1305, ..grant.clone() },
        KeyGrant { purpose: "marketing".to_owned(), ..grant.clone() },
    ];
    for other in others {
        let error = unwrap_epoch_seed(&reader, &other).unwrap_err();
        assert!(matches!(error, GrantError::Kem(KemError::Sealed { .. })), "{error}");
    }
    let later = KeyGrant { issued: Timestamp::from_micros(2), ..grant };
    unwrap_epoch_seed(&reader, &later).unwrap();
}

#[test]
fn a_reader_whose_kem_key_is_of_another_suite_does_not_open_it() {
    let reader = reader(Suite::X25519Aes256Gcm, 1);
    let grant = wrap(&epoch_keys(Suite::X25519Aes256Gcm), &reader);
    let kem = KemKeyPair::from_seed(Suite::X25519ChaCha20Poly1305, &reader.kem().seed()).unwrap();
    let same_key = Identity::new(reader.signing().clone(), kem);
    assert!(unwrap_epoch_seed(&same_key, &grant).is_err());
    let kem = KemKeyPair::from_seed(Suite::XWingAes256Gcm, &reader.kem().seed()).unwrap();
    let other_kem = Identity::new(reader.signing().clone(), kem);
    let error = unwrap_epoch_seed(&other_kem, &grant).unwrap_err();
    assert!(matches!(error, GrantError::Kem(KemError::Encapsulation { .. })), "{error}");
}

#[test]
fn a_seed_of_another_key_than_the_announced_one_is_refused() {
    let reader = reader(Suite::X25519Aes256Gcm, 1);
    let keys = epoch_keys(Suite::X25519Aes256Gcm);
    let other = EpochKeyPair::from_seed(Suite::X25519Aes256Gcm, &[1; 32]).unwrap();
    let grant = wrap(&other, &reader);
    let error = unwrap_announced_epoch_seed(&reader, &grant, &announce(&keys)).unwrap_err();
    assert!(matches!(error, GrantError::Epoch { .. }), "{error}");
    let next = EpochAnnounce { epoch: EPOCH.next(), ..announce(&other) };
    assert!(unwrap_announced_epoch_seed(&reader, &grant, &next).is_err());
}

#[test]
fn no_grant_is_made_without_randomness() {
    let (keys, reader) = (epoch_keys(Suite::XWingAes256Gcm), reader(Suite::XWingAes256Gcm, 1));
    let key = reader.kem().public_key();
    let made = wrap_epoch_seed(&keys, key, draft(reader.id()), &mut Zeros);
    assert!(matches!(made, Err(KemError::Entropy(_))));
    let made = wrap_epoch_seed(&keys, key, draft(reader.id()), &mut Scripted(vec![1; 63]));
    assert!(matches!(made, Err(KemError::Entropy(_))));
}

/// RFC 9180 written out over Python's `cryptography`.
#[test]
fn seals_as_another_implementation_of_the_documentation() {
    let reader = foreign_reader(Suite::X25519Aes256Gcm);
    let seed = std::array::from_fn(|index| u8::try_from(index + 32).unwrap());
    let keys = EpochKeyPair::from_seed(Suite::X25519Aes256Gcm, &seed).unwrap();
    let mut entropy = Scripted((64..128).collect());
    let key = reader.kem().public_key();
    let grant = wrap_epoch_seed(&keys, key, draft(reader.id()), &mut entropy).unwrap();
    let encapsulation = "b259f6ee92dcba0111850b13b3f6dccc827726f9b08235ab62922b6b3f3f2a19";
    assert_eq!(grant.encapsulation, unhex_all(encapsulation));
    let sealed = "f4b1413ee878fa624003b49e9f072065a1aa746898fea78dcee729d331377455\
                  dfe4c725fb152a3abffc29964d70c084";
    assert_eq!(grant.sealed_seed, unhex_all(sealed));
}

/// Made by the HPKE of Python's `cryptography` 48 (ML-KEM-768 with X25519, HKDF-SHA256,
/// AES-256-GCM).
#[test]
fn opens_what_another_implementation_of_xwing_sealed() {
    let made = unhex_all(include_str!("xwing-grant.hex"));
    let (encapsulation, sealed_seed) = made.split_at(1120);
    let reader = foreign_reader(Suite::XWingAes256Gcm);
    let KeyGrantDraft { organisation, tree, epoch, reader: to, purpose, issued } =
        draft(reader.id());
    let grant = KeyGrant {
        organisation,
        tree,
        epoch,
        suite: Suite::X25519Aes256Gcm,
        reader: to,
        purpose,
        encapsulation: encapsulation.to_vec().into(),
        sealed_seed: sealed_seed.to_vec().into(),
        issued,
    };
    let keys = unwrap_epoch_seed(&reader, &grant).unwrap();
    assert_eq!(keys.seed().to_vec(), (32..64).collect::<Vec<u8>>());
}
