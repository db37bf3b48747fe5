use super::*;
use crate::{
    AppendError, CommitError, Keep, RetentionRules,
    fault::{FaultDisk, Survival},
};

#[test]
fn a_disk_that_fills_up_at_any_byte_loses_nothing_and_goes_on_when_there_is_space() {
    let used = {
        let disk = FaultDisk::new();
        let (mut log, _report) = open(&disk, small());
        write(&mut log, 0..10);
        disk.used_bytes()
    };
    for room in (0..1500).step_by(13) {
        let disk = FaultDisk::new();
        let (mut log, _report) = open(&disk, small());
        write(&mut log, 0..10);
        disk.set_capacity(Some(used + room));
        let mut next = 10;
        let fault = loop {
            if let Err(error) = log.append(record(next, 100)) {
                break error.to_string();
            }
            match log.commit() {
                Ok(_) => next += 1,
                Err(error @ CommitError::StorageFull { .. }) => break error.to_string(),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(numbers(&read(&log)), (0..next).collect::<Vec<u64>>(), "{fault}");
        assert!(log.poisoned().is_none(), "{fault}");
        disk.set_capacity(None);
        write(&mut log, next..next + 30);
        drop(log);
        disk.cut_power(Survival::Nothing);
        let (log, report) = open(&disk, small());
        assert!(report.corrupt.is_empty(), "{:?}", report.corrupt);
        assert_eq!(numbers(&read(&log)), (0..next + 30).collect::<Vec<u64>>());
    }
}

#[test]
fn appending_stops_before_the_reserve_is_touched_and_trimming_still_works() {
    let disk = FaultDisk::new();
    disk.set_capacity(Some(100_000));
    let (mut log, _report) = open(&disk, Options { min_free_bytes: 20_000, ..small() });
    let mut next = 0;
    let refused = loop {
        match log.append(record(next, 100)) {
            Ok(_) => log.commit().unwrap(),
            Err(error) => break error,
        };
        next += 1;
    };
    assert!(matches!(refused, AppendError::StorageFull { reserve: 20_000, .. }), "{refused}");
    assert!(disk.used_bytes() <= 80_000);
    let now = Timestamp::from_micros(0);
    while log.trim(&RetentionRules::uniform(Keep::Last), now).unwrap().more {}
    write(&mut log, next..next + 10);
    assert_eq!(numbers(&read(&log)).last(), Some(&(next + 9)));
}

#[test]
fn a_batch_that_is_too_long_must_be_committed_first() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, Options { batch_bytes_max: 0, ..small() });
    let mut appended = 0;
    let refused = loop {
        match log.append(record(appended, 100_000)) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::BatchFull { .. }), "{refused}");
    assert!(appended >= 10);
    log.commit().unwrap();
    log.append(record(appended, 100_000)).unwrap();
    log.commit().unwrap();
    assert_eq!(numbers(&read(&log)), (0..=appended).collect::<Vec<u64>>());
}

#[test]
fn an_empty_commit_touches_no_disk() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..3);
    let steps = disk.steps();
    assert_eq!(log.commit().unwrap(), Position::new(3));
    assert_eq!(disk.steps(), steps);
}

#[test]
fn a_commit_is_one_write_one_sync_and_the_mark() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, Options::default());
    for number in 0..100 {
        log.append(record(number, 100)).unwrap();
    }
    let steps = disk.steps();
    log.commit().unwrap();
    assert_eq!(disk.steps(), steps + 3);
}

#[test]
fn a_segment_with_zeros_ahead_keeps_its_length_and_gives_them_back() {
    let disk = FaultDisk::new();
    let options = Options { ahead_bytes: 64 * 1024, segment_bytes: 128 * 1024, ..small() };
    let (mut log, _report) = open(&disk, options);
    write(&mut log, 0..3);
    let path = Path::new(DIRECTORY).join(&segment_files(&disk)[0]);
    let length = || disk.open(&path).unwrap().length().unwrap();
    let ahead = length();
    assert!(ahead > 64 * 1024, "{ahead} bytes");
    assert!(log.bytes() < 2_000, "{} bytes of records", log.bytes());
    write(&mut log, 3..60);
    assert_eq!(length(), ahead);
    drop(log);
    let (mut log, report) = open(&disk, options);
    assert_eq!((report.truncated_bytes, report.records), (0, 60));
    let mut number = 60;
    while segment_files(&disk).len() < 2 {
        write(&mut log, number..number + 3);
        number += 3;
    }
    let records = log.bytes();
    let first = length();
    assert!(first <= records, "{first} bytes of {records}");
    assert_eq!(numbers(&read(&log)), (0..number).collect::<Vec<u64>>());
    drop(log);
    let (log, report) = open(&disk, options);
    assert!(report.corrupt.is_empty(), "{:?}", report.corrupt);
    assert_eq!(numbers(&read(&log)), (0..number).collect::<Vec<u64>>());
}

#[test]
fn records_near_the_head_are_read_without_the_disk() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..200);
    disk.power_lasts_for(0);
    assert_eq!(numbers(&read(&log)).len(), 200);
    let last = log.reader().last(&topic(199)).unwrap().unwrap();
    assert_eq!(last.position, Position::new(199));
}
