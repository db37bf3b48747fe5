//! Newcomers that wait at the node, as it lists them: its word, of which nothing counts but the
//! proof.

use data_encoding::HEXLOWER_PERMISSIVE;
use sekisho_proto::{Hash, ParseError, PrincipalId, PublicKey, Suite, TokenId};
use sekisho_seal::{KemPublicKey, VerifyingKey};
use serde::Deserialize;
use thiserror::Error;

/// The tag over all that a newcomer claims, its key for secrets included.
pub(crate) type ClaimTag = [u8; 32];

/// One newcomer's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) token: TokenId,
    pub(crate) public_key: PublicKey,
    pub(crate) kem_suite: Suite,
    pub(crate) kem_public_key: Vec<u8>,
    pub(crate) proof: ClaimTag,
    /// What it says of a sign-in, sealed; empty where it says nothing.
    pub(crate) sign_in: Vec<u8>,
}

/// What is wrong with a list, or with one request in it.
#[derive(Debug, Error)]
pub(crate) enum RequestError {
    /// The list or an entry is no such document.
    #[error("waiting enrolments: wanted the node's list")]
    Json(#[from] serde_json::Error),
    /// A part is no such thing.
    #[error("waiting enrolment")]
    Parse(#[from] ParseError),
    /// A key cannot be used.
    #[error("waiting enrolment: wanted a strong key")]
    Key(#[from] sekisho_seal::KeyError),
    /// Bytes are not written as they should be.
    #[error("waiting enrolment: {0}: wanted hexadecimal digits")]
    Digits(&'static str),
}

#[derive(Deserialize)]
struct Entry {
    token: String,
    public_key: String,
    kem_suite: u32,
    kem_public_key: String,
    proof: String,
    #[serde(default)]
    sign_in: String,
}

impl Request {
    /// Reads the node's list. An entry that cannot be read is told and holds up no other.
    pub(crate) fn parse_list(json: &str) -> Result<Vec<Result<Self, RequestError>>, RequestError> {
        let entries: Vec<serde_json::Value> = serde_json::from_str(json)?;
        Ok(entries.into_iter().map(Self::parse).collect())
    }

    /// Whose key it is.
    pub(crate) fn id(&self) -> PrincipalId {
        PrincipalId::of(&self.public_key)
    }

    fn parse(entry: serde_json::Value) -> Result<Self, RequestError> {
        let entry: Entry = serde_json::from_value(entry)?;
        let public_key: PublicKey = entry.public_key.parse()?;
        VerifyingKey::parse(&public_key)?;
        let kem_suite = Suite::try_from(entry.kem_suite)?;
        let kem_public_key = HEXLOWER_PERMISSIVE
            .decode(entry.kem_public_key.as_bytes())
            .map_err(|_not_hex| RequestError::Digits("kem_public_key"))?;
        if kem_suite != Suite::Open || !kem_public_key.is_empty() {
            KemPublicKey::parse(kem_suite, &kem_public_key)?;
        }
        let proof: Hash = entry.proof.parse()?;
        let token = entry.token.parse()?;
        let sign_in = HEXLOWER_PERMISSIVE
            .decode(entry.sign_in.as_bytes())
            .map_err(|_not_hex| RequestError::Digits("sign_in"))?;
        let proof = *proof.as_bytes();
        Ok(Self { token, public_key, kem_suite, kem_public_key, proof, sign_in })
    }
}

#[cfg(test)]
mod tests;
