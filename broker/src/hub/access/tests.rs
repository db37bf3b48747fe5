use std::path::Path;

use sekisho_proto::{AccessEntry, AccessKind, Hash, PrincipalName, Timestamp};
use sekisho_store::fault::{FaultDisk, Survival};
use sekisho_store::{Disk, KeyedFile};
use sekisho_tlog::{leaf_hash, verify_consistency, verify_inclusion};

use super::*;

const COMPANION: &str = "/data/companion";

fn org() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn id(number: u8) -> PrincipalId {
    PrincipalId::new([number; 32])
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + i64::try_from(number).unwrap())
}

fn record(subject: u8, number: u64) -> AccessRecord {
    AccessRecord {
        kind: AccessKind::Session,
        subject: PrincipalName::new(&format!("visitor-{subject}"), &org()).unwrap(),
        id: id(subject),
        topics: None,
        from: None,
        to: None,
        epoch: None,
        purpose: String::new(),
        time: at(number),
    }
}

fn try_open(disk: &FaultDisk) -> Result<AccessLog, AccessLogError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let keyed = KeyedFile::open(&disk, Path::new("/data/keyed.redb"), 1 << 20)?;
    let secrets = Secrets::open(&disk, Path::new(COMPANION))?;
    AccessLog::open(&org(), Arc::new(keyed), secrets)
}

fn open(disk: &FaultDisk) -> AccessLog {
    try_open(disk).unwrap()
}

async fn reopen(log: AccessLog, disk: &FaultDisk) -> AccessLog {
    log.stop().await;
    drop(log);
    disk.cut_power(Survival::Nothing);
    open(disk)
}

fn all(log: &AccessLog) -> Vec<Access> {
    log.list(None, 0, usize::MAX).unwrap()
}

fn records(log: &AccessLog) -> Vec<Option<AccessRecord>> {
    all(log).into_iter().map(|access| access.opened.map(|opened| opened.record)).collect()
}

fn head(log: &AccessLog) -> (u64, Hash) {
    let checkpoint = log.log().checkpoint();
    (checkpoint.size, checkpoint.root)
}

/// The tree is that of the entries, and each entry that opens commits to what it opens to.
fn check(log: &AccessLog) {
    let (size, root) = head(log);
    let entries = all(log);
    assert_eq!(size, entries.len() as u64);
    for (index, access) in entries.iter().enumerate() {
        assert_eq!(access.index, index as u64);
        let leaf = leaf_hash(&access.encoded);
        let path = log.log().inclusion(access.index, size).unwrap();
        verify_inclusion(&leaf, access.index, size, &root, &path).unwrap();
        if let Some(opened) = &access.opened {
            assert!(opened.opening.opens(&opened.record.encode(), &access.entry.commitment));
            assert_eq!(access.entry.kind, opened.record.kind);
            assert_eq!(access.entry.hour, AccessEntry::hour_of(opened.record.time));
        }
    }
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_power_cut() {
    let disk = FaultDisk::new();
    let log = open(&disk);
    assert_eq!(log.note(record(1, 0)).await.unwrap(), 0);
    let together = vec![record(2, 1), record(1, 2)];
    log.note_together(together).await.unwrap();
    let before = head(&log);
    let log = reopen(log, &disk).await;
    assert_eq!(head(&log), before);
    check(&log);
    let wanted = [(1, 0), (2, 1), (1, 2)].map(|(who, number)| Some(record(who, number)));
    assert_eq!(records(&log), wanted);
    let of_one = log.list(Some(&[id(1)]), 0, 10).unwrap();
    assert_eq!(of_one.iter().map(|access| access.index).collect::<Vec<_>>(), [0, 2]);
    let page = log.list(Some(&[id(1), id(2)]), 1, 1).unwrap();
    assert_eq!(page.iter().map(|access| access.index).collect::<Vec<_>>(), [1]);
    assert!(log.list(Some(&[id(9)]), 0, 10).unwrap().is_empty());
    for subjects in [None, Some(&[id(1)][..])] {
        assert!(log.list(subjects, u64::MAX, 10).unwrap().is_empty(), "from the end of all");
    }
}

#[tokio::test]
async fn many_at_once_are_each_recorded_once() {
    let disk = FaultDisk::new();
    let log = Arc::new(open(&disk));
    let notes: Vec<_> = (0..300)
        .map(|number| {
            let log = Arc::clone(&log);
            let who = u8::try_from(number % 7).unwrap();
            tokio::spawn(async move { log.note(record(who, number)).await.unwrap() })
        })
        .collect();
    let mut indices = Vec::new();
    for note in notes {
        indices.push(note.await.unwrap());
    }
    for (number, index) in (0..).zip(&indices) {
        let access = &all(&log)[usize::try_from(*index).unwrap()];
        assert_eq!(access.opened.as_ref().unwrap().record.time, at(number));
    }
    indices.sort_unstable();
    assert_eq!(indices, (0..300).collect::<Vec<_>>());
    check(&log);
}

#[tokio::test]
async fn nothing_opens_of_a_subject_that_was_erased_and_every_proof_holds() {
    let disk = FaultDisk::new();
    let log = open(&disk);
    for number in 0..4 {
        log.note(record(u8::try_from(number % 2).unwrap(), number)).await.unwrap();
    }
    let before = all(&log);
    let (size, root) = head(&log);
    let path = log.log().inclusion(1, size).unwrap();
    let label = label(&id(1));
    let file = Path::new(COMPANION).join(label.to_string());
    let secret = disk.content(&file).unwrap();

    let erased = log.erase(&id(1), record(0, 9)).await.unwrap();
    assert_eq!(erased, Erased { index: 4, key: true, records: 2 });
    let after = all(&log);
    assert_eq!(records(&log)[..4], [Some(record(0, 0)), None, Some(record(0, 2)), None]);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.encoded, after.encoded);
    }
    assert!(log.list(Some(&[id(1)]), 0, 10).unwrap().is_empty());
    check(&log);
    verify_inclusion(&leaf_hash(&before[1].encoded), 1, size, &root, &path).unwrap();
    let (grown, new_root) = head(&log);
    let proof = log.log().consistency(size, grown).unwrap();
    verify_consistency((size, &root), (grown, &new_root), &proof).unwrap();
    assert_eq!(disk.content(&file), None);

    // Again: there is nothing left, and the next access begins a new key.
    let erased = log.erase(&id(1), record(0, 10)).await.unwrap();
    assert_eq!(erased, Erased { index: 5, key: false, records: 0 });
    log.note(record(1, 11)).await.unwrap();
    assert_ne!(disk.content(&file).unwrap(), secret);
    let log = reopen(log, &disk).await;
    check(&log);
    assert_eq!(records(&log)[6], Some(record(1, 11)));
    assert_eq!(records(&log)[1], None);
    assert_eq!(log.list(Some(&[id(1)]), 0, 10).unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_and_can_be_again_when_there_is_room() {
    let disk = FaultDisk::new();
    let log = open(&disk);
    log.note(record(1, 0)).await.unwrap();
    disk.set_capacity(Some(0));
    // One who needs a new key; and one whose key is there, when the database needs to grow.
    let refused = log.note(record(2, 1)).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::StorageFull, "{refused}");
    let mut wanted = vec![record(1, 0)];
    let refused = loop {
        assert!(wanted.len() < 10_000, "wanted the disk full");
        let purpose = "x".repeat(1_000);
        let record = AccessRecord { purpose, ..record(1, wanted.len() as u64) };
        match log.note(record.clone()).await {
            Ok(_index) => wanted.push(record),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code, RefusalCode::StorageFull, "{refused}");
    assert!(log.fault().unwrap().contains("access log"), "{refused}");
    let refused = log.erase(&id(1), record(1, 2)).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::StorageFull, "{refused}");
    let wanted: Vec<_> = wanted.into_iter().map(Some).collect();
    assert_eq!(records(&log), wanted, "nothing was erased unrecorded");
    disk.set_capacity(None);
    assert_eq!(log.note(record(2, 3)).await.unwrap(), wanted.len() as u64);
    assert_eq!(log.fault(), None);
    let log = reopen(log, &disk).await;
    check(&log);
    assert_eq!(records(&log), [&wanted[..], &[Some(record(2, 3))]].concat());
}

#[tokio::test]
async fn a_damaged_key_holds_up_its_own_subject_and_nobody_else() {
    let disk = FaultDisk::new();
    let log = open(&disk);
    log.note_together(vec![record(1, 0), record(2, 1)]).await.unwrap();
    let file = Path::new(COMPANION).join(label(&id(1)).to_string());
    assert!(disk.rot(&file, 12, 1));
    let log = reopen(log, &disk).await;
    let refused = log.note(record(1, 2)).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::Internal);
    assert!(refused.why.contains(file.to_str().unwrap()), "{refused}");
    log.note_together(vec![record(2, 3), record(1, 4)]).await.unwrap_err();
    log.note(record(2, 5)).await.unwrap();
    assert_eq!(records(&log), [None, Some(record(2, 1)), Some(record(2, 5))]);
    // Erasing it is the way out.
    let erased = log.erase(&id(1), record(2, 6)).await.unwrap();
    assert_eq!((erased.key, erased.records), (true, 1));
    log.note(record(1, 7)).await.unwrap();
    check(&log);
}

#[tokio::test]
async fn power_may_fail_at_every_step_and_the_tree_is_that_of_the_entries() {
    for survival in [Survival::Nothing, Survival::Everything, Survival::Drawn(3)] {
        // A new database takes most of the steps, and has tests of its own.
        let prepared = || async {
            let disk = FaultDisk::new();
            let log = open(&disk);
            log.note(record(1, 0)).await.unwrap();
            log.stop().await;
            disk
        };
        for steps in 0.. {
            let disk = prepared().await;
            disk.power_lasts_for(steps);
            let (mut noted, mut erased) = (vec![record(1, 0)], false);
            if let Ok(log) = try_open(&disk) {
                for record in [record(2, 1), record(1, 2), record(2, 3)] {
                    if log.note(record.clone()).await.is_ok() {
                        noted.push(record);
                    }
                }
                erased = log.erase(&id(1), record(2, 4)).await.is_ok();
                log.stop().await;
            }
            disk.cut_power(survival);
            let log = open(&disk);
            check(&log);
            let found: Vec<_> = records(&log).into_iter().flatten().collect();
            let of_other = noted.iter().filter(|record| record.id == id(2));
            assert!(
                of_other.into_iter().all(|record| found.contains(record)),
                "{survival:?} at {steps}"
            );
            let is_left = found.iter().any(|record| record.id == id(1));
            assert!(!(erased && is_left), "{survival:?} at {steps}");
            assert!(head(&log).0 >= noted.len() as u64, "{survival:?} at {steps}");
            log.stop().await;
            if erased {
                break;
            }
        }
    }
}
