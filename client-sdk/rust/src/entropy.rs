//! The operating system's random source, for the crates that take randomness as an argument.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use sekisho_proto::BootId;
use sekisho_seal::{Entropy, EntropyError, draw};

/// Randomness from the operating system.
#[derive(Clone, Default)]
pub struct OsEntropy {
    random: SystemRandom,
}

impl OsEntropy {
    /// A handle; it holds no state of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for OsEntropy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OsEntropy")
    }
}

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.random
            .fill(bytes)
            .map_err(|cause| EntropyError::new(bytes.len(), format!("system source: {cause}")))
    }
}

/// A fresh name for one run of a publisher.
pub(crate) fn draw_boot(entropy: &mut dyn Entropy) -> Result<BootId, EntropyError> {
    Ok(BootId::new(*draw(entropy)?))
}

#[cfg(test)]
mod tests;
