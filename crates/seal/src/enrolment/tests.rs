use super::*;
use crate::{KemKeyPair, SigningKey, fixture::unhex};

const SECRET: [u8; 32] = [6; 32];

fn seed() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).unwrap())
}

#[test]
fn proves_as_another_implementation_of_the_documentation() {
    let name = PrincipalName::parse("truck-17@fujisawa").unwrap();
    let kem = KemKeyPair::from_seed(Suite::X25519Aes256Gcm, &seed()).unwrap();
    let claim = EnrolmentClaim {
        token: TokenId::new([5; 16]),
        name: &name,
        public_key: SigningKey::from_seed(&seed()).public_key(),
        kem_suite: Suite::X25519Aes256Gcm,
        kem_public_key: &kem.public_key().to_bytes(),
    };
    let proof = enrolment_proof(&SECRET, &claim);
    let wanted = "6754d23304649fad55c4ad797d5da731f137ddc424a90f260a456d6d663ebf72";
    assert_eq!(proof, unhex(wanted));
    check_enrolment_proof(&SECRET, &claim, &proof).unwrap();
}

#[test]
fn a_proof_holds_for_its_own_claim_and_secret_only() {
    let name = PrincipalName::parse("truck-17@fujisawa").unwrap();
    let claim = EnrolmentClaim {
        token: TokenId::new([5; 16]),
        name: &name,
        public_key: PublicKey::new([7; 32]),
        kem_suite: Suite::XWingAes256Gcm,
        kem_public_key: &[8; 1216],
    };
    let proof = enrolment_proof(&SECRET, &claim);
    let other_name = PrincipalName::parse("truck-18@fujisawa").unwrap();
    let other_organisation = PrincipalName::parse("truck-17@santander").unwrap();
    let others = [
        EnrolmentClaim { token: TokenId::new([6; 16]), ..claim },
        EnrolmentClaim { name: &other_name, ..claim },
        EnrolmentClaim { name: &other_organisation, ..claim },
        EnrolmentClaim { public_key: PublicKey::new([9; 32]), ..claim },
        EnrolmentClaim { kem_suite: Suite::XWingChaCha20Poly1305, ..claim },
        EnrolmentClaim { kem_public_key: &[8; 1215], ..claim },
    ];
    for other in others {
        assert!(check_enrolment_proof(&SECRET, &other, &proof).is_err(), "{other:?}");
    }
    assert!(check_enrolment_proof(&[0; 32], &claim, &proof).is_err());
    assert!(check_enrolment_proof(&SECRET, &claim, &proof[..31]).is_err());
    assert!(check_enrolment_proof(&SECRET, &claim, &[]).is_err());
    for bit in 0..256 {
        let mut changed = proof;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(check_enrolment_proof(&SECRET, &claim, &changed).is_err());
    }
    let error = check_enrolment_proof(&SECRET, &claim, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "enrolment of truck-17@fujisawa: wanted a proof made with the secret of token \
         05050505050505050505050505050505, found another"
    );
}
