use proptest::prelude::*;

use super::*;
use crate::SeededEntropy;
use crate::SigningKey;
use crate::fixture::{unhex, unhex_all};

/// Every encoding of the eight points of low order, the ones not reduced by the prime included.
const WEAK: [&str; 14] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// Of the seed 00 01 … 1f.
const KEY: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";

/// By that key over "sekisho".
const GENUINE: &str = "61a19d218e5b207c5fd71a04f823bdb4dcd6d031e5583be5ae00a6a66c1908d6\
                       16603cbb16b4ea23ed537ba189ba2959175189fdd885dba909f3bd2222868b03";

fn parse(text: &str) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_bytes(&unhex_all(text))
}

fn accepts(key: &str, message: &[u8], signature: &str) -> bool {
    parse(key).is_ok_and(|key| key.is_signed(message, &unhex(signature)))
}

#[test]
fn every_encoding_of_every_weak_key_is_refused() {
    for text in WEAK {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(matches!(parse(WEAK[2]), Err(KeyError::Weak { .. })));
}

#[test]
fn strong_keys_not_in_their_one_encoding_are_refused() {
    for low in ["f0", "f1", "f2", "f3", "f6", "f7", "fb", "fc", "fd", "ff"] {
        let text = format!("{low}{}7f", "ff".repeat(30));
        assert!(matches!(parse(&text), Err(KeyError::Malformed { .. })), "{text}");
    }
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    let text = format!("02{}", "00".repeat(31));
    assert!(matches!(parse(&text), Err(KeyError::Malformed { .. })));
}

#[test]
fn keys_one_byte_too_short_or_too_long_are_refused() {
    for length in [0, 31, 33, 64] {
        let error = VerifyingKey::from_bytes(&vec![5; length]).unwrap_err();
        assert_eq!(error, KeyError::Length { thing: "verifying key", wanted: 32, found: length });
    }
}

#[test]
fn a_key_knows_whose_it_is() {
    let public_key = PublicKey::new(unhex(KEY));
    let key = VerifyingKey::parse(&public_key).unwrap();
    assert_eq!(key.public_key(), public_key);
    assert_eq!(key.id(), PrincipalId::of(&public_key));
}

#[test]
fn a_genuine_signature_is_accepted_and_only_over_its_message() {
    assert!(accepts(KEY, b"sekisho", GENUINE));
    assert!(!accepts(KEY, b"sekishO", GENUINE));
    assert!(!accepts(KEY, b"", GENUINE));
}

#[test]
fn a_signature_whose_scalar_is_not_reduced_is_refused() {
    let with_order_added = "61a19d218e5b207c5fd71a04f823bdb4dcd6d031e5583be5ae00a6a66c1908d6\
                            033432183117fd7bc3f0724468b4086e175189fdd885dba909f3bd2222868b13";
    assert!(!accepts(KEY, b"sekisho", with_order_added));
}

/// These satisfy the equation of RFC 8032, made with the private key: other verifiers take them.
#[test]
fn signatures_with_a_weak_commitment_point_are_refused() {
    let identity = "0100000000000000000000000000000000000000000000000000000000000000\
                    81cae2fd6029a7c6ce1ee720b44f62dec772eaa53a3f4c876241982285d04d0d";
    let identity_with_sign = "0100000000000000000000000000000000000000000000000000000000000080\
                              eadc94394118cbf8777928e4f1a2fc13f9981882400122e68e91cb4495e4e806";
    let identity_not_reduced = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\
                                249516c352f07dd28552db2d7f155b12c9be19136e76e481af9cf9ced59ed60d";
    for signature in [identity, identity_with_sign, identity_not_reduced] {
        assert!(!accepts(KEY, b"sekisho", signature), "{signature}");
    }
}

#[test]
fn the_signature_that_fits_every_message_under_a_weak_key_is_refused() {
    let forged = "97822ec1f9b91ef03aefd0a8a412f38762e3c4cc45af2b62eaf7326d9215213f\
                  43cf46dd2ebae1ea68f92f182a1e4f8d064c42a417ed6011b457821bc8408e06";
    for message in [b"anything".as_slice(), b"anything else"] {
        assert!(!accepts(WEAK[2], message, forged));
    }
}

/// Valid only where the verifier multiplies by the cofactor, as batch verifiers do.
#[test]
fn signatures_that_hold_only_with_the_cofactor_are_refused() {
    let mixed_commitment = "244093056ed611e0d1b23cbace4f10c1ad093e54b24fbc3900f973460b011c33\
                            d58323fd2909b45f1dadac4b2e738c93a55753ceaa01ed4e2edb97a758bb4f0c";
    assert!(!accepts(KEY, b"sekisho", mixed_commitment));
    let mixed_key = "b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58";
    let signature = "9e54d4519703ca716d4536461959d81c71dc33b2297f2fc5950261c5995ef577\
                     f1df90ace12855b47b49ac9f1901bd99c00a5075c47a538cbe2f550ecdec6c00";
    assert!(!accepts(mixed_key, b"mixed0", signature));
}

#[test]
fn an_all_zero_signature_is_refused() {
    assert!(!accepts(KEY, b"sekisho", &"00".repeat(64)));
}

/// What is done to a genuine signature.
#[derive(Debug, Clone)]
enum Change {
    None,
    Bit(usize),
    /// Every encoding of a point of low order in place of R.
    Commitment(usize),
    Scalar([u8; 32]),
    All([u8; 32], [u8; 32]),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::None),
        (0..512_usize).prop_map(Change::Bit),
        (0..WEAK.len()).prop_map(Change::Commitment),
        any::<[u8; 32]>().prop_map(Change::Scalar),
        any::<([u8; 32], [u8; 32])>().prop_map(|(r, s)| Change::All(r, s)),
    ]
}

proptest! {
    #[test]
    fn the_verdict_is_that_of_the_librarys_strict_verifier(
        seed: u64,
        message: Vec<u8>,
        change in change(),
    ) {
        let pair = SigningKey::generate(&mut SeededEntropy::new(seed)).unwrap();
        let key = VerifyingKey::parse(&pair.public_key()).unwrap();
        let mut signature: [u8; 64] = *pair.sign(&message).as_bytes();
        match change {
            Change::None => {}
            Change::Bit(bit) => signature[bit / 8] ^= 1 << (bit % 8),
            Change::Commitment(of) => signature[..32].copy_from_slice(&unhex::<32>(WEAK[of])),
            Change::Scalar(s) => signature[32..].copy_from_slice(&s),
            Change::All(r, s) => {
                signature[..32].copy_from_slice(&r);
                signature[32..].copy_from_slice(&s);
            }
        }
        let strict = key.key.verify_strict(&message, &dalek::Signature::from_bytes(&signature));
        prop_assert_eq!(key.is_signed(&message, &signature), strict.is_ok());
    }
}
