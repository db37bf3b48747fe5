//! How a steward lets one reader into one epoch: it seals the epoch's seed to the reader's
//! long-term key, bound to everything the grant says.
//!
//! ```text
//! info        = "sekisho-key-grant-info-v1\0" ‖ organisation ‖ tree ‖ u64 epoch ‖
//!               u64 epoch suite ‖ reader ‖ u64 reader's KEM suite ‖ purpose
//! sealed_seed = HPKE base mode, the reader's KEM, KDF HKDF-SHA256, AEAD AES-256-GCM, this info:
//!               Seal(associated data = "", seed)
//! ```
//!
//! Numbers are big-endian; everything else follows its length as u64. The AEAD is AES-256-GCM
//! whatever the suites say: it seals 32 bytes once. That the seed is the one of the announced key
//! is checked by making the public key from it.

use sekisho_proto::{
    Epoch, Filter, OrgName, PrincipalId, Suite, Timestamp,
    statement::{EpochAnnounce, KeyGrant},
};

use crate::{Entropy, EpochKeyPair, Identity, KemError, KemPublicKey, KeyError, binding::Binding};

const INFO_CONTEXT: &[u8] = b"sekisho-key-grant-info-v1\0";

/// A seed that a reader could not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The grant is somebody else's.
    #[error("key grant on {tree}: wanted one to reader {wanted}, found one to {found}")]
    Reader {
        /// What it grants.
        tree: Box<Filter>,
        /// Whose keys were given.
        wanted: PrincipalId,
        /// To whom it is.
        found: PrincipalId,
    },
    /// The sealed seed does not open.
    #[error(transparent)]
    Kem(#[from] KemError),
    /// The epoch's suite seals nothing.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The seed is not that of the announced key.
    #[error("key grant on {tree}: wanted the seed of the key of epoch {epoch}, found another's")]
    Epoch {
        /// What it grants.
        tree: Box<Filter>,
        /// Which epoch.
        epoch: Epoch,
    },
}

/// What a key grant says besides the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrantDraft {
    /// Who gives it: the owner of the topics, or an organisation that was given it and hands it on.
    pub organisation: OrgName,
    /// The topics of the epoch.
    pub tree: Filter,
    /// Which epoch.
    pub epoch: Epoch,
    /// To whom.
    pub reader: PrincipalId,
    /// For what, in the owner's words.
    pub purpose: String,
    /// When it is made.
    pub issued: Timestamp,
}

/// Seals an epoch's seed to a reader. The result says so and is still to be signed.
///
/// # Errors
///
/// The source of randomness failed.
pub fn wrap_epoch_seed(
    epoch_keys: &EpochKeyPair,
    reader_key: &KemPublicKey,
    draft: KeyGrantDraft,
    entropy: &mut dyn Entropy,
) -> Result<KeyGrant, KemError> {
    let KeyGrantDraft { organisation, tree, epoch, reader, purpose, issued } = draft;
    let mut grant = KeyGrant {
        organisation,
        tree,
        epoch,
        suite: epoch_keys.suite(),
        reader,
        purpose,
        encapsulation: Vec::new().into(),
        sealed_seed: Vec::new().into(),
        issued,
    };
    let info = info(&grant, reader_key.suite());
    let (encapsulation, sealed) = reader_key.seal(&info, epoch_keys.seed().as_slice(), entropy)?;
    grant.encapsulation = encapsulation.into();
    grant.sealed_seed = sealed.into();
    Ok(grant)
}

/// Opens a key grant with the reader's keys. Whether a steward made the grant is for the signature
/// under its statement to say; whether the seed is the announced key's, for
/// [`unwrap_announced_epoch_seed`].
///
/// # Errors
///
/// The grant is somebody else's, or its seed was sealed to another key or for another grant.
pub fn unwrap_epoch_seed(reader: &Identity, grant: &KeyGrant) -> Result<EpochKeyPair, GrantError> {
    let (wanted, found) = (reader.id(), grant.reader);
    if wanted != found {
        return Err(GrantError::Reader { tree: Box::new(grant.tree.clone()), wanted, found });
    }
    let info = info(grant, reader.kem().suite());
    let seed = reader.kem().open(&grant.encapsulation, &info, &grant.sealed_seed)?;
    Ok(EpochKeyPair::from_seed(grant.suite, &seed)?)
}

/// [`unwrap_epoch_seed`], and the seed must be that of the announced key.
///
/// # Errors
///
/// As [`unwrap_epoch_seed`], or the announcement is of another tree, epoch or key.
pub fn unwrap_announced_epoch_seed(
    reader: &Identity,
    grant: &KeyGrant,
    announce: &EpochAnnounce,
) -> Result<EpochKeyPair, GrantError> {
    let keys = unwrap_epoch_seed(reader, grant)?;
    let announced = grant.tree == announce.tree
        && grant.epoch == announce.epoch
        && grant.suite == announce.suite
        && keys.public_key().to_bytes() == announce.public_key;
    if !announced {
        return Err(GrantError::Epoch { tree: Box::new(grant.tree.clone()), epoch: grant.epoch });
    }
    Ok(keys)
}

fn info(grant: &KeyGrant, reader_suite: Suite) -> Vec<u8> {
    Binding::new(INFO_CONTEXT)
        .field(grant.organisation.as_str())
        .field(grant.tree.as_str())
        .number(grant.epoch.value())
        .number(u64::from(grant.suite.number()))
        .field(grant.reader)
        .number(u64::from(reader_suite.number()))
        .field(&grant.purpose)
        .into_bytes()
}

#[cfg(test)]
mod tests;
