//! Roots and proofs against known answers and against RFC 9162's own definitions.

use proptest::prelude::*;
use sekisho_proto::Hash;
use sekisho_tlog::{
    Frontier, Tree, empty_root, leaf_hash, node_hash, verify_consistency, verify_inclusion,
};

use crate::world::{leaves, naive_consistency, naive_inclusion, naive_root, tree};

/// The leaves, and the roots over the first one, two, … of them, of the tests of the Certificate
/// Transparency log.
const LEAVES: [&[u8]; 8] =
    [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn known_tree() -> Tree {
    LEAVES.into_iter().map(leaf_hash).collect()
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|hash| hash.parse().unwrap()).collect()
}

#[test]
fn an_empty_tree_has_the_hash_of_nothing_as_its_root() {
    let sha256_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Tree::new().root(), sha256_of_nothing.parse().unwrap());
    assert_eq!(Tree::new().root_at(0), Some(empty_root()));
    assert_eq!(Frontier::new().root(), empty_root());
}

#[test]
fn roots_are_those_of_the_known_tree() {
    let (mut growing, mut frontier) = (Tree::new(), Frontier::new());
    for (index, root) in ROOTS.into_iter().enumerate() {
        let leaf = leaf_hash(LEAVES[index]);
        assert_eq!(growing.append(leaf), index as u64);
        frontier.append(leaf);
        assert_eq!(growing.root().to_string(), root);
        assert_eq!(frontier.root().to_string(), root);
        assert_eq!(known_tree().root_at(index as u64 + 1), Some(growing.root()));
    }
}

#[test]
fn inclusion_paths_are_those_of_the_known_tree() {
    let known = [
        (0, 1, hashes(&[])),
        (
            0,
            8,
            hashes(&[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]),
        ),
        (
            5,
            8,
            hashes(&[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]),
        ),
        (2, 3, hashes(&["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"])),
        (
            1,
            5,
            hashes(&[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]),
        ),
    ];
    for (index, size, path) in known {
        assert_eq!(known_tree().inclusion(index, size), Some(path), "{index} of {size}");
    }
}

#[test]
fn consistency_paths_are_those_of_the_known_tree() {
    let known = [
        (1, 1, hashes(&[])),
        (
            1,
            8,
            hashes(&[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]),
        ),
        (
            6,
            8,
            hashes(&[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]),
        ),
        (
            2,
            5,
            hashes(&[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]),
        ),
    ];
    for (old, new, path) in known {
        assert_eq!(known_tree().consistency(old, new), Some(path), "{old} to {new}");
    }
}

#[test]
fn what_is_not_there_is_not_proven() {
    let tree = tree(5);
    assert_eq!(tree.root_at(6), None);
    assert_eq!(tree.leaf(5), None);
    assert_eq!(tree.inclusion(5, 5), None);
    assert_eq!(tree.inclusion(0, 6), None);
    assert_eq!(tree.inclusion(0, 0), None);
    assert_eq!(tree.consistency(3, 6), None);
    assert_eq!(tree.consistency(4, 3), None);
    assert_eq!(tree.inclusion(u64::MAX, u64::MAX), None);
    assert_eq!(tree.consistency(0, u64::MAX), None);
}

#[test]
fn every_proof_up_to_seventy_leaves_is_the_definitions_and_verifies() {
    let leaves = leaves(70);
    let tree: Tree = leaves.iter().copied().collect();
    for size in 0..=70 {
        let held = &leaves[..size];
        let root = tree.root_at(size as u64).unwrap();
        assert_eq!(root, naive_root(held), "{size}");
        for (index, leaf) in held.iter().enumerate() {
            let path = tree.inclusion(index as u64, size as u64).unwrap();
            assert_eq!(path, naive_inclusion(index, held), "{index} of {size}");
            verify_inclusion(leaf, index as u64, size as u64, &root, &path).unwrap();
        }
        for old in 0..=size {
            let path = tree.consistency(old as u64, size as u64).unwrap();
            let wanted = if old == 0 { Vec::new() } else { naive_consistency(old, held, true) };
            assert_eq!(path, wanted, "{old} to {size}");
            let old_root = tree.root_at(old as u64).unwrap();
            verify_consistency((old as u64, &old_root), (size as u64, &root), &path).unwrap();
        }
    }
}

#[test]
fn a_frontier_knows_every_root_and_survives_being_kept() {
    let mut frontier = Frontier::new();
    let mut tree = Tree::new();
    for leaf in leaves(300) {
        frontier.append(leaf);
        tree.append(leaf);
        frontier = Frontier::decode(&frontier.encode()).unwrap();
        assert_eq!((frontier.size(), frontier.root()), (tree.size(), tree.root()));
        assert_eq!(Frontier::from(&tree), frontier);
    }
    assert!(frontier.encode().len() <= 8 + 32 * 9);
}

#[test]
fn a_frontier_of_the_wrong_length_is_refused() {
    let frontier = Frontier::from(&tree(7));
    let bytes = frontier.encode();
    for length in 0..bytes.len() {
        assert!(Frontier::decode(&bytes[..length]).is_err(), "{length}");
    }
    let longer = [bytes.as_slice(), &[0; 32]].concat();
    let error = Frontier::decode(&longer).unwrap_err().to_string();
    assert_eq!(error, "frontier of a log: wanted 104 bytes, found 136");
}

/// Paths for trees that no memory holds: the sides are computed, so any hashes will do.
#[test]
fn proofs_of_enormous_trees_verify() {
    let leaf = leaf_hash(b"the last of them");
    let size = u64::MAX;
    let mut root = leaf;
    let mut path = Vec::new();
    // u64::MAX leaves: the last one is alone in a subtree of one, beside one of two, of four, …
    for level in 1..64_u32 {
        let beside = leaf_hash(&level.to_be_bytes());
        root = node_hash(&beside, &root);
        path.push(beside);
    }
    verify_inclusion(&leaf, size - 1, size, &root, &path).unwrap();
    path.push(leaf);
    assert!(verify_inclusion(&leaf, size - 1, size, &root, &path).is_err());
}

fn some_leaves() -> impl Strategy<Value = Vec<Hash>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Hash::new), 1..600)
}

proptest! {
    #[test]
    fn any_tree_is_the_definitions(
        leaves in some_leaves(),
        index in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(),
    ) {
        let tree: Tree = leaves.iter().copied().collect();
        let (size, index) = (leaves.len(), index.index(leaves.len()));
        let old = old.index(size) + 1;
        prop_assert_eq!(tree.root(), naive_root(&leaves));
        let path = tree.inclusion(index as u64, size as u64).unwrap();
        prop_assert_eq!(&path, &naive_inclusion(index, &leaves));
        prop_assert!(
            verify_inclusion(&leaves[index], index as u64, size as u64, &tree.root(), &path)
                .is_ok()
        );
        let path = tree.consistency(old as u64, size as u64).unwrap();
        prop_assert_eq!(&path, &naive_consistency(old, &leaves, true));
        let old_root = naive_root(&leaves[..old]);
        let new = (size as u64, &tree.root());
        prop_assert!(verify_consistency((old as u64, &old_root), new, &path).is_ok());
    }

    #[test]
    fn any_hashes_are_refused_as_a_proof(
        index in any::<u64>(),
        size in any::<u64>(),
        path in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash::new), 0..70),
    ) {
        let (leaf, root) = (leaf_hash(b"leaf"), leaf_hash(b"root"));
        prop_assert!(verify_inclusion(&leaf, index, size, &root, &path).is_err());
        prop_assert!(verify_consistency((index, &leaf), (size, &root), &path).is_err());
    }
}
