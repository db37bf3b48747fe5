use sekisho_proto::Hash;

use super::*;
use crate::{
    SeededEntropy,
    fixture::{SEALING, Scripted, Zeros, unhex, unhex_all},
};

const X25519: Suite = Suite::X25519Aes256Gcm;
const XWING: Suite = Suite::XWingAes256Gcm;

/// The first vector of draft-connolly-cfrg-xwing-kem: private key, randomness of an encapsulation,
/// SHA-256 of the public key and of the encapsulation.
const XWING_PRIVATE: &str = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26";
const XWING_RANDOMNESS: &str = "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
                                35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2";
const XWING_PUBLIC: &str = "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb";
const XWING_ENCAPSULATION: &str =
    "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33";

fn keys(suite: Suite, seed: u64) -> KemKeyPair {
    KemKeyPair::generate(suite, &mut SeededEntropy::new(seed)).unwrap()
}

/// RFC 9180 §A.7.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export only, base mode.
#[test]
fn exports_as_rfc_9180() {
    let seed = unhex("33d196c830a12f9ac65d6e565a590d80f04ee9b19c83c87f2c170d972a812848");
    let keys = KemKeyPair::from_seed(X25519, &seed).unwrap();
    assert_eq!(
        keys.public_key().to_bytes(),
        unhex_all("194141ca6c3c3beb4792cd97ba0ea1faff09d98435012345766ee33aae2d7664")
    );
    let info = unhex_all("4f6465206f6e2061204772656369616e2055726e");
    let exports = [
        (b"".as_slice(), "7a36221bd56d50fb51ee65edfd98d06a23c4dc87085aa5866cb7087244bd2a36"),
        (b"\0", "d5535b87099c6c3ce80dc112a2671c6ec8e811a2f284f948cec6dd1708ee33f0"),
        (b"TestContext", "ffaabc85a776136ca0c378e5d084c9140ab552b78f039d2e8775f26efff4c70e"),
    ];
    for (context, wanted) in exports {
        let ephemeral = "55bc245ee4efda25d38f2d54d5bb6665291b99f8108a8c4b686c2b14893ea5d9";
        let mut entropy = Scripted(unhex_all(&ephemeral.repeat(2)));
        let (encapsulation, secret) =
            keys.public_key().encapsulate(&info, context, &mut entropy).unwrap();
        assert_eq!(
            encapsulation,
            unhex_all("e5e8f9bfff6c2f29791fc351d2c25ce1299aa5eaca78a757c0b4fb4bcd830918")
        );
        assert_eq!(secret.as_slice(), unhex_all(wanted));
        assert_eq!(keys.decapsulate(&encapsulation, &info, context).unwrap(), secret);
    }
}

#[test]
fn encapsulates_as_the_xwing_draft() {
    let keys = KemKeyPair::from_seed(XWING, &unhex(XWING_PRIVATE)).unwrap();
    let public = keys.public_key().to_bytes();
    assert_eq!(Hash::of(&public).to_string(), XWING_PUBLIC);
    let mut entropy = Scripted(unhex_all(XWING_RANDOMNESS));
    let (encapsulation, secret) = keys.public_key().encapsulate(b"", b"", &mut entropy).unwrap();
    assert_eq!(Hash::of(&encapsulation).to_string(), XWING_ENCAPSULATION);
    assert_eq!(keys.decapsulate(&encapsulation, b"", b"").unwrap(), secret);
}

#[test]
fn both_sides_get_the_same_secret_and_nobody_else_does() {
    for suite in SEALING {
        let (ours, theirs) = (keys(suite, 1), keys(suite, 2));
        let mut entropy = SeededEntropy::new(3);
        let (encapsulation, secret) =
            ours.public_key().encapsulate(b"info", b"context", &mut entropy).unwrap();
        assert_eq!(ours.decapsulate(&encapsulation, b"info", b"context").unwrap(), secret);
        let others = [
            theirs.decapsulate(&encapsulation, b"info", b"context"),
            ours.decapsulate(&encapsulation, b"other", b"context"),
            ours.decapsulate(&encapsulation, b"info", b"other"),
        ];
        for other in others {
            assert_ne!(other.unwrap(), secret);
        }
    }
}

#[test]
fn sealed_bytes_open_with_their_key_and_info_only() {
    for suite in SEALING {
        let (ours, theirs) = (keys(suite, 1), keys(suite, 2));
        let secret = Zeroizing::new([8; 32]);
        let mut entropy = SeededEntropy::new(3);
        let (encapsulation, sealed) =
            ours.public_key().seal(b"info", secret.as_slice(), &mut entropy).unwrap();
        assert_eq!(ours.open(&encapsulation, b"info", &sealed).unwrap(), secret);
        let refused = KemError::Sealed { found: sealed.len() };
        assert_eq!(theirs.open(&encapsulation, b"info", &sealed).unwrap_err(), refused);
        assert_eq!(ours.open(&encapsulation, b"other", &sealed).unwrap_err(), refused);
        let zeros = KemKeyPair::from_seed(suite, &[0; 32]).unwrap();
        assert_eq!(zeros.open(&encapsulation, b"info", &sealed).unwrap_err(), refused);
    }
}

#[test]
fn every_changed_bit_and_every_truncation_of_sealed_bytes_is_refused() {
    let keys = keys(X25519, 1);
    let secret = Zeroizing::new([8; 32]);
    let (encapsulation, sealed) =
        keys.public_key().seal(b"", secret.as_slice(), &mut SeededEntropy::new(3)).unwrap();
    let whole = [encapsulation.as_slice(), &sealed].concat();
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (encapsulation, sealed) = changed.split_at(32);
        assert!(keys.open(encapsulation, b"", sealed).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(keys.open(&encapsulation, b"", &sealed[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn encapsulations_of_low_order_or_of_another_length_are_refused() {
    for suite in SEALING {
        let keys = keys(suite, 1);
        let mut entropy = SeededEntropy::new(3);
        let (encapsulation, _secret) =
            keys.public_key().encapsulate(b"", b"", &mut entropy).unwrap();
        let length = encapsulation.len();
        let mut weak = encapsulation.clone();
        weak[length - 32..].fill(0);
        assert_eq!(keys.decapsulate(&weak, b"", b"").unwrap_err(), KemError::Weak);
        weak[length - 32] = 1;
        assert_eq!(keys.open(&weak, b"", &[0; 48]).unwrap_err(), KemError::Weak);
        for found in [0, length - 1, length + 1] {
            let refused = KemError::Encapsulation { suite, wanted: length, found };
            assert_eq!(keys.decapsulate(&vec![9; found], b"", b"").unwrap_err(), refused);
        }
    }
}

#[test]
fn public_keys_that_are_weak_malformed_or_of_another_length_are_refused() {
    for suite in SEALING {
        let public = keys(suite, 1).public_key().to_bytes();
        assert_eq!(KemPublicKey::parse(suite, &public).unwrap().to_bytes(), public);
        let mut weak = public.clone();
        weak[public.len() - 32..].fill(0);
        assert!(matches!(KemPublicKey::parse(suite, &weak), Err(KeyError::Weak { .. })));
        for found in [0, public.len() - 1, public.len() + 1] {
            let error = KemPublicKey::parse(suite, &vec![9; found]).unwrap_err();
            assert!(matches!(error, KeyError::Length { .. }), "{error}");
        }
    }
    // Coefficients of the ML-KEM part that are not reduced by its modulus.
    let mut public = keys(XWING, 1).public_key().to_bytes();
    public[..1152].fill(0xff);
    assert!(matches!(KemPublicKey::parse(XWING, &public), Err(KeyError::Malformed { .. })));
}

#[test]
fn the_open_suite_has_no_keys() {
    assert!(matches!(KemPublicKey::parse(Suite::Open, &[]), Err(KeyError::NoKem { .. })));
    assert!(matches!(KemKeyPair::from_seed(Suite::Open, &[1; 32]), Err(KeyError::NoKem { .. })));
}

#[test]
fn nothing_is_made_without_randomness() {
    for suite in SEALING {
        assert!(KemKeyPair::generate(suite, &mut Zeros).is_err());
        assert!(KemKeyPair::generate(suite, &mut Scripted(vec![1; 31])).is_err());
        let keys = keys(suite, 1);
        let public = keys.public_key();
        let secret = Zeroizing::new([8; 32]);
        for mut entropy in [Scripted(Vec::new()), Scripted(vec![1; 63])] {
            let made = public.encapsulate(b"", b"", &mut entropy);
            assert!(matches!(made, Err(KemError::Entropy(_))));
            let made = public.seal(b"", secret.as_slice(), &mut entropy);
            assert!(matches!(made, Err(KemError::Entropy(_))));
        }
    }
}

#[test]
fn a_key_pair_that_is_printed_shows_no_secret() {
    let keys = KemKeyPair::from_seed(X25519, &[0xab; 32]).unwrap();
    let printed = format!("{keys:?}");
    assert!(!printed.contains("abab") && !printed.contains("171, 171"), "{printed}");
}
