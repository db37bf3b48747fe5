//! Whoever alters a proof, an index, a size, a root or a log's history is refused.

use proptest::prelude::*;
use sekisho_proto::Hash;
use sekisho_tlog::{ProofError, Tree, leaf_hash, verify_consistency, verify_inclusion};

use crate::world::{bent, leaves, naive_sides, tree};

/// Every path that differs from this one in one place.
fn damaged(path: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..path.len() {
        let mut one = path.to_vec();
        one[at] = bent(&one[at]);
        all.push(one);
        let mut one = path.to_vec();
        one.remove(at);
        all.push(one);
        let mut one = path.to_vec();
        one.insert(at, path[at]);
        all.push(one);
        if at > 0 && path[at] != path[at - 1] {
            let mut one = path.to_vec();
            one.swap(at, at - 1);
            all.push(one);
        }
    }
    all.push([path, &[leaf_hash(b"one too many")]].concat());
    all
}

#[test]
fn no_altered_inclusion_proof_is_taken() {
    let tree = tree(33);
    for size in 1..=33 {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let leaf = tree.leaf(index).unwrap();
            let path = tree.inclusion(index, size).unwrap();
            for path in damaged(&path) {
                assert!(verify_inclusion(&leaf, index, size, &root, &path).is_err());
            }
            assert!(verify_inclusion(&bent(&leaf), index, size, &root, &path).is_err());
            assert!(verify_inclusion(&leaf, index, size, &bent(&root), &path).is_err());
        }
    }
}

#[test]
fn a_proof_holds_for_its_own_index_only() {
    let tree = tree(33);
    for size in 1..=33 {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let (leaf, path) = (tree.leaf(index).unwrap(), tree.inclusion(index, size).unwrap());
            for other in (0..size + 2).chain([u64::MAX]).filter(|other| *other != index) {
                assert!(verify_inclusion(&leaf, other, size, &root, &path).is_err());
                let another = tree.leaf(other).unwrap_or(leaf);
                assert!(verify_inclusion(&another, other, size, &root, &path).is_err());
            }
        }
    }
}

#[test]
fn a_proof_does_not_hold_for_the_root_of_another_size() {
    let tree = tree(33);
    for size in 1..=33 {
        for index in 0..size {
            let (leaf, path) = (tree.leaf(index).unwrap(), tree.inclusion(index, size).unwrap());
            for other in (0..=33).filter(|other| *other != size) {
                let root = tree.root_at(other).unwrap();
                assert!(verify_inclusion(&leaf, index, size, &root, &path).is_err());
                assert!(verify_inclusion(&leaf, index, other, &root, &path).is_err());
            }
        }
    }
}

/// The size is not hashed: a proof tells it only by the way to the root. That the size is the
/// root's is what the checkpoint's signature says, over both.
#[test]
fn a_wrong_size_is_refused_where_the_way_to_the_root_is_another() {
    let tree = tree(20);
    let mut refused = 0;
    for size in 1..=20 {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let (leaf, path) = (tree.leaf(index).unwrap(), tree.inclusion(index, size).unwrap());
            for other in (index + 1..=40).filter(|other| *other != size) {
                let same_way = naive_sides(index, size) == naive_sides(index, other);
                let taken = verify_inclusion(&leaf, index, other, &root, &path).is_ok();
                assert_eq!(taken, same_way, "{index} of {size} as of {other}");
                refused += usize::from(!taken);
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn no_altered_consistency_proof_is_taken() {
    let tree = tree(33);
    for new in 1..=33 {
        let new_root = tree.root_at(new).unwrap();
        for old in 1..=new {
            let old_root = tree.root_at(old).unwrap();
            let path = tree.consistency(old, new).unwrap();
            for path in damaged(&path) {
                assert!(verify_consistency((old, &old_root), (new, &new_root), &path).is_err());
            }
            let bent_old = bent(&old_root);
            assert!(verify_consistency((old, &bent_old), (new, &new_root), &path).is_err());
            let bent_new = bent(&new_root);
            assert!(verify_consistency((old, &old_root), (new, &bent_new), &path).is_err());
            for other in (1..=33).filter(|other| *other != old) {
                let root = tree.root_at(other).unwrap();
                assert!(verify_consistency((old, &root), (new, &new_root), &path).is_err());
                if other > new {
                    assert!(verify_consistency((other, &root), (new, &new_root), &path).is_err());
                } else if other != old {
                    let another = tree.consistency(other, new).unwrap();
                    let old = (old, &old_root);
                    assert!(
                        another == path || {
                            verify_consistency(old, (new, &new_root), &another).is_err()
                        }
                    );
                }
            }
        }
    }
}

#[test]
fn an_empty_log_is_the_beginning_of_every_log_and_of_no_root_but_its_own() {
    let (tree, empty) = (tree(9), Tree::new().root());
    let root = tree.root();
    verify_consistency((0, &empty), (9, &root), &[]).unwrap();
    verify_consistency((0, &empty), (0, &empty), &[]).unwrap();
    assert!(verify_consistency((0, &root), (9, &root), &[]).is_err());
    assert!(verify_consistency((0, &empty), (0, &root), &[]).is_err());
    assert!(verify_consistency((0, &empty), (9, &root), &[root]).is_err());
    assert!(verify_consistency((9, &root), (9, &root), &[root]).is_err());
    let shrunk = verify_consistency((9, &root), (0, &empty), &[]);
    assert_eq!(shrunk, Err(ProofError::Shrunk { old: 9, new: 0 }));
}

#[test]
fn an_error_names_what_was_wanted_and_found() {
    let tree = tree(8);
    let (leaf, root) = (tree.leaf(3).unwrap(), tree.root());
    let path = tree.inclusion(3, 8).unwrap();
    let told = |result: Result<(), ProofError>| result.unwrap_err().to_string();
    assert_eq!(
        told(verify_inclusion(&leaf, 8, 8, &root, &path)),
        "inclusion proof: wanted a leaf of a log of 8 entries, found index 8"
    );
    assert_eq!(
        told(verify_inclusion(&leaf, 3, 8, &root, &path[1..])),
        "inclusion proof: wanted 3 hashes, found 2"
    );
    let other = bent(&root);
    assert_eq!(
        told(verify_inclusion(&leaf, 3, 8, &other, &path)),
        format!("inclusion proof: wanted root {other} of 8 entries, found {root}")
    );
}

/// What somebody who rewrites a log may do to its entries.
#[derive(Debug, Clone)]
enum Rewrite {
    Alter(usize),
    Remove(usize),
    Swap(usize, usize),
    Insert(usize),
}

fn rewritten(leaves: &[Hash], rewrite: &Rewrite) -> Vec<Hash> {
    let mut leaves = leaves.to_vec();
    match *rewrite {
        Rewrite::Alter(at) => leaves[at] = bent(&leaves[at]),
        Rewrite::Remove(at) => drop(leaves.remove(at)),
        Rewrite::Swap(one, other) => leaves.swap(one, other),
        Rewrite::Insert(at) => leaves.insert(at, leaf_hash(b"slipped in")),
    }
    leaves
}

proptest! {
    /// Whoever saw the log once cannot be shown another history of it later, whatever honest or
    /// dishonest tree the proof is made from.
    #[test]
    fn a_rewritten_log_is_consistent_with_nothing_that_was_seen(
        seen in 2_usize..200,
        more in 0_usize..100,
        kind in 0..4,
        places in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let honest = leaves((seen + more) as u64);
        let (one, other) = (places.0.index(seen), places.1.index(seen));
        let rewrite = match kind {
            0 => Rewrite::Alter(one),
            1 => Rewrite::Remove(one),
            2 if one != other => Rewrite::Swap(one, other),
            _ => Rewrite::Insert(one),
        };
        let forged: Tree = rewritten(&honest, &rewrite).into_iter().collect();
        let honest: Tree = honest.into_iter().collect();
        let (old, new) = (seen as u64, forged.size());
        let old_root = honest.root_at(old).unwrap();
        prop_assert_ne!(forged.root_at(old.min(new)).unwrap(), old_root);
        if old <= new {
            let forgers = forged.consistency(old, new).unwrap();
            let forged_new = (new, &forged.root());
            prop_assert!(verify_consistency((old, &old_root), forged_new, &forgers).is_err());
            if let Some(honest) = honest.consistency(old, new) {
                prop_assert!(verify_consistency((old, &old_root), forged_new, &honest).is_err());
            }
        }
        // Nor is an entry that was proven once still provable where it was, if it is not there.
        if let Rewrite::Alter(at) = rewrite {
            let leaf = honest.leaf(at as u64).unwrap();
            let path = forged.inclusion(at as u64, new).unwrap();
            prop_assert!(verify_inclusion(&leaf, at as u64, new, &forged.root(), &path).is_err());
        }
    }
}
