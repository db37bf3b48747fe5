//! The same questions to other implementations: `ct-merkle` (RFC 6962), Cloudflare's `tlog_tiles`
//! and `signed_note` (ports of Go's).

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sekisho_proto::Hash;
use sekisho_tlog::{
    Checkpoint, Note, NoteKey, NoteSigner as _, TileId, TileLevel, Tree, leaf_hash,
    verify_consistency, verify_inclusion,
};
use sha2::Sha256;
use tlog_tiles::{HashReader, Tile};

use crate::world::{Key, ORIGIN, Verifier, checkpoint_of, cosigned, entries};

/// Where `tlog_tiles` keeps its hashes.
struct Stored(Vec<tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

/// One log, three times.
struct Logs {
    ours: Tree,
    tiles: Stored,
    ct: MemoryBackedTree<Sha256, Vec<u8>>,
}

impl Logs {
    fn of(entries: &[Vec<u8>]) -> Self {
        let (mut tiles, mut ct) = (Stored(Vec::new()), MemoryBackedTree::new());
        for (index, entry) in entries.iter().enumerate() {
            let hashes = tlog_tiles::stored_hashes(index as u64, entry, &tiles).unwrap();
            tiles.0.extend(hashes);
            ct.push(entry.clone());
        }
        let ours = entries.iter().map(|entry| leaf_hash(entry)).collect();
        Self { ours, tiles, ct }
    }
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::new(hash.0)).collect()
}

fn bytes(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn ct_root(root: &Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

/// Roots and proofs are the same, and each implementation takes the others' proofs.
fn agree(logs: &Logs, entry: &Vec<u8>, index: u64, old: u64, size: u64) {
    let tree = &logs.ours;
    let (root, leaf) = (tree.root_at(size).unwrap(), leaf_hash(entry));
    assert_eq!(tlog_tiles::tree_hash(size, &logs.tiles).unwrap(), theirs(&root), "{size}");

    let path = tree.inclusion(index, size).unwrap();
    let of_tiles = tlog_tiles::prove_record(size, index, &logs.tiles).unwrap();
    assert_eq!(ours(&of_tiles), path, "{index} of {size}");
    verify_inclusion(&leaf, index, size, &root, &ours(&of_tiles)).unwrap();
    let hashes = path.iter().map(theirs).collect();
    tlog_tiles::check_record(&hashes, size, theirs(&root), index, theirs(&leaf)).unwrap();
    let of_ct = InclusionProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
    ct_root(&root, size).verify_inclusion(entry, index, &of_ct).unwrap();

    let (old_root, path) = (tree.root_at(old).unwrap(), tree.consistency(old, size).unwrap());
    let of_tiles = tlog_tiles::prove_tree(size, old, &logs.tiles).unwrap();
    assert_eq!(ours(&of_tiles), path, "{old} to {size}");
    verify_consistency((old, &old_root), (size, &root), &ours(&of_tiles)).unwrap();
    let hashes = path.iter().map(theirs).collect();
    tlog_tiles::check_tree(&hashes, size, theirs(&root), old, theirs(&old_root)).unwrap();
    let of_ct = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
    ct_root(&root, size).verify_consistency(&ct_root(&old_root, old), &of_ct).unwrap();

    if size == logs.ct.len() {
        assert_eq!(logs.ct.root().as_bytes().as_slice(), root.as_bytes());
        let of_ct = logs.ct.prove_inclusion(usize::try_from(index).unwrap());
        assert_eq!(of_ct.as_bytes(), bytes(&tree.inclusion(index, size).unwrap()));
        let of_ct = logs.ct.prove_consistency(usize::try_from(size - old).unwrap());
        assert_eq!(of_ct.as_bytes(), bytes(&path));
    }
}

#[test]
fn all_agree_on_every_tree_up_to_seventy_leaves() {
    for size in 0..=70_u64 {
        let entries = entries(size);
        let logs = Logs::of(&entries);
        let root = logs.ours.root();
        assert_eq!(tlog_tiles::tree_hash(size, &logs.tiles).unwrap(), theirs(&root));
        assert_eq!(logs.ct.root().as_bytes().as_slice(), root.as_bytes());
        for (entry, index) in entries.iter().zip(0..) {
            for smaller in [size, (size + index) / 2 + 1] {
                agree(&logs, entry, index, index + 1, smaller.min(size));
            }
        }
    }
}

/// What one verifier takes of damaged proofs, all take.
#[test]
fn all_refuse_the_same_proofs() {
    let (entries, logs) = (entries(23), Logs::of(&entries(23)));
    let tree = &logs.ours;
    let mut compared = 0;
    for size in 1..=23_u64 {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let path = tree.inclusion(index, size).unwrap();
            for (other, claimed) in (0..26).flat_map(|i| (1..26).map(move |size| (i, size))) {
                let entry = &entries[usize::try_from(index).unwrap()];
                let leaf = leaf_hash(entry);
                let we = verify_inclusion(&leaf, other, claimed, &root, &path).is_ok();
                let hashes = path.iter().map(theirs).collect();
                let tiles =
                    tlog_tiles::check_record(&hashes, claimed, theirs(&root), other, theirs(&leaf));
                assert_eq!(we, tiles.is_ok(), "{index} of {size} as {other} of {claimed}");
                let proof = InclusionProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
                let ct = ct_root(&root, claimed).verify_inclusion(entry, other, &proof);
                assert_eq!(we, ct.is_ok(), "{index} of {size} as {other} of {claimed}");
                compared += 1;
            }
            let (old, path) = (index + 1, tree.consistency(index + 1, size).unwrap());
            let old_root = tree.root_at(old).unwrap();
            for (other, claimed) in (1..26).flat_map(|old| (1..26).map(move |size| (old, size))) {
                let (we_old, we_new) = ((other, &old_root), (claimed, &root));
                let we = verify_consistency(we_old, we_new, &path).is_ok();
                let hashes = path.iter().map(theirs).collect();
                let tiles = tlog_tiles::check_tree(
                    &hashes,
                    claimed,
                    theirs(&root),
                    other,
                    theirs(&old_root),
                );
                assert_eq!(we, tiles.is_ok(), "{old} to {size} as {other} to {claimed}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300_000, "{compared}");
}

#[test]
fn tiles_are_the_same_with_the_same_names() {
    let entries = entries(1_100);
    let logs = Logs::of(&entries);
    for (old, new) in [(0, 1), (0, 70), (0, 256), (200, 300), (256, 512), (300, 300), (0, 1_100)] {
        let theirs = Tile::new_tiles(8, old, new);
        let ours: Vec<_> =
            TileId::between(old, new).filter(|tile| tile.level() != TileLevel::Entries).collect();
        assert_eq!(ours.len(), theirs.len(), "{old} to {new}");
        for (tile, other) in ours.iter().zip(&theirs) {
            assert_eq!(tile.path().replacen("tile/", "tile/8/", 1), other.path());
            assert_eq!(logs.ours.tile(tile).unwrap(), other.read_data(&logs.tiles).unwrap());
        }
    }
}

#[test]
fn checkpoints_are_read_alike() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for text in [
        format!("a\n0\n{root}\n"),
        format!("a b\n18446744073709551615\n{root}\n"),
        format!("a\n1\n{root}\none\ntwo\n"),
        format!("a\n1\n{root}\n\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n1\n{root}"),
        format!("\n1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        "a\n1\nAAAA\n".to_owned(),
        "a\n1\n".to_owned(),
        String::new(),
    ] {
        let they = tlog_tiles::Checkpoint::from_bytes(text.as_bytes());
        match (Checkpoint::parse(&text), they) {
            (Ok(we), Ok(they)) => {
                assert_eq!((we.origin.as_str(), we.size), (they.origin(), they.size()));
                assert_eq!(theirs(&we.root), *they.hash());
            }
            (Err(_), Err(_)) => {}
            (we, they) => panic!("{text:?}: we {we:?}, they {they:?}"),
        }
    }
}

#[test]
fn others_verify_what_we_sign() {
    let key = Key::of("fujisawa's node");
    let note = cosigned(&checkpoint_of(&[leaf_hash(b"x")].into_iter().collect(), 1), &key, &["w"]);
    let vkey = key.log(ORIGIN).to_string();
    let verifier = signed_note::StandardVerifier::new(&vkey).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let theirs = signed_note::Note::from_bytes(note.to_string().as_bytes()).unwrap();
    let (verified, unverified) = theirs.verify(&list).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 1));
    assert_eq!(theirs.to_bytes(), note.to_string().as_bytes());
}

#[test]
fn we_verify_what_others_sign() {
    let seed = leaf_hash(b"a key of theirs");
    let theirs = ed25519_dalek::SigningKey::from_bytes(seed.as_bytes());
    let public = theirs.verifying_key().to_bytes();
    let id = signed_note::key_id("example.com/log", &[&[1], &public[..]].concat());
    let material = data_encoding::BASE64.encode(&[&[1], &seed.as_bytes()[..]].concat());
    let skey = format!("PRIVATE+KEY+example.com/log+{id:08x}+{material}");
    let signer = signed_note::StandardSigner::new(&skey).unwrap();
    let mut note = signed_note::Note::new(b"any text\n", &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    let key = Key::of("a key of theirs").log("example.com/log");
    assert_eq!(Key::of("a key of theirs").public_key().as_bytes(), &public);
    let note = Note::parse(str::from_utf8(&note.to_bytes()).unwrap()).unwrap();
    assert!(note.verify(&key, &Verifier).is_ok());
    let vkey = format!(
        "example.com/log+{id:08x}+{}",
        data_encoding::BASE64.encode(&[&[1], &public[..]].concat())
    );
    assert_eq!(vkey.parse::<NoteKey>(), Ok(key));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_agree_on_larger_trees(
        count in 71_u64..3_000,
        places in prop::collection::vec(any::<[prop::sample::Index; 3]>(), 8),
    ) {
        let entries = entries(count);
        let logs = Logs::of(&entries);
        for [size, index, old] in places {
            let size = size.index(entries.len()) + 1;
            let (index, old) = (index.index(size), old.index(size) + 1);
            agree(&logs, &entries[index], index as u64, old as u64, size as u64);
            agree(&logs, &entries[index], index as u64, old as u64, count);
        }
    }

    #[test]
    fn notes_are_read_alike(
        text in "[a-c\n—\u{a0}]{0,12}",
        lines in "(— [a-c+\u{2003}]{0,3} [AB]{7}[AQ]\n|— a AAAAAAA=\n|\n){0,4}",
    ) {
        let note = format!("{text}\n{lines}");
        match (Note::parse(&note), signed_note::Note::from_bytes(note.as_bytes())) {
            (Ok(we), Ok(they)) => {
                prop_assert_eq!(we.text().as_bytes(), they.text());
                prop_assert_eq!(we.to_string().into_bytes(), they.to_bytes());
            }
            (Err(_), Err(_)) => {}
            (we, they) => prop_assert!(false, "{note:?}: we {we:?}, they {they:?}"),
        }
    }
}
