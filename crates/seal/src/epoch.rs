//! The key pair of one epoch of one topic tree. Its public half lets publishers seal, and nothing
//! more; its seed lets readers open everything sealed in that epoch, and nothing else.

use sekisho_proto::{Epoch, Filter, Suite, statement::EpochAnnounce};
use zeroize::Zeroizing;

use crate::{Entropy, GenerateError, KemKeyPair, KemPublicKey, KeyError};

/// What a publisher knows of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochPublic {
    tree: Filter,
    epoch: Epoch,
    key: KemPublicKey,
}

impl EpochPublic {
    /// An epoch of the topics that `tree` matches.
    #[must_use]
    pub const fn new(tree: Filter, epoch: Epoch, key: KemPublicKey) -> Self {
        Self { tree, epoch, key }
    }

    /// The topics that are sealed to it.
    #[must_use]
    pub const fn tree(&self) -> &Filter {
        &self.tree
    }

    /// Its number.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How envelopes are sealed in it.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.key.suite()
    }

    /// The key that publishers seal to.
    #[must_use]
    pub const fn key(&self) -> &KemPublicKey {
        &self.key
    }
}

impl TryFrom<&EpochAnnounce> for EpochPublic {
    type Error = KeyError;

    fn try_from(announce: &EpochAnnounce) -> Result<Self, KeyError> {
        let key = KemPublicKey::parse(announce.suite, &announce.public_key)?;
        Ok(Self::new(announce.tree.clone(), announce.epoch, key))
    }
}

/// What a steward makes of an epoch and its readers get.
#[derive(Debug, Clone)]
pub struct EpochKeyPair {
    keys: KemKeyPair,
}

impl EpochKeyPair {
    /// Draws a new key pair for a suite.
    ///
    /// # Errors
    ///
    /// The source of randomness failed, or the suite seals nothing.
    pub fn generate(suite: Suite, entropy: &mut dyn Entropy) -> Result<Self, GenerateError> {
        Ok(Self { keys: KemKeyPair::generate(suite, entropy)? })
    }

    /// The key pair of a seed.
    ///
    /// # Errors
    ///
    /// The suite seals nothing.
    pub fn from_seed(suite: Suite, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self { keys: KemKeyPair::from_seed(suite, seed)? })
    }

    /// How envelopes are sealed in the epoch.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.keys.suite()
    }

    /// The seed: all there is to the private half.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        self.keys.seed()
    }

    /// The public half, to be announced.
    #[must_use]
    pub const fn public_key(&self) -> &KemPublicKey {
        self.keys.public_key()
    }

    pub(crate) const fn keys(&self) -> &KemKeyPair {
        &self.keys
    }
}

#[cfg(test)]
mod tests;
