//! One turn as the process that makes its load is told, and what it answers.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::work::{Side, Work};

/// One turn of one side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) side: Side,
    pub(crate) round: usize,
    pub(crate) server: Address,
}

/// How a broker is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) socket: SocketAddr,
    /// Its certificate, of `localhost` and 127.0.0.1. Empty where keys are pinned.
    pub(crate) certificate: PathBuf,
    /// Names and files with passwords, as many as may be needed; empty where nobody is asked.
    pub(crate) users: Vec<(String, PathBuf)>,
    /// Folders with keys and profiles: the publisher's, then readers'.
    pub(crate) members: Vec<PathBuf>,
}

/// How a turn went.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// In the work's unit.
    pub(crate) value: f64,
    /// The broker's processor time for each delivery, µs.
    pub(crate) processor_us: f64,
    /// Cores that the broker used.
    pub(crate) cores: f64,
    /// Deliveries that came.
    pub(crate) delivered: u64,
    /// Deliveries that should have come and did not.
    pub(crate) lost: u64,
    /// Deliveries that came twice, out of order, or not as they were sent.
    pub(crate) wrong: u64,
    /// Median, 99th and 99.9th percentile of how late they were, µs; only where that is asked.
    pub(crate) late_us: Option<[u64; 3]>,
}

impl Job {
    /// What messages are published on; no turn meets what another one left.
    pub(crate) fn subject(&self) -> String {
        format!("turn-{:?}-{}", self.side, self.round)
    }

    /// Processor time that the broker has used so far.
    pub(crate) fn processor(&self) -> Result<Duration> {
        processor(self.server.pid)
    }
}

/// Processor time that a process has used so far.
pub(crate) fn processor(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let (_name, rest) = stat.rsplit_once(')').with_context(|| path.clone())?;
    // utime and stime are fields 14 and 15; the text begins with field 3. Ticks are 1/100 s.
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
}

/// A process's resident memory, KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.with_context(|| format!("{path}: VmRSS"))?.trim().trim_end_matches(" kB");
    text.parse().with_context(|| format!("{path}: VmRSS"))
}
