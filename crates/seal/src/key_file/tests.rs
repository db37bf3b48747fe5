use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use rustix::fs::FileType;
use sekisho_proto::Suite;
use tempfile::TempDir;

use super::*;
use crate::SeededEntropy;

fn file() -> KeyFile {
    KeyFile {
        kind: KeyKind::Principal(PrincipalKind::Steward),
        name: PrincipalName::parse("steward@fujisawa").unwrap(),
        identity: Identity::generate(Suite::XWingAes256Gcm, &mut SeededEntropy::new(1)).unwrap(),
    }
}

/// A directory with a key file in it.
fn written() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("steward.key");
    file().create(&path).unwrap();
    (directory, path)
}

#[test]
fn a_key_file_that_was_created_loads() {
    let (_directory, path) = written();
    let loaded = KeyFile::load(&path).unwrap();
    assert_eq!(loaded.kind, KeyKind::Principal(PrincipalKind::Steward));
    assert_eq!(loaded.name, file().name);
    assert_eq!(Identity::load(&path).unwrap().id(), file().identity.id());
}

#[test]
fn a_key_file_of_another_kind_is_refused_where_the_kind_matters() {
    let (_directory, path) = written();
    KeyFile::load_as(&path, KeyKind::Principal(PrincipalKind::Steward)).unwrap();
    let error = KeyFile::load_as(&path, KeyKind::Root).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("key file {}: wanted a key of kind root, found steward", path.display())
    );
}

#[test]
fn a_key_file_is_created_for_its_owner_alone() {
    let (_directory, path) = written();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_key_file_that_others_may_touch_is_refused() {
    let (_directory, path) = written();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o777, 0o4600] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = KeyFile::load(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Mode { found, .. } if found == mode), "{error}");
        assert_eq!(
            error.to_string(),
            format!("key file {}: wanted mode 0600, found {mode:04o}", path.display())
        );
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        KeyFile::load(&path).unwrap();
    }
}

#[test]
fn a_key_file_of_another_user_is_refused() {
    let path = Path::new("steward.key");
    let error = check_access(path, 1000, 1001, 0o100_600).unwrap_err();
    assert_eq!(
        error.to_string(),
        "key file steward.key: wanted one owned by user 1000, found user 1001"
    );
    check_access(path, 1000, 1000, 0o100_600).unwrap();
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (_directory, path) = written();
    let before = fs::read(&path).unwrap();
    let error = file().create(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_symbolic_link_is_followed_neither_to_read_nor_to_write() {
    let (directory, path) = written();
    let link = directory.path().join("link.key");
    symlink(&path, &link).unwrap();
    let error = KeyFile::load(&link).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { found: "a symbolic link", .. }), "{error}");
    let dangling = directory.path().join("dangling.key");
    let target = directory.path().join("target.key");
    symlink(&target, &dangling).unwrap();
    assert!(file().create(&dangling).is_err());
    assert!(!target.exists());
}

#[test]
fn directories_and_pipes_are_refused_without_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let error = KeyFile::load(directory.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { found: "a directory", .. }), "{error}");
    let pipe = directory.path().join("pipe.key");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, KEY_FILE_MODE, 0).unwrap();
    let error = KeyFile::load(&pipe).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error}");
}

#[test]
fn a_missing_file_and_a_missing_directory_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nowhere").join("steward.key");
    let error = KeyFile::load(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { action: "open", .. }), "{error}");
    assert!(error.to_string().contains("nowhere/steward.key"));
    let error = file().create(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { action: "create", .. }), "{error}");
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let (_directory, path) = written();
    fs::write(&path, vec![b'a'; 1 << 20]).unwrap();
    let error = KeyFile::load(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Size { limit: 1024, .. }), "{error}");
}

#[test]
fn a_damaged_key_file_is_refused_without_repeating_its_content() {
    let (_directory, path) = written();
    let text = fs::read_to_string(&path).unwrap();
    for (damaged, line) in [(String::new(), 1), (text.replace("kem-seed", "kem-sead"), 8)] {
        fs::write(&path, damaged).unwrap();
        let error = KeyFile::load(&path).unwrap_err();
        assert!(
            matches!(error, KeyFileError::Line { line: found, .. } if found == line),
            "{error}"
        );
        let seed = data_encoding::HEXLOWER.encode(file().identity.kem().seed().as_slice());
        assert!(!format!("{error} {error:?}").contains(&seed));
    }
}
