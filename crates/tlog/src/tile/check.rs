//! Holding a log in files to its checkpoint, from the first entry to the last.

use std::error::Error;

use sekisho_proto::Hash;

use super::{BundleError, TILE_WIDTH, TileId, TileLevel, decode_bundle};
use crate::{Checkpoint, Tree, hashing::leaf_hash};

/// Who reads a log's files for those who must do no I/O.
pub trait TileSource {
    /// Why a file could not be read.
    type Error: Error;

    /// The bytes of the file at a path below the log's folder; `None` where there is none.
    ///
    /// # Errors
    ///
    /// It could not be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// Reads every entry and every tile of a log and checks that they are those of the checkpoint, whose
/// signatures are somebody else's to verify. `entry` is called with each entry and its index, in
/// order; what it was called with is proven when this returns `Ok`, and not before.
///
/// # Errors
///
/// A file is missing or cannot be read, a bundle is malformed, the entries have another root, or a
/// tile of hashes is not theirs.
pub fn check_log<S: TileSource>(
    source: &S,
    checkpoint: &Checkpoint,
    mut entry: impl FnMut(u64, &[u8]),
) -> Result<Tree, CheckError<S::Error>> {
    let mut tree = Tree::new();
    let mut rooted = false;
    for tile in TileId::between(0, checkpoint.size) {
        if tile.level() == TileLevel::Entries {
            let (path, held, bytes) = read(source, tile)?;
            let bundle = decode_bundle(&bytes, held.width());
            let entries = bundle.map_err(|source| CheckError::Bundle { path, source })?;
            for bytes in entries.iter().take(tile.width().into()) {
                let index = tree.append(leaf_hash(bytes));
                entry(index, bytes);
            }
            continue;
        }
        if !rooted {
            check_root(checkpoint, &tree)?;
            rooted = true;
        }
        let (path, _, bytes) = read(source, tile)?;
        let wanted = tree.tile(&tile).unwrap_or_default();
        if bytes.get(..wanted.len()) != Some(wanted.as_slice()) {
            return Err(CheckError::Tile { path });
        }
    }
    check_root(checkpoint, &tree)?;
    Ok(tree)
}

fn check_root<E: Error>(checkpoint: &Checkpoint, tree: &Tree) -> Result<(), CheckError<E>> {
    let (size, wanted, found) = (checkpoint.size, checkpoint.root, tree.root());
    if wanted == found { Ok(()) } else { Err(CheckError::Root { size, wanted, found }) }
}

/// The bytes of a tile and which tile they are: a partial one may have given way to the full one.
fn read<S: TileSource>(
    source: &S,
    tile: TileId,
) -> Result<(String, TileId, Vec<u8>), CheckError<S::Error>> {
    let places = [tile, tile.full()];
    let places = if tile.width() == TILE_WIDTH { &places[1..] } else { &places[..] };
    for place in places {
        let path = place.path();
        match source.read(&path) {
            Ok(Some(bytes)) => return Ok((path, *place, bytes)),
            Ok(None) => {}
            Err(source) => return Err(CheckError::Read { path, source }),
        }
    }
    Err(CheckError::Missing { path: tile.path() })
}

/// Files that are not the log of the checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckError<E: Error> {
    /// A file cannot be read.
    #[error("{path} of the log cannot be read")]
    Read {
        /// Its path.
        path: String,
        /// Why not.
        source: E,
    },
    /// A file that a log of this size has is not there.
    #[error("{path}: wanted a file of the log, found none")]
    Missing {
        /// Its path.
        path: String,
    },
    /// A bundle is malformed.
    #[error("{path}: not a bundle of entries")]
    Bundle {
        /// Its path.
        path: String,
        /// What is wrong with it.
        source: BundleError,
    },
    /// A tile holds other hashes than those of the entries.
    #[error("{path}: wanted the hashes of the log's entries, found others")]
    Tile {
        /// Its path.
        path: String,
    },
    /// The entries are not those that the checkpoint is about.
    #[error("log: wanted root {wanted} of {size} entries, found {found}")]
    Root {
        /// How many entries there are.
        size: u64,
        /// The checkpoint's root.
        wanted: Hash,
        /// The root of the entries.
        found: Hash,
    },
}
