//! What a process has used, as the operating system counts it.

use std::fs;

use anyhow::{Context as _, Result};

use super::figures::float;

/// `USER_HZ`: how finely Linux tells processor time to programs, whatever it counts in itself.
const TICKS_PER_S: f64 = 100.0;

/// Processor time and memory of a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// Of all its threads, in the kernel as well, s.
    pub(super) processor_s: f64,
    /// Resident now, KiB.
    pub(super) resident_kib: u64,
    /// The most that was resident, KiB.
    pub(super) resident_kib_max: u64,
}

/// What this process has used.
pub(super) fn own() -> Result<Usage> {
    of(std::process::id())
}

/// What another one has.
pub(super) fn of(process: u32) -> Result<Usage> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    let processor_s = processor_s(&stat).with_context(|| format!("{path}: {stat:?}"))?;
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kib = |key| kib(&status, key).with_context(|| format!("{path}: wanted {key}, found none"));
    Ok(Usage { processor_s, resident_kib: kib("VmRSS:")?, resident_kib_max: kib("VmHWM:")? })
}

/// `utime` and `stime`: fields 14 and 15, the 12th and 13th behind the name in parentheses.
fn processor_s(stat: &str) -> Option<f64> {
    let (_name, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let used = ticks.next()?.ok()? + ticks.next()?.ok()?;
    Some(float(used) / TICKS_PER_S)
}

fn kib(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let usage = own().unwrap();
        assert!(usage.resident_kib > 0 && usage.resident_kib <= usage.resident_kib_max);
        assert!(usage.processor_s >= 0.0);
    }

    #[test]
    fn a_name_with_parentheses_and_blanks_is_skipped() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 9 0 0 0 250 150 0 0 20 0 4 0 1 2 3";
        assert!((processor_s(stat).unwrap() - 4.0).abs() < 1e-9);
    }
}
