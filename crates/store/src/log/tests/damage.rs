use std::{path::Path, time::Duration};

use sekisho_proto::Offset;

use super::*;
use crate::{Keep, LostReason, OpenError, RetentionRules, fault::FaultDisk, fault::Survival};

/// A log of 30 records in batches of five, in two segments, and the content of each.
fn written() -> (FaultDisk, Vec<(String, Vec<u8>)>) {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    for batch in 0..6 {
        write(&mut log, batch * 5..batch * 5 + 5);
    }
    drop(log);
    let names = segment_files(&disk);
    let content = |name: &String| disk.content(&Path::new(DIRECTORY).join(name)).unwrap();
    let contents = names.iter().map(|name| (name.clone(), content(name))).collect();
    (disk, contents)
}

#[test]
fn rot_at_every_byte_of_every_segment_is_reported_and_never_served() {
    let (_disk, contents) = written();
    assert!(contents.len() > 1);
    for (name, content) in &contents {
        for byte in 0..content.len() {
            let (disk, _contents) = written();
            let path = Path::new(DIRECTORY).join(name);
            assert!(disk.rot(&path, byte, 0x10));
            let (mut log, report) = open(&disk, small());
            let batch = read(&log);
            let (found, told) = (numbers(&batch), lost(&batch));
            let what = format!("{name} byte {byte}: found {found:?}, lost {told:?}");
            assert!(found.len() >= 29, "{what}");
            assert!(
                (0..30).all(|number| found.contains(&number) != told.contains(&number)),
                "{what}"
            );
            assert!(batch.lost.iter().all(|range| range.reason == LostReason::Corrupt), "{what}");
            assert_eq!(report.corrupt, batch.lost, "{what}");
            assert_eq!(report.records, u64::try_from(found.len()).unwrap(), "{what}");
            write(&mut log, 30..33);
            drop(log);
            let again = read(&open(&disk, small()).0);
            assert_eq!(lost(&again), told, "{what}: after another opening");
            assert_eq!(numbers(&again).len(), found.len() + 3, "{what}: after another opening");
        }
    }
}

#[test]
fn rot_while_the_log_is_open_is_told_by_the_read_that_meets_it() {
    let (disk, contents) = written();
    let options = Options { tail_bytes_max: 0, ..small() };
    let (log, _report) = open(&disk, options);
    let (name, content) = &contents[0];
    let path = Path::new(DIRECTORY).join(name);
    for byte in (0..content.len()).skip(128) {
        assert!(disk.rot(&path, byte, 1));
        let batch = read(&log);
        let (found, told) = (numbers(&batch), lost(&batch));
        assert!((0..30).all(|number| found.contains(&number) != told.contains(&number)));
        assert!(told.len() <= 1, "byte {byte}");
        assert!(disk.rot(&path, byte, 1));
    }
    assert_eq!(numbers(&read(&log)).len(), 30);
}

#[test]
fn damage_behind_where_last_values_are_asked_for_is_not_told_with_them() {
    let (disk, contents) = written();
    let (log, _report) = open(&disk, Options { tail_bytes_max: 0, ..small() });
    let (name, content) = contents.last().unwrap();
    for byte in 128..content.len() {
        assert!(disk.rot(&Path::new(DIRECTORY).join(name), byte, 1));
    }
    let values =
        |until| log.reader().last_values(&everything(), Position::ZERO, until, 50, 1 << 20);
    assert!(!values(None).unwrap().lost.is_empty());
    let before = values(Some(Position::new(10))).unwrap();
    assert_eq!((before.lost, before.next), (Vec::new(), Position::new(10)));
}

#[test]
fn a_forged_frame_inside_an_envelope_is_not_taken_for_a_record() {
    // The first segment's frames are copied into an envelope of the second; then the bytes before
    // that envelope rot, so that the way on is searched for within it.
    let (disk, contents) = written();
    let (mut log, _report) = open(&disk, small());
    let mut forged = record(30, 100);
    forged.envelope = Bytes::copy_from_slice(&contents[0].1[128..1200]);
    log.append(forged).unwrap();
    log.append(record(31, 100)).unwrap();
    log.commit().unwrap();
    drop(log);
    let name = segment_files(&disk).pop().unwrap();
    let path = Path::new(DIRECTORY).join(name);
    let content = disk.content(&path).unwrap();
    let needle = &contents[0].1[128..160];
    let envelope = content.windows(32).position(|bytes| bytes == needle).unwrap();
    assert!(disk.rot(&path, envelope - 50, 0xff));
    let batch = read(&open(&disk, small()).0);
    assert_eq!(lost(&batch), [30]);
    let expected: Vec<u64> = (0..30).chain([31]).collect();
    assert_eq!(numbers(&batch), expected);
}

#[test]
fn a_segment_without_any_header_is_put_aside_and_its_positions_are_told_as_lost() {
    let (disk, contents) = written();
    let path = Path::new(DIRECTORY).join(&contents[0].0);
    assert!(disk.rot(&path, 10, 1));
    assert!(disk.rot(&path, 64 + 10, 1));
    let (log, report) = open(&disk, small());
    assert_eq!(report.set_aside.len(), 1);
    let batch = read(&log);
    let (found, told) = (numbers(&batch), lost(&batch));
    assert!((0..30).all(|number| found.contains(&number) != told.contains(&number)));
    assert!(!found.is_empty());
    assert_eq!(report.corrupt, batch.lost);
}

const ALONE: &str = "fujisawa/alone";

fn alone() -> NewRecord {
    NewRecord { topic: Topic::parse(ALONE).unwrap(), ..record(30, 100) }
}

/// Damages the last record of that topic; the log is closed.
fn damage_last(disk: &FaultDisk) {
    let of_topic = |name: &String| {
        let path = Path::new(DIRECTORY).join(name);
        let content = disk.content(&path).unwrap();
        let mut places = content.windows(ALONE.len());
        places.rposition(|bytes| bytes == ALONE.as_bytes()).map(|at| (path, at))
    };
    let (path, at) = segment_files(disk).iter().rev().find_map(of_topic).unwrap();
    assert!(disk.rot(&path, at, 1));
}

/// A log with so many records of a topic, the last of which is damaged, and the offset that it had.
fn with_the_last_damaged(records: u64) -> (FaultDisk, Offset) {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    let offsets: Vec<Offset> = (0..records).map(|_| log.append(alone()).unwrap().offset).collect();
    log.commit().unwrap();
    write(&mut log, 0..5);
    drop(log);
    damage_last(&disk);
    (disk, *offsets.last().unwrap())
}

/// Retention drops what is old, so that nothing is left of damage in it.
fn drop_the_old(log: &mut RecordLog) {
    let mut rules = RetentionRules::uniform(Keep::For(Duration::from_secs(1 << 30)));
    rules.log_bytes_max = Some(8_000);
    for round in 0..10 {
        write(log, round * 20..round * 20 + 20);
        while log.trim(&rules, Timestamp::from_micros(0)).unwrap().more {}
    }
}

#[test]
fn the_offset_of_a_damaged_record_is_not_given_again() {
    for records in [1, 2, 7] {
        let (disk, last) = with_the_last_damaged(records);
        let (mut log, report) = open(&disk, small());
        assert_eq!(report.corrupt.len(), 1);
        assert!(log.append(alone()).unwrap().offset > last, "{records} records");
    }
}

#[test]
fn it_is_not_given_again_either_when_nothing_is_left_of_the_damage() {
    for records in [1, 2, 7] {
        let (disk, last) = with_the_last_damaged(records);
        let (mut log, _report) = open(&disk, small());
        drop_the_old(&mut log);
        drop(log);
        let (mut log, report) = open(&disk, small());
        assert_eq!(report.corrupt, []);
        assert!(log.append(alone()).unwrap().offset > last, "{records} records");
    }
}

#[test]
fn damage_that_is_gone_and_damage_that_is_there_count_together() {
    let (disk, _first) = with_the_last_damaged(1);
    let (mut log, _report) = open(&disk, small());
    drop_the_old(&mut log);
    drop(log);
    let (mut log, _report) = open(&disk, small());
    let second = log.append(alone()).unwrap().offset;
    log.commit().unwrap();
    write(&mut log, 0..5);
    drop(log);
    damage_last(&disk);
    let (mut log, report) = open(&disk, small());
    assert_eq!(report.corrupt.len(), 1);
    assert!(log.append(alone()).unwrap().offset > second);
}

#[test]
fn positions_of_a_newest_segment_that_was_put_aside_are_not_given_again() {
    let (disk, contents) = written();
    let path = Path::new(DIRECTORY).join(&contents.last().unwrap().0);
    assert!(disk.rot(&path, 10, 1));
    assert!(disk.rot(&path, 64 + 10, 1));
    let (mut log, report) = open(&disk, small());
    assert_eq!(report.set_aside.len(), 1);
    let appended = log.append(record(90, 100)).unwrap();
    assert!(appended.position >= Position::new(30));
    assert!(appended.offset.value() >= 10, "offsets that may have been given are left out");
    log.commit().unwrap();
    drop(log);
    let (log, report) = open(&disk, small());
    assert!(report.set_aside.is_empty());
    assert!(lost(&read(&log)).contains(&29));
    assert_eq!(log.reader().head(), appended.position.next());
}

#[test]
fn garbage_after_the_last_record_is_cut_off() {
    for length in [1, 27, 28, 29, 511, 5000] {
        let (disk, contents) = written();
        let (name, content) = contents.last().unwrap();
        let path = Path::new(DIRECTORY).join(name);
        let mut longer = content.clone();
        longer.extend((0..length).map(|byte| u8::try_from(byte % 255 + 1).unwrap()));
        disk.put(&path, &longer);
        let (mut log, report) = open(&disk, small());
        assert!(report.corrupt.is_empty());
        assert_eq!(report.truncated_bytes, u64::try_from(length).unwrap());
        write(&mut log, 30..33);
        drop(log);
        disk.cut_power(Survival::Nothing);
        assert_eq!(numbers(&read(&open(&disk, small()).0)).len(), 33);
    }
}

#[test]
fn one_damaged_copy_of_the_heads_is_repaired_and_two_stop_the_opening() {
    let (disk, _contents) = written();
    let (mut log, _report) = open(&disk, small());
    log.discard_before(Position::new(25)).unwrap();
    let heads = log.streams();
    drop(log);
    let paths = ["heads.a", "heads.b"].map(|name| Path::new(DIRECTORY).join(name));
    let length = disk.content(&paths[0]).unwrap().len();
    for byte in 0..length {
        for path in &paths {
            assert!(disk.rot(path, byte, 4));
            let (log, report) = open(&disk, small());
            assert!(report.heads_repaired);
            assert_eq!(log.streams(), heads);
        }
    }
    assert!(!open(&disk, small()).1.heads_repaired);
    assert!(disk.rot(&paths[0], length / 2, 4));
    assert!(disk.rot(&paths[1], length / 2, 4));
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let refused = RecordLog::open(shared, Path::new(DIRECTORY), small()).unwrap_err();
    assert!(matches!(refused, OpenError::HeadsDamaged { .. }));
}

#[test]
fn a_record_that_rots_before_a_trim_meets_it_costs_nothing_but_itself() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    let of_alone = |sequence| {
        let stream = StreamKey { sequence: Sequence::new(sequence), ..alone().stream };
        NewRecord { stream, ..alone() }
    };
    let offsets: Vec<Offset> =
        (0..3).map(|sequence| log.append(of_alone(sequence)).unwrap().offset).collect();
    log.commit().unwrap();
    write(&mut log, 0..60);
    let heads = log.streams();
    damage_last(&disk);
    let mut rules = RetentionRules::uniform(Keep::Nothing);
    rules.rules.push((Filter::parse(ALONE).unwrap(), Keep::Everything));
    while log.trim(&rules, Timestamp::from_micros(0)).unwrap().more {}
    let alone_only = Filter::parse(ALONE).unwrap();
    let told = log.reader().read(&alone_only, Position::ZERO, usize::MAX, usize::MAX).unwrap();
    assert_eq!((told.records.len(), lost(&told).contains(&2)), (2, true), "{:?}", told.lost);
    drop(log);
    let (mut log, _report) = open(&disk, small());
    assert_eq!(log.streams(), heads, "what was taken once is not taken again");
    assert!(log.append(of_alone(3)).unwrap().offset > offsets[2]);
}

#[test]
fn a_sector_that_cannot_be_read_keeps_its_own_segment_from_being_trimmed_and_no_other() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    log.append(alone()).unwrap();
    log.commit().unwrap();
    write(&mut log, 0..30);
    log.append(alone()).unwrap();
    log.commit().unwrap();
    write(&mut log, 30..200);
    let first = Path::new(DIRECTORY).join(&segment_files(&disk)[0]);
    assert!(disk.lose_sector(&first, 128));
    let mut rules = RetentionRules::uniform(Keep::Nothing);
    rules.rules.push((Filter::parse(ALONE).unwrap(), Keep::Everything));
    let before = log.bytes();
    while log.trim(&rules, Timestamp::from_micros(0)).unwrap().more {}
    assert!(log.bytes() < before / 3, "{} of {before}", log.bytes());
    assert!(disk.content(&first).is_some(), "it may be read again one day");
    let last = log.reader().last(&Topic::parse(ALONE).unwrap()).unwrap();
    assert!(last.is_some());
}

#[test]
fn heads_that_cannot_be_written_leave_everything_as_it_was() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..60);
    let before = read(&log);
    let (used, steps) = (disk.used_bytes(), 5);
    for _attempt in 0..steps {
        disk.set_capacity(Some(used));
        log.trim(&RetentionRules::uniform(Keep::Nothing), Timestamp::from_micros(0)).unwrap_err();
        assert_eq!(read(&log).lost, before.lost);
    }
    disk.set_capacity(None);
    while log.trim(&RetentionRules::uniform(Keep::Nothing), Timestamp::from_micros(0)).unwrap().more
    {
    }
    assert!(read(&log).records.is_empty());
}

#[test]
fn a_segment_put_aside_by_an_opening_that_failed_is_known_to_the_next_one() {
    let (disk, contents) = written();
    let path = Path::new(DIRECTORY).join(&contents.last().unwrap().0);
    assert!(disk.rot(&path, 10, 1));
    assert!(disk.rot(&path, 64 + 10, 1));
    // There is no room for the segment that would take its place.
    disk.set_capacity(Some(disk.used_bytes()));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    RecordLog::open(shared, Path::new(DIRECTORY), small()).unwrap_err();
    disk.set_capacity(None);
    let (mut log, report) = open(&disk, small());
    assert_eq!((report.set_aside.len(), report.corrupt.len()), (1, 1), "it is told again");
    let appended = log.append(record(90, 100)).unwrap();
    assert!(appended.position >= Position::new(30), "{}", appended.position);
    assert!(appended.offset.value() >= 10, "offsets that may have been given are left out");
}
