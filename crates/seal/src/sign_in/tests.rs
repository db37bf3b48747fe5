use sekisho_proto::{PrincipalName, PublicKey, Suite, TokenId};

use super::*;
use crate::{SeededEntropy, fixture::unhex};

const SECRET: [u8; 32] = [6; 32];

fn claim(name: &PrincipalName) -> EnrolmentClaim<'_> {
    EnrolmentClaim {
        token: TokenId::new([5; 16]),
        name,
        public_key: PublicKey::new([7; 32]),
        kem_suite: Suite::X25519Aes256Gcm,
        kem_public_key: &[8; 32],
    }
}

#[test]
fn what_is_sealed_opens_for_its_claim_its_side_and_its_secret_alone() {
    let name = PrincipalName::parse("sato@fujisawa").unwrap();
    let other_name = PrincipalName::parse("suzuki@fujisawa").unwrap();
    let claim = claim(&name);
    let said = (SignInSide::Newcomer, &b"an ID token"[..]);
    let sealed = seal_sign_in(&SECRET, &claim, said, &mut SeededEntropy::new(1)).unwrap();
    let opened = open_sign_in(&SECRET, &claim, (SignInSide::Newcomer, &sealed)).unwrap();
    assert_eq!(opened.as_slice(), b"an ID token");

    let others = [
        EnrolmentClaim { token: TokenId::new([6; 16]), ..claim },
        EnrolmentClaim { name: &other_name, ..claim },
        EnrolmentClaim { public_key: PublicKey::new([9; 32]), ..claim },
        EnrolmentClaim { kem_public_key: &[9; 32], ..claim },
    ];
    for other in others {
        let opened = open_sign_in(&SECRET, &other, (SignInSide::Newcomer, &sealed));
        assert_eq!(opened, Err(SignInError::Sealed), "{other:?}");
    }
    for (secret, side) in [(SECRET, SignInSide::Steward), ([0; 32], SignInSide::Newcomer)] {
        let opened = open_sign_in(&secret, &claim, (side, &sealed));
        assert_eq!(opened, Err(SignInError::Sealed), "{side:?}");
    }
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        let changed = (SignInSide::Newcomer, changed.as_slice());
        assert_eq!(open_sign_in(&SECRET, &claim, changed), Err(SignInError::Sealed), "{place}");
        let cut = (SignInSide::Newcomer, &sealed[..place]);
        assert_eq!(open_sign_in(&SECRET, &claim, cut), Err(SignInError::Sealed), "{place}");
    }
}

#[test]
fn the_nonce_is_of_one_claim_and_secret() {
    let name = PrincipalName::parse("sato@fujisawa").unwrap();
    let claim = claim(&name);
    let nonce = sign_in_nonce(&SECRET, &claim);
    let stolen = EnrolmentClaim { public_key: PublicKey::new([9; 32]), ..claim };
    let other = EnrolmentClaim { token: TokenId::new([6; 16]), ..claim };
    assert_ne!(nonce, sign_in_nonce(&SECRET, &stolen));
    assert_ne!(nonce, sign_in_nonce(&SECRET, &other));
    assert_ne!(nonce, sign_in_nonce(&[0; 32], &claim));
    assert_ne!(nonce, crate::enrolment_proof(&SECRET, &claim));
}

/// Made by the JavaScript SDK, which reads what was made here (`sign_in.test.ts`).
#[test]
fn seals_as_another_implementation() {
    let name = PrincipalName::parse("sato@fujisawa").unwrap();
    let claim = claim(&name);
    assert_eq!(
        sign_in_nonce(&SECRET, &claim),
        unhex("c73ac9b2d1c0602f71c36ede28a1296a35d4ad41af8c3c06056d1821ed686024")
    );
    let sealed: Vec<u8> = data_encoding::HEXLOWER.decode(b"0909090909090909090909090909090909090909090909090909090909090909df8ef98ea5171ee20d445d351d289935040e0e5ea9f3fb178bf1fc").unwrap();
    let opened = open_sign_in(&SECRET, &claim, (SignInSide::Newcomer, &sealed)).unwrap();
    assert_eq!(opened.as_slice(), b"an ID token");
}
