use std::fs::{self, File};

use super::{KNOWN_BYTES, Place, Places};

#[test]
fn a_file_is_known_again_by_what_it_begins_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    let text = "0123456789\n".repeat(200);
    fs::write(&path, &text).unwrap();
    let is_known = |bytes: u64| {
        let before = &text.as_bytes()[..usize::try_from(bytes).unwrap()];
        let place = Place::behind(bytes, &text.as_bytes()[..KNOWN_BYTES], before).unwrap();
        place.is_of(&mut File::open(&path).unwrap()).unwrap()
    };
    assert!(is_known(11) && is_known(1_100) && is_known(2_200));
    fs::write(&path, text.replacen("0123", "3210", 1)).unwrap();
    assert!(!is_known(11) && !is_known(2_200), "another file of the same length");
    fs::write(&path, &text[..1_100]).unwrap();
    assert!(is_known(1_100) && !is_known(1_111), "a file that was truncated");
    assert_eq!(Place::behind(0, b"", b""), None);
}

#[test]
fn a_header_that_every_file_has_does_not_make_another_file_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    let header = "column,".repeat(KNOWN_BYTES);
    let text = format!("{header}\n1,10\n");
    let bytes = text.len() as u64;
    let place = Place::behind(bytes, text.as_bytes(), text.as_bytes()).unwrap();
    fs::write(&path, format!("{text}2,11\n")).unwrap();
    assert!(place.is_of(&mut File::open(&path).unwrap()).unwrap());
    fs::write(&path, format!("{header}\n8,90\n9,91\n")).unwrap();
    assert!(!place.is_of(&mut File::open(&path).unwrap()).unwrap());
}

#[tokio::test]
async fn places_outlive_the_run_and_damaged_ones_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let spools = folder.path().join("spools");
    let place = Place::behind(4, b"one\n", b"one\n").unwrap();
    let mut places = Places::open(Some(&spools));
    assert_eq!(places.of("bus"), None);
    places.note("bus", place.clone());
    places.keep().await;
    assert!(!places.has_moved());
    assert_eq!(Places::open(Some(&spools)).of("bus"), Some(place));
    let path = spools.join("places.json");
    for damaged in ["", "{}", r#"{"version":1,"inputs":{"bus":{"bytes":-1}}}"#] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(Places::open(Some(&spools)).of("bus"), None, "{damaged}");
    }
}

#[tokio::test]
async fn a_damaged_place_is_that_of_its_own_file_only() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::behind(4, b"one\n", b"one\n").unwrap();
    let mut places = Places::open(Some(folder.path()));
    for input in ["bus", "tram"] {
        places.note(input, place.clone());
    }
    places.keep().await;
    let path = folder.path().join("places.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"bytes\":4", "\"bytes\":-4", 1)).unwrap();
    let read = Places::open(Some(folder.path()));
    assert_eq!((read.of("bus"), read.of("tram")), (None, Some(place)));
}

#[tokio::test]
async fn without_spools_no_place_is_kept() {
    let mut places = Places::open(None);
    places.note("bus", Place::behind(4, b"one\n", b"one\n").unwrap());
    assert!(!places.has_moved());
    assert_eq!(places.of("bus"), None);
}
