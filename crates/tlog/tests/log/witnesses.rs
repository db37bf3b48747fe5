//! What a witness cosigns, and what it raises an alarm about.

use std::error::Error as _;

use sekisho_tlog::{Known, Tree, Verdict, WitnessError, judge, leaf_hash};

use crate::world::{bent, checkpoint_of, leaves, tree};

#[test]
fn a_log_is_followed_from_its_first_checkpoint_on() {
    let tree = tree(50);
    let mut known: Option<Known> = None;
    for size in [0, 1, 1, 7, 8, 8, 31, 50] {
        let checkpoint = checkpoint_of(&tree, size);
        let old = known.map_or(0, |known| known.size);
        let proof = tree.consistency(old, size).unwrap();
        let verdict = judge(known.as_ref(), &checkpoint, &proof).unwrap();
        let same = known == Some(Known::from(&checkpoint));
        assert_eq!(verdict, if same { Verdict::Same } else { Verdict::New });
        known = Some(Known::from(&checkpoint));
    }
}

#[test]
fn a_log_that_was_rolled_back_is_refused() {
    let tree = tree(9);
    let known = Known::from(&checkpoint_of(&tree, 9));
    for size in 0..9 {
        let proof = tree.consistency(size, 9).unwrap();
        let error = judge(Some(&known), &checkpoint_of(&tree, size), &proof).unwrap_err();
        assert!(matches!(error, WitnessError::RolledBack { known: 9, found, .. } if found == size));
    }
}

#[test]
fn two_roots_for_one_size_are_a_fork() {
    let tree = tree(9);
    let known = Known::from(&checkpoint_of(&tree, 9));
    let mut checkpoint = checkpoint_of(&tree, 9);
    checkpoint.root = bent(&checkpoint.root);
    let error = judge(Some(&known), &checkpoint, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "log sekisho/fujisawa/control was forked: wanted root {} of 9 entries, found {}",
            known.root, checkpoint.root
        )
    );
}

#[test]
fn a_log_that_was_rewritten_and_grew_is_refused_whatever_the_proof() {
    let honest = tree(9);
    let mut forged = leaves(12);
    forged[4] = leaf_hash(b"somebody else");
    let forged: Tree = forged.into_iter().collect();
    let known = Known::from(&checkpoint_of(&honest, 9));
    for proof in [forged.consistency(9, 12).unwrap(), tree(12).consistency(9, 12).unwrap(), vec![]]
    {
        let error = judge(Some(&known), &checkpoint_of(&forged, 12), &proof).unwrap_err();
        assert!(matches!(error, WitnessError::Inconsistent { known: 9, found: 12, .. }));
        assert!(error.source().is_some());
    }
}

#[test]
fn an_empty_log_has_one_root_and_a_first_checkpoint_needs_no_proof() {
    let tree = tree(3);
    let mut empty = checkpoint_of(&tree, 0);
    assert_eq!(judge(None, &empty, &[]), Ok(Verdict::New));
    empty.root = tree.root();
    assert!(matches!(judge(None, &empty, &[]), Err(WitnessError::Forked { size: 0, .. })));
    let first = checkpoint_of(&tree, 3);
    assert_eq!(judge(None, &first, &[]), Ok(Verdict::New));
    let superfluous = judge(None, &first, &[tree.root()]);
    assert!(matches!(superfluous, Err(WitnessError::Inconsistent { .. })));
}

#[test]
fn a_log_cannot_write_on_the_witness_s_terminal() {
    let mut checkpoint = checkpoint_of(&tree(3), 3);
    checkpoint.origin = "evil\u{1b}[2J".to_owned();
    let known = Known { size: 4, root: checkpoint.root };
    let error = judge(Some(&known), &checkpoint, &[]).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}
