//! The two private keys that make a principal: one to sign with, one to be given epoch keys under.

use std::path::Path;

use sekisho_proto::{PrincipalId, PublicKey, Suite};

use crate::{Entropy, GenerateError, KemKeyPair, KeyFile, KeyFileError, SigningKey};

/// A principal's private keys.
#[derive(Debug, Clone)]
pub struct Identity {
    signing: SigningKey,
    kem: KemKeyPair,
}

impl Identity {
    /// What readers' keys are made for unless a device is too small: X-Wing.
    pub const KEM_SUITE_DEFAULT: Suite = Suite::XWingAes256Gcm;

    /// Puts two keys together.
    #[must_use]
    pub const fn new(signing: SigningKey, kem: KemKeyPair) -> Self {
        Self { signing, kem }
    }

    /// Draws both keys.
    ///
    /// # Errors
    ///
    /// The source of randomness failed, or the suite has no KEM.
    pub fn generate(kem_suite: Suite, entropy: &mut dyn Entropy) -> Result<Self, GenerateError> {
        let signing = SigningKey::generate(entropy)?;
        Ok(Self::new(signing, KemKeyPair::generate(kem_suite, entropy)?))
    }

    /// Reads both keys from a key file, whoever it names.
    ///
    /// # Errors
    ///
    /// As [`KeyFile::load`].
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Ok(KeyFile::load(path)?.into_identity())
    }

    /// The key to sign with.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key that epoch seeds are sealed to.
    #[must_use]
    pub const fn kem(&self) -> &KemKeyPair {
        &self.kem
    }

    /// Whose keys these are.
    #[must_use]
    pub const fn id(&self) -> PrincipalId {
        self.signing.id()
    }

    /// The public half of the key to sign with.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.signing.public_key()
    }
}

#[cfg(test)]
mod tests;
