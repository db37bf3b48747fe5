//! Who is behind a key: principals and issuers as their statements say.

use bytes::Bytes;
use sekisho_proto::{Hash, PrincipalId, PrincipalKind, PrincipalName, PublicKey, Suite, Timestamp};

/// A principal, as the newest statement about its key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// Its name; several keys may have one name, as while one key replaces another.
    pub name: PrincipalName,
    /// What it is.
    pub kind: PrincipalKind,
    /// SHA-256 of its key's SubjectPublicKeyInfo.
    pub id: PrincipalId,
    /// Its key; never a weak one.
    pub public_key: PublicKey,
    /// The suite of `kem_public_key`.
    pub kem_suite: Suite,
    /// The key that others seal keys to; `None` where it cannot be given any.
    pub kem_public_key: Option<Bytes>,
    /// It signs nothing: its organisation's node does in its place.
    pub attested: bool,
    /// When the statement was signed, as its signer said.
    pub issued: Timestamp,
    /// When it ends, exclusive; `None` where it ends with a revocation.
    pub until: Option<Timestamp>,
    /// The statement's id.
    pub statement: Hash,
    /// When it was logged.
    pub received: Timestamp,
    /// When its organisation's revocation was logged. What others block is not told here.
    pub revoked: Option<Timestamp>,
}

/// A key that speaks for an organisation, as the newest statement about it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRecord {
    /// Its name.
    pub name: PrincipalName,
    /// SHA-256 of its key's SubjectPublicKeyInfo.
    pub id: PrincipalId,
    /// Its key; never a weak one.
    pub public_key: PublicKey,
    /// When it ends, exclusive; `None` where it ends with a revocation.
    pub until: Option<Timestamp>,
    /// The statement's id.
    pub statement: Hash,
    /// When it was logged.
    pub received: Timestamp,
    /// When its revocation was logged. What it signed before stays in force.
    pub revoked: Option<Timestamp>,
}
