use std::time::Duration;

use super::*;

const NOON: Timestamp = Timestamp::from_micros(1_795_219_200_000_000);

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[test]
fn a_clock_that_is_behind_the_mark_is_refused_with_both_times_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mark = Mark::open(folder.path(), NOON).unwrap();
    mark.keep(NOON).unwrap();
    mark.keep(NOON.saturating_add(minutes(10))).unwrap();
    for now in [NOON.saturating_add(minutes(8)), NOON.saturating_add(minutes(60 * 24 * 400))] {
        Mark::open(folder.path(), now).unwrap();
    }
    let fault = Mark::open(folder.path(), NOON).unwrap_err().to_string();
    let path = folder.path().join("clock");
    for word in [path.to_str().unwrap(), "2026-11-21T00:10:00", "found 2026-11-21T00:00:00"] {
        assert!(fault.contains(word), "{fault}");
    }
    std::fs::remove_file(path).unwrap();
    Mark::open(folder.path(), NOON).unwrap();
}

#[test]
fn a_mark_that_is_no_time_is_refused_rather_than_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "yesterday\n", "2026-11-21"] {
        std::fs::write(folder.path().join("clock"), text).unwrap();
        let fault = Mark::open(folder.path(), NOON).unwrap_err();
        assert!(matches!(fault, ClockError::Unreadable { .. }), "{text:?}: {fault}");
    }
}
