//! The last envelope of every run of every publisher on every topic, kept beyond the records
//! themselves: without it an old envelope could be published a second time.

use std::{cmp::Ordering, collections::HashMap};

use sekisho_proto::{BootId, Hash, Offset, Position, PrincipalId, Sequence, Timestamp};

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
    pub(crate) received: i64,
}

/// The runs of one publisher on one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) heads: Vec<BootHead>,
    /// When the last envelope of any forgotten run was received.
    pub(crate) forgotten: Option<i64>,
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

    /// Notes an envelope; an older one than is known changes nothing.
    pub(crate) fn note(&mut self, topic: TopicId, publisher: PrincipalId, head: BootHead) {
        let runs = self.runs.entry((topic, publisher)).or_default();
        match runs.heads.iter_mut().find(|known| known.boot == head.boot) {
            Some(known) if known.position < head.position => *known = head,
            Some(_) => {}
            None => {
                if runs.heads.is_empty() {
                    // Most have one, and there are very many of them.
                    runs.heads.reserve_exact(1);
                }
                runs.heads.push(head);
            }
        }
        while runs.heads.len() > self.boots_max {
            let oldest = runs.heads.iter().enumerate().min_by_key(|(_at, head)| head.position);
            let Some((at, _head)) = oldest else { break };
            let head = runs.heads.swap_remove(at);
            runs.forgotten = runs.forgotten.max(Some(head.received));
        }
    }

    /// Notes that runs have been forgotten.
    pub(crate) fn note_forgotten(&mut self, topic: TopicId, publisher: PrincipalId, received: i64) {
        let runs = self.runs.entry((topic, publisher)).or_default();
        runs.forgotten = runs.forgotten.max(Some(received));
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
                received: Timestamp::from_micros(head.received),
                forgotten: runs.forgotten.map(Timestamp::from_micros),
            }));
        }
        heads
    }
}
