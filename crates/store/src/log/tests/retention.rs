use std::time::Duration;

use sekisho_proto::Offset;

use super::*;
use crate::{
    Keep, LostReason, RetentionRules, TrimError,
    fault::{FaultDisk, Survival},
};

fn trim(log: &mut RecordLog, rules: &RetentionRules, seconds: u64) {
    let now = Timestamp::from_micros(i64::try_from(seconds * 1_000_000).unwrap());
    while log.trim(rules, now).unwrap().more {}
}

#[test]
fn a_quiet_topic_keeps_its_last_record_and_its_position_through_many_trims() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..1);
    let quiet = log.reader().last(&topic(0)).unwrap().unwrap();
    let rules = RetentionRules::uniform(Keep::For(Duration::from_secs(30)));
    for round in 0..40 {
        let busy: Vec<u64> = (0..60).map(|step| 1 + round * 60 + step).collect();
        for number in busy.iter().filter(|number| *number % 3 != 0) {
            log.append(record(*number, 100)).unwrap();
        }
        log.commit().unwrap();
        trim(&mut log, &rules, (round + 1) * 60);
        assert_eq!(log.reader().last(&topic(0)).unwrap().as_ref(), Some(&quiet));
    }
    assert!(segment_files(&disk).len() < 12, "{:?}", segment_files(&disk));
    drop(log);
    disk.cut_power(Survival::Nothing);
    let (log, report) = open(&disk, small());
    assert_eq!(log.reader().last(&topic(0)).unwrap().as_ref(), Some(&quiet));
    assert!(report.corrupt.is_empty());
    assert_eq!(report.leftovers, 0);
}

#[test]
fn the_log_stays_within_its_size() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    let mut rules = RetentionRules::uniform(Keep::For(Duration::from_secs(1 << 30)));
    rules.log_bytes_max = Some(20_000);
    for round in 0..30 {
        write(&mut log, round * 20..round * 20 + 20);
        trim(&mut log, &rules, 0);
        assert!(log.bytes() < 40_000, "{}", log.bytes());
    }
    let batch = read(&log);
    assert!(numbers(&batch).ends_with(&(560..600).collect::<Vec<u64>>()));
    assert_eq!(batch.lost.len(), 1);
}

#[test]
fn what_is_kept_for_nobody_is_gone_after_a_trim_and_its_offsets_go_on() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, Options::default());
    write(&mut log, 0..9);
    trim(&mut log, &RetentionRules::uniform(Keep::Nothing), 0);
    let batch = read(&log);
    assert!(batch.records.is_empty());
    assert_eq!(lost(&batch), (0..9).collect::<Vec<u64>>());
    let names = segment_files(&disk);
    assert_eq!(names.len(), 1);
    drop(log);
    let (mut log, _report) = open(&disk, Options::default());
    let states = log.reader().topics(&everything());
    assert_eq!(states.len(), 3);
    assert!(states.iter().all(|state| state.last_position.is_none()));
    assert_eq!(log.append(record(9, 100)).unwrap().offset, Offset::new(3));
    assert_eq!(log.streams().len(), 3);
}

#[test]
fn a_topic_that_keeps_everything_is_told_no_loss_when_others_are_trimmed() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    for batch in 0..40 {
        write(&mut log, batch * 3..batch * 3 + 3);
    }
    let kept = Filter::parse("city/0").unwrap();
    let rules = RetentionRules {
        rules: vec![(kept.clone(), Keep::Everything)],
        otherwise: Keep::Last,
        log_bytes_max: None,
    };
    trim(&mut log, &rules, 0);
    let reader = log.reader();
    let whole = reader.read(&kept, Position::ZERO, usize::MAX, usize::MAX).unwrap();
    assert_eq!(whole.records.len(), 40);
    assert!(whole.lost.is_empty());
    let other = Filter::parse("city/1").unwrap();
    let thin = reader.read(&other, Position::ZERO, usize::MAX, usize::MAX).unwrap();
    assert!(thin.records.len() < 40);
    assert!(thin.lost.iter().all(|range| range.reason == LostReason::Retention));
    assert!(!thin.lost.is_empty());
}

#[test]
fn a_trim_waits_for_the_commit() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    log.append(record(0, 100)).unwrap();
    let refused = log.trim(&RetentionRules::uniform(Keep::Nothing), Timestamp::from_micros(0));
    assert!(matches!(refused, Err(TrimError::Uncommitted { records: 1 })));
}

#[test]
fn a_spool_discards_what_has_been_acknowledged() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    for batch in 0..20 {
        write(&mut log, batch * 5..batch * 5 + 5);
    }
    let heads = log.streams();
    let before = log.bytes();
    log.discard_before(Position::new(52)).unwrap();
    assert!(log.bytes() < before);
    let rest = numbers(&read(&log));
    assert!(rest.ends_with(&(52..100).collect::<Vec<u64>>()));
    log.discard_before(Position::new(100)).unwrap();
    assert!(read(&log).records.is_empty());
    assert!(log.bytes() < 1_000);
    drop(log);
    disk.cut_power(Survival::Nothing);
    let (mut log, report) = open(&disk, small());
    assert!(report.corrupt.is_empty());
    assert_eq!(log.streams(), heads);
    assert_eq!(log.append(record(100, 100)).unwrap().position, Position::new(100));
}

#[test]
fn old_runs_of_a_publisher_are_forgotten_and_that_is_told() {
    let disk = FaultDisk::new();
    let options = Options { boots_max: 2, ..small() };
    let (mut log, _report) = open(&disk, options);
    for boot in 0..5 {
        let mut new = record(u64::from(boot) * 3, 100);
        new.stream.boot = BootId::new([boot; 16]);
        log.append(new).unwrap();
    }
    log.commit().unwrap();
    let heads = log.streams();
    let boots: Vec<BootId> = heads.iter().map(|head| head.stream.boot).collect();
    assert_eq!(boots, [BootId::new([3; 16]), BootId::new([4; 16])]);
    assert!(heads.iter().all(|head| head.forgotten == Some(Timestamp::from_micros(6_000_000))));
    trim(&mut log, &RetentionRules::uniform(Keep::Nothing), 0);
    drop(log);
    assert_eq!(open(&disk, options).0.streams(), heads);
}

#[test]
fn readers_go_on_while_segments_are_dropped_and_rewritten() {
    let temporary = tempfile::tempdir().unwrap();
    let options = Options { tail_bytes_max: 0, ..small() };
    let disk: Arc<dyn Disk> = Arc::new(crate::StdDisk);
    let (mut log, _report) = RecordLog::open(disk, &temporary.path().join("log"), options).unwrap();
    let rules = RetentionRules {
        rules: vec![(Filter::parse("city/0").unwrap(), Keep::Everything)],
        otherwise: Keep::For(Duration::from_secs(100)),
        log_bytes_max: None,
    };
    let (reader, done) = (log.reader(), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                let mut from = Position::ZERO;
                let (mut found, mut told, mut head) = (Vec::new(), Vec::new(), Position::ZERO);
                while from < head || head == Position::ZERO {
                    let batch = reader.read(&everything(), from, 50, usize::MAX).unwrap();
                    found.extend(numbers(&batch));
                    told.extend(lost(&batch));
                    (from, head) = (batch.next, batch.head);
                }
                assert!(found.is_sorted());
                for number in 0..from.value() {
                    let kept = found.binary_search(&number).is_ok();
                    assert!(kept || number % 3 != 0, "{number} must stay");
                    assert!(kept || told.contains(&number), "{number} must be told");
                }
                rounds += 1;
            }
            rounds
        });
        for round in 0..60 {
            write(&mut log, round * 10..round * 10 + 10);
            trim(&mut log, &rules, round * 10 + 10);
        }
        done.store(true, std::sync::atomic::Ordering::Release);
        assert!(follower.join().unwrap() > 0);
    });
}

#[test]
fn a_topic_that_is_written_to_without_a_pause_has_a_last_value_all_the_time() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, Options::default());
    write(&mut log, 0..3);
    let (reader, done) = (log.reader(), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                let batch = reader.last_values(&everything(), Position::ZERO, None, 50, usize::MAX);
                let found = numbers(&batch.unwrap());
                assert_eq!(found.len(), 3, "{found:?}");
                rounds += 1;
            }
            rounds
        });
        for number in 3..3_000 {
            write(&mut log, number..number + 1);
        }
        done.store(true, std::sync::atomic::Ordering::Release);
        assert!(asker.join().unwrap() > 0);
    });
}

#[test]
fn a_log_refuses_more_topics_than_it_may_know() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, Options { topics_max: 2, ..small() });
    write(&mut log, 0..2);
    assert!(matches!(
        log.append(record(2, 100)),
        Err(crate::AppendError::TooManyTopics { max: 2 })
    ));
    write(&mut log, 3..5);
}
