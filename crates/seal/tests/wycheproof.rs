//! The verifier against the vectors of project Wycheproof: what others have got wrong.
#![cfg(test)]

use sekisho_proto::{PublicKey, Signature, StatementVerifier as _};
use sekisho_seal::{KeyError, StrictVerifier, VerifyingKey};
use wycheproof::{
    TestResult,
    eddsa::{TestName, TestSet},
};

#[test]
fn every_signature_is_judged_as_wycheproof_says() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut judged = 0;
    for group in &set.test_groups {
        let key = PublicKey::try_from(group.key.pk.as_ref()).unwrap();
        for test in &group.tests {
            let accepted = Signature::try_from(test.sig.as_ref())
                .is_ok_and(|signature| StrictVerifier.verify(&key, test.msg.as_ref(), &signature));
            let wanted = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("test {}: nothing is left to taste", test.tc_id),
            };
            assert_eq!(accepted, wanted, "test {}: {}", test.tc_id, test.comment);
            judged += 1;
        }
    }
    assert!(judged >= 150, "only {judged} vectors were judged");
}

#[test]
fn a_key_that_is_not_32_bytes_long_is_refused_by_its_length() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let key = set.test_groups.first().unwrap().key.pk.as_ref().to_vec();
    let longer = [key.clone(), vec![0]].concat();
    for (bytes, found) in [(&key[..31], 31), (&longer[..], 33)] {
        let error = VerifyingKey::from_bytes(bytes).unwrap_err();
        assert!(matches!(error, KeyError::Length { found: told, .. } if told == found), "{error}");
    }
}
