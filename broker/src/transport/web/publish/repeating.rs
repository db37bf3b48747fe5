//! Requests that are made twice because the answer to the first was lost: known again by a key that
//! the client chooses (the `Idempotency-Key` header), and answered as the first was.
//!
//! What was answered is on the disk before it is, so that a restart forgets nothing. Where the node is
//! killed between storing a reading and writing that down, the request is taken for new.

mod kept;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use sekisho_proto::{Hash, Offset, PrincipalId, RefusalCode, Timestamp, Topic};
use sekisho_store::{Keyed, KeyedChange};
use tokio::task::spawn_blocking;
use tracing::error;

use super::super::Problem;
use super::super::asked::malformed;
use crate::engine::KeyedStore;
use kept::Kept;

/// Bytes of a key: a UUID has 36.
const KEY_BYTES_MAX: usize = 128;
/// How long an answer is remembered: a device that was without a network for so long begins anew.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// Answers remembered for one principal: one a second.
const OF_ONE_MAX: usize = 600;
/// Answers remembered in all: 65,536 × ~700 bytes = 45 MB.
const IN_ALL_MAX: usize = 65_536;

/// What was asked and answered lately.
#[derive(Debug, Default)]
pub(super) struct Repeating {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    of: HashMap<PrincipalId, HashMap<String, Remembered>>,
    count: usize,
    /// What is on the disk, the oldest first.
    kept: VecDeque<(Timestamp, PrincipalId, String)>,
}

#[derive(Debug)]
struct Remembered {
    fingerprint: Hash,
    /// `None` while it is being done.
    answer: Option<(Topic, Offset, Timestamp)>,
}

/// Whether somebody has to do it.
#[derive(Debug)]
pub(super) enum Turn {
    /// It was done before, with this outcome.
    Before(Topic, Offset),
    /// It is to be done now.
    First(Doing),
}

/// One request that is being done; forgotten when dropped, so that it can be tried again.
#[derive(Debug)]
pub(super) struct Doing {
    repeating: Arc<Repeating>,
    whose: PrincipalId,
    key: String,
    is_done: bool,
}

/// The key that a header holds, with or without the quotes of a structured field.
///
/// # Errors
/// It is empty, too long or not printable.
pub(super) fn key(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let printable = bare.bytes().all(|byte| byte.is_ascii_graphic());
    if bare.is_empty() || bare.len() > KEY_BYTES_MAX || !printable {
        let wanted = format!("wanted 1 to {KEY_BYTES_MAX} bytes of visible ASCII");
        return Err(malformed("idempotency-key", wanted));
    }
    Ok(bare.to_owned())
}

impl Repeating {
    /// Takes up what was answered before.
    pub(super) fn open<K: Keyed>(keyed: &K) -> Self {
        let all = kept::read_all(keyed).unwrap_or_else(|fault| {
            error!(%fault, "what was answered before a restart is not known");
            Vec::new()
        });
        let mut known = Known::default();
        for Kept { whose, key, fingerprint, topic, offset, at } in all {
            known.kept.push_back((at, whose, key.clone()));
            let remembered = Remembered { fingerprint, answer: Some((topic, offset, at)) };
            if known.of.entry(whose).or_default().insert(key, remembered).is_none() {
                known.count += 1;
            }
        }
        Self { known: Mutex::new(known) }
    }

    /// Finds out whether a request was made before.
    ///
    /// # Errors
    /// It is being done at this moment, the key was of another request, or there are too many keys.
    pub(super) fn begin(
        self: &Arc<Self>,
        whose: PrincipalId,
        key: String,
        fingerprint: Hash,
        now: Timestamp,
    ) -> Result<Turn, Problem> {
        let mut known = self.lock();
        let is_new = |at: &Timestamp| now.saturating_since(*at) < REMEMBERED;
        let before = known.of.get(&whose).and_then(|of| of.get(&key));
        let before = before.filter(|one| one.answer.as_ref().is_none_or(|(_, _, at)| is_new(at)));
        if let Some(before) = before {
            if before.fingerprint != fingerprint {
                let why = "wanted the request for which it was used before, found another";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let code = RefusalCode::AlreadyExists;
                return Err(Problem::new(status, code, "idempotency-key", why));
            }
            match &before.answer {
                Some((topic, offset, _at)) => return Ok(Turn::Before(topic.clone(), *offset)),
                None => {
                    let why = "wanted the request to end, found it being done: ask again";
                    let (status, code) = (StatusCode::CONFLICT, RefusalCode::AlreadyExists);
                    return Err(Problem::new(status, code, "idempotency-key", why));
                }
            }
        }
        known.make_room(&whose, now)?;
        let remembered = Remembered { fingerprint, answer: None };
        if known.of.entry(whose).or_default().insert(key.clone(), remembered).is_none() {
            known.count += 1;
        }
        drop(known);
        Ok(Turn::First(Doing { repeating: Arc::clone(self), whose, key, is_done: false }))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn make_room(&mut self, whose: &PrincipalId, now: Timestamp) -> Result<(), Problem> {
        let is_full = self.of.get(whose).is_some_and(|of| of.len() >= OF_ONE_MAX);
        if is_full || self.count >= IN_ALL_MAX {
            self.of.retain(|_whose, of| {
                forget_old(of, now);
                !of.is_empty()
            });
            self.count = self.of.values().map(HashMap::len).sum();
        }
        let own = self.of.get(whose).map_or(0, HashMap::len);
        if own < OF_ONE_MAX && self.count < IN_ALL_MAX {
            return Ok(());
        }
        let minutes = REMEMBERED.as_secs() / 60;
        let why = format!("wanted at most {OF_ONE_MAX} keys in {minutes} minutes, found more");
        let refusal = crate::hub::Refusal::new(RefusalCode::RateLimited, "idempotency-key", why);
        Err(refusal.into())
    }
}

impl Known {
    /// What on the disk is too old to be asked for again.
    fn forget_kept(&mut self, now: Timestamp) -> Vec<KeyedChange> {
        let mut changes = Vec::new();
        while let Some((at, ..)) = self.kept.front()
            && now.saturating_since(*at) >= REMEMBERED
        {
            let Some((at, whose, key)) = self.kept.pop_front() else { break };
            let known = self.of.get(&whose).and_then(|of| of.get(&key));
            // A key that is used again has, or will have, another answer in the same place.
            let is_over = known.is_none_or(|one| {
                one.answer.as_ref().is_some_and(|(_topic, _offset, again)| *again == at)
            });
            if is_over {
                changes.push(kept::removal(&whose, &key));
            }
        }
        changes
    }
}

/// Makes durable what was remembered: before the caller hears of it.
pub(super) async fn keep(keyed: &Arc<KeyedStore>, changes: Vec<KeyedChange>) {
    let keyed = Arc::clone(keyed);
    let kept = spawn_blocking(move || keyed.apply(&changes)).await;
    let fault = match kept {
        Ok(Ok(())) => return,
        Ok(Err(fault)) => fault.to_string(),
        Err(fault) => fault.to_string(),
    };
    // The reading itself is stored: that is what the caller is told.
    error!(fault, "what was answered is not kept: after a restart it may be done again");
}

fn forget_old(of: &mut HashMap<String, Remembered>, now: Timestamp) {
    of.retain(|_key, remembered| {
        let is_old = |at: Timestamp| now.saturating_since(at) >= REMEMBERED;
        !remembered.answer.as_ref().is_some_and(|(_, _, at)| is_old(*at))
    });
}

impl Doing {
    /// It was done. What the disk is to hear of is returned.
    pub(super) fn done(mut self, topic: Topic, offset: Offset, now: Timestamp) -> Vec<KeyedChange> {
        self.is_done = true;
        let mut known = self.repeating.lock();
        let mut changes = known.forget_kept(now);
        let remembered = known.of.get_mut(&self.whose).and_then(|of| of.get_mut(&self.key));
        if let Some(remembered) = remembered {
            remembered.answer = Some((topic.clone(), offset, now));
            let fingerprint = remembered.fingerprint;
            let (whose, key) = (self.whose, self.key.clone());
            known.kept.push_back((now, whose, key.clone()));
            changes.push(Kept { whose, key, fingerprint, topic, offset, at: now }.put());
        }
        changes
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut known = self.repeating.lock();
        let removed = known.of.get_mut(&self.whose).and_then(|of| of.remove(&self.key));
        known.count -= usize::from(removed.is_some());
    }
}
