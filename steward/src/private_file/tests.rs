use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_file_is_read_back_and_only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.seed");
    create(&path, b"secret").unwrap();
    assert_eq!(read(&path, 6).unwrap().unwrap().as_slice(), b"secret");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(list(folder.path()).unwrap(), [path]);
}

#[test]
fn a_file_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.seed");
    create(&path, b"first").unwrap();
    assert!(matches!(create(&path, b"second"), Err(FileError::Exists { .. })));
    assert_eq!(read(&path, 64).unwrap().unwrap().as_slice(), b"first");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.seed");
    create(&path, b"secret").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(read(&path, 64), Err(FileError::Mode { found: 0o640, .. })));
}

#[test]
fn links_folders_and_long_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.seed");
    create(&path, b"secret").unwrap();
    let link = folder.path().join("link.seed");
    symlink(&path, &link).unwrap();
    assert!(matches!(read(&link, 64), Err(FileError::NotAFile { .. })));
    assert!(matches!(read(folder.path(), 64), Err(FileError::NotAFile { .. })));
    assert!(matches!(read(&path, 5), Err(FileError::Size { limit: 5, .. })));
}

#[test]
fn what_is_not_there_is_no_file_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    assert!(read(&path, 64).unwrap().is_none());
    remove(&path).unwrap();
    assert!(list(&path).unwrap().is_empty());
}

#[test]
fn what_a_crash_left_is_not_listed_and_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.seed");
    fs::write(unfinished(&path), b"half of a sec").unwrap();
    assert!(list(folder.path()).unwrap().is_empty());
    sweep(folder.path()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_destroyed_file_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.seed");
    create(&path, b"secret").unwrap();
    destroy(&path).unwrap();
    assert!(!path.exists());
}
