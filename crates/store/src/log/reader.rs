//! Reading: the index says which records and where, the tail or the disk gives them, the checksum
//! decides whether they are served.

use std::{io, sync::Arc};

use sekisho_proto::{Filter, Offset, Position, Timestamp, Topic};

use super::{
    frame::{FrameOutcome, RawRecord},
    plan::{self, Limits, Plan, Planned, plan_one, position_of_offset},
    segment::SegmentName,
    topics::{Selection, TopicEntry},
    view::Shared,
};
use crate::{LostRange, LostReason, ReadBatch, ReadError, RecordReader, StoredRecord, TopicState};

/// Most bytes read from disk at once.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Frames with up to this many bytes between them are read at once: less than a second read costs.
const SKIPPED_BYTES_MAX: u64 = 4 * 1024;

/// A read that meets a segment which a trim has just removed plans anew; a trim takes far longer.
const PLANS_MAX: usize = 16;

/// Reads what is durable, from any thread; cloning is cheap.
#[derive(Debug, Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
}

/// What became of one planned record.
enum Fetched {
    Whole(Arc<StoredRecord>),
    Damaged(u64),
}

/// Why planned records could not be fetched.
enum FetchFault {
    /// The segment is gone: plan anew.
    Gone,
    Disk(ReadError),
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// How many of the records that should be here were found damaged when the log was opened.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.shared.view().damaged()
    }

    /// The record at exactly this position.
    ///
    /// # Errors
    ///
    /// [`ReadError`], also where it is damaged.
    pub fn read_at(&self, position: Position) -> Result<Option<Arc<StoredRecord>>, ReadError> {
        for _attempt in 0..PLANS_MAX {
            let Some(planned) = plan_one(&self.shared.view(), position.value()) else {
                return Ok(None);
            };
            match self.fetch(&[planned]) {
                Ok(fetched) => {
                    return match fetched.into_iter().next() {
                        Some(Fetched::Whole(record)) => Ok(Some(record)),
                        Some(Fetched::Damaged(_)) => Err(self.corrupt(planned)),
                        None => Ok(None),
                    };
                }
                Err(FetchFault::Gone) => {}
                Err(FetchFault::Disk(error)) => return Err(error),
            }
        }
        Err(self.gone())
    }

    /// Plans and fetches, and does so again where a trim came between.
    fn read_planned(&self, plan: impl Fn() -> Plan) -> Result<ReadBatch, ReadError> {
        for _attempt in 0..PLANS_MAX {
            let mut planned = plan();
            match self.fetch(&planned.records) {
                Ok(fetched) => {
                    let mut records = Vec::with_capacity(fetched.len());
                    for outcome in fetched {
                        match outcome {
                            Fetched::Whole(record) => records.push(record),
                            Fetched::Damaged(position) => planned.lost.push(LostRange {
                                from: Position::new(position),
                                to: Position::new(position).next(),
                                reason: LostReason::Corrupt,
                            }),
                        }
                    }
                    planned.lost.sort_by_key(|range| range.from);
                    return Ok(ReadBatch {
                        records,
                        next: Position::new(planned.next),
                        head: Position::new(planned.head),
                        lost: planned.lost,
                    });
                }
                Err(FetchFault::Gone) => {}
                Err(FetchFault::Disk(error)) => return Err(error),
            }
        }
        Err(self.gone())
    }

    fn fetch(&self, planned: &[Planned]) -> Result<Vec<Fetched>, FetchFault> {
        let mut topics = Vec::with_capacity(planned.len());
        let mut cached = Vec::with_capacity(planned.len());
        {
            let view = self.shared.view();
            for record in planned {
                cached.push(view.tail.get(record.position));
                topics.push(view.topics.get(record.topic).map(|entry| entry.topic.clone()));
            }
        }
        let mut fetched = Vec::with_capacity(planned.len());
        let mut chunk = Chunk::default();
        for (at, (record, (cached, topic))) in
            planned.iter().zip(cached.into_iter().zip(topics)).enumerate()
        {
            if let Some(record) = cached {
                fetched.push(Fetched::Whole(record));
                continue;
            }
            if !chunk.holds(record) {
                chunk = self.load(planned.get(at..).unwrap_or_default())?;
            }
            let whole = topic.and_then(|topic| decode(record, chunk.bytes_of(record), topic));
            fetched.push(whole.map_or_else(
                || {
                    let path = self.shared.path_of(record.segment);
                    tracing::error!(position = record.position, path = %path.display(), "damaged record");
                    Fetched::Damaged(record.position)
                },
                |record| Fetched::Whole(Arc::new(record)),
            ));
        }
        Ok(fetched)
    }

    /// Reads the first planned record and those close behind it.
    fn load(&self, planned: &[Planned]) -> Result<Chunk, FetchFault> {
        let Some(first) = planned.first() else { return Ok(Chunk::default()) };
        let path = self.shared.path_of(first.segment);
        let file = match self.shared.file_of(first.segment) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FetchFault::Gone),
            Err(source) => return Err(FetchFault::Disk(ReadError::Io { path, source })),
        };
        let mut end = first.byte.saturating_add(first.bytes);
        for next in planned.iter().skip(1) {
            let next_end = next.byte.saturating_add(next.bytes);
            if next.segment != first.segment
                || next.byte < end
                || next.byte.saturating_sub(end) > SKIPPED_BYTES_MAX
                || next_end.saturating_sub(first.byte) > CHUNK_BYTES
            {
                break;
            }
            end = next_end;
        }
        for end in [end, first.byte.saturating_add(first.bytes)] {
            let length = usize::try_from(end.saturating_sub(first.byte)).unwrap_or(0);
            let mut bytes = vec![0; length];
            match file.read_at(first.byte, &mut bytes) {
                Ok(filled) => {
                    bytes.truncate(filled);
                    return Ok(Chunk {
                        segment: Some(first.segment),
                        start: first.byte,
                        end,
                        bytes,
                    });
                }
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "unreadable bytes");
                }
            }
        }
        let end = first.byte.saturating_add(first.bytes);
        Ok(Chunk { segment: Some(first.segment), start: first.byte, end, bytes: Vec::new() })
    }

    fn corrupt(&self, planned: Planned) -> ReadError {
        let position = Position::new(planned.position);
        match self.shared.view().topics.get(planned.topic) {
            Some(entry) => ReadError::Corrupt { topic: entry.topic.clone(), position },
            None => self.gone(),
        }
    }

    fn gone(&self) -> ReadError {
        let path = self.shared.directory().to_owned();
        ReadError::Io { path, source: io::ErrorKind::NotFound.into() }
    }
}

impl RecordReader for LogReader {
    fn head(&self) -> Position {
        Position::new(self.shared.view().head)
    }

    fn first(&self) -> Position {
        Position::new(self.shared.view().first())
    }

    fn read(
        &self,
        filter: &Filter,
        from: Position,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadBatch, ReadError> {
        let (selection, until) = self.shared.select(filter);
        let limits = Limits::new(max_records, max_bytes);
        self.read_planned(|| plan::matching(&self.shared, &selection, from.value(), until, limits))
    }

    fn read_topic(
        &self,
        topic: &Topic,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadBatch, ReadError> {
        let limits = Limits::new(max_records, max_bytes);
        let head = self.head();
        let Some(id) = self.shared.view().topics.id(topic.as_str()) else {
            return Ok(ReadBatch { records: Vec::new(), next: head, head, lost: Vec::new() });
        };
        let selection = Selection::one(id);
        self.read_planned(|| {
            let (position, dropped) = {
                let view = self.shared.view();
                let entry = view.topics.get(id);
                let first = entry.and_then(|entry| entry.first_offset).unwrap_or(u64::MAX);
                let next = entry.map_or(0, |entry| entry.next_offset);
                let missing = from.value() < first.min(next);
                let dropped = entry.map_or(0, |entry| entry.dropped_before);
                (position_of_offset(&view, id, from.value()), if missing { dropped } else { 0 })
            };
            let mut plan = plan::matching(&self.shared, &selection, position, u64::MAX, limits);
            if dropped > 0 {
                let to = Position::new(dropped.min(position));
                let range = LostRange { from: Position::ZERO, to, reason: LostReason::Retention };
                if range.from < range.to {
                    plan.lost.insert(0, range);
                }
            }
            plan
        })
    }

    fn last_values(
        &self,
        filter: &Filter,
        from: Position,
        until: Option<Position>,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadBatch, ReadError> {
        let limits = Limits::new(max_records, max_bytes);
        let asked_until = until.map_or(u64::MAX, Position::value);
        // What is written meanwhile hides the value that was the last until then; what was written
        // since an earlier page is left out, however often one looks.
        let attempts = if until.is_some() { 1 } else { PLANS_MAX };
        self.read_planned(|| {
            let plan = || {
                let (selection, head) = self.shared.select(filter);
                let range = (from.value(), head.min(asked_until));
                plan::last_values(&self.shared, &selection, range, limits)
            };
            let mut found = plan();
            for _attempt in 1..attempts {
                if found.is_ok() {
                    break;
                }
                found = plan();
            }
            found.unwrap_or_else(|without| without)
        })
    }

    fn position_at_time(&self, filter: &Filter, time: Timestamp) -> Result<Position, ReadError> {
        let (selection, until) = self.shared.select(filter);
        let mut from = 0;
        loop {
            let candidate = plan::candidate_since(&self.shared, &selection, from, time.as_micros());
            let Some(position) = candidate.filter(|position| *position < until) else {
                return Ok(Position::new(until));
            };
            let position = Position::new(position);
            match self.read_at(position) {
                Ok(Some(record)) if record.received >= time => return Ok(position),
                Ok(_) | Err(ReadError::Corrupt { .. }) => from = position.next().value(),
                Err(error @ ReadError::Io { .. }) => return Err(error),
            }
        }
    }

    fn last(&self, topic: &Topic) -> Result<Option<Arc<StoredRecord>>, ReadError> {
        let last = {
            let view = self.shared.view();
            let id = view.topics.id(topic.as_str());
            id.and_then(|id| view.topics.get(id)).and_then(|entry| entry.last)
        };
        match last {
            Some(last) => self.read_at(Position::new(last.position)),
            None => Ok(None),
        }
    }

    fn first_position(&self, topic: &Topic) -> Option<Position> {
        let view = self.shared.view();
        let id = view.topics.id(topic.as_str())?;
        let first = view.topics.get(id)?.first_offset?;
        Some(Position::new(position_of_offset(&view, id, first)))
    }

    fn topics_after(&self, filter: &Filter, after: Option<&Topic>, max: usize) -> Vec<TopicState> {
        let ids = self.shared.select(filter).0.ids();
        let view = self.shared.view();
        let mut entries: Vec<&TopicEntry> = ids
            .into_iter()
            .filter_map(|id| view.topics.get(id))
            .filter(|entry| after.is_none_or(|after| entry.topic > *after))
            .collect();
        if entries.len() > max {
            entries.select_nth_unstable_by(max, |a, b| a.topic.cmp(&b.topic));
            entries.truncate(max);
        }
        let mut states: Vec<TopicState> = entries
            .into_iter()
            .map(|entry| TopicState {
                topic: entry.topic.clone(),
                first_offset: Offset::new(entry.first_offset.unwrap_or(entry.next_offset)),
                next_offset: Offset::new(entry.next_offset),
                records: entry.records,
                last_position: entry.last.map(|last| Position::new(last.position)),
                last_received: entry.last.map(|last| Timestamp::from_micros(last.received)),
            })
            .collect();
        drop(view);
        states.sort_unstable_by(|a, b| a.topic.cmp(&b.topic));
        states
    }
}

fn decode(planned: &Planned, bytes: &[u8], topic: Topic) -> Option<StoredRecord> {
    let FrameOutcome::Whole(frame) = planned.seal.decode(bytes) else { return None };
    let raw = RawRecord::parse(frame.payload)?;
    let expected = frame.position == planned.position && raw.topic == topic.as_str();
    expected.then(|| raw.to_record(frame.position, topic))
}

/// Bytes of a segment that have been read.
#[derive(Debug, Default)]
struct Chunk {
    segment: Option<SegmentName>,
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    fn holds(&self, planned: &Planned) -> bool {
        self.segment == Some(planned.segment)
            && planned.byte >= self.start
            && planned.byte.saturating_add(planned.bytes) <= self.end
    }

    fn bytes_of(&self, planned: &Planned) -> &[u8] {
        let start = usize::try_from(planned.byte.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let length = usize::try_from(planned.bytes).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or_default();
        rest.get(..length).unwrap_or(rest)
    }
}
