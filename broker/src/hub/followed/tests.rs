use sekisho_store::{Disk, KeyedFile, StdDisk};

use super::*;

fn entry(number: u64) -> FollowedEntry {
    let micros = i64::try_from(number).unwrap() * 1_000;
    FollowedEntry {
        leaf: Hash::of(format!("leaf {number}").as_bytes()),
        statement: Hash::of(format!("statement {number}").as_bytes()),
        received: Timestamp::from_micros(micros),
        encoded: Bytes::from(format!("statement {number}")),
    }
}

fn entries(from: u64, to: u64) -> Vec<FollowedEntry> {
    (from..to).map(entry).collect()
}

#[test]
fn what_was_followed_is_there_again_and_begins_anew_where_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let path = folder.path().join("keyed.redb");
    let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
    let peer: OrgName = "santander".parse().unwrap();
    let followed = Followed::new(Arc::clone(&keyed));
    assert_eq!(followed.frontier(&peer).unwrap(), Frontier::new());
    followed.append(&peer, StatementIndex::ZERO, &entries(0, 3), |_entry| true).unwrap();
    followed.append(&peer, StatementIndex::new(3), &entries(3, 5), |_entry| true).unwrap();
    followed.append(&peer, StatementIndex::new(3), &entries(3, 4), |_entry| true).unwrap_err();
    let mut frontier = Frontier::new();
    entries(0, 5).iter().for_each(|entry| frontier.append(entry.leaf));

    for known in [followed, Followed::new(Arc::clone(&keyed))] {
        assert_eq!(known.frontier(&peer).unwrap(), frontier);
        let log = known.of(&peer).unwrap();
        assert_eq!(log.place_of(&entry(4).statement), Some(4));
        assert_eq!(log.place_of(&entry(5).statement), None);
        let FollowedEntry { received, statement, .. } = entry(2);
        let kept = KeptEntry { received, statement, encoded: None };
        assert_eq!(known.entries(&peer, 2, 1).unwrap(), [kept]);
        assert_eq!(known.entries(&peer, 3, 9).unwrap().len(), 2);
        assert_eq!(known.entries(&peer, 5, 1).unwrap(), []);
    }
    let followed = Followed::new(keyed);
    followed.forget(&peer).unwrap();
    assert_eq!(followed.frontier(&peer).unwrap(), Frontier::new());
    followed.append(&peer, StatementIndex::ZERO, &entries(7, 8), |_entry| true).unwrap();
    assert_eq!(followed.of(&peer).unwrap().place_of(&entry(7).statement), Some(0));
}

#[test]
fn whoever_asks_for_logs_that_nobody_follows_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let path = folder.path().join("keyed.redb");
    let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
    let followed = Followed::new(Arc::clone(&keyed));
    for number in 0..100 {
        let peer = format!("city-{number}").parse().unwrap();
        assert_eq!(followed.shown(&peer).unwrap().log.size(), 0);
    }
    assert!(followed.lock().is_empty());
    // What is kept of a log is found, and goes on where a link follows it.
    let peer: OrgName = "santander".parse().unwrap();
    followed.append(&peer, StatementIndex::ZERO, &entries(0, 3), |_entry| true).unwrap();
    let followed = Followed::new(keyed);
    let shown = followed.shown(&peer).unwrap();
    assert_eq!(shown.place_of(&entry(2).statement), Some(2));
    followed.append(&peer, StatementIndex::new(3), &entries(3, 4), |_entry| true).unwrap();
    assert_eq!(shown.place_of(&entry(3).statement), Some(3));
}

#[test]
fn a_statement_that_is_found_nowhere_else_with_its_signatures_is_kept_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let path = folder.path().join("keyed.redb");
    let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
    let followed = Followed::new(Arc::clone(&keyed));
    let peer: OrgName = "santander".parse().unwrap();
    let is_elsewhere = |kept: &FollowedEntry| *kept != entry(1);
    followed.append(&peer, StatementIndex::ZERO, &entries(0, 3), is_elsewhere).unwrap();
    for known in [followed, Followed::new(keyed)] {
        let kept = known.entries(&peer, 0, 3).unwrap();
        let encoded: Vec<_> = kept.into_iter().map(|one| one.encoded).collect();
        assert_eq!(encoded, [None, Some(entry(1).encoded), None]);
        assert_eq!(known.of(&peer).unwrap().place_of(&entry(2).statement), Some(2));
    }
}
