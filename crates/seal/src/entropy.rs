//! Where randomness comes in: it is handed to every function that needs some, so that this crate
//! knows no random source, a simulation is repeatable, and a source that fails is an error and
//! never a key of zeros.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sekisho_proto::Hash;
use zeroize::Zeroizing;

/// A source of unpredictable bytes. The one of the operating system is the software kit's.
pub trait Entropy {
    /// Fills all of `bytes` with random bytes.
    ///
    /// # Errors
    ///
    /// The source cannot give that many. What `bytes` holds then is not to be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// A source of randomness that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entropy: wanted {wanted} random bytes, found {found}")]
pub struct EntropyError {
    wanted: usize,
    found: String,
}

impl EntropyError {
    /// A failure to give `wanted` bytes; `found` says what happened instead.
    pub fn new(wanted: usize, found: impl Into<String>) -> Self {
        Self { wanted, found: found.into() }
    }
}

/// Repeatable bytes for tests and simulations: SHA-256 over a seed and a counter. Never for a key
/// that protects anything.
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    seed: u64,
    block: u64,
}

impl SeededEntropy {
    /// The same seed gives the same bytes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, block: 0 }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(Hash::LENGTH) {
            let input = [self.seed.to_be_bytes(), self.block.to_be_bytes()].concat();
            self.block = self.block.wrapping_add(1);
            for (to, from) in chunk.iter_mut().zip(Hash::of(&input).as_bytes()) {
                *to = *from;
            }
        }
        Ok(())
    }
}

/// Draws `N` random bytes: a seed, a secret, a boot id. `N` is 16 or more: a source that reports
/// success and gives only zeros is taken to have failed, which an honest one does once in 2^128
/// draws at most.
///
/// # Errors
///
/// The source failed, or gave nothing but zeros.
pub fn draw<const N: usize>(entropy: &mut dyn Entropy) -> Result<Zeroizing<[u8; N]>, EntropyError> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy.fill(bytes.as_mut_slice())?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(EntropyError::new(N, "nothing but zeros"));
    }
    Ok(bytes)
}

/// Bytes of randomness that one encapsulation of any KEM here uses at most: X-Wing's 64.
const ENCAPSULATION_RANDOMNESS_BYTES: usize = 64;

/// Randomness for one encapsulation, drawn beforehand: the HPKE library takes only sources that
/// cannot fail.
pub(crate) struct Drawn {
    bytes: Zeroizing<[u8; ENCAPSULATION_RANDOMNESS_BYTES]>,
    used: usize,
    short_by: usize,
}

impl Drawn {
    pub(crate) fn new(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self { bytes: draw(entropy)?, used: 0, short_by: 0 })
    }

    /// Whether everything that was asked for had been drawn. What was made otherwise is worthless.
    pub(crate) fn check(&self) -> Result<(), EntropyError> {
        if self.used == 0 {
            return Err(EntropyError::new(ENCAPSULATION_RANDOMNESS_BYTES, "that none was used"));
        }
        if self.short_by > 0 {
            let wanted = self.used.saturating_add(self.short_by);
            let found = format!("only the {} drawn beforehand", self.used);
            return Err(EntropyError::new(wanted, found));
        }
        Ok(())
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        let end = self.used.saturating_add(wanted.len());
        if let Some(drawn) = self.bytes.get(self.used..end) {
            wanted.copy_from_slice(drawn);
            self.used = end;
        } else {
            wanted.fill(0);
            self.short_by = self.short_by.saturating_add(wanted.len());
        }
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

#[cfg(test)]
mod tests;
