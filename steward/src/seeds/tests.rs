use std::fs;

use sekisho_seal::{EntropyError, SeededEntropy};

use super::*;

fn tree() -> Filter {
    "fujisawa/truck/#".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

#[test]
fn a_seed_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut entropy = SeededEntropy::new(1);
    let mut seeds = Seeds::open(folder.path()).unwrap();
    let suites = [Suite::XWingAes256Gcm, Suite::X25519ChaCha20Poly1305];
    let ids = suites.map(|suite| seeds.draw(&tree(), suite, at(7), &mut entropy).unwrap());
    let again = Seeds::open(folder.path()).unwrap();
    for (id, suite) in ids.into_iter().zip(suites) {
        let (drawn, read) = (seeds.get(id).unwrap(), again.get(id).unwrap());
        assert_eq!(read.tree, tree());
        assert_eq!(read.created, at(7));
        assert_eq!(read.keys.suite(), suite);
        assert_eq!(read.keys.seed(), drawn.keys.seed());
        assert_eq!(SeedId::of(&read.keys.public_key().to_bytes()), id);
    }
    assert_eq!(again.iter().count(), 2);
}

#[test]
fn the_longest_tree_fits_into_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}/{}/#", "a".repeat(63), ["b".repeat(110).as_str(); 4].join("/"));
    let tree: Filter = text.parse().unwrap();
    assert!(text.len() > 505, "{}", text.len());
    let mut seeds = Seeds::open(folder.path()).unwrap();
    seeds.draw(&tree, Suite::X25519Aes256Gcm, at(7), &mut SeededEntropy::new(1)).unwrap();
    assert_eq!(Seeds::open(folder.path()).unwrap().iter().next().unwrap().1.tree, tree);
}

#[test]
fn a_destroyed_seed_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut seeds = Seeds::open(folder.path()).unwrap();
    let id =
        seeds.draw(&tree(), Suite::X25519Aes256Gcm, at(7), &mut SeededEntropy::new(1)).unwrap();
    seeds.destroy(id, false).unwrap();
    assert!(seeds.get(id).is_none());
    assert!(Seeds::open(folder.path()).unwrap().get(id).is_none());
    assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
}

#[test]
fn a_seed_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut seeds = Seeds::open(folder.path()).unwrap();
    let id =
        seeds.draw(&tree(), Suite::X25519Aes256Gcm, at(7), &mut SeededEntropy::new(1)).unwrap();
    let path = seeds.path(id);
    let text = fs::read_to_string(&path).unwrap();
    let digit = if text.ends_with("0\n") { "1\n" } else { "0\n" };
    let other_seed = format!("{}{digit}", &text[..text.len() - 2]);
    let longer = format!("{text}and more\n");
    let shorter = text[..text.len() - 3].to_owned();
    let open = text.replace("x25519-aes256gcm", "open");
    for wrong in [other_seed, longer, shorter, open, String::new()] {
        fs::write(&path, &wrong).unwrap();
        let refused = Seeds::open(folder.path());
        assert!(matches!(refused, Err(SeedError::Text { .. })), "{refused:?}");
    }
    fs::write(&path, &text).unwrap();
    Seeds::open(folder.path()).unwrap();
}

#[test]
fn without_randomness_there_is_no_seed() {
    struct Dry;
    impl Entropy for Dry {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError::new(bytes.len(), "none"))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut seeds = Seeds::open(folder.path()).unwrap();
    seeds.draw(&tree(), Suite::XWingAes256Gcm, at(7), &mut Dry).unwrap_err();
    assert_eq!(seeds.iter().count(), 0);
    assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
}
