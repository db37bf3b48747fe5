//! The last envelope of every run of every publisher on every topic, kept beyond the records
//! themselves: without it an old envelope could be published a second time.

use std::{cmp::Ordering, collections::HashMap};

use sekisho_proto::{BootId, Envelope, Hash, Offset, Position, PrincipalId, Sequence, Timestamp};

use super::{index::TopicId, topics::TopicTable};
use crate::{StreamHead, StreamKey};

/// One run's last envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BootHead {
    pub(crate) boot: BootId,
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
    pub(crate) offset: u64,
    pub(crate) position: u64,
    /// The newest time of the run.
    pub(crate) time: i64,
    /// Position of the envelope that has it.
    pub(crate) newest_at: u64,
}

impl BootHead {
    /// The head of a run of which nothing was known before this envelope.
    pub(crate) fn of(
        stream: &StreamKey,
        hash: Hash,
        (position, offset): (u64, u64),
        time: i64,
    ) -> Self {
        let StreamKey { boot, sequence, .. } = *stream;
        let sequence = sequence.value();
        Self { boot, sequence, hash, offset, position, time, newest_at: position }
    }

    /// The head after a later envelope of the run, or several.
    pub(crate) fn advance(&mut self, later: Self) {
        let (time, newest_at) = (self.time, self.newest_at);
        *self = later;
        if time > later.time {
            (self.time, self.newest_at) = (time, newest_at);
        }
    }
}

/// The time by an envelope's header, as whoever judged it took it; where it cannot be read, when it
/// was received.
pub(crate) fn time_of(envelope: &[u8], received: i64) -> i64 {
    Envelope::time_of(envelope).map_or(received, Timestamp::as_micros)
}

/// The runs of one publisher on one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) heads: Vec<BootHead>,
    /// The newest time of the forgotten runs.
    pub(crate) forgotten: Option<i64>,
}

impl Runs {
    /// Forgets the run that is the oldest by its time.
    fn forget_oldest(&mut self) {
        let all = self.heads.iter().enumerate();
        let Some((at, _)) = all.min_by_key(|(_at, head)| (head.time, head.boot)) else { return };
        let head = self.heads.swap_remove(at);
        self.forgotten = self.forgotten.max(Some(head.time));
    }
}

#[derive(Debug)]
pub(crate) struct StreamTable {
    runs: HashMap<(TopicId, PrincipalId), Runs>,
    boots_max: usize,
}

impl StreamTable {
    pub(crate) fn new(boots_max: usize) -> Self {
        Self { runs: HashMap::new(), boots_max: boots_max.max(1) }
    }

    /// Notes an envelope. One that is not behind all that are known of its stream changes nothing:
    /// an opening log finds again what the heads were made from, and of runs that are forgotten.
    ///
    /// The order in which runs are forgotten is that of the router which is restored from them: the
    /// oldest by its time, before a new one is taken up, which may be older still.
    pub(crate) fn note(&mut self, topic: TopicId, publisher: PrincipalId, head: BootHead) {
        let runs = self.runs.entry((topic, publisher)).or_default();
        if runs.heads.iter().any(|known| known.position >= head.position) {
            return;
        }
        if let Some(known) = runs.heads.iter_mut().find(|known| known.boot == head.boot) {
            known.advance(head);
            return;
        }
        if runs.heads.is_empty() {
            // Most have one, and there are very many of them.
            runs.heads.reserve_exact(1);
        }
        while runs.heads.len() >= self.boots_max {
            runs.forget_oldest();
        }
        runs.heads.push(head);
    }

    /// Takes up what is known of a stream, before any of its envelopes is noted.
    pub(crate) fn restore(&mut self, topic: TopicId, publisher: PrincipalId, mut runs: Runs) {
        while runs.heads.len() > self.boots_max {
            runs.forget_oldest();
        }
        runs.heads.shrink_to_fit();
        self.runs.insert((topic, publisher), runs);
    }

    /// One after the last position that a head has.
    pub(crate) fn end(&self) -> u64 {
        let heads = self.runs.values().flat_map(|runs| &runs.heads);
        heads.map(|head| head.position.saturating_add(1)).max().unwrap_or(0)
    }

    /// All runs, by topic and publisher.
    pub(crate) fn sorted<'a>(
        &'a self,
        topics: &'a TopicTable,
    ) -> Vec<(TopicId, &'a PrincipalId, &'a Runs)> {
        let mut all: Vec<_> = self.runs.iter().map(|((id, who), runs)| (*id, who, runs)).collect();
        all.sort_unstable_by(|(a, who_a, _), (b, who_b, _)| {
            let (a, b) = (topics.get(*a), topics.get(*b));
            match (a, b) {
                (Some(a), Some(b)) => a.topic.cmp(&b.topic).then(who_a.cmp(who_b)),
                _ => Ordering::Equal,
            }
        });
        all
    }

    /// All heads, by topic, publisher and boot.
    pub(crate) fn heads(&self, topics: &TopicTable) -> Vec<StreamHead> {
        let mut heads = Vec::new();
        for (id, publisher, runs) in self.sorted(topics) {
            let Some(entry) = topics.get(id) else { continue };
            let mut sorted = runs.heads.clone();
            sorted.sort_unstable_by_key(|head| head.boot);
            heads.extend(sorted.into_iter().map(|head| StreamHead {
                topic: entry.topic.clone(),
                stream: StreamKey {
                    publisher: *publisher,
                    boot: head.boot,
                    sequence: Sequence::new(head.sequence),
                },
                hash: head.hash,
                offset: Offset::new(head.offset),
                position: Position::new(head.position),
                time: Timestamp::from_micros(head.time),
                forgotten: runs.forgotten.map(Timestamp::from_micros),
            }));
        }
        heads
    }
}
