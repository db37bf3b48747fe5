//! Where the records of one segment are, in about 16 bytes each: byte offset, time and topic of
//! every record, and for every topic which records are its own.

use std::collections::HashMap;

use crate::{LostReason, log::segment::SEGMENT_HEADER_BYTES};

/// Number of a topic in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicId(pub(crate) u32);

/// One record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Where its frame begins.
    pub(crate) byte: u32,
    /// When it was received, in milliseconds from the segment's base, rounded down.
    time_ms: i32,
    pub(crate) topic: TopicId,
}

/// From this record on, positions count up from here without a hole.
#[derive(Debug, Clone, Copy)]
struct Run {
    index: u32,
    position: u64,
}

/// From this record of a topic on, offsets count up from here without a hole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OffsetRun {
    ordinal: u32,
    offset: u64,
}

/// Positions in a segment that have no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) reason: LostReason,
}

/// What the index is told of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexedRecord {
    pub(crate) position: u64,
    pub(crate) frame_bytes: u32,
    pub(crate) received: i64,
    pub(crate) topic: TopicId,
    pub(crate) offset: u64,
}

#[derive(Debug)]
pub(crate) struct SegmentIndex {
    first: u64,
    end: u64,
    end_byte: u32,
    base_time: i64,
    max_received: i64,
    entries: Vec<Entry>,
    runs: Vec<Run>,
    gaps: Vec<Gap>,
    postings: Postings,
}

/// Which records are whose: growing while the segment is written, packed afterwards.
#[derive(Debug)]
enum Postings {
    Growing(HashMap<TopicId, Growing>),
    Packed { topics: Box<[Packed]>, records: Box<[u32]>, offsets: Box<[OffsetRun]> },
}

#[derive(Debug, Default)]
struct Growing {
    records: Vec<u32>,
    offsets: Vec<OffsetRun>,
}

impl Growing {
    fn push(&mut self, index: u32, offset: u64) {
        let ordinal = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        push_offset(&mut self.offsets, 0, ordinal, offset);
        self.records.push(index);
    }
}

/// Adds the offset of a topic's record to its runs, which begin at `first`.
fn push_offset(runs: &mut Vec<OffsetRun>, first: usize, ordinal: u32, offset: u64) {
    let last = runs.get(first..).and_then(<[OffsetRun]>::last);
    let follows = last.is_some_and(|run| {
        run.offset.checked_add(u64::from(ordinal.saturating_sub(run.ordinal))) == Some(offset)
    });
    if !follows {
        runs.push(OffsetRun { ordinal, offset });
    }
}

/// The postings of records that lie one topic after the other.
fn pack_in(
    order: &[usize],
    (topics, counts): (&[TopicId], &[u32]),
    (records, offsets): (Vec<u32>, &[u64]),
) -> Postings {
    let (mut packed, mut runs) = (Vec::with_capacity(order.len()), Vec::new());
    let mut rest = records.as_slice();
    let mut begun = 0_u32;
    for local in order {
        let (Some(topic), Some(count)) = (topics.get(*local), counts.get(*local)) else { continue };
        let Some((own, after)) = rest.split_at_checked(to_usize(*count)) else { break };
        let first = runs.len();
        let first_run = u32::try_from(first).unwrap_or(u32::MAX);
        packed.push(Packed { topic: *topic, records: begun, offsets: first_run });
        for (ordinal, index) in (0_u32..).zip(own) {
            let offset = offsets.get(to_usize(*index)).copied().unwrap_or_default();
            push_offset(&mut runs, first, ordinal, offset);
        }
        (rest, begun) = (after, begun.saturating_add(*count));
    }
    Postings::Packed { topics: packed.into(), records: records.into(), offsets: runs.into() }
}

/// Where a topic's postings begin; they end where the next topic's begin.
#[derive(Debug, Clone, Copy)]
struct Packed {
    topic: TopicId,
    records: u32,
    offsets: u32,
}

impl SegmentIndex {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            end: first,
            end_byte: u32::try_from(SEGMENT_HEADER_BYTES).unwrap_or(u32::MAX),
            base_time: 0,
            max_received: i64::MIN,
            entries: Vec::new(),
            runs: Vec::new(),
            gaps: Vec::new(),
            postings: Postings::Growing(HashMap::new()),
        }
    }

    /// An index that is told later which records are whose.
    pub(crate) fn unposted(first: u64) -> Self {
        let (topics, records, offsets) = Default::default();
        Self { postings: Postings::Packed { topics, records, offsets }, ..Self::new(first) }
    }

    /// The first position it stands for.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// One after the last position it stands for.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Where the next frame goes.
    pub(crate) fn end_byte(&self) -> u32 {
        self.end_byte
    }

    pub(crate) fn max_received(&self) -> i64 {
        self.max_received
    }

    pub(crate) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds the record whose frame begins where the last one ended. Positions that it leaves out
    /// are lost for the reason given.
    pub(crate) fn push(&mut self, record: IndexedRecord, reason: LostReason) {
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if self.entries.is_empty() {
            self.base_time = record.received;
        }
        self.skip_to(record.position, reason);
        let continues = self.runs.last().is_some_and(|run| {
            run.position.checked_add(u64::from(index.saturating_sub(run.index)))
                == Some(record.position)
        });
        if !continues {
            self.runs.push(Run { index, position: record.position });
        }
        self.max_received = self.max_received.max(record.received);
        self.entries.push(Entry {
            byte: self.end_byte,
            time_ms: relative_ms(self.base_time, record.received),
            topic: record.topic,
        });
        self.end_byte = self.end_byte.saturating_add(record.frame_bytes);
        self.end = record.position.saturating_add(1);
        if let Postings::Growing(topics) = &mut self.postings {
            topics.entry(record.topic).or_default().push(index, record.offset);
        }
    }

    /// Says that nothing is stored at the positions before this one.
    pub(crate) fn skip_to(&mut self, position: u64, reason: LostReason) {
        if position <= self.end {
            return;
        }
        match self.gaps.last_mut() {
            Some(gap) if gap.to == self.end && gap.reason == reason => gap.to = position,
            _ => self.gaps.push(Gap { from: self.end, to: position, reason }),
        }
        self.end = position;
    }

    /// Says that the bytes up to here hold no frame.
    pub(crate) fn skip_bytes_to(&mut self, byte: u64) {
        self.end_byte = u32::try_from(byte).unwrap_or(u32::MAX).max(self.end_byte);
    }

    pub(crate) fn entry(&self, index: usize) -> Option<Entry> {
        self.entries.get(index).copied()
    }

    /// Bytes from a record's frame to the next one's.
    pub(crate) fn frame_bytes(&self, index: usize) -> u32 {
        let end = self.entries.get(index.saturating_add(1)).map_or(self.end_byte, |next| next.byte);
        self.entries.get(index).map_or(0, |entry| end.saturating_sub(entry.byte))
    }

    /// The position of a record.
    pub(crate) fn position(&self, index: usize) -> u64 {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let after = self.runs.partition_point(|run| run.index <= index);
        self.runs.get(after.saturating_sub(1)).map_or(self.end, |run| {
            run.position.saturating_add(u64::from(index.saturating_sub(run.index)))
        })
    }

    /// The first record at or after a position; the number of records where there is none.
    pub(crate) fn index_from(&self, position: u64) -> usize {
        let after = self.runs.partition_point(|run| run.position <= position);
        let limit = self.runs.get(after).map_or(self.entries.len(), |run| to_usize(run.index));
        let Some(run) = after.checked_sub(1).and_then(|run| self.runs.get(run)) else {
            return 0;
        };
        let steps = usize::try_from(position.saturating_sub(run.position)).unwrap_or(usize::MAX);
        to_usize(run.index).saturating_add(steps).min(limit)
    }

    /// The record at exactly this position.
    pub(crate) fn index_at(&self, position: u64) -> Option<usize> {
        let index = self.index_from(position);
        (index < self.entries.len() && self.position(index) == position).then_some(index)
    }

    /// Whether a record may have been received at or after a time; exact to a millisecond, and
    /// true where it is not known.
    pub(crate) fn may_be_since(&self, entry: &Entry, time: i64) -> bool {
        let latest = i64::from(entry.time_ms).saturating_mul(1000).saturating_add(999);
        entry.time_ms == i32::MAX || self.base_time.saturating_add(latest) >= time
    }

    /// Whether a record was certainly received before a time.
    pub(crate) fn is_before(&self, entry: &Entry, time: i64) -> bool {
        !self.may_be_since(entry, time)
    }

    /// The records of a topic, ascending.
    pub(crate) fn records_of(&self, topic: TopicId) -> &[u32] {
        match &self.postings {
            Postings::Growing(topics) => {
                topics.get(&topic).map_or(&[][..], |growing| growing.records.as_slice())
            }
            Postings::Packed { topics, records, .. } => {
                let range = packed_range(topics, topic, |packed| packed.records, records.len());
                records.get(range).unwrap_or_default()
            }
        }
    }

    /// How many records each topic has here, in no order.
    pub(crate) fn counts(&self) -> Vec<(TopicId, u64)> {
        match &self.postings {
            Postings::Growing(topics) => {
                let each = topics.iter();
                each.map(|(topic, growing)| (*topic, growing.records.len() as u64)).collect()
            }
            Postings::Packed { topics, records, .. } => {
                let all = u32::try_from(records.len()).unwrap_or(u32::MAX);
                let ends = topics.iter().skip(1).map(|next| next.records).chain([all]);
                let each = topics.iter().zip(ends);
                each.map(|(own, end)| (own.topic, u64::from(end.saturating_sub(own.records))))
                    .collect()
            }
        }
    }

    fn offsets_of(&self, topic: TopicId) -> &[OffsetRun] {
        match &self.postings {
            Postings::Growing(topics) => {
                topics.get(&topic).map_or(&[][..], |growing| growing.offsets.as_slice())
            }
            Postings::Packed { topics, offsets, .. } => {
                let range = packed_range(topics, topic, |packed| packed.offsets, offsets.len());
                offsets.get(range).unwrap_or_default()
            }
        }
    }

    /// The offset of a topic's first record here.
    pub(crate) fn first_offset(&self, topic: TopicId) -> Option<u64> {
        self.offsets_of(topic).first().map(|run| run.offset)
    }

    /// The first record of a topic with at least this offset.
    pub(crate) fn index_of_offset(&self, topic: TopicId, offset: u64) -> Option<usize> {
        let (records, runs) = (self.records_of(topic), self.offsets_of(topic));
        let after = runs.partition_point(|run| run.offset <= offset);
        let limit = runs.get(after).map_or(records.len(), |run| to_usize(run.ordinal));
        let ordinal = match after.checked_sub(1).and_then(|run| runs.get(run)) {
            None => 0,
            Some(run) => {
                let steps = usize::try_from(offset.saturating_sub(run.offset));
                to_usize(run.ordinal).saturating_add(steps.unwrap_or(usize::MAX)).min(limit)
            }
        };
        records.get(ordinal).copied().map(to_usize)
    }

    /// Says which records are whose, once everything was pushed: topics get the numbers that stand
    /// in the places of their own, and every record has its offset. `packed` where the segment is
    /// appended to no more.
    pub(crate) fn post(&mut self, topics: &[TopicId], offsets: &[u64], packed: bool) {
        let number = |id: TopicId| topics.get(to_usize(id.0)).copied().unwrap_or(id);
        let entries = (0_u32..).zip(&mut self.entries).zip(offsets.iter().copied());
        if !packed {
            let mut growing = HashMap::<TopicId, Growing>::new();
            for ((index, entry), offset) in entries {
                entry.topic = number(entry.topic);
                growing.entry(entry.topic).or_default().push(index, offset);
            }
            self.postings = Postings::Growing(growing);
            return;
        }
        // Each topic's records one after the other, in the order of the topics' new numbers.
        let mut counts = vec![0_u32; topics.len()];
        for ((_index, entry), _offset) in entries {
            if let Some(count) = counts.get_mut(to_usize(entry.topic.0)) {
                *count = count.saturating_add(1);
            }
        }
        let mut order: Vec<usize> = (0..topics.len()).collect();
        order.sort_unstable_by_key(|local| topics.get(*local));
        let (mut places, mut next) = (vec![0_u32; topics.len()], 0_u32);
        for local in &order {
            if let (Some(place), Some(count)) = (places.get_mut(*local), counts.get(*local)) {
                *place = next;
                next = next.saturating_add(*count);
            }
        }
        let mut records = vec![0_u32; self.entries.len()];
        for (index, entry) in (0_u32..).zip(&mut self.entries) {
            if let Some(place) = places.get_mut(to_usize(entry.topic.0)) {
                if let Some(record) = records.get_mut(to_usize(*place)) {
                    *record = index;
                }
                *place = place.saturating_add(1);
            }
            entry.topic = number(entry.topic);
        }
        self.postings = pack_in(&order, (topics, &counts), (records, offsets));
        self.shrink();
    }

    fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.gaps.shrink_to_fit();
    }

    /// Packs the index of a segment that is appended to no more.
    pub(crate) fn pack(&mut self) {
        self.shrink();
        let Postings::Growing(growing) = &mut self.postings else {
            return;
        };
        let mut sorted: Vec<(TopicId, Growing)> = std::mem::take(growing).into_iter().collect();
        sorted.sort_unstable_by_key(|(topic, _growing)| *topic);
        let mut records = Vec::with_capacity(self.entries.len());
        let mut offsets = Vec::new();
        let mut topics = Vec::with_capacity(sorted.len());
        for (topic, growing) in sorted {
            topics.push(Packed {
                topic,
                records: u32::try_from(records.len()).unwrap_or(u32::MAX),
                offsets: u32::try_from(offsets.len()).unwrap_or(u32::MAX),
            });
            records.extend_from_slice(&growing.records);
            offsets.extend_from_slice(&growing.offsets);
        }
        self.postings = Postings::Packed {
            topics: topics.into(),
            records: records.into(),
            offsets: offsets.into(),
        };
    }
}

fn packed_range(
    topics: &[Packed],
    topic: TopicId,
    start: impl Fn(&Packed) -> u32,
    end: usize,
) -> std::ops::Range<usize> {
    match topics.binary_search_by_key(&topic, |packed| packed.topic) {
        Ok(at) => {
            let from = topics.get(at).map_or(0, |packed| to_usize(start(packed)));
            let next = topics.get(at.saturating_add(1));
            from..next.map_or(end, |packed| to_usize(start(packed)))
        }
        Err(_) => 0..0,
    }
}

fn relative_ms(base: i64, time: i64) -> i32 {
    let ms = time.saturating_sub(base).div_euclid(1000);
    i32::try_from(ms).unwrap_or(if ms < 0 { i32::MIN } else { i32::MAX })
}

pub(crate) fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
