//! A log as static files: tiles of hashes, bundles of entries, and what each is called.

use sekisho_proto::Hash;

use crate::Tree;

mod bundle;
mod check;
mod path;

pub use bundle::{BundleError, ENTRY_BYTES_MAX, decode_bundle, encode_bundle};
pub use check::{CheckError, TileSource, check_log};
pub use path::TilePathError;

/// Where a log in files has its newest checkpoint, as a note (tlog-tiles §Checkpoints).
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Highest level that a tile's path may name: tlog-tiles §Merkle Tree, "between 0 and 63".
const LEVEL_MAX: u8 = 63;

/// Tree levels that a tile spans.
const TILE_HEIGHT: u32 = 8;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileLevel {
    /// The entries themselves.
    Entries,
    /// Hashes over `256 ** level` entries each; of level 0, the leaves.
    Hashes(u8),
}

/// One file of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    level: TileLevel,
    index: u64,
    width: u16,
}

impl TileId {
    /// The tile with this index in its level, of so many hashes or entries; `None` where the level
    /// is above 63 or the width not within 1 to 256.
    #[must_use]
    pub fn new(level: TileLevel, index: u64, width: u16) -> Option<Self> {
        let level_fits = match level {
            TileLevel::Entries => true,
            TileLevel::Hashes(level) => level <= LEVEL_MAX,
        };
        let fits = level_fits && (1..=TILE_WIDTH).contains(&width);
        fits.then_some(Self { level, index, width })
    }

    /// What it holds.
    #[must_use]
    pub const fn level(&self) -> TileLevel {
        self.level
    }

    /// Its place in its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it has: 256 where it is full.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The full tile in its place: "Clients […] MAY fetch the full tile in parallel as a fallback
    /// in case the partial tile is not available anymore" (tlog-tiles §Partial Tiles).
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// The index of its first hash in its level, or of its first entry; `None` where a log cannot
    /// be so long.
    #[must_use]
    pub const fn first(&self) -> Option<u64> {
        self.index.checked_mul(TILE_WIDTH as u64)
    }

    /// The files that a log has to add when it grows from one size to another, lowest level first:
    /// bundles of entries, then tiles of hashes. With zero, all of them.
    pub fn between(old: u64, new: u64) -> impl Iterator<Item = Self> {
        let hashes = (0_u8..)
            .map_while(move |level| {
                let shift = TILE_HEIGHT * u32::from(level);
                let new = new.checked_shr(shift).filter(|count| *count > 0)?;
                let level = TileLevel::Hashes(level);
                Some(Self::in_level(level, old.checked_shr(shift).unwrap_or(0), new))
            })
            .flatten();
        Self::in_level(TileLevel::Entries, old, new).chain(hashes)
    }

    fn in_level(level: TileLevel, old: u64, new: u64) -> impl Iterator<Item = Self> {
        let width = u64::from(TILE_WIDTH);
        let full = (old / width..new / width).map(move |index| (index, TILE_WIDTH));
        let rest = u16::try_from(new % width).ok().filter(|rest| *rest > 0 && new > old);
        let tiles = full.chain(rest.map(|rest| (new / width, rest)));
        tiles.map(move |(index, width)| Self { level, index, width })
    }
}

impl Tree {
    /// The bytes of a tile of hashes; `None` where the tree has not so many, or the tile is a
    /// bundle of entries, which a tree does not keep.
    ///
    /// tlog-tiles §Merkle Tree: "the sequence of the following Merkle Tree Hashes, with i from 0 to
    /// 255: `MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])`".
    #[must_use]
    pub fn tile(&self, tile: &TileId) -> Option<Vec<u8>> {
        let TileLevel::Hashes(level) = tile.level else { return None };
        let (level, first) = (TILE_HEIGHT * u32::from(level), tile.first()?);
        let hashes = (0..tile.width).map(|at| self.node(level, first.checked_add(at.into())?));
        let hashes: Option<Vec<Hash>> = hashes.collect();
        Some(hashes?.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }
}

/// The bundle that has an entry in a log of a size; `None` where the log has no such entry.
#[must_use]
pub fn bundle_of(index: u64, size: u64) -> Option<TileId> {
    let width = u64::from(TILE_WIDTH);
    let bundle = index / width;
    let held = size.checked_sub(bundle * width)?.min(width);
    let held = u16::try_from(held).ok()?;
    (index < size).then_some(TileId { level: TileLevel::Entries, index: bundle, width: held })
}
