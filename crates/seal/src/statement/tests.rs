use sekisho_proto::{
    OrgName, StatementBody, StatementVerifier as _, Timestamp, statement::OrgRoot,
};

use super::*;
use crate::{SeededEntropy, StrictVerifier};

fn statement(key: &SigningKey) -> Statement {
    Statement::unsigned(StatementBody::OrgRoot(OrgRoot {
        organisation: OrgName::parse("fujisawa").unwrap(),
        keys: vec![key.public_key()],
        threshold: 1,
        issued: Timestamp::from_micros(1),
    }))
}

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&mut SeededEntropy::new(seed)).unwrap()
}

#[test]
fn a_signed_statement_carries_a_signature_that_holds() {
    let key = key(1);
    let signed = sign_statement(statement(&key), &key);
    let [signature] = signed.signatures() else { panic!("one signature") };
    assert_eq!(signature.signer, key.id());
    let message = signed.signing_input();
    assert!(StrictVerifier.verify(&key.public_key(), &message, &signature.signature));
    assert!(!StrictVerifier.verify(&key.public_key(), signed.body_bytes(), &signature.signature));
}

#[test]
fn each_signer_signs_once_whoever_comes_first() {
    let (one, other) = (key(1), key(2));
    let both = sign_statement(sign_statement(statement(&one), &one), &other);
    let again = sign_statement(sign_statement(both.clone(), &one), &other);
    let reversed = sign_statement(sign_statement(statement(&one), &other), &one);
    assert_eq!(both.signatures().len(), 2);
    assert_eq!(again, both);
    assert_eq!(reversed.encode(), both.encode());
}
