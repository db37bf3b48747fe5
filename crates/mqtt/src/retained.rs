//! The last message of each topic that was published to be retained (MQTT 5.0, 3.3.1.3), in bounded
//! memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use sekisho_proto::{Filter, FilterLevel, Position, PrincipalId, Timestamp, Topic};

use crate::overlap::matches;

/// Topics with a retained message, by default.
pub const TOPICS_MAX: usize = 65_536;
/// Bytes of retained messages, by default.
pub const BYTES_MAX: usize = 64 << 20;
/// One publisher has at most the whole by so much of topics and of bytes, so that no other goes
/// without for its sake.
const SHARE: usize = 2;
/// Topics looked at for one page, times the records asked for: others wait meanwhile.
const LOOKED_AT_FACTOR: usize = 16;

/// What is kept of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<R> {
    /// Where it is in the log.
    pub position: Position,
    /// When it is worth nothing any more; `None` = never.
    pub expires: Option<Timestamp>,
    /// Bytes it takes.
    pub bytes: usize,
    /// Whose room it takes.
    pub publisher: PrincipalId,
    /// The message.
    pub record: R,
}

/// What became of a message that was to be retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It is kept.
    Kept,
    /// The topic has none any more.
    Cleared,
    /// It is older than what is known.
    Old,
    /// There is no room, or none for its publisher: it was let go of, and so was what the topic had.
    Full,
}

/// Retained messages by topic.
#[derive(Debug)]
pub struct Retained<R> {
    topics: BTreeMap<Topic, Kept<R>>,
    bytes: usize,
    /// What each publisher has of both.
    taken: BTreeMap<PrincipalId, Taken>,
    topics_max: usize,
    bytes_max: usize,
    /// Everything before was noted.
    next: Position,
}

/// Room.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    topics: usize,
    bytes: usize,
}

impl<R: Clone> Retained<R> {
    /// None, of at most so many topics and bytes; the log is noted from `next` on.
    #[must_use]
    pub const fn new(topics_max: usize, bytes_max: usize, next: Position) -> Self {
        let topics = BTreeMap::new();
        Self { topics, bytes: 0, taken: BTreeMap::new(), topics_max, bytes_max, next }
    }

    /// Takes up what was kept before a restart.
    pub fn restore(&mut self, topic: Topic, kept: Kept<R>) -> Noted {
        self.put(topic, kept)
    }

    /// A record that is to be retained, in the order of the log; `None` clears the topic.
    pub fn note(&mut self, topic: &Topic, position: Position, kept: Option<Kept<R>>) -> Noted {
        if position < self.next {
            return Noted::Old;
        }
        self.next = position.next();
        match kept {
            Some(kept) => self.put(topic.clone(), kept),
            None => {
                self.clear(topic);
                Noted::Cleared
            }
        }
    }

    fn put(&mut self, topic: Topic, kept: Kept<R>) -> Noted {
        self.clear(&topic);
        let bytes = self.bytes.saturating_add(kept.bytes);
        if self.topics.len() >= self.topics_max || bytes > self.bytes_max {
            return Noted::Full;
        }
        let Taken { topics, bytes: own } = self.taken_by(&kept.publisher);
        let own = own.saturating_add(kept.bytes);
        if topics >= self.topics_max.div_ceil(SHARE) || own > self.bytes_max.div_ceil(SHARE) {
            return Noted::Full;
        }
        self.taken.insert(kept.publisher, Taken { topics: topics.saturating_add(1), bytes: own });
        self.bytes = bytes;
        self.topics.insert(topic, kept);
        Noted::Kept
    }

    fn clear(&mut self, topic: &Topic) {
        let Some(gone) = self.topics.remove(topic) else { return };
        self.bytes = self.bytes.saturating_sub(gone.bytes);
        let Taken { topics, bytes } = self.taken_by(&gone.publisher);
        if topics <= 1 {
            self.taken.remove(&gone.publisher);
            return;
        }
        let left =
            Taken { topics: topics.saturating_sub(1), bytes: bytes.saturating_sub(gone.bytes) };
        self.taken.insert(gone.publisher, left);
    }

    fn taken_by(&self, publisher: &PrincipalId) -> Taken {
        self.taken.get(publisher).copied().unwrap_or_default()
    }

    /// Where noting goes on.
    #[must_use]
    pub const fn next(&self) -> Position {
        self.next
    }

    /// Topics that have one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Bytes kept.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is kept of a topic.
    #[must_use]
    pub fn get(&self, topic: &Topic) -> Option<&Kept<R>> {
        self.topics.get(topic)
    }

    /// A page of what matches, by ascending topic after `after`, at most `max`, and the last topic
    /// looked at; `None` where that was the last of all. Names begin after `prefix` levels.
    #[must_use]
    pub fn matching(
        &self,
        filter: &Filter,
        after: Option<&Topic>,
        (max, prefix): (usize, usize),
        now: Timestamp,
    ) -> (Vec<R>, Option<Topic>) {
        let literal = literal_prefix(filter);
        let from = Topic::parse(&literal).ok();
        let start = match (after, &from) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(from)) => Bound::Included(from),
            (None, None) => Bound::Unbounded,
        };
        let mut found = Vec::new();
        let looked_at_max = max.saturating_mul(LOOKED_AT_FACTOR);
        let range = self.topics.range::<Topic, _>((start, Bound::Unbounded));
        for (looked_at, (topic, kept)) in (1..).zip(range) {
            if !topic.as_str().starts_with(&literal) && topic.as_str() > literal.as_str() {
                break;
            }
            let is_over = kept.expires.is_some_and(|expires| expires <= now);
            if !is_over && matches(filter, topic, prefix) {
                found.push(kept.record.clone());
            }
            if found.len() >= max || looked_at >= looked_at_max {
                return (found, Some(topic.clone()));
            }
        }
        (found, None)
    }

    /// Lets go of what is worth nothing any more; the topics.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Topic> {
        let is_over = |kept: &Kept<R>| kept.expires.is_some_and(|expires| expires <= now);
        let over = self.topics.iter().filter(|(_topic, kept)| is_over(kept));
        let over: Vec<Topic> = over.map(|(topic, _kept)| topic.clone()).collect();
        for topic in &over {
            self.clear(topic);
        }
        over
    }
}

/// The levels of a filter before its first wildcard.
fn literal_prefix(filter: &Filter) -> String {
    let mut prefix = String::new();
    for level in filter.levels() {
        let FilterLevel::Literal(level) = level else { break };
        if !prefix.is_empty() {
            prefix.push('/');
        }
        prefix.push_str(level);
    }
    prefix
}

#[cfg(test)]
mod tests;
