//! Records that arrived before the statement that permits them, and for how long they are held.
//!
//! Records and statements travel apart, and nobody knows how late a statement is. So a record is
//! given up only when the owner's control log is known to be complete up to when the record's home
//! received it: what permitted it there would be here. Its owner shows that with the next checkpoint,
//! and what was received before the last one is not held for that.
//!
//! Besides, a record is held for a while: what it depends on may come another way, from a third
//! organisation. All that is done once: where it was in vain, others of its publisher on its topic
//! are given up at once, until another statement has been applied. Else a guest of somebody who is
//! not known here would delay, for ever, each topic on which it publishes.
//!
//! What comes after a held record in its topic is held behind it, whoever published that: a follower
//! stores a topic by growing offsets, and what was overtaken could never be stored.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{Position, PrincipalId, Timestamp, Topic};

use crate::Taken;

/// Whose right was missing, and where.
pub(crate) type Denied = (PrincipalId, Topic);

/// The records of one link that wait for a statement, and those behind them. No more than the
/// link's window, and so many bytes.
#[derive(Debug)]
pub(crate) struct Holding {
    held: BTreeMap<Position, Held>,
    /// The positions of what is held, for each topic.
    topics: BTreeMap<Topic, BTreeSet<Position>>,
    /// Until when the owner's control log is known to be complete, on this connection.
    complete: Option<Timestamp>,
    /// Of what waits.
    bytes: usize,
    bytes_max: usize,
    hopeless: BTreeSet<Denied>,
    hopeless_max: usize,
}

#[derive(Debug)]
struct Held {
    topic: Topic,
    wait: Wait,
}

#[derive(Debug)]
enum Wait {
    /// For a statement that permits it.
    Statement { record: Taken, publisher: PrincipalId, term: Term },
    /// For the outcome of what comes before it in its topic.
    Turn(Taken),
    /// It was let go, and has no outcome yet.
    Tried,
}

/// For how long a record waits for a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// At least until then.
    pub(crate) until: Timestamp,
    /// And until the owner's control log is complete up to that time of the wall clock.
    pub(crate) complete: Timestamp,
}

impl Holding {
    pub(crate) const fn new(bytes_max: usize, hopeless_max: usize) -> Self {
        Self {
            held: BTreeMap::new(),
            topics: BTreeMap::new(),
            complete: None,
            bytes: 0,
            bytes_max,
            hopeless: BTreeSet::new(),
            hopeless_max,
        }
    }

    /// Holds a record for so long at most; false where that would be in vain.
    pub(crate) fn hold(&mut self, record: Taken, denied: Denied, term: Term) -> bool {
        if self.hopeless.contains(&denied) {
            return false;
        }
        let waiting = self.held.values().find_map(|held| held.until_of(&denied));
        let (publisher, topic) = denied;
        let term = Term { until: waiting.unwrap_or(term.until), ..term };
        self.keep(record.position, topic, Wait::Statement { record, publisher, term });
        true
    }

    /// The owner's control log is complete until then.
    pub(crate) const fn note_complete(&mut self, until: Timestamp) {
        self.complete = Some(until);
    }

    /// Whether more is held than there is room for, and waits for a statement.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > self.bytes_max && self.held.values().any(|held| held.wait.term().is_some())
    }

    /// The most bytes that may be held.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Whether a record that is permitted has its turn; where something before it in its topic is
    /// held, it is held behind that.
    pub(crate) fn has_turn(&mut self, record: Taken, topic: &Topic) -> bool {
        let first = self.topics.get(topic).and_then(BTreeSet::first);
        if first.is_none_or(|first| *first >= record.position) {
            return true;
        }
        self.keep(record.position, topic.clone(), Wait::Turn(record));
        false
    }

    /// A record has an outcome, or goes to where it will have one; returns what waited for its turn,
    /// to be tried.
    pub(crate) fn settle(&mut self, position: Position) -> Vec<Taken> {
        let Some(Held { topic, wait }) = self.held.remove(&position) else { return Vec::new() };
        self.bytes = self.bytes.saturating_sub(wait.bytes());
        let Some(positions) = self.topics.get_mut(&topic) else { return Vec::new() };
        positions.remove(&position);
        if positions.is_empty() {
            self.topics.remove(&topic);
            return Vec::new();
        }
        let mut next = Vec::new();
        for position in &*positions {
            let Some(held) = self.held.get_mut(position) else { continue };
            if matches!(held.wait, Wait::Statement { .. }) {
                break;
            }
            next.extend(held.wait.let_go());
        }
        self.account(&next);
        next
    }

    /// A statement was applied: everything may be tried again, by ascending position.
    pub(crate) fn release(&mut self) -> Vec<Taken> {
        self.hopeless.clear();
        let released: Vec<Taken> =
            self.held.values_mut().filter_map(|held| held.wait.let_go()).collect();
        self.account(&released);
        released
    }

    /// The connection is gone: what was held will come again.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.topics.clear();
        self.bytes = 0;
        self.complete = None;
    }

    /// When something is to be given up. What waits for the log to be complete has no such time.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let terms = self.held.values().filter_map(|held| held.wait.term());
        terms.filter(|term| term.is_met_by(self.complete)).map(|term| term.until).min()
    }

    /// Gives up what was held long enough, and where it is too much, what waits for nothing but time;
    /// returns the positions, which are to be settled.
    pub(crate) fn give_up(&mut self, now: Timestamp) -> Vec<Position> {
        let mut given_up = Vec::new();
        for (position, held) in &mut self.held {
            let Wait::Statement { record, publisher, term } = &held.wait else { continue };
            let in_vain = term.until <= now;
            if !term.is_met_by(self.complete) || !in_vain && self.bytes <= self.bytes_max {
                continue;
            }
            if in_vain && self.hopeless.len() < self.hopeless_max {
                self.hopeless.insert((*publisher, held.topic.clone()));
            }
            self.bytes = self.bytes.saturating_sub(record.bytes());
            held.wait = Wait::Tried;
            given_up.push(*position);
        }
        given_up
    }

    fn keep(&mut self, position: Position, topic: Topic, wait: Wait) {
        self.bytes = self.bytes.saturating_add(wait.bytes());
        self.topics.entry(topic.clone()).or_default().insert(position);
        if let Some(before) = self.held.insert(position, Held { topic, wait }) {
            self.bytes = self.bytes.saturating_sub(before.wait.bytes());
        }
    }

    fn account(&mut self, gone: &[Taken]) {
        let bytes = gone.iter().map(Taken::bytes).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Term {
    fn is_met_by(self, complete: Option<Timestamp>) -> bool {
        complete >= Some(self.complete)
    }
}

impl Held {
    /// Until when it waits for the same.
    fn until_of(&self, (denied, topic): &Denied) -> Option<Timestamp> {
        match &self.wait {
            Wait::Statement { publisher, term, .. } if publisher == denied => {
                (self.topic == *topic).then_some(term.until)
            }
            Wait::Statement { .. } | Wait::Turn(_) | Wait::Tried => None,
        }
    }
}

impl Wait {
    /// The record, which is to be tried, where it is here.
    fn let_go(&mut self) -> Option<Taken> {
        match std::mem::replace(self, Self::Tried) {
            Self::Statement { record, .. } | Self::Turn(record) => Some(record),
            Self::Tried => None,
        }
    }

    const fn term(&self) -> Option<Term> {
        match self {
            Self::Statement { term, .. } => Some(*term),
            Self::Turn(_) | Self::Tried => None,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Statement { record, .. } | Self::Turn(record) => record.bytes(),
            Self::Tried => 0,
        }
    }
}
