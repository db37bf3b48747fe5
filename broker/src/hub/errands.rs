//! Errands on their way to a steward, and answers on their way back: the node holds them for a
//! while, in memory, and can neither read nor change them.
//!
//! Whoever asks does so again, with the same bytes, until it is answered: what is lost here (with a
//! restart, or for want of room) is brought again, and the steward knows what it has done.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_proto::{Errand, ErrandAnswer, Hash, PrincipalId, RefusalCode, Timestamp, limits};

use super::metrics;
use super::refusal::Refusal;

/// Errands held at a time: a steward takes them every second.
const HELD_MAX: usize = 256;
/// And of one asker: somebody at a console and a program beside.
const HELD_PER_ASKER_MAX: usize = 16;
/// Bytes of errands and answers together.
const HELD_BYTES_MAX: usize = 16 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    errands: BTreeMap<Hash, Waiting>,
    /// Numbers them in the order in which they came.
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    errand: Errand,
    answer: Option<Bytes>,
}

impl Errands {
    /// Whether an errand is here already.
    pub(crate) fn holds(&self, errand: &Errand) -> bool {
        lock(&self.held).errands.contains_key(&errand.hash())
    }

    /// Takes an errand of somebody who may bring one, or tells its steward's answer, once.
    ///
    /// # Errors
    /// Its time is over or has not come, or there is no room.
    pub(crate) fn bring(&self, errand: Errand, now: Timestamp) -> Result<Option<Bytes>, Refusal> {
        let (content, hash) = (errand.content(), errand.hash());
        let refused = |code, why| Err(Refusal::new(code, format!("errand {}", content.id), why));
        if content.until <= now {
            let why =
                format!("wanted one that may still be begun, found it ended at {}", content.until);
            return refused(RefusalCode::Expired, why);
        }
        if content.issued > now.saturating_add(limits::CLOCK_AHEAD_MAX) {
            let why = format!("wanted one made by {now}, found {}", content.issued);
            return refused(RefusalCode::ClockAhead, why);
        }
        let mut held = lock(&self.held);
        if let Some(waiting) = held.errands.get(&hash) {
            if waiting.answer.is_none() {
                return Ok(None);
            }
            return Ok(held.remove(&hash).and_then(|waiting| waiting.answer));
        }
        held.sweep(now);
        let of_asker = held.errands.values();
        let of_asker = of_asker.filter(|one| one.errand.content().asker == content.asker).count();
        if of_asker >= HELD_PER_ASKER_MAX {
            let why = format!("wanted fewer than {HELD_PER_ASKER_MAX} of one asker, found no room");
            return refused(RefusalCode::TooMany, why);
        }
        let room = HELD_BYTES_MAX.saturating_sub(held.bytes);
        if held.errands.len() >= HELD_MAX || errand.encoded().len() > room {
            let why = format!("wanted fewer than {HELD_MAX} that wait, found no room");
            return refused(RefusalCode::TooMany, why);
        }
        held.bytes += errand.encoded().len();
        held.next += 1;
        let waiting = Waiting { number: held.next, errand, answer: None };
        held.errands.insert(hash, waiting);
        metrics::errand("taken");
        Ok(None)
    }

    /// What waits for a steward, oldest first, up to so many bytes.
    pub(crate) fn list(
        &self,
        steward: &PrincipalId,
        bytes_max: usize,
        now: Timestamp,
    ) -> Vec<Bytes> {
        let mut held = lock(&self.held);
        held.sweep(now);
        let mut waiting: Vec<&Waiting> = held
            .errands
            .values()
            .filter(|one| one.answer.is_none() && one.errand.content().steward == *steward)
            .collect();
        waiting.sort_by_key(|one| one.number);
        let mut room = bytes_max;
        let fitting = waiting.into_iter().map(|one| one.errand.encoded()).take_while(|encoded| {
            let fits = encoded.len() <= room;
            room = room.saturating_sub(encoded.len());
            fits
        });
        fitting.cloned().collect()
    }

    /// Takes a steward's answer; whether somebody waits for it. Where there is no room for it, the
    /// asker brings the errand again.
    pub(crate) fn answer(&self, answer: &ErrandAnswer) -> bool {
        let mut held = lock(&self.held);
        let content = answer.content();
        let length = answer.encoded().len();
        let fits = length <= HELD_BYTES_MAX.saturating_sub(held.bytes);
        let Some(waiting) = held.errands.get_mut(&content.hash) else { return false };
        let is_its = waiting.errand.content().steward == content.steward;
        if !is_its || waiting.answer.is_some() {
            return false;
        }
        if !fits {
            held.remove(&content.hash);
            return false;
        }
        waiting.answer = Some(answer.encoded().clone());
        held.bytes += length;
        metrics::errand("answered");
        true
    }

    /// Forgets whatever may not be begun any more.
    pub(crate) fn sweep(&self, now: Timestamp) {
        lock(&self.held).sweep(now);
    }

    /// How many are not answered.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.held).errands.values().filter(|one| one.answer.is_none()).count()
    }
}

impl Held {
    fn remove(&mut self, hash: &Hash) -> Option<Waiting> {
        let gone = self.errands.remove(hash)?;
        self.bytes = self.bytes.saturating_sub(gone.bytes());
        Some(gone)
    }

    fn sweep(&mut self, now: Timestamp) {
        let over = |one: &Waiting| one.errand.content().until <= now;
        let gone: Vec<Hash> = self
            .errands
            .iter()
            .filter(|(_hash, one)| over(one))
            .map(|(hash, _one)| *hash)
            .collect();
        for hash in gone {
            if self.remove(&hash).is_some_and(|one| one.answer.is_none()) {
                metrics::errand("expired");
            }
        }
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        let answer = self.answer.as_ref().map_or(0, Bytes::len);
        self.errand.encoded().len().saturating_add(answer)
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
