use super::*;
use crate::{
    SeededEntropy,
    fixture::{Zeros, unhex_all},
};

const RECORD: &[u8] = b"dashboard@santander opened a session";

fn key(seed: u64) -> SubjectKey {
    SubjectKey::generate(&mut SeededEntropy::new(seed)).unwrap()
}

fn sealed(key: &SubjectKey, record: &[u8], seed: u64) -> SealedAccess {
    key.seal(record, &mut SeededEntropy::new(seed)).unwrap()
}

#[test]
fn a_record_comes_back_and_its_opening_shows_that_it_was_committed_to() {
    let (key, other) = (key(1), key(2));
    for record in [RECORD, b"", &[0; 3_000]] {
        let SealedAccess { commitment, sealed } = sealed(&key, record, 7);
        let opened = key.open(&commitment, &sealed).unwrap();
        assert_eq!(opened.record, record);
        assert!(opened.opening.opens(record, &commitment));
        let told: AccessOpening = opened.opening.to_string().parse().unwrap();
        assert_eq!(told, opened.opening);
        let kept = SubjectKey::from_bytes(&key.to_bytes());
        assert_eq!(kept.open(&commitment, &sealed).unwrap(), opened);
        assert_eq!(other.open(&commitment, &sealed), Err(SubjectKeyError::Opens));
    }
}

#[test]
fn what_is_kept_shows_nothing_of_the_record() {
    let SealedAccess { commitment, sealed } = sealed(&key(1), RECORD, 7);
    assert!(!sealed.windows(9).any(|bytes| RECORD.windows(9).any(|secret| bytes == secret)));
    assert_ne!(commitment, Hash::of(RECORD));
}

#[test]
fn a_changed_record_opens_to_nothing_whatever_was_changed() {
    let key = key(1);
    let SealedAccess { commitment, sealed } = sealed(&key, RECORD, 7);
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(key.open(&commitment, &changed), Err(SubjectKeyError::Opens), "byte {at}");
    }
    for length in 0..sealed.len() {
        assert!(key.open(&commitment, &sealed[..length]).is_err(), "{length} bytes");
    }
    let shortest = NONCE_BYTES + TAG_BYTES;
    assert_eq!(
        key.open(&commitment, &sealed[..shortest - 1]),
        Err(SubjectKeyError::Length { wanted: shortest, found: shortest - 1 })
    );
}

#[test]
fn a_record_cannot_take_the_place_of_another_of_the_same_subject() {
    let key = key(1);
    let (one, other) = (sealed(&key, RECORD, 7), sealed(&key, b"another", 8));
    assert_eq!(key.open(&one.commitment, &other.sealed), Err(SubjectKeyError::Opens));
    assert_eq!(key.open(&other.commitment, &one.sealed), Err(SubjectKeyError::Opens));
}

#[test]
fn an_opening_fits_its_own_record_and_no_other() {
    let key = key(1);
    let (one, again) = (sealed(&key, RECORD, 7), sealed(&key, RECORD, 8));
    assert_ne!(one.commitment, again.commitment, "the same record twice is not to be recognised");
    let opening = key.open(&one.commitment, &one.sealed).unwrap().opening;
    let other = key.open(&again.commitment, &again.sealed).unwrap().opening;
    assert!(!opening.opens(RECORD, &again.commitment));
    assert!(!other.opens(RECORD, &one.commitment));
    let mut forged = RECORD.to_vec();
    forged.push(0);
    assert!(!opening.opens(&forged, &one.commitment));
    assert!(!opening.opens(&RECORD[1..], &one.commitment));
}

#[test]
fn an_opening_opens_nothing_that_is_kept() {
    let key = key(1);
    let (one, other) = (sealed(&key, RECORD, 7), sealed(&key, b"another", 8));
    let opening = key.open(&one.commitment, &one.sealed).unwrap().opening;
    let posing = SubjectKey::from_bytes(&opening.0);
    assert_eq!(posing.open(&one.commitment, &one.sealed), Err(SubjectKeyError::Opens));
    assert_eq!(posing.open(&other.commitment, &other.sealed), Err(SubjectKeyError::Opens));
}

#[test]
fn texts_that_are_no_openings_are_refused() {
    let digits = "0".repeat(64);
    assert!(digits.parse::<AccessOpening>().is_ok());
    for text in ["", "00", &digits[1..], &format!("{digits}0"), &digits.replace('0', "G")] {
        let refused = text.parse::<AccessOpening>().unwrap_err().to_string();
        assert!(refused.contains("wanted 64 hexadecimal digits"), "{refused}");
    }
}

#[test]
fn a_source_that_gives_nothing_makes_neither_keys_nor_records() {
    assert!(SubjectKey::generate(&mut Zeros).is_err());
    assert!(matches!(key(1).seal(RECORD, &mut Zeros), Err(SubjectKeyError::Entropy(_))));
}

#[test]
fn neither_a_key_nor_an_opening_is_printed_by_accident() {
    let key = SubjectKey::from_bytes(&[0xab; 32]);
    let SealedAccess { commitment, sealed } = sealed(&key, RECORD, 7);
    let opening = key.open(&commitment, &sealed).unwrap().opening;
    assert_eq!(format!("{key:?} {opening:?}"), "SubjectKey(secret) AccessOpening(…)");
}

#[test]
fn sealing_gives_the_frozen_bytes() {
    let key = SubjectKey::from_bytes(&[1; 32]);
    let SealedAccess { commitment, sealed } = sealed(&key, b"a record", 1);
    let opening = key.open(&commitment, &sealed).unwrap().opening;
    let found = [commitment.as_bytes().as_slice(), &opening.0, &sealed].concat();
    assert_eq!(found, unhex_all(FROZEN));
}

/// Commitment, opening and sealed record, made with another implementation.
const FROZEN: &str = "
    d8891deee12eed5ec1e0dbee1ea40c319ffd6498840ed21153f10b0c6e244ac8e131bcc4398357ec
    7923ccbd96ae494a40d5e2f1bba83162ebf4bc6f2987a228783825822a6f9e62da2190e828e4c9d2
    576e5977e3a0b3620b092dfb9e9996facf94e802fd1898ac64e8d40a15c26602669fa679314be11c
";
