use std::{path::Path, time::Duration};

use super::*;
use crate::{
    CommitError, Keep, LostReason, RetentionRules,
    fault::{FaultDisk, Survival},
};

const SURVIVALS: [Survival; 12] = [
    Survival::Nothing,
    Survival::Everything,
    Survival::Drawn(1),
    Survival::Drawn(2),
    Survival::Drawn(3),
    Survival::Drawn(4),
    Survival::Drawn(5),
    Survival::Drawn(6),
    Survival::TornLastWrite(0),
    Survival::TornLastWrite(1),
    Survival::TornLastWrite(127),
    Survival::TornLastWrite(700),
];

/// Opens after a power cut and checks that what was acknowledged is there, that nothing else but
/// a part of what was being written is, and that the log goes on.
fn check_after_cut(
    (disk, options): (&FaultDisk, Options),
    acknowledged: u64,
    attempted: u64,
    what: &str,
) {
    let (mut log, report) = open(disk, options);
    let batch = read(&log);
    let found = numbers(&batch);
    let count = u64::try_from(found.len()).unwrap();
    assert_eq!(found, (0..count).collect::<Vec<u64>>(), "{what}: a prefix");
    assert!(count >= acknowledged, "{what}: {acknowledged} acknowledged, {count} found");
    assert!(count <= attempted, "{what}: {attempted} attempted, {count} found");
    assert!(report.corrupt.is_empty(), "{what}: {:?}", report.corrupt);
    assert!(batch.lost.is_empty(), "{what}: {:?}", batch.lost);
    write(&mut log, count..count + 3);
    drop(log);
    disk.cut_power(Survival::Nothing);
    let (log, _report) = open(disk, options);
    assert_eq!(numbers(&read(&log)), (0..count + 3).collect::<Vec<u64>>(), "{what}: going on");
}

#[test]
fn power_may_fail_at_every_step_of_appending_and_committing() {
    // Segments hold about four of the batches.
    cut_at_every_step(small(), (12, 5));
}

#[test]
fn power_may_fail_at_every_step_where_zeros_were_written_ahead() {
    let options = Options { ahead_bytes: 64 * 1024, segment_bytes: 8 * 1024, ..small() };
    cut_at_every_step(options, (40, 1));
}

fn cut_at_every_step(options: Options, (batches, each): (u64, u64)) {
    for survival in SURVIVALS {
        for steps in 0.. {
            let disk = FaultDisk::new();
            disk.power_lasts_for(steps);
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (mut acknowledged, mut attempted, mut failed) = (0, 0, false);
            if let Ok((mut log, _report)) = RecordLog::open(shared, Path::new(DIRECTORY), options) {
                for batch in 0..batches {
                    let range = batch * each..(batch + 1) * each;
                    attempted = range.end;
                    failed = range.clone().any(|number| log.append(record(number, 100)).is_err())
                        || log.commit().is_err();
                    if failed {
                        break;
                    }
                    acknowledged = range.end;
                }
            }
            let done = acknowledged == batches * each && !failed;
            disk.cut_power(survival);
            let what = format!("{survival:?} at {steps}");
            check_after_cut((&disk, options), acknowledged, attempted, &what);
            if done {
                break;
            }
        }
    }
}

#[test]
fn power_may_fail_at_every_step_of_a_trim() {
    let rules = RetentionRules {
        rules: vec![(Filter::parse("city/0").unwrap(), Keep::Everything)],
        otherwise: Keep::Last,
        log_bytes_max: None,
    };
    for survival in SURVIVALS {
        for steps in 0.. {
            let disk = FaultDisk::new();
            let (mut log, _report) = open(&disk, small());
            for batch in 0..40 {
                write(&mut log, batch * 3..batch * 3 + 3);
            }
            let (heads, topics) = (log.streams(), log.reader().topics(&everything()));
            disk.power_lasts_for(steps);
            let mut outcome = Ok(true);
            while let Ok(true) = outcome {
                let trimmed = log.trim(&rules, Timestamp::from_micros(0));
                outcome = trimmed.map(|report| report.more);
            }
            drop(log);
            disk.cut_power(survival);
            let what = format!("{survival:?} at {steps}");
            let (mut log, report) = open(&disk, small());
            assert!(report.corrupt.is_empty(), "{what}: {:?}", report.corrupt);
            assert_eq!(log.streams(), heads, "{what}");
            let batch = read(&log);
            let found = numbers(&batch);
            let told = lost(&batch);
            for number in 0..120 {
                let kept = found.contains(&number);
                assert!(kept || (number % 3 != 0 && number < 117), "{what}: {number} must stay");
                assert!(kept || told.contains(&number), "{what}: {number} must be told");
            }
            assert!(batch.lost.iter().all(|range| range.reason == LostReason::Retention));
            for (before, after) in topics.iter().zip(log.reader().topics(&everything())) {
                assert_eq!(before.next_offset, after.next_offset, "{what}");
                assert_eq!(before.last_position, after.last_position, "{what}");
            }
            while log.trim(&rules, Timestamp::from_micros(0)).unwrap().more {}
            write(&mut log, 120..123);
            if outcome.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_last_write_torn_at_every_byte_loses_nothing_that_was_acknowledged() {
    let whole = record(5, 100).envelope.len() + 400;
    for kept in 0..whole {
        let disk = FaultDisk::new();
        let (mut log, _report) = open(&disk, small());
        write(&mut log, 0..5);
        log.append(record(5, 100)).unwrap();
        disk.power_lasts_for(1);
        assert!(matches!(log.commit(), Err(CommitError::Poisoned { .. })));
        drop(log);
        disk.cut_power(Survival::TornLastWrite(kept));
        check_after_cut((&disk, small()), 5, 6, &format!("{kept} bytes"));
    }
}

#[test]
fn a_failed_sync_stops_the_log_until_it_is_opened_anew() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..3);
    log.append(record(3, 100)).unwrap();
    disk.fail_syncs(1);
    assert!(matches!(log.commit(), Err(CommitError::Poisoned { .. })));
    assert!(log.poisoned().is_some());
    assert!(log.append(record(4, 100)).is_err());
    assert!(log.commit().is_err());
    assert!(log.trim(&RetentionRules::uniform(Keep::Last), Timestamp::from_micros(0)).is_err());
    assert_eq!(numbers(&read(&log)), [0, 1, 2]);
    drop(log);
    disk.cut_power(Survival::Nothing);
    check_after_cut((&disk, small()), 3, 4, "after a failed sync");
}

#[test]
fn a_disk_that_lies_about_syncs_never_makes_the_log_serve_what_is_damaged() {
    for seed in 0..200 {
        let disk = FaultDisk::new();
        let (mut log, _report) = open(&disk, small());
        write(&mut log, 0..5);
        disk.lie_about_syncs(true);
        for batch in 1..12 {
            write(&mut log, batch * 5..batch * 5 + 5);
        }
        drop(log);
        disk.cut_power(Survival::Drawn(seed));
        disk.lie_about_syncs(false);
        let (log, report) = open(&disk, small());
        let batch = read(&log);
        let found = numbers(&batch);
        assert!(found.starts_with(&[0, 1, 2, 3, 4]), "seed {seed}");
        assert!(found.is_sorted(), "seed {seed}");
        // Up to the last record that was found, each is served or told as lost.
        let told = lost(&batch);
        let last = found.last().copied().unwrap_or(0);
        for number in 0..last {
            assert!(found.contains(&number) || told.contains(&number), "seed {seed}: {number}");
        }
        assert_eq!(report.corrupt.is_empty(), batch.lost.is_empty(), "seed {seed}");
    }
}

#[test]
fn positions_that_were_told_are_not_given_again_when_the_disk_loses_their_records() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..5);
    disk.lie_about_syncs(true);
    write(&mut log, 5..10);
    drop(log);
    disk.cut_power(Survival::Nothing);
    disk.lie_about_syncs(false);
    let floor = Options { position_floor: Position::new(10), ..small() };
    let (mut log, report) = open(&disk, floor);
    assert_eq!(report.corrupt.len(), 1);
    assert_eq!(log.append(record(10, 100)).unwrap().position, Position::new(10));
    log.commit().unwrap();
    let before = read(&log);
    assert_eq!(numbers(&before), [0, 1, 2, 3, 4, 10]);
    assert_eq!(lost(&before), [5, 6, 7, 8, 9]);
    drop(log);
    assert_eq!(read(&open(&disk, small()).0), before);
}

/// What the original of a copy published later was told to somebody.
#[test]
fn a_copy_goes_on_behind_what_its_original_may_have_published_and_gives_no_offset_again() {
    const LEAD: u64 = crate::COPY_LEAD;
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..5);
    let last = read(&log).records.last().unwrap().offset;
    drop(log);
    drop(open(&disk, Options { position_lead: LEAD, ..small() }));
    let (mut log, report) = open(&disk, small());
    assert_eq!((report.corrupt, log.reader().damaged()), (vec![], 0), "wanted no damage told");
    let appended = log.append(record(5, 100)).unwrap();
    assert_eq!(appended.position, Position::new(5 + LEAD));
    assert!(appended.offset.value() >= last.value() + LEAD, "found {}", appended.offset);
    log.commit().unwrap();
    let again = read(&log);
    assert_eq!(numbers(&again), [0, 1, 2, 3, 4, 5]);
    let kept = |log: &RecordLog| -> u64 {
        log.reader().topics(&everything()).iter().map(|state| state.records).sum()
    };
    assert_eq!(kept(&log), 6);
    drop(log);
    assert_eq!(kept(&open(&disk, small()).0), 6);
}

#[test]
fn a_killed_process_leaves_a_log_that_is_made_durable_before_it_is_served() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..3);
    log.append(record(3, 100)).unwrap();
    disk.power_lasts_for(1);
    assert!(log.commit().is_err());
    drop(log);
    disk.cut_power(Survival::Everything);
    let (log, _report) = open(&disk, small());
    assert_eq!(numbers(&read(&log)), [0, 1, 2, 3]);
    drop(log);
    disk.cut_power(Survival::Nothing);
    assert_eq!(numbers(&read(&open(&disk, small()).0)), [0, 1, 2, 3]);
}

#[test]
fn what_is_served_after_a_failed_sync_and_a_kill_is_there_after_a_power_cut() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, small());
    write(&mut log, 0..3);
    log.append(record(3, 100)).unwrap();
    log.append(record(4, 100)).unwrap();
    disk.fail_syncs(1);
    assert!(matches!(log.commit(), Err(CommitError::Poisoned { .. })));
    drop(log);
    disk.kill();
    let (log, _report) = open(&disk, small());
    let served = numbers(&read(&log));
    assert_eq!(served, [0, 1, 2, 3, 4], "the system's cache has it");
    drop(log);
    disk.cut_power(Survival::Nothing);
    assert_eq!(numbers(&read(&open(&disk, small()).0)), served);
}

/// Writes and trims, and tells how many records were acknowledged before the disk said no.
fn use_until_the_end(disk: &FaultDisk, from: u64) -> u64 {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok((mut log, _report)) = RecordLog::open(shared, Path::new(DIRECTORY), small()) else {
        return from;
    };
    let rules = RetentionRules::uniform(Keep::For(Duration::from_secs(20)));
    let mut acknowledged = from;
    for batch in 0..12 {
        let next = from + batch * 5..from + batch * 5 + 5;
        let appended = next.clone().all(|number| log.append(record(number, 100)).is_ok());
        if !appended || log.commit().is_err() {
            return acknowledged;
        }
        acknowledged = next.end;
        let now = Timestamp::from_micros(i64::try_from(next.end * 1_000_000).unwrap());
        if log.trim(&rules, now).is_err() {
            return acknowledged;
        }
    }
    acknowledged
}

#[test]
fn a_kill_at_every_step_and_a_power_cut_after_the_next_start_lose_nothing_acknowledged() {
    let whole = FaultDisk::new();
    use_until_the_end(&whole, 0);
    let survivals = [Survival::Nothing, Survival::Drawn(1), Survival::Drawn(2)];
    for (step, survival) in (0..whole.steps()).flat_map(|step| survivals.map(|how| (step, how))) {
        let disk = FaultDisk::new();
        disk.power_lasts_for(step);
        let first = use_until_the_end(&disk, 0);
        disk.kill();
        let (mut log, _report) = open(&disk, small());
        // Whoever was killed may have written more than it could say.
        let next = log.reader().head().value();
        assert!(next >= first, "step {step}: {first} acknowledged, {next} found");
        write(&mut log, next..next + 5);
        drop(log);
        disk.cut_power(survival);
        let (log, report) = open(&disk, small());
        assert_eq!(report.corrupt, [], "step {step}, {survival:?}");
        let found = numbers(&read(&log));
        let mut recent = next.saturating_sub(15)..next + 5;
        assert!(recent.all(|number| found.contains(&number)), "step {step}: {found:?}");
    }
}
