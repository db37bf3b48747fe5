//! How a newcomer proves that it holds the secret of a join token, without showing the secret to a
//! node that may be an impostor.
//!
//! ```text
//! proof = HMAC-SHA-256(secret, "sekisho-enrolment-v1\0" ‖ token ‖ organisation ‖ name ‖
//!                      public key ‖ u64 KEM suite ‖ KEM public key)
//! ```
//!
//! The number is big-endian; everything else follows its length as u64. The proof binds the token
//! to the newcomer's keys: whoever overhears it can enrol nobody else. The connection proves that
//! the newcomer holds the key.

use aws_lc_rs::{constant_time, hmac};
use sekisho_proto::{PrincipalName, PublicKey, Suite, TokenId};

use crate::binding::Binding;

const CONTEXT: &[u8] = b"sekisho-enrolment-v1\0";

/// What a newcomer claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolmentClaim<'a> {
    /// Which token it uses.
    pub token: TokenId,
    /// Who it wants to be, as the token says.
    pub name: &'a PrincipalName,
    /// Its key.
    pub public_key: PublicKey,
    /// The suite of its KEM key.
    pub kem_suite: Suite,
    /// Its KEM key; empty where it cannot be given keys.
    pub kem_public_key: &'a [u8],
}

/// A proof that was not made with the token's secret for these keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("enrolment of {name}: wanted a proof made with the secret of token {token}, found another")]
pub struct EnrolmentError {
    name: PrincipalName,
    token: TokenId,
}

/// Makes the proof.
#[must_use]
pub fn enrolment_proof(secret: &[u8; 32], claim: &EnrolmentClaim<'_>) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, &claim.bound(CONTEXT).into_bytes());
    let mut proof = [0; 32];
    for (to, from) in proof.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    proof
}

/// Checks a proof, in the same time whatever the answer.
///
/// # Errors
///
/// It was made with another secret or for another claim.
pub fn check_enrolment_proof(
    secret: &[u8; 32],
    claim: &EnrolmentClaim<'_>,
    proof: &[u8],
) -> Result<(), EnrolmentError> {
    let wanted = enrolment_proof(secret, claim);
    constant_time::verify_slices_are_equal(&wanted, proof)
        .map_err(|_differs| EnrolmentError { name: claim.name.clone(), token: claim.token })
}

impl EnrolmentClaim<'_> {
    /// All of it, behind the context of what it is bound into.
    pub(crate) fn bound(&self, context: &[u8]) -> Binding {
        Binding::new(context)
            .field(self.token)
            .field(self.name.organisation().as_str())
            .field(self.name.name())
            .field(self.public_key)
            .number(u64::from(self.kem_suite.number()))
            .field(self.kem_public_key)
    }
}

#[cfg(test)]
mod tests;
