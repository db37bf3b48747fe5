//! The private seeds of epochs, one file each: durable before the epoch is announced, wiped when it
//! is time. Whoever has them reads everything sealed in their epochs.
//!
//! ```text
//! DIR/epochs/<SHA-256 of the public key>.seed, mode 0600:
//!
//! sekisho epoch seed, version 1
//! tree: fujisawa/#
//! suite: xwing-aes256gcm
//! created: 2026-11-20T08:30:00.000000Z
//! seed: 64 hexadecimal digits
//! ```
//!
//! The name is the checksum: a seed that does not make the key of its file's name is refused. The
//! epoch's number is not in it. Which epoch a key was announced for is for the control log to say.
//!
//! A seed that is destroyed leaves a file of the same name that ends in `.erased` until the receipt
//! is in the control log. It is written before the seed is overwritten and removed: whatever the
//! moment of a crash, what is left says that this seed was destroyed, or is to be, and by whom; a
//! seed that is merely not there, as after the loss of a disk, gets no receipt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use sekisho_proto::{Filter, Hash, Suite, Timestamp};
use sekisho_seal::{Entropy, EpochKeyPair, GenerateError};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::private_file::{self, FileError};

const FOLDER: &str = "epochs";
const EXTENSION: &str = "seed";
const ERASED: &str = "erased";
const ERASED_LINE: &str = "sekisho erased epoch seed, version 1\n";
const FIRST_LINE: &str = "sekisho epoch seed, version 1";

/// A seed file, bytes: a tree of 512 and four short lines, rounded up.
const SEED_FILE_BYTES_MAX: usize = 1024;

const SEED_BYTES: usize = 32;

/// Which seed: SHA-256 of its public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeedId(Hash);

impl SeedId {
    /// That of the seed of a public key.
    pub(crate) fn of(public_key: &[u8]) -> Self {
        Self(Hash::of(public_key))
    }

    /// SHA-256 of its public key.
    pub(crate) fn hash(self) -> Hash {
        self.0
    }
}

impl fmt::Display for SeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.short())
    }
}

/// An epoch's key pair, held on disk and, wiped when dropped, in memory.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) tree: Filter,
    pub(crate) created: Timestamp,
    pub(crate) keys: EpochKeyPair,
}

/// Seeds that cannot be read, written or destroyed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SeedError {
    /// The file was refused.
    #[error("epoch seeds")]
    File(#[from] FileError),
    /// The file is not a seed's. Says nothing of what is there.
    #[error("epoch seed {}: wanted {wanted}, found something else", path.display())]
    Text {
        /// Which.
        path: PathBuf,
        /// What should be there.
        wanted: &'static str,
    },
    /// No key pair could be drawn.
    #[error("epoch seed: wanted a key pair")]
    Generate(#[from] GenerateError),
}

/// All seeds of a steward.
#[derive(Debug)]
pub(crate) struct Seeds {
    folder: PathBuf,
    held: BTreeMap<SeedId, Seed>,
    /// Destroyed, and no receipt is known to be in the log.
    erased: BTreeSet<SeedId>,
}

impl Seeds {
    /// Reads every seed in the steward's folder; makes the place for them where there is none.
    pub(crate) fn open(steward: &Path) -> Result<Self, SeedError> {
        let folder = steward.join(FOLDER);
        private_file::make_folder(&folder)?;
        private_file::sweep(&folder)?;
        let mut seeds = Self { folder, held: BTreeMap::new(), erased: BTreeSet::new() };
        let paths = private_file::list(&seeds.folder)?;
        let of = |wanted: &'static str| {
            let is = move |path: &&PathBuf| path.extension().is_some_and(|found| found == wanted);
            paths.iter().filter(is)
        };
        for path in of(ERASED) {
            let id = erased_id(path)?;
            let seed = seeds.path(id);
            if seed.exists() {
                private_file::destroy(&seed)?;
            }
            seeds.erased.insert(id);
        }
        for path in of(EXTENSION).filter(|path| path.exists()) {
            let (id, seed) = read(path)?;
            seeds.held.insert(id, seed);
        }
        Ok(seeds)
    }

    /// Draws a new seed. On return it is durable, so that its public key may be announced.
    pub(crate) fn draw(
        &mut self,
        tree: &Filter,
        suite: Suite,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<SeedId, SeedError> {
        let keys = EpochKeyPair::generate(suite, entropy)?;
        let seed = Seed { tree: tree.clone(), created: now, keys };
        let id = SeedId::of(&seed.keys.public_key().to_bytes());
        private_file::create(&self.path(id), print(&seed).as_bytes())?;
        self.held.insert(id, seed);
        Ok(id)
    }

    /// A seed, where it is held.
    pub(crate) fn get(&self, id: SeedId) -> Option<&Seed> {
        self.held.get(&id)
    }

    /// Every seed that is held.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeedId, &Seed)> {
        self.held.iter().map(|(id, seed)| (*id, seed))
    }

    /// Destroys a seed for good. Where a receipt is owed, it is owed until it is
    /// [`settled`](Self::settle), also after a crash at any moment.
    pub(crate) fn destroy(&mut self, id: SeedId, is_receipt_owed: bool) -> Result<(), SeedError> {
        if is_receipt_owed && !self.erased.contains(&id) {
            private_file::create(&self.mark(id), ERASED_LINE.as_bytes())?;
            self.erased.insert(id);
        }
        private_file::destroy(&self.path(id))?;
        self.held.remove(&id);
        Ok(())
    }

    /// Seeds that were destroyed here and whose receipts are owed.
    pub(crate) fn erased(&self) -> impl Iterator<Item = SeedId> {
        self.erased.iter().copied().filter(|id| !self.held.contains_key(id))
    }

    /// A receipt is in the log.
    pub(crate) fn settle(&mut self, id: SeedId) -> Result<(), SeedError> {
        private_file::remove(&self.mark(id))?;
        self.erased.remove(&id);
        Ok(())
    }

    fn path(&self, id: SeedId) -> PathBuf {
        self.folder.join(format!("{}.{EXTENSION}", id.0))
    }

    fn mark(&self, id: SeedId) -> PathBuf {
        self.folder.join(format!("{}.{ERASED}", id.0))
    }
}

/// Whose mark a file is.
fn erased_id(path: &Path) -> Result<SeedId, SeedError> {
    let wanted = "the mark of an erased seed";
    let fault = || SeedError::Text { path: path.to_owned(), wanted };
    let name = path.file_stem().and_then(|name| name.to_str()).ok_or_else(fault)?;
    let hash: Hash = name.parse().map_err(|_fault| fault())?;
    match private_file::read(path, SEED_FILE_BYTES_MAX)? {
        Some(contents) if contents.as_slice() == ERASED_LINE.as_bytes() => Ok(SeedId(hash)),
        Some(_) | None => Err(fault()),
    }
}

fn print(seed: &Seed) -> Zeroizing<String> {
    // Never grows beyond this, so that no copy of the seed stays behind.
    let mut text = Zeroizing::new(String::with_capacity(SEED_FILE_BYTES_MAX));
    let lines = [
        FIRST_LINE,
        "\ntree: ",
        seed.tree.as_str(),
        "\nsuite: ",
        seed.keys.suite().name(),
        "\ncreated: ",
        &seed.created.to_string(),
        "\nseed: ",
    ];
    lines.into_iter().for_each(|part| text.push_str(part));
    HEXLOWER.encode_append(seed.keys.seed().as_slice(), &mut text);
    text.push('\n');
    text
}

fn read(path: &Path) -> Result<(SeedId, Seed), SeedError> {
    let fault = |wanted| SeedError::Text { path: path.to_owned(), wanted };
    let Some(contents) = private_file::read(path, SEED_FILE_BYTES_MAX)? else {
        return Err(fault("a file"));
    };
    let text = str::from_utf8(&contents).map_err(|_not_text| fault("text"))?;
    let mut lines = text.split_terminator('\n');
    let mut line = |name: &str, wanted| {
        let found = lines.next().and_then(|line| line.strip_prefix(name));
        found.ok_or_else(|| fault(wanted))
    };
    if !line(FIRST_LINE, FIRST_LINE)?.is_empty() {
        return Err(fault(FIRST_LINE));
    }
    let tree = line("tree: ", "a tree")?.parse().map_err(|_fault| fault("a tree"))?;
    let suite: Suite = line("suite: ", "a suite")?.parse().map_err(|_fault| fault("a suite"))?;
    let created = line("created: ", "a time")?.parse().map_err(|_fault| fault("a time"))?;
    let digits = line("seed: ", "a seed")?;
    let mut bytes = Zeroizing::new([0; SEED_BYTES]);
    if digits.len() != HEXLOWER.encode_len(SEED_BYTES) {
        return Err(fault("64 hexadecimal digits"));
    }
    HEXLOWER
        .decode_mut(digits.as_bytes(), bytes.as_mut_slice())
        .map_err(|_partial| fault("64 hexadecimal digits"))?;
    if lines.next().is_some() {
        return Err(fault("the end"));
    }
    let keys = EpochKeyPair::from_seed(suite, &bytes)
        .map_err(|_not_sealing| fault("a suite that seals"))?;
    let id = SeedId::of(&keys.public_key().to_bytes());
    let name = path.file_stem().unwrap_or_default();
    if name != id.0.to_string().as_str() {
        return Err(fault("the seed of the key that its name tells"));
    }
    Ok((id, Seed { tree, created, keys }))
}

#[cfg(test)]
mod tests;
