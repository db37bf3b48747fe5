use super::*;
use crate::{
    SeededEntropy,
    fixture::{Scripted, Zeros},
};

#[test]
fn an_identity_has_two_unrelated_keys() {
    let mut entropy = SeededEntropy::new(1);
    let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut entropy).unwrap();
    assert_ne!(identity.signing().seed(), identity.kem().seed());
    assert_eq!(identity.id(), PrincipalId::of(&identity.public_key()));
    assert_eq!(identity.kem().suite(), Suite::XWingAes256Gcm);
}

#[test]
fn no_identity_is_made_without_randomness_for_both_keys() {
    let suite = Suite::X25519Aes256Gcm;
    assert!(Identity::generate(suite, &mut Zeros).is_err());
    assert!(Identity::generate(suite, &mut Scripted(vec![1; 32])).is_err());
    Identity::generate(suite, &mut Scripted(vec![1; 64])).unwrap();
}
