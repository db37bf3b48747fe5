use std::{
    fs::{self, File},
    time::{Duration, UNIX_EPOCH},
};

use super::{Follower, Progress};
use crate::place::Place;

fn bytes(text: &'static str) -> Progress {
    Progress::Bytes(text.as_bytes().into())
}

#[test]
fn a_file_that_does_not_exist_yet_is_read_from_its_start_when_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later.csv");
    let mut follower = Follower::new(path.clone(), true, None);
    assert_eq!(follower.step().unwrap(), Progress::Missing);
    fs::write(&path, "first\n").unwrap();
    assert_eq!(follower.step().unwrap(), Progress::Idle, "opened");
    assert_eq!(follower.step().unwrap(), bytes("first\n"));
    assert_eq!(follower.step().unwrap(), Progress::Idle);
}

#[test]
fn following_can_begin_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    fs::write(&path, "old\n").unwrap();
    let mut follower = Follower::new(path.clone(), true, None);
    assert_eq!(follower.step().unwrap(), Progress::Idle, "opened");
    assert_eq!(follower.step().unwrap(), Progress::Idle);
    fs::write(&path, "old\nnew\n").unwrap();
    assert_eq!(follower.step().unwrap(), bytes("new\n"));
}

#[test]
fn a_file_that_is_moved_away_is_followed_until_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    fs::write(&path, "a\n").unwrap();
    let mut follower = Follower::new(path.clone(), false, None);
    assert_eq!(follower.step().unwrap(), Progress::Idle, "opened");
    assert_eq!(follower.step().unwrap(), bytes("a\n"));
    let old = folder.path().join("old.csv");
    fs::rename(&path, &old).unwrap();
    assert_eq!(follower.step().unwrap(), Progress::Idle);
    fs::write(&old, "a\nb\n").unwrap();
    assert_eq!(follower.step().unwrap(), bytes("b\n"));
    fs::write(&path, "c\n").unwrap();
    assert_eq!(follower.step().unwrap(), Progress::Replaced);
    assert_eq!(follower.step().unwrap(), Progress::Idle, "opened");
    assert_eq!(follower.step().unwrap(), bytes("c\n"));
}

#[test]
fn a_file_that_shrinks_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    fs::write(&path, "long line\n").unwrap();
    let mut follower = Follower::new(path.clone(), false, None);
    assert_eq!(follower.step().unwrap(), Progress::Idle, "opened");
    assert_eq!(follower.step().unwrap(), bytes("long line\n"));
    fs::write(&path, "new\n").unwrap();
    assert_eq!(follower.step().unwrap(), Progress::Truncated);
    assert_eq!(follower.step().unwrap(), bytes("new\n"));
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = Follower::new(folder.path().into(), false, None);
    assert!(follower.step().is_err() || follower.step().is_err());
}

#[test]
fn a_file_is_gone_on_with_where_an_earlier_run_came_to_and_another_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.csv");
    fs::write(&path, "a\nb\n").unwrap();
    let follower = || Follower::new(path.clone(), false, Place::behind(2, b"a\n", b"a\n"));
    let mut same = follower();
    assert_eq!(same.step().unwrap(), Progress::Published(2));
    assert_eq!(same.step().unwrap(), bytes("a\nb\n"), "lines may depend on earlier ones");
    fs::write(&path, "c\nd\n").unwrap();
    let mut other = follower();
    assert_eq!(other.step().unwrap(), Progress::Idle, "opened");
    assert_eq!(other.step().unwrap(), bytes("c\nd\n"));
}

#[test]
fn what_was_rotated_while_no_agent_ran_is_read_before_the_file_that_took_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let written = |name: &str, text: &str, second: u64| {
        fs::write(path(name), text).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(second);
        File::options().append(true).open(path(name)).unwrap().set_modified(at).unwrap();
    };
    written("now.csv.3", "before\n", 1);
    written("now.csv.2", "a\nb\n", 2);
    written("now.csv.1", "c\n", 3);
    written("now.csv.gz", "a\nb\n", 2);
    written("now.csv.backup", "a\nb\n", 2);
    written("now.csv", "d\n", 4);
    let place = Place::behind(2, b"a\n", b"a\n");
    let mut follower = Follower::new(path("now.csv"), false, place);
    assert_eq!(follower.step().unwrap(), Progress::Published(2));
    let mut read = Vec::new();
    for _ in 0..8 {
        let progress = follower.step().unwrap();
        if progress != Progress::Idle {
            read.push(progress);
        }
    }
    let replaced = || Progress::Replaced;
    assert_eq!(read, [bytes("a\nb\n"), replaced(), bytes("c\n"), replaced(), bytes("d\n")]);
}
