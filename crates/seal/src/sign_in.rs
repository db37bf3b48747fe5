//! What a newcomer and a steward say to each other about signing in at a provider, past a node that
//! is to learn nothing of it: sealed under the secret of the join token, which only they have.
//!
//! ```text
//! key    = HMAC-SHA-256(secret, "sekisho-sign-in-newcomer-v1\0" ‖ claim ‖ salt), or with
//!          "sekisho-sign-in-steward-v1\0" for what the steward says
//! sealed = salt ‖ AES-256-GCM(key, nonce 0, associated data = "", what is said)
//! nonce  = HMAC-SHA-256(secret, "sekisho-sign-in-nonce-v1\0" ‖ claim), in the provider's ID token
//! ```
//!
//! The claim is that of the enrolment's proof, the salt 32 random bytes, each behind its length. A key
//! seals once, so that its AEAD nonce may be fixed. What was sealed for one claim opens for no other,
//! and an ID token with the nonce of one claim is good for no other: whoever finds the token cannot
//! enrol a key of their own with it, and nobody without the invitation can have one made that fits.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
    hmac,
};
use zeroize::Zeroizing;

use crate::{EnrolmentClaim, Entropy, EntropyError, draw};

const NEWCOMER_CONTEXT: &[u8] = b"sekisho-sign-in-newcomer-v1\0";
const STEWARD_CONTEXT: &[u8] = b"sekisho-sign-in-steward-v1\0";
const NONCE_CONTEXT: &[u8] = b"sekisho-sign-in-nonce-v1\0";
const SALT_BYTES: usize = 32;

/// Who says something of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInSide {
    /// Whoever has the token.
    Newcomer,
    /// Whoever made it.
    Steward,
}

/// Why something could not be sealed or opened. It says nothing of what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The source of randomness failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The library sealed nothing.
    #[error("sign-in: wanted it sealed, found the library refusing")]
    Library,
    /// It was sealed with another secret, for another claim or by the other side, or changed.
    #[error("sign-in: wanted what was sealed with the token's secret for this key, found another")]
    Sealed,
}

/// Seals what one side says about one claim.
///
/// # Errors
///
/// The source of randomness failed.
pub fn seal_sign_in(
    secret: &[u8; 32],
    claim: &EnrolmentClaim<'_>,
    (side, said): (SignInSide, &[u8]),
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SignInError> {
    let salt = draw::<SALT_BYTES>(entropy)?;
    let key = key(secret, claim, side, salt.as_slice())?;
    let mut content = said.to_vec();
    key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut content)
        .map_err(|_refused| SignInError::Library)?;
    Ok([salt.as_slice(), &content].concat())
}

/// Opens what the other side said about a claim.
///
/// # Errors
///
/// [`SignInError::Sealed`].
pub fn open_sign_in(
    secret: &[u8; 32],
    claim: &EnrolmentClaim<'_>,
    (side, sealed): (SignInSide, &[u8]),
) -> Result<Zeroizing<Vec<u8>>, SignInError> {
    let (salt, content) = sealed.split_at_checked(SALT_BYTES).ok_or(SignInError::Sealed)?;
    let key = key(secret, claim, side, salt)?;
    let mut content = Zeroizing::new(content.to_vec());
    let opened = key.open_in_place(nonce(), Aad::empty(), &mut content);
    let length = opened.map_err(|_other| SignInError::Sealed)?.len();
    content.truncate(length);
    Ok(content)
}

/// What the ID token that a claim is admitted with has to name as its `nonce`.
#[must_use]
pub fn sign_in_nonce(secret: &[u8; 32], claim: &EnrolmentClaim<'_>) -> [u8; 32] {
    tag(secret, &claim.bound(NONCE_CONTEXT).into_bytes())
}

fn key(
    secret: &[u8; 32],
    claim: &EnrolmentClaim<'_>,
    side: SignInSide,
    salt: &[u8],
) -> Result<LessSafeKey, SignInError> {
    let context = match side {
        SignInSide::Newcomer => NEWCOMER_CONTEXT,
        SignInSide::Steward => STEWARD_CONTEXT,
    };
    let bytes = Zeroizing::new(tag(secret, &claim.bound(context).field(salt).into_bytes()));
    let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice());
    let key = key.map_err(|Unspecified| SignInError::Library)?;
    Ok(LessSafeKey::new(key))
}

fn tag(secret: &[u8; 32], bound: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), bound);
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests;
