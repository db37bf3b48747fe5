//! What peers' nodes have cosigned of this organisation's logs: the latest of each, kept on the disk.
//!
//! A small text per log, a line `peer size microseconds signature-line` for each peer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sekisho_proto::{LogName, OrgName, Timestamp};
use sekisho_store::{Keyed, KeyedError};
use sekisho_tlog::SignatureLine;

/// A cosignature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cosignature {
    /// Of the checkpoint of so many entries: the peer has all of them.
    pub(crate) size: u64,
    /// When the peer made it.
    pub(crate) time: Timestamp,
    /// As it stands under the checkpoint.
    pub(crate) line: SignatureLine,
}

/// The latest cosignature of each peer, by log. Writing blocks on the disk.
#[derive(Debug, Default)]
pub(crate) struct Cosignatures {
    known: Mutex<BTreeMap<LogName, BTreeMap<OrgName, Cosignature>>>,
    /// Held while the disk is written to: whoever only looks does not wait for it.
    writing: Mutex<()>,
}

impl Cosignatures {
    /// Those of the logs that are kept.
    pub(super) fn read<K: Keyed>(keyed: &K, logs: &[&LogName]) -> Result<Self, KeyedError> {
        let mut known = BTreeMap::new();
        for log in logs {
            let kept = keyed.blob(&name(log))?;
            known.insert((*log).clone(), kept.map(|text| parse(&text)).unwrap_or_default());
        }
        Ok(Self { known: Mutex::new(known), writing: Mutex::default() })
    }

    /// Keeps a cosignature that was verified, unless one of more entries or later is known.
    pub(super) fn keep<K: Keyed>(
        &self,
        keyed: &K,
        log: &LogName,
        peer: &OrgName,
        cosignature: Cosignature,
    ) -> Result<(), KeyedError> {
        let _in_turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let of_log = self.lock().get(log).cloned().unwrap_or_default();
        let rank = |one: &Cosignature| (one.size, one.time);
        if of_log.get(peer).is_some_and(|known| rank(known) >= rank(&cosignature)) {
            return Ok(());
        }
        let mut changed = of_log;
        changed.insert(peer.clone(), cosignature);
        keyed.put_blob(&name(log), print(&changed).into())?;
        self.lock().insert(log.clone(), changed);
        Ok(())
    }

    /// The latest one of a peer.
    pub(crate) fn of(&self, log: &LogName, peer: &OrgName) -> Option<Cosignature> {
        self.lock().get(log)?.get(peer).cloned()
    }

    /// Those of the checkpoint of a size.
    pub(super) fn at(&self, log: &LogName, size: u64) -> Vec<SignatureLine> {
        let known = self.lock();
        let of_log = known.get(log).into_iter().flat_map(BTreeMap::values);
        of_log.filter(|one| one.size == size).map(|one| one.line.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LogName, BTreeMap<OrgName, Cosignature>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(log: &LogName) -> String {
    format!("cosignatures/{log}")
}

fn print(of_log: &BTreeMap<OrgName, Cosignature>) -> String {
    let lines = of_log.iter().map(|(peer, Cosignature { size, time, line })| {
        format!("{peer} {size} {} {line}\n", time.as_micros())
    });
    lines.collect()
}

fn parse(bytes: &[u8]) -> BTreeMap<OrgName, Cosignature> {
    String::from_utf8_lossy(bytes).lines().filter_map(parse_line).collect()
}

fn parse_line(text: &str) -> Option<(OrgName, Cosignature)> {
    let mut parts = text.splitn(4, ' ');
    let peer = parts.next()?.parse().ok()?;
    let size = parts.next()?.parse().ok()?;
    let time = Timestamp::from_micros(parts.next()?.parse().ok()?);
    let line = parts.next()?.parse().ok()?;
    Some((peer, Cosignature { size, time, line }))
}

#[cfg(test)]
mod tests;
