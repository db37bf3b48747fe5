//! Signatures that were checked beforehand. Replaying a long log is mostly checking signatures, one
//! after another; which there are can be told from the statements alone, so that whoever has the
//! cores checks many at once and replays with the result.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{
    Hash, PrincipalId, PublicKey, Signature, Statement, StatementBody, StatementVerifier,
};

/// A signature that a replay will ask about.
#[derive(Debug, Clone, Copy)]
pub struct SignatureCheck<'a> {
    statement: &'a Statement,
    key: PublicKey,
    signature: Signature,
}

/// A signature that was found to be its key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValidSignature(Hash);

impl<'a> SignatureCheck<'a> {
    /// The signatures under these statements whose keys these statements name themselves; of others
    /// the replay asks its own verifier.
    #[must_use]
    pub fn of(statements: &[&'a Statement]) -> Vec<Self> {
        let keys: BTreeMap<PrincipalId, PublicKey> = statements
            .iter()
            .flat_map(|statement| keys_named(statement.body()))
            .map(|key| (PrincipalId::of(&key), key))
            .collect();
        let checks = statements.iter().flat_map(|statement| {
            statement.signatures().iter().filter_map(|signed| {
                let (key, signature) = (*keys.get(&signed.signer)?, signed.signature);
                Some(Self { statement, key, signature })
            })
        });
        checks.collect()
    }

    /// Asks a verifier; nothing where the signature is not the key's.
    #[must_use]
    pub fn run(&self, verifier: &dyn StatementVerifier) -> Option<ValidSignature> {
        let message = self.statement.signing_input();
        let is_valid = verifier.verify(&self.key, &message, &self.signature);
        is_valid.then(|| ValidSignature::new(&self.key, &message, &self.signature))
    }
}

impl ValidSignature {
    /// Key and signature have one length, so that nothing else has the same bytes.
    fn new(key: &PublicKey, message: &[u8], signature: &Signature) -> Self {
        let bytes = [key.as_bytes().as_slice(), signature.as_bytes().as_slice(), message].concat();
        Self(Hash::of(&bytes))
    }
}

/// A verifier that knows the answer about signatures that were found valid, and asks another one
/// about all the rest.
#[derive(Debug)]
pub struct CheckedSignatures<V> {
    valid: BTreeSet<ValidSignature>,
    verifier: V,
}

impl<V: StatementVerifier> CheckedSignatures<V> {
    /// Knows these, and asks `verifier` about others.
    pub fn new(valid: impl IntoIterator<Item = ValidSignature>, verifier: V) -> Self {
        Self { valid: valid.into_iter().collect(), verifier }
    }
}

impl<V: StatementVerifier> StatementVerifier for CheckedSignatures<V> {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.valid.contains(&ValidSignature::new(key, message, signature))
            || self.verifier.verify(key, message, signature)
    }

    fn acceptable(&self, key: &PublicKey) -> bool {
        self.verifier.acceptable(key)
    }
}

fn keys_named(body: &StatementBody) -> Vec<PublicKey> {
    match body {
        StatementBody::OrgRoot(root) => root.keys.clone(),
        StatementBody::Issuer(issuer) => vec![issuer.public_key],
        StatementBody::Principal(principal) => vec![principal.public_key],
        StatementBody::Grant(_)
        | StatementBody::Deny(_)
        | StatementBody::Revoke(_)
        | StatementBody::StreamDescriptor(_)
        | StatementBody::EpochAnnounce(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Peering(_)
        | StatementBody::Role(_)
        | StatementBody::Erasure(_) => Vec::new(),
    }
}
