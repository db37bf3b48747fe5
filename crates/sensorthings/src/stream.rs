//! What entities are made of: streams with their descriptions, and records that were read for a
//! request.

use std::collections::BTreeMap;

use sekisho_proto::statement::StreamDescriptor;
use sekisho_proto::{Offset, Sample, StreamClass, Timestamp, Topic};

use crate::observing::Visiting;

/// A topic that the caller may discover.
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    /// The topic.
    pub topic: Topic,
    /// How its owner describes it.
    pub descriptor: Option<&'a StreamDescriptor>,
    /// Offset of the oldest record that is kept.
    pub first_offset: Offset,
    /// One after the last offset.
    pub next_offset: Offset,
    /// How many records are kept: offsets may have holes between them.
    pub records: u64,
    /// Whether the caller may be given records of it.
    pub is_readable: bool,
}

impl Stream<'_> {
    /// Whether its description says that bodies are sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.descriptor.is_some_and(|descriptor| descriptor.class != StreamClass::Open)
    }
}

/// Streams by topic, each once.
#[derive(Debug, Clone, Default)]
pub struct Catalogue<'a> {
    streams: Vec<Stream<'a>>,
}

impl<'a> Catalogue<'a> {
    /// Puts streams in order.
    #[must_use]
    pub fn new(mut streams: Vec<Stream<'a>>) -> Self {
        streams.sort_by(|left, right| left.topic.cmp(&right.topic));
        streams.dedup_by(|left, right| left.topic == right.topic);
        Self { streams }
    }

    pub(crate) fn streams(&self) -> &[Stream<'a>] {
        &self.streams
    }

    pub(crate) fn stream(&self, number: usize) -> Option<&Stream<'a>> {
        self.streams.get(number)
    }

    pub(crate) fn find(&self, topic: &Topic) -> Option<usize> {
        self.streams.binary_search_by(|stream| stream.topic.cmp(topic)).ok()
    }
}

/// One record, as far as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its place in the topic's log.
    pub offset: Offset,
    /// When its publisher made it.
    pub time: Timestamp,
    /// When the home node received it.
    pub received: Timestamp,
    /// Who signed it, or whom its node attests.
    pub publisher: String,
    /// The node that signed in the publisher's place.
    pub attester: Option<String>,
    /// What it holds.
    pub content: Content,
}

/// What a record holds, for somebody without a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Samples.
    Samples(Vec<Sample>),
    /// A sealed body.
    Sealed,
    /// A body that is no samples.
    Opaque,
}

/// Records that are still wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// The last one of a topic.
    Last(Topic),
    /// A page of a topic's log.
    Page(Topic, Begin, u32),
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Begin {
    /// At an offset, or the first one kept after it.
    Offset(Offset),
    /// At the first record received at or after a time.
    Time(Timestamp),
}

/// A page of a topic's log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chunk {
    /// What the caller is given of it, by ascending offset.
    pub readings: Vec<Reading>,
    /// Whether the log ended there; otherwise the page ended because it was full.
    pub is_end: bool,
}

/// Records of many logs that are visited once, in the order of each log: those received at or after
/// a time, or all that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Of which topics.
    pub topics: Vec<Topic>,
    /// Where it begins.
    pub since: Option<Timestamp>,
}

/// What a visit has come by since it was put last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Records of the topics that are asked about.
    pub readings: Vec<(Topic, Reading)>,
    /// How many records went by, with those of other topics.
    pub passed: u64,
    /// Whether that was the last of them.
    pub is_end: bool,
}

/// What was read for a request so far.
#[derive(Debug, Clone, Default)]
pub struct Records {
    pub(crate) visiting: Visiting,
    last: BTreeMap<Topic, Option<Reading>>,
    pages: BTreeMap<(Topic, Begin, u32), Chunk>,
    is_much: bool,
}

impl Records {
    /// The last record of a topic that the caller is given, or that there is none.
    pub fn put_last(&mut self, topic: Topic, reading: Option<Reading>) {
        self.last.insert(topic, reading);
    }

    /// A page that was wanted.
    pub fn put_page(&mut self, topic: Topic, begin: Begin, records: u32, chunk: Chunk) {
        self.pages.insert((topic, begin, records), chunk);
    }

    /// What a visit has come by. It is kept until the request is asked again.
    pub fn put_visited(&mut self, batch: Batch) {
        self.visiting.put(batch);
    }

    /// A good part of what one request may read was read: walks are to go on with the next request.
    pub const fn note_much(&mut self) {
        self.is_much = true;
    }

    /// Whether that was noted.
    #[must_use]
    pub const fn is_much(&self) -> bool {
        self.is_much
    }

    /// How many pages were read.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    pub(crate) fn last(&self, topic: &Topic) -> Option<&Option<Reading>> {
        self.last.get(topic)
    }

    /// A page of at least so many records, where the log has them and it is not full before.
    pub(crate) fn page(&self, topic: &Topic, begin: Begin, records: u32) -> Option<&Chunk> {
        let of = |records| (topic.clone(), begin, records);
        self.pages.range(of(records)..=of(u32::MAX)).next().map(|(_, chunk)| chunk)
    }
}
