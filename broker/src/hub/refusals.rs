//! What was refused lately, and whom: a bounded memory for those who administer the node. The same
//! again is counted and not repeated, and whoever floods it pushes out nothing but their own.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sekisho_proto::{PrincipalId, PrincipalName, RefusalCode, Timestamp};
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::roster::Came;
use crate::session::Who;

/// Refusals that are remembered.
const REMEMBERED_MAX: usize = 1_024;
/// And of one principal, or of strangers from one address.
const REMEMBERED_OF_ONE_MAX: usize = 64;
/// And of strangers together: an attacker may have many addresses.
const REMEMBERED_OF_STRANGERS_MAX: usize = 256;
/// Refusals in one answer.
const TOLD_MAX: u32 = 200;
/// Bytes that are remembered of either text.
const TEXT_BYTES_MAX: usize = 300;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// By ascending number.
    entries: VecDeque<Entry>,
    /// How many there ever were.
    count: u64,
    by_code: BTreeMap<&'static str, u64>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    first: Timestamp,
    last: Timestamp,
    times: u64,
    refused: Refused,
    came: Came,
}

/// What makes a refusal the same as another.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    whom: Whom,
    code: RefusalCode,
    what: String,
    why: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Whom {
    Principal(PrincipalName, PrincipalId),
    Stranger(Option<IpAddr>),
}

impl Refusals {
    /// Remembers a refusal.
    pub(crate) fn note(&self, who: Option<&Who>, came: Came, refusal: &Refusal, now: Timestamp) {
        let whom = match who {
            Some(who) => Whom::Principal(who.name.clone(), who.id),
            None => Whom::Stranger(came.address.map(|address| address.ip())),
        };
        let (what, why) = (cut(&refusal.what), cut(&refusal.why));
        let refused = Refused { whom, code: refusal.code, what, why };
        let mut memory = lock(&self.memory);
        memory.count += 1;
        *memory.by_code.entry(refusal.code.name()).or_default() += 1;
        if let Some(known) = memory.entries.iter_mut().rev().find(|one| one.refused == refused) {
            known.times += 1;
            known.last = now;
            return;
        }
        memory.make_room(&refused.whom);
        memory.next += 1;
        let number = memory.next;
        memory.entries.push_back(Entry { number, first: now, last: now, times: 1, refused, came });
    }

    /// A part of them, newest first.
    pub(crate) fn list(&self, before: Option<u64>, max: u32) -> Value {
        let max = usize::try_from(max.clamp(1, TOLD_MAX)).unwrap_or(1);
        let memory = lock(&self.memory);
        let older = memory.entries.iter().rev();
        let older = older.filter(|one| before.is_none_or(|before| one.number < before));
        let mut found: Vec<&Entry> = older.take(max + 1).collect();
        let has_more = found.len() > max;
        found.truncate(max);
        let next = found.last().filter(|_last| has_more).map(|last| last.number);
        let by_code: Map<String, Value> =
            memory.by_code.iter().map(|(code, times)| ((*code).to_owned(), json!(times))).collect();
        json!({
            "count": memory.count,
            "by_code": by_code,
            "refusals": found.into_iter().map(Entry::told).collect::<Vec<_>>(),
            "next": next,
        })
    }
}

impl Memory {
    /// Whoever has most of a bounded kind loses its oldest.
    fn make_room(&mut self, whom: &Whom) {
        let of_same = |one: &Entry| one.refused.whom == *whom;
        let is_stranger = |one: &Entry| matches!(one.refused.whom, Whom::Stranger(_));
        let same = self.entries.iter().filter(|one| of_same(one)).count();
        let strangers = self.entries.iter().filter(|one| is_stranger(one)).count();
        let place = if same >= REMEMBERED_OF_ONE_MAX {
            self.entries.iter().position(of_same)
        } else if matches!(whom, Whom::Stranger(_)) && strangers >= REMEMBERED_OF_STRANGERS_MAX {
            self.entries.iter().position(is_stranger)
        } else if self.entries.len() >= REMEMBERED_MAX {
            Some(0)
        } else {
            None
        };
        if let Some(place) = place {
            self.entries.remove(place);
        }
    }
}

impl Entry {
    fn told(&self) -> Value {
        let Refused { whom, code, what, why } = &self.refused;
        let (principal, id) = match whom {
            Whom::Principal(name, id) => (Some(name.to_string()), Some(id.to_string())),
            Whom::Stranger(_) => (None, None),
        };
        json!({
            "number": self.number,
            "first": self.first.to_string(),
            "last": self.last.to_string(),
            "times": self.times,
            "code": code.name(),
            "what": what,
            "why": why,
            "principal": principal,
            "id": id,
            "via": self.came.via,
            "address": self.came.address.map(|address| address.to_string()),
        })
    }
}

/// A text that takes bounded room.
fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    if end < text.len() { format!("{kept}…") } else { kept.to_owned() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
