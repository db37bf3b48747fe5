//! Every topic that has ever been in the log, and which of them a filter means.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sekisho_proto::{Filter, Topic};

use super::index::{TopicId, to_usize};

/// Filters with up to this many topics are read topic by topic, others record by record: merging
/// more lists costs more than looking at every record.
const FEW_TOPICS: usize = 32;

/// Most bytes that remembered matches take together: 256 filters over 100,000 topics.
const MATCHES_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub(crate) struct LastRecord {
    pub(crate) position: u64,
    pub(crate) received: i64,
}

#[derive(Debug)]
pub(crate) struct TopicEntry {
    pub(crate) topic: Topic,
    /// One after the largest offset appended.
    pub(crate) next_offset: u64,
    /// No offset before this one is given: records that were damaged may have had them.
    pub(crate) floor: u64,
    /// Offset of the oldest record that is kept.
    pub(crate) first_offset: Option<u64>,
    /// How many records are kept.
    pub(crate) records: u64,
    /// One after the largest position that retention dropped.
    pub(crate) dropped_before: u64,
    /// The last record, where it is kept.
    pub(crate) last: Option<LastRecord>,
}

#[derive(Debug, Default)]
pub(crate) struct TopicTable {
    ids: HashMap<Topic, TopicId>,
    entries: Vec<TopicEntry>,
    /// As [`TopicEntry::floor`], of a topic of which nothing is there.
    pub(crate) floor: u64,
    /// Damaged records whose gaps retention has dropped: they count for `floor` all the same.
    pub(crate) damaged_and_dropped: u64,
}

impl TopicTable {
    pub(crate) fn id(&self, topic: &str) -> Option<TopicId> {
        self.ids.get(topic).copied()
    }

    pub(crate) fn get(&self, id: TopicId) -> Option<&TopicEntry> {
        self.entries.get(to_usize(id.0))
    }

    pub(crate) fn get_mut(&mut self, id: TopicId) -> Option<&mut TopicEntry> {
        self.entries.get_mut(to_usize(id.0))
    }

    pub(crate) fn entries(&self) -> &[TopicEntry] {
        &self.entries
    }

    pub(crate) fn entries_mut(&mut self) -> &mut [TopicEntry] {
        &mut self.entries
    }

    /// The topic's number, a new one where it has none.
    pub(crate) fn intern(&mut self, topic: &Topic) -> TopicId {
        if let Some(id) = self.id(topic.as_str()) {
            return id;
        }
        let id = TopicId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.ids.insert(topic.clone(), id);
        self.entries.push(TopicEntry {
            topic: topic.clone(),
            next_offset: 0,
            floor: 0,
            first_offset: None,
            records: 0,
            dropped_before: 0,
            last: None,
        });
        id
    }

    /// Notes what a table of its own knows of a topic's records, which come after all that were
    /// noted here; the topic's number in this table.
    pub(crate) fn adopt(&mut self, seen: &TopicEntry) -> TopicId {
        let id = self.intern(&seen.topic);
        if let Some(entry) = self.get_mut(id)
            && seen.last.is_some()
        {
            entry.first_offset = entry.first_offset.or(seen.first_offset);
            entry.records = entry.records.saturating_add(seen.records);
            if seen.next_offset >= entry.next_offset {
                entry.next_offset = seen.next_offset;
                entry.last = seen.last;
            }
        }
        id
    }

    /// Notes a record that is in the log. It is the topic's last unless a later one is known to
    /// have been dropped.
    pub(crate) fn note(&mut self, id: TopicId, offset: u64, record: LastRecord) {
        if let Some(entry) = self.get_mut(id) {
            let next = offset.saturating_add(1);
            entry.first_offset.get_or_insert(offset);
            entry.records = entry.records.saturating_add(1);
            if next >= entry.next_offset {
                entry.next_offset = next;
                entry.last = Some(record);
            }
        }
    }
}

/// The topics that a read is about.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    Few(Arc<[TopicId]>),
    Many(Arc<TopicSet>),
}

impl Selection {
    pub(crate) fn one(id: TopicId) -> Self {
        Self::Few(Arc::new([id]))
    }

    pub(crate) fn none() -> Self {
        Self::Few(Arc::new([]))
    }

    pub(crate) fn ids(&self) -> Vec<TopicId> {
        match self {
            Self::Few(ids) => ids.to_vec(),
            Self::Many(set) => set.ids(),
        }
    }
}

/// A set of topics, one bit each.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicSet {
    words: Vec<u64>,
    count: usize,
}

impl TopicSet {
    pub(crate) fn contains(&self, id: TopicId) -> bool {
        let (word, bit) = Self::place(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    fn insert(&mut self, id: TopicId) {
        let (word, bit) = Self::place(id);
        if self.words.len() <= word {
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
            self.count = self.count.saturating_add(1);
        }
    }

    fn place(id: TopicId) -> (usize, u64) {
        (to_usize(id.0 / 64), 1 << (id.0 % 64))
    }

    fn ids(&self) -> Vec<TopicId> {
        let all = self.words.len().saturating_mul(64);
        (0..u32::try_from(all).unwrap_or(u32::MAX))
            .map(TopicId)
            .filter(|id| self.contains(*id))
            .collect()
    }

    fn bytes(&self) -> usize {
        self.words.len().saturating_mul(8).saturating_add(256)
    }
}

/// Remembers which topics a filter matched: topics are only ever added, so that each pair of
/// filter and topic is compared once.
#[derive(Debug, Default)]
pub(crate) struct MatchCache {
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    filters: HashMap<Filter, Matched>,
    bytes: usize,
}

#[derive(Debug, Clone, Default)]
struct Matched {
    /// How many topics have been compared.
    compared: usize,
    set: TopicSet,
    selection: Option<Selection>,
}

impl MatchCache {
    /// The topics that the filter matches. `compare` calls its argument with each topic from a
    /// number on, in order.
    pub(crate) fn select(
        &self,
        filter: &Filter,
        mut topics_from: impl FnMut(usize, &mut dyn FnMut(&Topic)) -> usize,
    ) -> Selection {
        let mut matched = self.recall(filter);
        let mut grown = matched.selection.is_none();
        loop {
            let start = matched.compared;
            let mut number = start;
            let set = &mut matched.set;
            let total = topics_from(start, &mut |topic| {
                if filter.matches(topic) {
                    set.insert(TopicId(u32::try_from(number).unwrap_or(u32::MAX)));
                    grown = true;
                }
                number = number.saturating_add(1);
            });
            matched.compared = number;
            if number >= total {
                break;
            }
        }
        if grown {
            matched.selection = Some(if matched.set.count <= FEW_TOPICS {
                Selection::Few(matched.set.ids().into())
            } else {
                Selection::Many(Arc::new(matched.set.clone()))
            });
        }
        let selection = matched.selection.clone().unwrap_or_else(Selection::none);
        self.remember(filter, matched);
        selection
    }

    fn recall(&self, filter: &Filter) -> Matched {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.filters.get(filter).cloned().unwrap_or_default()
    }

    fn remember(&self, filter: &Filter, matched: Matched) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = matched.set.bytes().saturating_mul(2);
        if remembered.bytes.saturating_add(bytes) > MATCHES_BYTES_MAX {
            remembered.filters.clear();
            remembered.bytes = 0;
        }
        let before = remembered.filters.insert(filter.clone(), matched);
        let before = before.map_or(0, |matched| matched.set.bytes().saturating_mul(2));
        remembered.bytes = remembered.bytes.saturating_sub(before).saturating_add(bytes);
    }
}
