//! A log as files: what they are called, what they hold, and that nothing altered passes.

use std::{cell::RefCell, collections::BTreeMap, io};

use proptest::prelude::*;
use sekisho_tlog::{
    TileId, TileLevel,
    tile::{
        BundleError, CheckError, ENTRY_BYTES_MAX, TileSource, bundle_of, check_log, decode_bundle,
        encode_bundle,
    },
};

use crate::world::{checkpoint_of, entries, tree};

/// A log's folder, in memory.
#[derive(Clone, Default)]
struct Folder {
    files: BTreeMap<String, Vec<u8>>,
    read: RefCell<Vec<String>>,
}

impl TileSource for Folder {
    type Error = io::Error;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, io::Error> {
        self.read.borrow_mut().push(path.to_owned());
        Ok(self.files.get(path).cloned())
    }
}

impl Folder {
    /// Grown in steps, as a log grows: nothing is deleted.
    fn of(sizes: &[u64]) -> Self {
        let (last, mut folder, mut old) = (*sizes.last().unwrap(), Self::default(), 0);
        let (tree, entries) = (tree(last), entries(last));
        for new in sizes {
            for tile in TileId::between(old, *new) {
                let bytes = match tile.level() {
                    TileLevel::Entries => {
                        let first = usize::try_from(tile.first().unwrap()).unwrap();
                        encode_bundle(&entries[first..first + usize::from(tile.width())]).unwrap()
                    }
                    TileLevel::Hashes(_) => tree.tile(&tile).unwrap(),
                };
                let before = folder.files.insert(tile.path(), bytes);
                assert_eq!(before, None, "{tile} is immutable");
            }
            old = *new;
        }
        folder
    }

    fn check(&self, size: u64) -> Result<Vec<Vec<u8>>, CheckError<io::Error>> {
        let checkpoint = checkpoint_of(&tree(size), size);
        let mut read = Vec::new();
        let checked = check_log(self, &checkpoint, |index, entry| {
            assert_eq!(index, read.len() as u64);
            read.push(entry.to_vec());
        })?;
        assert_eq!((checked.size(), checked.root()), (size, checkpoint.root));
        Ok(read)
    }
}

fn tile(level: u8, index: u64, width: u16) -> TileId {
    TileId::new(TileLevel::Hashes(level), index, width).unwrap()
}

fn bundle(index: u64, width: u16) -> TileId {
    TileId::new(TileLevel::Entries, index, width).unwrap()
}

#[test]
fn paths_are_those_of_the_specification() {
    for (tile, path) in [
        (tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (tile(0, 0, 256), "tile/0/000"),
        (tile(63, 999, 1), "tile/63/999.p/1"),
        (tile(1, 1_000, 255), "tile/1/x001/000.p/255"),
        (bundle(1_234_067, 256), "tile/entries/x001/x234/067"),
        (bundle(0, 17), "tile/entries/000.p/17"),
        (tile(2, u64::MAX, 3), "tile/2/x018/x446/x744/x073/x709/x551/615.p/3"),
    ] {
        assert_eq!(tile.path(), path);
        assert_eq!(TileId::parse_path(path), Ok(tile));
    }
}

#[test]
fn a_path_has_one_form() {
    for bad in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/x1/002",
        "tile/0/X001/002",
        "tile/0/00a",
        "tile/0/-01",
        "tile/0/٠٠١",
        "tile/0/../000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/65537",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x018/x446/x744/x073/x709/x551/615",
    ] {
        assert!(TileId::parse_path(bad).is_err(), "{bad}");
    }
    assert_eq!(TileId::new(TileLevel::Hashes(64), 0, 1), None);
    assert_eq!(TileId::new(TileLevel::Entries, 0, 0), None);
    assert_eq!(TileId::new(TileLevel::Entries, 0, 257), None);
}

/// tlog-tiles §Partial Tiles: "a tree of size 70,000 will be represented by 273 full level 0 tiles,
/// one partial level 0 tile of width 112, one full level 1 tile, one partial level 1 tile of width
/// 17, and one partial level 2 tile of width 1."
#[test]
fn a_log_of_seventy_thousand_entries_has_the_specification_s_tiles() {
    let all: Vec<_> = TileId::between(0, 70_000).collect();
    let of = |level: TileLevel, full: bool| {
        all.iter().filter(|t| t.level() == level && (t.width() == 256) == full).collect::<Vec<_>>()
    };
    for level in [TileLevel::Entries, TileLevel::Hashes(0)] {
        assert_eq!(of(level, true).len(), 273);
        let [partial] = of(level, false)[..] else { panic!("{level:?}") };
        assert_eq!((partial.index(), partial.width()), (273, 112));
    }
    assert_eq!(of(TileLevel::Hashes(1), true), [&tile(1, 0, 256)]);
    assert_eq!(of(TileLevel::Hashes(1), false), [&tile(1, 1, 17)]);
    assert_eq!(of(TileLevel::Hashes(2), false), [&tile(2, 0, 1)]);
    assert_eq!(all.len(), 274 + 274 + 3);
    let small: Vec<_> = TileId::between(0, 256).skip(1).collect();
    assert_eq!(small, [tile(0, 0, 256), tile(1, 0, 1)]);
    assert_eq!(TileId::between(0, 0).count(), 0);
    assert_eq!(TileId::between(300, 300).count(), 0);
    assert_eq!(TileId::between(0, u64::MAX).take(3).count(), 3);
}

#[test]
fn a_growing_log_only_adds_files_and_each_of_its_sizes_checks() {
    let sizes = [1, 5, 255, 256, 257, 511, 512, 700];
    let folder = Folder::of(&sizes);
    for size in sizes {
        assert_eq!(folder.check(size).unwrap(), entries(size), "{size}");
    }
    assert!(Folder::default().check(0).unwrap().is_empty());
    let mut empty = checkpoint_of(&tree(1), 0);
    empty.root = tree(1).root();
    let refused = check_log(&Folder::default(), &empty, |_, _| ());
    assert!(matches!(refused, Err(CheckError::Root { size: 0, .. })));
}

#[test]
fn a_partial_tile_that_gave_way_is_read_from_the_full_one() {
    let mut folder = Folder::of(&[100, 300]);
    folder.files.retain(|path, _| !path.ends_with("000.p/100"));
    assert_eq!(folder.check(100).unwrap(), entries(100));
    let read = folder.read.borrow();
    assert!(read.contains(&"tile/entries/000".to_owned()), "{read:?}");
}

#[test]
fn any_altered_or_missing_file_is_found() {
    let sizes = [300];
    let folder = Folder::of(&sizes);
    for path in folder.files.keys() {
        let mut without = folder.clone();
        without.files.remove(path);
        let error = without.check(300).unwrap_err();
        assert!(matches!(&error, CheckError::Missing { path: named } if named == path), "{error}");
        for at in [0, 1, 2, folder.files[path].len() - 1] {
            let mut altered = folder.clone();
            altered.files.get_mut(path).unwrap()[at] ^= 1;
            assert!(altered.check(300).is_err(), "{path} at {at}");
        }
        let mut cut = folder.clone();
        cut.files.get_mut(path).unwrap().pop();
        assert!(cut.check(300).is_err(), "{path}");
    }
    let mut swapped = folder;
    let path = "tile/entries/000";
    let mut held = entries(256);
    held.swap(3, 4);
    swapped.files.insert(path.to_owned(), encode_bundle(&held).unwrap());
    assert!(matches!(swapped.check(300), Err(CheckError::Root { size: 300, .. })));
}

#[test]
fn a_checkpoint_of_a_size_that_nobody_has_costs_nothing() {
    let folder = Folder::of(&[10]);
    let mut checkpoint = checkpoint_of(&tree(10), 10);
    checkpoint.size = u64::MAX;
    let refused = check_log(&folder, &checkpoint, |_, _| ());
    assert!(matches!(refused, Err(CheckError::Missing { .. })));
    assert!(folder.read.borrow().len() <= 2);
}

#[test]
fn a_bundle_has_one_form() {
    let held = [&b""[..], b"a", b"bc"];
    let bytes = encode_bundle(held).unwrap();
    assert_eq!(bytes, b"\0\0\0\x01a\0\x02bc");
    assert_eq!(decode_bundle(&bytes, 3).unwrap(), held);
    for (width, found) in [(0, 1), (2, 3), (4, 3), (256, 3)] {
        let refused = decode_bundle(&bytes, width);
        assert_eq!(refused, Err(BundleError::Width { wanted: width, found }));
    }
    for length in 1..bytes.len() {
        assert!(decode_bundle(&bytes[..length], 3).is_err());
    }
    assert_eq!(decode_bundle(b"\0\x05abc", 1), Err(BundleError::Cut { entry: 0, length: 5 }));
    assert!(encode_bundle([vec![1; ENTRY_BYTES_MAX]]).is_ok());
    let long = encode_bundle([vec![1; ENTRY_BYTES_MAX + 1]]);
    assert_eq!(long, Err(BundleError::Entry { found: ENTRY_BYTES_MAX + 1 }));
    assert!(encode_bundle(vec![b"x"; 256]).is_ok());
    assert!(encode_bundle(vec![b"x"; 257]).is_err());
    assert!(encode_bundle(Vec::<Vec<u8>>::new()).is_err());
}

#[test]
fn an_entry_s_bundle_is_found() {
    assert_eq!(bundle_of(0, 1), Some(bundle(0, 1)));
    assert_eq!(bundle_of(255, 256), Some(bundle(0, 256)));
    assert_eq!(bundle_of(255, 300), Some(bundle(0, 256)));
    assert_eq!(bundle_of(299, 300), Some(bundle(1, 44)));
    assert_eq!(bundle_of(300, 300), None);
    assert_eq!(bundle_of(5, 0), None);
    assert_eq!(bundle_of(u64::MAX, u64::MAX), None);
}

#[test]
fn a_tree_has_no_tile_beyond_its_end() {
    let tree = tree(300);
    assert_eq!(tree.tile(&tile(0, 1, 45)), None);
    assert_eq!(tree.tile(&tile(1, 0, 2)), None);
    assert_eq!(tree.tile(&tile(63, 0, 1)), None);
    assert_eq!(tree.tile(&tile(0, u64::MAX, 1)), None);
    assert_eq!(tree.tile(&bundle(0, 1)), None);
    assert_eq!(tree.tile(&tile(1, 0, 1)).unwrap(), tree.root_at(256).unwrap().as_bytes());
}

proptest! {
    #[test]
    fn any_tile_has_its_path(level in 0_u8..64, index in any::<u64>(), width in 1_u16..=256) {
        for tile in [tile(level, index, width), bundle(index, width)] {
            prop_assert_eq!(TileId::parse_path(&tile.path()), Ok(tile));
        }
    }

    #[test]
    fn any_path_that_is_read_is_written_the_same(path in "tile/([0-9]{1,2}|entries)(/x?[0-9]{3}){1,4}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = TileId::parse_path(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }
}
