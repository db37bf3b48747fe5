//! Entries, one after the other, in a file.

use super::TILE_WIDTH;

/// Longest entry of a log: its length is a `uint16`.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

const LENGTH_BYTES: usize = 2;

/// Writes a bundle.
///
/// tlog-tiles §Log entries: "Entry bundles are sequences of big-endian uint16 length-prefixed log
/// entries."
///
/// # Errors
///
/// There are more than 256 entries or none, or one is longer than [`ENTRY_BYTES_MAX`].
pub fn encode_bundle<E: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = E>,
) -> Result<Vec<u8>, BundleError> {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for entry in entries {
        let entry = entry.as_ref();
        let found = entry.len();
        let length = u16::try_from(found).map_err(|_too_long| BundleError::Entry { found })?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
        count += 1;
    }
    let fits = (1..=usize::from(TILE_WIDTH)).contains(&count);
    if fits { Ok(bytes) } else { Err(BundleError::Width { wanted: TILE_WIDTH, found: count }) }
}

/// The entries of a bundle of so many.
///
/// # Errors
///
/// There are more or fewer, or the bytes end within one.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let cut = || BundleError::Cut { entry: entries.len(), length: bytes.len() };
        let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or_else(cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or_else(cut)?;
        if entries.len() == usize::from(width) {
            return Err(BundleError::Width { wanted: width, found: entries.len() + 1 });
        }
        entries.push(entry);
        rest = after;
    }
    if entries.len() < usize::from(width) {
        return Err(BundleError::Width { wanted: width, found: entries.len() });
    }
    Ok(entries)
}

/// Entries that do not fit a bundle, or bytes that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Too long for its length.
    #[error("entry of a log: wanted at most {ENTRY_BYTES_MAX} bytes, found {found}")]
    Entry {
        /// Its length, bytes.
        found: usize,
    },
    /// Not as many entries as there should be.
    #[error("entry bundle: wanted {wanted} entries, found {found} (or more)")]
    Width {
        /// How many there should be.
        wanted: u16,
        /// How many there are, counted up to the first too many.
        found: usize,
    },
    /// The bytes end within an entry.
    #[error(
        "entry bundle: wanted whole entries, found {length} bytes that end within entry {entry}"
    )]
    Cut {
        /// Which of its entries.
        entry: usize,
        /// How long the bundle is, bytes.
        length: usize,
    },
}
