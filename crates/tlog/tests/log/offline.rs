//! Proof files: one entry, verified with nothing but a policy.

use sekisho_proto::Hash;
use sekisho_tlog::{
    NOTE_BYTES_MAX, Note, PROOF_BYTES_MAX, QuorumError, TlogPolicy, TlogProof, TlogProofError,
    leaf_hash,
};

use crate::world::{Key, ORIGIN, Verifier, bent, checkpoint_of, cosigned, tree};

fn log_key() -> Key {
    Key::of("fujisawa's node")
}

fn policy() -> TlogPolicy {
    let key = |name: &str| Key::of(name).cosigner(name);
    let witnesses = ["santander", "osaka", "mitaka"].map(|name| (name, key(name)));
    TlogPolicy::of(log_key().log(ORIGIN), witnesses, 2).unwrap()
}

fn proof(index: u64, size: u64, extra: Option<&[u8]>) -> TlogProof {
    let tree = tree(40);
    let note = cosigned(&checkpoint_of(&tree, size), &log_key(), &["santander", "mitaka"]);
    let path = tree.inclusion(index, size).unwrap();
    TlogProof { extra: extra.map(<[u8]>::to_vec), index, path, note }
}

fn malformed(text: &str) -> String {
    match TlogProof::parse(text) {
        Err(error) => error.to_string(),
        Ok(proof) => panic!("{proof:?} is a proof"),
    }
}

#[test]
fn a_proof_verifies_with_nothing_but_the_entry_and_a_policy() {
    for size in [1, 2, 23, 40] {
        for index in 0..size {
            let proof = proof(index, size, None);
            let read = TlogProof::parse(&proof.encode()).unwrap();
            assert_eq!(read, proof);
            let leaf = leaf_hash(format!("entry {index}").as_bytes());
            let accepted = read.verify(&leaf, &policy(), &Verifier).unwrap();
            assert_eq!(accepted.checkpoint.size, size);
            assert_eq!(accepted.cosigners.len(), 2);
        }
    }
}

#[test]
fn a_proof_reads_as_the_specification_has_it() {
    let proof = proof(5, 23, Some(b"age-v1.2.1"));
    let text = proof.encode();
    let mut lines = text.split('\n');
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    assert_eq!(lines.next(), Some("extra YWdlLXYxLjIuMQ=="));
    assert_eq!(lines.next(), Some("index 5"));
    for hash in &proof.path {
        assert_eq!(lines.next(), Some(data_encoding::BASE64.encode(hash.as_bytes()).as_str()));
    }
    assert_eq!(lines.next(), Some(""));
    assert_eq!(lines.next(), Some(ORIGIN));
    assert!(text.ends_with(&proof.note.to_string()));
    for extra in [Some(&b""[..]), None, Some(&[0; 300])] {
        let proof = self::proof(0, 1, extra);
        assert_eq!(TlogProof::parse(&proof.encode()), Ok(proof));
    }
}

#[test]
fn a_proof_proves_its_own_entry_only() {
    let (policy, leaf) = (policy(), leaf_hash(b"entry 5"));
    let good = proof(5, 23, None);
    assert!(good.verify(&leaf, &policy, &Verifier).is_ok());
    let not_included = |proof: &TlogProof, leaf: &Hash| {
        let refused = proof.verify(leaf, &policy, &Verifier);
        assert!(matches!(refused, Err(TlogProofError::Inclusion(_))), "{refused:?}");
    };
    not_included(&good, &bent(&leaf));
    not_included(&good, &leaf_hash(b"entry 6"));
    for index in (0..50).filter(|index| *index != 5) {
        not_included(&TlogProof { index, ..good.clone() }, &leaf);
    }
    for at in 0..good.path.len() {
        let mut path = good.path.clone();
        path[at] = bent(&path[at]);
        not_included(&TlogProof { path, ..good.clone() }, &leaf);
        let mut path = good.path.clone();
        path.remove(at);
        not_included(&TlogProof { path, ..good.clone() }, &leaf);
    }
    for size in (6..=40).filter(|size| *size != 23) {
        let other = proof(5, size, None);
        not_included(&TlogProof { path: other.path, ..good.clone() }, &leaf);
        not_included(&TlogProof { note: other.note, ..good.clone() }, &leaf);
    }
}

/// The size is not in the tree's hashes; that it cannot be altered is the signature's work.
#[test]
fn a_proof_s_size_cannot_be_altered() {
    let (policy, leaf) = (policy(), leaf_hash(b"entry 5"));
    let good = proof(5, 23, None).encode();
    for size in (0..60).filter(|size| *size != 23) {
        let altered = good.replace("\n23\n", &format!("\n{size}\n"));
        let refused = TlogProof::parse(&altered).unwrap().verify(&leaf, &policy, &Verifier);
        assert!(
            matches!(refused, Err(TlogProofError::Quorum(QuorumError::Note(_)))),
            "{refused:?}"
        );
    }
}

#[test]
fn a_proof_needs_the_quorum_and_the_log() {
    let leaf = leaf_hash(b"entry 5");
    let good = proof(5, 23, None);
    let alone = cosigned(&checkpoint_of(&tree(40), 23), &log_key(), &["santander"]);
    let alone = TlogProof { note: alone, ..good.clone() };
    let refused = alone.verify(&leaf, &policy(), &Verifier);
    assert!(matches!(refused, Err(TlogProofError::Quorum(QuorumError::Quorum { .. }))));
    assert!(good.verify_of(&leaf, &log_key().log(ORIGIN), &policy(), &Verifier).is_ok());
    let refused = good.verify_of(&bent(&leaf), &log_key().log(ORIGIN), &policy(), &Verifier);
    assert!(matches!(refused, Err(TlogProofError::Inclusion(_))));
    let refused = good.verify_of(&leaf, &Key::of("another").log(ORIGIN), &policy(), &Verifier);
    assert!(matches!(refused, Err(TlogProofError::Quorum(QuorumError::Note(_)))));
}

#[test]
fn a_proof_has_one_form() {
    let good = proof(5, 23, None).encode();
    let note = proof(5, 23, None).note.to_string();
    let hash = data_encoding::BASE64.encode(&[7; 32]);
    let magic = "c2sp.org/tlog-proof@v1";
    let path = |count: usize| format!("{hash}\n").repeat(count);
    for (bad, wanted) in [
        (String::new(), "an empty line before a checkpoint"),
        (good.replace("@v1", "@v2"), "first line: wanted c2sp.org/tlog-proof@v1"),
        (format!("\n{good}"), "first line"),
        (format!("{magic}\n\n{note}"), "index: wanted"),
        (good.replace("index 5", "index 05"), "index: wanted"),
        (good.replace("index 5", "index +5"), "index: wanted"),
        (good.replace("index 5", "index  5"), "index: wanted"),
        (good.replace("index 5", "index 18446744073709551616"), "index: wanted"),
        (good.replace("index 5\n", "index 5\nextra AAAA\n"), "path: wanted"),
        (good.replace("index 5\n", "extra AA\nindex 5\n"), "extra data: wanted"),
        (good.replace("index 5\n", "extra AAAA\nextra AAAA\nindex 5\n"), "index: wanted"),
        (good.replace("index 5\n", "index 5\r\n"), "index: wanted"),
        (format!("{magic}\nindex 5\n{}\n{note}", path(65)), "path: wanted 64 hashes, found more"),
        (format!("{magic}\nindex 5\nAAAA\n\n{note}"), "path: wanted a hash of 32 bytes"),
        (format!("{magic}\nindex 5\n\nno checkpoint\n"), "signed note"),
        (format!("{magic}\nindex 5\n\ntext\n\n— a Uw2QOkn8srU=\n"), "checkpoint: size"),
        (format!("{good}\n"), "signed note"),
        (good.trim_end().to_owned(), "signed note"),
        ("a".repeat(PROOF_BYTES_MAX + 1), "file: wanted 256 KiB, found 262145 bytes"),
    ] {
        let error = malformed(&bad);
        assert!(error.contains(wanted), "{:?}: {error}", &bad[..bad.len().min(200)]);
    }
    assert!(TlogProof::parse(&format!("{magic}\nindex 5\n{}\n{note}", path(64))).is_ok());
    let large = Note::parse(&note).unwrap();
    assert!(large.to_string().len() < NOTE_BYTES_MAX);
}
